/* AndroidManifest.xml: binary XML as Android's tools write it, and damaged. */
#include "tests/unit/apk_sample.h"

#include <zlib.h>

#include "base/buf.h"
#include "lib/apk/check.h"

/* --- a manifest, chunk by chunk */

static void add16(struct buf *out, unsigned value)
{
    char bytes[2];
    bytes_put16(bytes, (uint16_t)value);
    buf_add(out, str_make(bytes, sizeof bytes));
}

static void add32(struct buf *out, uint32_t value)
{
    add16(out, value & 0xffff);
    add16(out, value >> 16);
}

static void add_chunk(struct buf *out, unsigned type, unsigned head, const struct buf *rest)
{
    add16(out, type);
    add16(out, head);
    add32(out, (uint32_t)(8 + rest->length));
    buf_add(out, buf_str(rest));
}

static const char *const strings[] = {"versionCode",
                                      "versionName",
                                      "versionCodeMajor",
                                      "package",
                                      "manifest",
                                      "1.2-\xc3\xa9\xf0\x9f\x93\xa6",
                                      "org.example.app",
                                      "platform",
                                      "7",
                                      "uses-sdk",
                                      "split",
                                      "config.arm64",
                                      "Tiramisu",
                                      "application",
                                      "minSdkVersion",
                                      "targetSdkVersion",
                                      "targetSandboxVersion"};
enum {
    VERSION_CODE,
    VERSION_NAME,
    VERSION_CODE_MAJOR,
    PACKAGE,
    MANIFEST,
    NAME,
    APP,
    OTHER,
    SEVEN,
    USES_SDK,
    SPLIT,
    CONFIG,
    TIRAMISU,
    APPLICATION,
    MIN_SDK,
    TARGET_SDK,
    TARGET_SANDBOX,
    STRING_COUNT
};

/* Only what the strings above hold: one character outside ASCII each of two and four bytes. */
static size_t add_utf16(struct buf *out, const char *text)
{
    size_t units = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at; units++) {
        if (*at == 0xc3) {
            add16(out, 0xe9);
            at += 2;
        } else if (*at == 0xf0) {
            add16(out, 0xd83d);
            add16(out, 0xdce6);
            units++;
            at += 4;
        } else {
            add16(out, *at++);
        }
    }
    return units;
}

static void add_string(struct arena *arena, struct buf *out, const char *text, bool utf8)
{
    struct buf units = buf_in(arena, 1000);
    size_t count = add_utf16(&units, text);
    if (utf8) {
        buf_add_byte(out, (char)count);
        buf_add_byte(out, (char)strlen(text));
        buf_add(out, str_of(text));
        buf_add_byte(out, 0);
        return;
    }
    add16(out, (unsigned)count);
    buf_add(out, buf_str(&units));
    add16(out, 0);
}

static void add_pool(struct arena *arena, struct buf *out, bool utf8)
{
    struct buf rest = buf_in(arena, 10000), data = buf_in(arena, 10000);
    uint32_t offsets[STRING_COUNT];
    for (int i = 0; i < STRING_COUNT; i++) {
        offsets[i] = (uint32_t)data.length;
        add_string(arena, &data, strings[i], utf8);
    }
    add32(&rest, STRING_COUNT);
    add32(&rest, 0);
    add32(&rest, utf8 ? 0x100 : 0);
    add32(&rest, 28 + 4 * STRING_COUNT);
    add32(&rest, 0);
    for (int i = 0; i < STRING_COUNT; i++) add32(&rest, offsets[i]);
    buf_add(&rest, buf_str(&data));
    add_chunk(out, 1, 28, &rest);
}

static void add_attribute(struct buf *out, uint32_t name, uint32_t raw, unsigned type, uint32_t data)
{
    add32(out, UINT32_MAX);
    add32(out, name);
    add32(out, raw);
    add16(out, 8);
    buf_add_byte(out, 0);
    buf_add_byte(out, (char)type);
    add32(out, data);
}

struct value {
    uint32_t name; /* 0: no attribute, where it is not VERSION_CODE */
    unsigned type;
    uint32_t data;
};

static void add_tag(struct arena *arena, struct buf *out, uint32_t name, const struct value *values, size_t count)
{
    struct buf rest = buf_in(arena, 1000);
    add32(&rest, 1);
    add32(&rest, UINT32_MAX);
    add32(&rest, UINT32_MAX);
    add32(&rest, name);
    add16(&rest, 20);
    add16(&rest, 20);
    add16(&rest, (unsigned)count);
    for (int i = 0; i < 3; i++) add16(&rest, 0);
    for (size_t i = 0; i < count; i++)
        add_attribute(&rest, values[i].name, values[i].type == 3 ? values[i].data : UINT32_MAX, values[i].type, values[i].data);
    add_chunk(out, 0x102, 16, &rest);
}

static void add_end(struct arena *arena, struct buf *out)
{
    struct buf rest = buf_in(arena, 100);
    for (int i = 0; i < 4; i++) add32(&rest, 0);
    add_chunk(out, 0x103, 16, &rest);
}

enum { VALUES = 5 };
static const struct value usual[VALUES] = {
    {VERSION_CODE, 0x10, 20260}, {VERSION_NAME, 3, NAME}, {VERSION_CODE_MAJOR, 0x11, 2}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};

struct parts {
    bool utf16, no_resources, no_element, nested;
    uint32_t element;
    const struct value *values; /* of the manifest; NULL: the usual ones */
    const struct value *sdk;    /* two; NULL: no uses-sdk element */
};

static void add_sdk(struct arena *arena, struct buf *out, const struct parts *parts)
{
    if (!parts->sdk) return;
    if (!parts->nested) add_tag(arena, out, OTHER, NULL, 0), add_end(arena, out);
    if (parts->nested) add_tag(arena, out, APPLICATION, NULL, 0);
    add_tag(arena, out, USES_SDK, parts->sdk, 2);
    add_end(arena, out);
    if (parts->nested) add_end(arena, out);
    add_end(arena, out);
}

static struct str manifest_of(struct arena *arena, struct parts parts)
{
    struct buf rest = buf_in(arena, 10000), xml = buf_in(arena, 10000), resources = buf_in(arena, 100), space = buf_in(arena, 100);
    add_pool(arena, &rest, !parts.utf16);
    add32(&resources, 0x0101021b);
    add32(&resources, 0x0101021c);
    add32(&resources, 0x01010576);
    if (!parts.no_resources) add_chunk(&rest, 0x180, 8, &resources);
    for (int i = 0; i < 4; i++) add32(&space, 0);
    add_chunk(&rest, 0x100, 16, &space);
    if (!parts.no_element) add_tag(arena, &rest, parts.element ? parts.element : MANIFEST, parts.values ? parts.values : usual, VALUES);
    add_sdk(arena, &rest, &parts);
    add_chunk(&xml, 3, 8, &rest);
    return buf_str(&xml);
}

/* --- an APK with it */

static struct str deflated(struct arena *arena, struct str bytes)
{
    z_stream stream = {0};
    size_t capacity = bytes.length + 1000;
    char *out = arena_buffer(arena, capacity);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (z_const Bytef *)(uintptr_t)bytes.data;
    stream.avail_in = (uInt)bytes.length;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = stream.total_out;
    deflateEnd(&stream);
    return str_make(out, length);
}

/* The manifest is the second entry, with an extra field in its local header; its size fields are patched into the directory. */
static struct sample *package_with(struct arena *arena, struct str data, size_t uncompressed, unsigned method)
{
    static const char *const names[] = {"classes.dex", "AndroidManifest.xml", NULL};
    struct sample *sample = sample_new(arena, (struct sample_options){.names = names, .block = 12000});
    uint64_t local = 100, entry = sample->directory + 46 + 11;
    char head[30] = "PK\3\4";
    bytes_put16(head + 26, 19);
    bytes_put16(head + 28, 3);
    sample_put(sample, local, str_make(head, sizeof head));
    sample_put(sample, local + 30, S("AndroidManifest.xmlxyz"));
    sample_put(sample, local + 30 + 22, data);
    sample_put16(sample, entry + 10, (uint16_t)method);
    sample_put32(sample, entry + 20, (uint32_t)data.length);
    sample_put32(sample, entry + 24, (uint32_t)uncompressed);
    sample_put32(sample, entry + 42, (uint32_t)local);
    return sample;
}

static enum status manifest_in(struct arena *arena, struct sample *sample, struct apk_manifest *manifest, struct error *error)
{
    struct apk apk = sample_examine(arena, &sample->source);
    *error = (struct error){0};
    return apk_manifest(arena, &apk, manifest, error);
}

static void assert_manifest(struct arena *arena, struct sample *sample)
{
    struct apk_manifest manifest;
    struct error error;
    if (manifest_in(arena, sample, &manifest, &error) != STATUS_OK) fail_msg("%s", error.text);
    assert_str(manifest.package, S("org.example.app"));
    assert_str(manifest.version_name, S("1.2-\xc3\xa9\xf0\x9f\x93\xa6"));
    assert_int_equal(manifest.version_code, (UINT64_C(2) << 32) + 20260);
}

static void assert_refused(struct arena *arena, struct sample *sample, enum status status, const char *text)
{
    struct apk_manifest manifest = {.version_code = 77};
    struct error error;
    assert_int_equal(manifest_in(arena, sample, &manifest, &error), status);
    assert_string_equal(error.text, text);
    assert_int_equal(manifest.version_code, 77);
}

static void utf8_and_utf16_pools_are_read(void **state)
{
    for (int utf16 = 0; utf16 < 2; utf16++) {
        struct str xml = manifest_of(*state, (struct parts){.utf16 = utf16});
        assert_manifest(*state, package_with(*state, xml, xml.length, 0));
    }
}

static void deflated_entries_are_read(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){0});
    assert_manifest(*state, package_with(*state, deflated(*state, xml), xml.length, 8));
}

static void names_serve_where_resource_ids_are_missing(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){.no_resources = true});
    assert_manifest(*state, package_with(*state, xml, xml.length, 0));
}

static void a_version_name_that_is_a_reference_is_left_empty(void **state)
{
    struct str xml = arena_copy(*state, manifest_of(*state, (struct parts){0}));
    char *attribute = (char *)(uintptr_t)xml.data + xml.length - (size_t)(4 * 20);
    bytes_put32(attribute + 8, UINT32_MAX);
    attribute[15] = 1;
    struct apk_manifest manifest;
    struct error error;
    assert_int_equal(manifest_in(*state, package_with(*state, xml, xml.length, 0), &manifest, &error), STATUS_OK);
    assert_true(str_empty(manifest.version_name));
    assert_str(manifest.package, S("org.example.app"));
}

static struct apk_manifest manifest_with(struct arena *arena, struct parts parts)
{
    struct apk_manifest manifest;
    struct error error;
    struct str xml = manifest_of(arena, parts);
    if (manifest_in(arena, package_with(arena, xml, xml.length, 0), &manifest, &error) != STATUS_OK) fail_msg("%s", error.text);
    return manifest;
}

static void versions_of_android(void **state)
{
    const struct {
        struct value sdk[2];
        bool nested;
        uint32_t least, target;
    } cases[] = {
        {{{MIN_SDK, 0x10, 21}, {TARGET_SDK, 0x10, 34}}, false, 21, 34},   {{{TARGET_SDK, 0x11, 29}, {MIN_SDK, 0x10, 30}}, false, 30, 29},
        {{{MIN_SDK, 0x10, 24}, {OTHER, 0x10, 99}}, false, 24, 24}, /* the target is the minimum where none is named */
        {{{TARGET_SDK, 3, TIRAMISU}, {OTHER, 0x10, 1}}, false, 0, 10000}, {{{TARGET_SDK, 3, SEVEN}, {OTHER, 0x10, 1}}, false, 0, 7},
        {{{TARGET_SDK, 1, 0x7f010000}, {OTHER, 0x10, 1}}, false, 0, 0}, /* a reference to a resource */
        {{{MIN_SDK, 0x10, 21}, {TARGET_SDK, 0x10, 34}}, true, 0, 0},    /* not where Android looks */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct apk_manifest manifest = manifest_with(*state, (struct parts){.sdk = cases[i].sdk, .nested = cases[i].nested});
        assert_int_equal(manifest.min_sdk, cases[i].least);
        assert_int_equal(manifest.target_sdk, cases[i].target);
    }
    assert_int_equal(manifest_with(*state, (struct parts){0}).target_sdk, 0);
}

static void damage_behind_the_manifest_element(void **state)
{
    const struct value sdk[2] = {{MIN_SDK, 0x10, 21}, {TARGET_SDK, 0x10, 34}};
    struct str whole = manifest_of(*state, (struct parts){.sdk = sdk}), element = manifest_of(*state, (struct parts){0});
    for (size_t length = element.length; length < whole.length; length++) {
        struct arena *arena = arena_new();
        struct apk_manifest manifest;
        struct error error;
        assert_int_equal(manifest_in(arena, package_with(arena, str_first(whole, length), length, 0), &manifest, &error), STATUS_OK);
        assert_str(manifest.package, S("org.example.app"));
        assert_true(manifest.target_sdk == 0 || manifest.target_sdk == 34);
        arena_free(arena);
    }
}

static void version_codes_that_are_missing(void **state)
{
    const struct value none[VALUES] = {{OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};
    const struct value zero[VALUES] = {{VERSION_CODE, 0x10, 0}, {OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};
    const struct value reference[VALUES] = {{VERSION_CODE, 1, 7}, {OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};
    assert_true(manifest_with(*state, (struct parts){0}).has_version_code);
    assert_false(manifest_with(*state, (struct parts){.values = none}).has_version_code);
    assert_true(manifest_with(*state, (struct parts){.values = zero}).has_version_code);
    assert_false(manifest_with(*state, (struct parts){.values = reference}).has_version_code);
}

static struct str problem_of(struct arena *arena, struct parts parts, unsigned schemes)
{
    struct str xml = manifest_of(arena, parts);
    struct sample *sample = package_with(arena, xml, xml.length, 0);
    struct apk apk = sample_examine(arena, &sample->source);
    struct apk_check check;
    struct error error;
    apk.schemes = schemes;
    assert_int_equal(apk_check(arena, &apk, &check, &error), STATUS_OK);
    return check.problem;
}

static struct str problem_with(struct arena *arena, struct parts parts)
{
    return problem_of(arena, parts, APK_V1);
}

static void packages_that_are_a_part_or_too_old(void **state)
{
    const struct value split[VALUES] = {{SPLIT, 3, CONFIG}, {OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};
    const struct value old[2] = {{MIN_SDK, 0x10, 21}, {TARGET_SDK, 0x10, 29}}, new[2] = {{MIN_SDK, 0x10, 21}, {TARGET_SDK, 0x10, 30}};
    const struct value sandbox[VALUES] = {
        {TARGET_SANDBOX, 0x10, 2}, {OTHER, 0x10, 1}, {OTHER, 0x10, 1}, {PACKAGE, 3, APP}, {OTHER, 0x10, 1}};
    const struct str later =
        S("its v1 signature does not verify: there is no META-INF/MANIFEST.MF; take the APK as it was signed, or sign it "
          "again"); /* that is looked at last */
    assert_str(problem_with(*state, (struct parts){0}), later);
    assert_str(problem_with(*state, (struct parts){.sdk = old}), later);
    assert_str(
        problem_with(*state, (struct parts){.values = sandbox}),
        S("it is signed with v1 alone and its targetSandboxVersion is 2: devices with Android 8 and later refuse that from 2 on; sign it "
          "with v2 too"));
    assert_str(
        problem_with(*state, (struct parts){.sdk = new}),
        S("it is signed with v1 alone and its targetSdkVersion is 30: devices with Android 11 and later refuse that from 30 on; sign it "
          "with v2 too"));
    assert_str(problem_with(*state, (struct parts){.values = split}),
               S("the package is one part of an app, the split config.arm64: make one APK of the app with `bundletool build-apks "
                 "--mode=universal`"));
}

/* Devices before Android 7 go by v1 though there is v2. */
static void which_devices_go_by_v1(void **state)
{
    const struct value old[2] = {{MIN_SDK, 0x10, 23}, {TARGET_SDK, 0x10, 34}}, new[2] = {{MIN_SDK, 0x10, 24}, {TARGET_SDK, 0x10, 34}};
    struct str v1 =
        S("its v1 signature does not verify: there is no META-INF/MANIFEST.MF; take the APK as it was signed, or sign it again");
    struct str v2 = S("its v2 signature: it holds no signer");
    assert_str(problem_of(*state, (struct parts){.sdk = old}, APK_V1 | APK_V2), v1);
    assert_str(problem_of(*state, (struct parts){.sdk = new}, APK_V1 | APK_V2), v2);
    assert_str(problem_of(*state, (struct parts){.sdk = old}, APK_V2), v2);
}

static void no_manifest(void **state)
{
    assert_refused(*state, sample_new(*state, (struct sample_options){0}), STATUS_NOT_FOUND, "there is no AndroidManifest.xml");
}

static void text_is_not_binary_xml(void **state)
{
    struct str text = S("<manifest/>");
    assert_refused(*state, package_with(*state, text, text.length, 0), STATUS_CORRUPT, "AndroidManifest.xml is not binary XML");
    assert_refused(*state, package_with(*state, S("\3"), 1, 0), STATUS_CORRUPT, "AndroidManifest.xml is not binary XML");
}

static void another_element_first(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){.element = APP});
    assert_refused(*state, package_with(*state, xml, xml.length, 0), STATUS_CORRUPT,
                   "AndroidManifest.xml does not begin with a manifest element");
    xml = manifest_of(*state, (struct parts){.no_element = true});
    assert_refused(*state, package_with(*state, xml, xml.length, 0), STATUS_CORRUPT, "AndroidManifest.xml ends within a chunk");
}

static void cut_short_anywhere(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){0});
    for (size_t length = 0; length < xml.length; length++) {
        struct arena *arena = arena_new();
        struct apk_manifest manifest;
        struct error error;
        assert_int_equal(manifest_in(arena, package_with(arena, str_first(xml, length), length, 0), &manifest, &error), STATUS_CORRUPT);
        arena_free(arena);
    }
}

static void any_byte_may_be_wrong(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){.utf16 = true});
    for (size_t i = 0; i < xml.length; i++) {
        struct arena *arena = arena_new();
        struct str damaged = arena_copy(arena, xml);
        ((char *)(uintptr_t)damaged.data)[i] = (char)0xff;
        struct apk_manifest manifest = {0};
        struct error error;
        if (manifest_in(arena, package_with(arena, damaged, damaged.length, 0), &manifest, &error) == STATUS_OK)
            assert_true(str_is_utf8(manifest.package) && str_is_utf8(manifest.version_name));
        arena_free(arena);
    }
}

static void entries_that_lie_about_their_size(void **state)
{
    struct str xml = manifest_of(*state, (struct parts){0}), packed = deflated(*state, xml);
    char *text =
        arena_cstr(*state, arena_printf(*state, "a ZIP entry does not inflate to the %zu bytes that its header says", xml.length - 1));
    assert_refused(*state, package_with(*state, packed, xml.length - 1, 8), STATUS_CORRUPT, text);
    text = arena_cstr(*state, arena_printf(*state, "a ZIP entry does not inflate to the %zu bytes that its header says", xml.length + 1));
    assert_refused(*state, package_with(*state, packed, xml.length + 1, 8), STATUS_CORRUPT, text);
    assert_refused(*state, package_with(*state, xml, xml.length + 1, 0), STATUS_CORRUPT,
                   "the ZIP entry at 100 is neither stored nor deflated");
    assert_refused(*state, package_with(*state, xml, xml.length, 12), STATUS_CORRUPT,
                   "the ZIP entry at 100 is neither stored nor deflated");
}

static void large_and_encrypted_entries_are_not_read(void **state)
{
    struct sample *sample = package_with(*state, S("x"), (8 << 20) + 1, 8);
    assert_refused(*state, sample, STATUS_TOO_LARGE, "the ZIP entry at 100 has 8388609 bytes, more than the 8388608 that are read");
    sample = package_with(*state, S("x"), 1, 0);
    sample_put16(sample, sample->directory + 46 + 11 + 8, 1);
    assert_refused(*state, sample, STATUS_UNSUPPORTED, "the ZIP entry at 100 is encrypted");
}

static void a_local_header_elsewhere(void **state)
{
    struct sample *sample = package_with(*state, S("x"), 1, 0);
    sample_put32(sample, sample->directory + 46 + 11 + 42, 101);
    assert_refused(*state, sample, STATUS_CORRUPT, "there is no ZIP entry at 101");
    sample = package_with(*state, S("x"), 1, 0);
    sample_put16(sample, 100 + 28, 65535);
    assert_refused(*state, sample, STATUS_CORRUPT, "the ZIP entry at 100 overruns the entries' end at 12000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(utf8_and_utf16_pools_are_read),
        SAMPLE_TEST(deflated_entries_are_read),
        SAMPLE_TEST(names_serve_where_resource_ids_are_missing),
        SAMPLE_TEST(a_version_name_that_is_a_reference_is_left_empty),
        SAMPLE_TEST(versions_of_android),
        SAMPLE_TEST(damage_behind_the_manifest_element),
        SAMPLE_TEST(version_codes_that_are_missing),
        SAMPLE_TEST(packages_that_are_a_part_or_too_old),
        SAMPLE_TEST(which_devices_go_by_v1),
        SAMPLE_TEST(no_manifest),
        SAMPLE_TEST(text_is_not_binary_xml),
        SAMPLE_TEST(another_element_first),
        SAMPLE_TEST(cut_short_anywhere),
        SAMPLE_TEST(any_byte_may_be_wrong),
        SAMPLE_TEST(entries_that_lie_about_their_size),
        SAMPLE_TEST(large_and_encrypted_entries_are_not_read),
        SAMPLE_TEST(a_local_header_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
