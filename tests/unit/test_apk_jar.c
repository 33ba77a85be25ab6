/* JAR signatures (v1): the text of manifests, and packages that are signed here, whole and changed afterwards. */
#include "tests/unit/unit.h"

#include <zlib.h>

#include "lib/apk/jar_text_internal.h"
#include "lib/apk/jar_verify_internal.h"
#include "tests/unit/apk_jar.h"

/* --- the text */

static struct apk_jar_text parsed(struct arena *arena, struct str text)
{
    struct apk_jar_text out;
    struct error error;
    assert_ok(apk_jar_text_parse(arena, text, &out, &error), &error);
    return out;
}

static void sections_and_attributes(void **state)
{
    struct str text = S("\nManifest-Version: 1.0\r\nCreated-By: one\r\n two\r\n\r\n\n"
                        "Name: b\rSHA1-Digest: YQ==\r\r"
                        "name: a: long na\n me\nempty: \nno colon\nSHA1-Digest:no space");
    struct apk_jar_text out = parsed(*state, unit_guarded(*state, text));
    assert_int_equal(out.count, 2);
    assert_str(out.main.raw, S("Manifest-Version: 1.0\r\nCreated-By: one\r\n two\r\n\r\n"));
    assert_str(apk_jar_attribute(&out.main, S("CREATED-BY")), S("onetwo"));
    assert_str(out.sections[0].name, S("a: long name"));
    assert_str(apk_jar_attribute(&out.sections[0], S("empty")), S(""));
    assert_non_null(apk_jar_attribute(&out.sections[0], S("empty")).data);
    assert_non_null(apk_jar_attribute(&out.sections[0], S("no colon")).data);
    assert_null(apk_jar_attribute(&out.sections[0], S("SHA1-Digest")).data);
    assert_str(out.sections[1].raw, S("Name: b\rSHA1-Digest: YQ==\r\r"));
    assert_ptr_equal(apk_jar_section_of(&out, S("b")), &out.sections[1]);
    assert_null(apk_jar_section_of(&out, S("c")));
}

/* A section ends at its empty line or at the text's end, which must not be read past. */
static void texts_cut_short_anywhere(void **state)
{
    struct str text = S("Manifest-Version: 1.0\r\n\r\nName: a\r\n b\r\nSHA1-Digest: YQ==\r\n\r\n");
    for (size_t length = 0; length <= text.length; length++) {
        struct apk_jar_text out;
        struct error error;
        enum status status = apk_jar_text_parse(*state, unit_guarded(*state, str_first(text, length)), &out, &error);
        if (status == STATUS_OK && out.count > 0) assert_int_equal(out.main.raw.length + out.sections[0].raw.length, length);
        if (status != STATUS_OK) assert_says(&error, "its section 1 has no name");
    }
}

static void texts_that_are_wrong(void **state)
{
    struct apk_jar_text out;
    struct error error;
    struct str twice = S("A: b\n\nName: x\n\nName: y\n\nName: x\n"), unnamed = S("A: b\n\nName: x\n\nOther: y\nName: z\n");
    assert_error(apk_jar_text_parse(*state, twice, &out, &error), STATUS_CORRUPT, &error, "it has two sections for x");
    assert_error(apk_jar_text_parse(*state, unnamed, &out, &error), STATUS_CORRUPT, &error, "its section 2 has no name");
    assert_int_equal(parsed(*state, S("")).count, 0);
    assert_int_equal(parsed(*state, S("\n\n")).count, 0);
}

static void as_many_sections_as_a_zip_has_entries(void **state)
{
    struct apk_jar_text out;
    struct error error;
    struct buf text = buf_in(*state, 4 << 20);
    buf_add(&text, S("A: b\n\n"));
    for (int i = 0; i < APK_JAR_SECTIONS_MAX; i++) buf_printf(&text, "Name: %d\n\n", (i * 7919) % APK_JAR_SECTIONS_MAX);
    assert_int_equal(parsed(*state, buf_str(&text)).count, APK_JAR_SECTIONS_MAX);
    buf_add(&text, S("Name: one more\n"));
    assert_error(apk_jar_text_parse(*state, buf_str(&text), &out, &error), STATUS_CORRUPT, &error, "it has more than 65535 sections");
}

/* --- packages */

static struct jar_signer rsa, other; /* one for all tests, since making keys takes a while */

static int make_keys(void **state)
{
    (void)state;
    rsa = jar_signer_new(EVP_RSA_gen(2048), 1);
    other = jar_signer_new(EVP_EC_gen("P-256"), 2);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    jar_signer_free(rsa);
    jar_signer_free(other);
    return 0;
}

enum { DEX, LAYOUT, MANIFEST, SIGNATURE_FILE, BLOCK, SPARE, SLOTS, NEW_SDK = 24 };

/* A signed package whose parts a test may change before it is put together. */
struct signing {
    struct package_entry entries[SLOTS];
    size_t count;
};

static void sign(struct arena *arena, struct signing *package, struct str manifest, struct str file)
{
    package->entries[MANIFEST] = (struct package_entry){"META-INF/MANIFEST.MF", manifest};
    package->entries[SIGNATURE_FILE] = (struct package_entry){"META-INF/A.SF", file};
    package->entries[BLOCK] = (struct package_entry){"META-INF/A.RSA", jar_block(arena, rsa, EVP_sha256(), file, PKCS7_NOATTR)};
    package->count = SPARE;
}

static struct signing signing_of(struct arena *arena)
{
    struct signing package = {.entries = {[DEX] = {"classes.dex", S("dex\n035")}, [LAYOUT] = {"res/a.xml", S("<a/>")}}};
    struct str manifest = jar_manifest(arena, EVP_sha256(), "SHA-256", package.entries, MANIFEST);
    sign(arena, &package, manifest, jar_file(arena, EVP_sha256(), "SHA-256", "SHA-256-Digest-Manifest", manifest));
    return package;
}

static struct str problem_by(struct arena *arena, const struct package_entry *entries, size_t count, struct apk_jar_rules rules)
{
    struct str bytes = package_of(arena, entries, count, (struct str){NULL, 0}, S("")), problem = S("");
    struct apk_source source = package_source(&bytes);
    struct apk apk;
    struct error error;
    assert_ok(apk_examine(arena, &source, &apk, &error), &error);
    assert_ok(apk_jar_verify(arena, &apk, rules, &problem, &error), &error);
    return problem;
}

static struct str problem_in(struct arena *arena, const struct package_entry *entries, size_t count, uint32_t min_sdk)
{
    return problem_by(arena, entries, count, (struct apk_jar_rules){min_sdk, true});
}

static struct str problem_of(struct arena *arena, const struct signing *package, uint32_t min_sdk)
{
    return problem_in(arena, package->entries, package->count, min_sdk);
}

static void assert_problem_from(struct arena *arena, const struct signing *package, uint32_t min_sdk, const char *words)
{
    struct str wanted = arena_printf(arena, "its v1 signature does not verify: %s; take the APK as it was signed, or sign it again", words);
    assert_str(problem_of(arena, package, min_sdk), wanted);
}

static void assert_problem(struct arena *arena, const struct signing *package, const char *words)
{
    assert_problem_from(arena, package, NEW_SDK, words);
}

static void packages_that_verify(void **state)
{
    struct signing package = signing_of(*state);
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    assert_str(problem_of(*state, &package, 18), S(""));
    package.entries[package.count++] = (struct package_entry){"META-INF/services/x", S("not covered")};
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    package.entries[SPARE] = (struct package_entry){"res/", S("")};
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
}

static void deflated_entries(void **state)
{
    char text[100000] = "", packed[2000];
    z_stream stream = {
        .next_in = (unsigned char *)text, .avail_in = sizeof text, .next_out = (unsigned char *)packed, .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = stream.total_out;
    deflateEnd(&stream);
    struct signing package = signing_of(*state);
    package.entries[DEX].data = str_make(text, sizeof text);
    struct str manifest = jar_manifest(*state, EVP_sha256(), "SHA-256", package.entries, MANIFEST);
    sign(*state, &package, manifest, jar_file(*state, EVP_sha256(), "SHA-256", "SHA-256-Digest-Manifest", manifest));
    package.entries[DEX] = (struct package_entry){"classes.dex", str_make(packed, length), sizeof text};
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    package.entries[DEX].inflated = sizeof text - 1;
    assert_problem(*state, &package, "classes.dex: it inflates to more bytes than the central directory says");
    package.entries[DEX].inflated = UINT32_MAX - 1;
    assert_problem(*state, &package, "classes.dex: it inflates to fewer bytes than the central directory says");
    package.entries[DEX].data = S("\xff\xff\xff");
    assert_problem(*state, &package, "classes.dex: it does not inflate");
}

/* Small entries that claim to be large ones. */
static void bombs(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct signing package = signing_of(*state);
    struct package_entry entries[5];
    for (size_t i = 0; i < 5; i++) entries[i] = (struct package_entry){names[i], S("x"), UINT32_MAX - 1};
    struct str manifest = jar_manifest(*state, EVP_sha256(), "SHA-256", entries, 5);
    sign(*state, &package, manifest, jar_file(*state, EVP_sha256(), "SHA-256", "SHA-256-Digest-Manifest", manifest));
    struct package_entry all[8];
    memcpy(all, entries, sizeof entries);
    memcpy(all + 5, package.entries + MANIFEST, 3 * sizeof *all);
    assert_str(problem_in(*state, all, 8, NEW_SDK),
               S("its v1 signature does not verify: its entries inflate to more than 16 GiB; take the APK as it was signed, or sign "
                 "it again"));
    package.entries[MANIFEST].inflated = APK_JAR_TEXT_MAX + 1;
    assert_problem(*state, &package, "META-INF/MANIFEST.MF has more than 33554432 bytes");
}

/* --- changed after they were signed */

static void entries_that_changed(void **state)
{
    struct signing package = signing_of(*state);
    package.entries[LAYOUT].data = S("<b/>");
    assert_problem(*state, &package, "res/a.xml: it is not what was signed: it was changed afterwards, or is damaged");
    package = signing_of(*state);
    package.entries[package.count++] = (struct package_entry){"res/b.xml", S("<b/>")};
    assert_problem(*state, &package, "res/b.xml: it is not listed in META-INF/MANIFEST.MF: it was added after the package was signed");
    package = signing_of(*state);
    package.entries[LAYOUT].name = "res/b.xml";
    assert_problem(*state, &package, "res/a.xml is listed in META-INF/MANIFEST.MF, and not in the package");
    package = signing_of(*state);
    package.entries[package.count++] = package.entries[DEX];
    assert_problem(*state, &package, "two entries are named classes.dex");
}

/* As where v2 covers the contents. */
static void entries_whose_contents_are_not_compared(void **state)
{
    struct signing package = signing_of(*state);
    package.entries[LAYOUT].data = S("<b/>");
    assert_str(problem_by(*state, package.entries, package.count, (struct apk_jar_rules){NEW_SDK, false}), S(""));
    package.entries[package.count++] = (struct package_entry){"res/b.xml", S("<b/>")};
    assert_str(
        problem_by(*state, package.entries, package.count, (struct apk_jar_rules){NEW_SDK, false}),
        S("its v1 signature does not verify: res/b.xml: it is not listed in META-INF/MANIFEST.MF: it was added after the package was "
          "signed; take the APK as it was signed, or sign it again"));
}

static void parts_that_are_missing(void **state)
{
    struct signing package = signing_of(*state);
    package.entries[MANIFEST].name = "META-INF/other";
    assert_problem(*state, &package, "there is no META-INF/MANIFEST.MF");
    package = signing_of(*state);
    package.entries[SIGNATURE_FILE].name = "META-INF/B.SF";
    assert_problem(*state, &package, "no signature file in META-INF is of use");
    package = signing_of(*state);
    struct str manifest = S("Manifest-Version: 1.0\r\n\r\n");
    sign(*state, &package, manifest, jar_file(*state, EVP_sha256(), "SHA-256", "SHA-256-Digest-Manifest", manifest));
    memmove(package.entries, package.entries + MANIFEST, 3 * sizeof *package.entries);
    package.count = 3;
    assert_problem(*state, &package, "it has no entry that is signed");
}

/* --- signature files */

static void manifests_that_changed(void **state)
{
    struct signing package = signing_of(*state);
    struct str manifest = package.entries[MANIFEST].data, longer = arena_join(*state, manifest, S("\r\n"));
    struct str file = package.entries[SIGNATURE_FILE].data;
    package.entries[MANIFEST].data = longer; /* no section changed */
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    package.entries[LAYOUT].data = S("<b/>");
    package.entries[MANIFEST].data = jar_manifest(*state, EVP_sha256(), "SHA-256", package.entries, MANIFEST);
    assert_problem(*state, &package, "the section of META-INF/MANIFEST.MF for res/a.xml is not what was signed");
    sign(*state, &package, package.entries[MANIFEST].data, file);
    assert_problem(*state, &package, "the section of META-INF/MANIFEST.MF for res/a.xml is not what was signed");
    package = signing_of(*state);
    file = S("Signature-Version: 1.0\r\nSHA-256-Digest-Manifest-Main-Attributes: AAAA\r\n\r\n");
    sign(*state, &package, manifest, file);
    assert_problem(*state, &package, "the main section of META-INF/MANIFEST.MF is not what was signed");
}

static void files_that_name_too_much_or_too_little(void **state)
{
    struct signing package = signing_of(*state);
    struct str manifest = package.entries[MANIFEST].data, file = package.entries[SIGNATURE_FILE].data;
    sign(*state, &package, manifest, str_first(file, str_find_str(file, S("Name: res/a.xml"))));
    assert_problem(*state, &package, "res/a.xml: no signature file names it: it was added after the package was signed");
    struct str more = S("Name: more\r\nSHA-256-Digest: AAAA\r\n\r\n");
    sign(*state, &package, manifest, arena_join(*state, file, more));
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    file = jar_file(*state, EVP_sha256(), "SHA-256", "", manifest);
    sign(*state, &package, manifest, file);
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
    sign(*state, &package, manifest, arena_join(*state, file, more));
    assert_problem(*state, &package, "no signature file in META-INF is of use");
    sign(*state, &package, manifest, str_from(file, S("Signature-Version: 1.0\r\n\r\n").length));
    assert_problem(*state, &package, "no signature file in META-INF is of use");
}

/* Old tools for Mozilla's signtool wrote sections without the empty line into the digest, and named the manifest's otherwise. */
static void files_of_signtool(void **state)
{
    struct signing package = signing_of(*state);
    struct str manifest = package.entries[MANIFEST].data;
    struct str digest = jar_digest(*state, EVP_sha256(), manifest);
    struct buf file = buf_in(*state, 4096);
    buf_printf(&file, "Signature-Version: 1.0\r\nCreated-By: Signtool (signtool 1.3)\r\nSHA-256-Digest: " STR_FMT "\r\n\r\n",
               STR_ARG(digest));
    buf_add(&file, S("Name: classes.dex\r\n\r\nName: res/a.xml\r\n\r\n"));
    sign(*state, &package, manifest, buf_str(&file));
    assert_str(problem_of(*state, &package, NEW_SDK), S(""));
}

static void digests_by_version(void **state)
{
    struct signing package = signing_of(*state);
    assert_problem_from(*state, &package, 17,
                        "META-INF/A.RSA: its algorithms (SHA256, rsaEncryption) are not known to every device from "
                        "minSdkVersion 17 on");
    struct str wrong = S("Manifest-Version: 1.0\r\n\r\nName: classes.dex\r\nSHA1-Digest: AAAA\r\nSHA-256-Digest: "), end = S("\r\n\r\n");
    struct str right = jar_digest(*state, EVP_sha256(), package.entries[DEX].data);
    struct str manifest = arena_join(*state, wrong, right, end);
    package.entries[LAYOUT] = (struct package_entry){"META-INF/x", S("")};
    struct str file = jar_file(*state, EVP_sha1(), "SHA1", "SHA1-Digest-Manifest", manifest);
    sign(*state, &package, manifest, file);
    package.entries[BLOCK].data = jar_block(*state, rsa, EVP_sha1(), file, PKCS7_NOATTR);
    assert_str(problem_of(*state, &package, 18), S(""));
    assert_problem_from(*state, &package, 17, "classes.dex: it is not what was signed: it was changed afterwards, or is damaged");
    manifest = jar_manifest(*state, EVP_sha256(), "SHA-256", package.entries, 1);
    file = jar_file(*state, EVP_sha1(), "SHA1", "SHA1-Digest-Manifest", manifest);
    sign(*state, &package, manifest, file);
    package.entries[BLOCK].data = jar_block(*state, rsa, EVP_sha1(), file, PKCS7_NOATTR);
    assert_str(problem_of(*state, &package, 18), S(""));
    assert_problem_from(*state, &package, 0,
                        "classes.dex: META-INF/MANIFEST.MF has no digest of it that every device from minSdkVersion 1 "
                        "on knows");
}

/* --- blocks */

static void blocks_that_do_not_sign(void **state)
{
    struct signing package = signing_of(*state);
    struct str file = package.entries[SIGNATURE_FILE].data, block = package.entries[BLOCK].data;
    package.entries[BLOCK].data = jar_block(*state, rsa, EVP_sha256(), S("another file"), PKCS7_NOATTR);
    assert_problem(*state, &package, "META-INF/A.RSA: it does not sign its signature file");
    package.entries[BLOCK].data = S("no block");
    assert_problem(*state, &package, "META-INF/A.RSA: it is not a PKCS #7 signature");
    package.entries[BLOCK].data = jar_block(*state, rsa, EVP_sha256(), file, PKCS7_NOATTR | PKCS7_NOCERTS);
    assert_problem(*state, &package, "META-INF/A.RSA: it does not hold its signer's certificate");
    for (size_t i = 0; i < block.length; i++) {
        struct arena *arena = arena_new();
        struct str damaged = arena_copy(arena, block);
        ((char *)(uintptr_t)damaged.data)[i] ^= 1;
        package.entries[BLOCK].data = damaged;
        struct str problem = problem_of(arena, &package, NEW_SDK);
        assert_true(str_is_utf8(problem));
        arena_free(arena);
    }
}

static void blocks_with_signed_attributes(void **state)
{
    struct signing package = signing_of(*state);
    struct str file = package.entries[SIGNATURE_FILE].data;
    package.entries[BLOCK].data = jar_block(*state, rsa, EVP_sha256(), file, 0);
    assert_str(problem_of(*state, &package, 19), S(""));
    assert_problem_from(*state, &package, 18,
                        "META-INF/A.RSA: it has signed attributes, which devices before SDK 19 do not check, and "
                        "minSdkVersion is 18");
    package.entries[SIGNATURE_FILE].data = arena_join(*state, file, S("\r\n"));
    assert_problem(*state, &package, "META-INF/A.RSA: it does not sign its signature file");
}

/* The certificate has the right names and number, and another key. */
static void blocks_of_another_key(void **state)
{
    struct signing package = signing_of(*state);
    struct jar_signer forger = jar_signer_new(EVP_RSA_gen(2048), 1);
    BIO *content = BIO_new_mem_buf(package.entries[SIGNATURE_FILE].data.data, (int)package.entries[SIGNATURE_FILE].data.length);
    PKCS7 *block = PKCS7_sign(forger.certificate, forger.key, NULL, content, PKCS7_DETACHED | PKCS7_BINARY | PKCS7_NOATTR | PKCS7_NOCERTS);
    PKCS7_add_certificate(block, rsa.certificate);
    package.entries[BLOCK].data = jar_der(*state, block);
    assert_problem(*state, &package, "META-INF/A.RSA: it does not sign its signature file");
    PKCS7_free(block);
    BIO_free(content);
    jar_signer_free(forger);
}

static void entries_of_several_signers(void **state)
{
    struct signing package = signing_of(*state);
    struct str file = package.entries[SIGNATURE_FILE].data, shorter = str_first(file, str_find_str(file, S("Name: res/a.xml")));
    struct package_entry entries[SLOTS + 2];
    for (int i = 0; i < 2; i++) {
        struct str second = i == 0 ? file : shorter;
        memcpy(entries, package.entries, sizeof package.entries);
        entries[SPARE] = (struct package_entry){"META-INF/B.SF", second};
        entries[SPARE + 1] = (struct package_entry){"META-INF/B.EC", jar_block(*state, other, EVP_sha256(), second, PKCS7_NOATTR)};
        assert_str(problem_in(*state, entries, SPARE + 2, NEW_SDK),
                   i == 0 ? S("")
                          : S("its v1 signature does not verify: res/a.xml: it has other signers than the entries before it; take "
                              "the APK as it was signed, or sign it again"));
    }
}

static void at_most_ten_signers(void **state)
{
    struct signing package = signing_of(*state);
    for (size_t count = 10; count <= 11; count++) {
        struct package_entry entries[3 + 2 * 11] = {package.entries[DEX], package.entries[LAYOUT], package.entries[MANIFEST]};
        for (size_t i = 0; i < count; i++) {
            const char *name = arena_cstr(*state, arena_printf(*state, "META-INF/%zu", i));
            entries[3 + 2 * i] = package.entries[SIGNATURE_FILE];
            entries[3 + 2 * i].name = arena_cstr(*state, arena_printf(*state, "%s.SF", name));
            entries[4 + 2 * i] = package.entries[BLOCK];
            entries[4 + 2 * i].name = arena_cstr(*state, arena_printf(*state, "%s.RSA", name));
        }
        assert_int_equal(str_empty(problem_in(*state, entries, 3 + 2 * count, NEW_SDK)), count == 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(sections_and_attributes),
        test_with_arena(texts_cut_short_anywhere),
        test_with_arena(texts_that_are_wrong),
        test_with_arena(as_many_sections_as_a_zip_has_entries),
        test_with_arena(packages_that_verify),
        test_with_arena(deflated_entries),
        test_with_arena(bombs),
        test_with_arena(entries_that_changed),
        test_with_arena(entries_whose_contents_are_not_compared),
        test_with_arena(parts_that_are_missing),
        test_with_arena(manifests_that_changed),
        test_with_arena(files_that_name_too_much_or_too_little),
        test_with_arena(files_of_signtool),
        test_with_arena(digests_by_version),
        test_with_arena(blocks_that_do_not_sign),
        test_with_arena(blocks_with_signed_attributes),
        test_with_arena(blocks_of_another_key),
        test_with_arena(entries_of_several_signers),
        test_with_arena(at_most_ten_signers),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
