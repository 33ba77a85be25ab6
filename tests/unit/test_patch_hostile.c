/* Patches that are damaged, cut short or made to harm: every one ends in an error, and costs no more than it may. */
#include "tests/unit/patch_sample.h"

#include "lib/transfer/watch.h"

/* --- patches by hand: a small old package, and a new one of frames that zstd did not make */

struct crafted {
    struct arena *arena;
    struct str old;
    struct patch_header header;
    char bytes[65536];
    size_t length;
};

static void put(struct crafted *crafted, struct str bytes)
{
    assert_true(crafted->length + bytes.length <= sizeof crafted->bytes);
    memcpy(crafted->bytes + crafted->length, bytes.data, bytes.length);
    crafted->length += bytes.length;
}

static struct str sha256_of(struct arena *arena, struct str bytes)
{
    struct error error;
    struct watch *watch = watch_new(arena, stream_of(arena, bytes), NULL);
    assert_int_equal(stream_drain(watch_stream(watch), &error), STATUS_OK);
    return watch_sha256(watch, arena);
}

/* Leads from a package to `new`, whose last 12 bytes are its region (v2). */
static struct crafted *craft(struct arena *arena, struct str new)
{
    struct crafted *crafted = arena_new_of(arena, struct crafted);
    crafted->arena = arena;
    crafted->old = patch_base(arena, (struct patch_options){APK_V2, 4000, 4096, 1, {0}});
    crafted->header.format = PATCH_FORMAT_1;
    crafted->header.from = patch_package_of(arena, crafted->old).side;
    crafted->header.to =
        (struct patch_side){.size = new.length, .sha256 = sha256_of(arena, new), .schemes = APK_V2, .region = {new.length - 12, 12}};
    put(crafted, patch_header_format(arena, &crafted->header));
    return crafted;
}

static void put_frame_head(struct crafted *crafted, uint64_t offset, uint64_t length, uint32_t restored)
{
    char head[PATCH_FRAME_HEAD_SIZE];
    bytes_put64(head, offset);
    bytes_put64(head + 8, length);
    bytes_put32(head + 16, restored);
    put(crafted, str_make(head, sizeof head));
}

/* RFC 8878, 3.1.1: magic, descriptor (content size of 4 bytes; without `window` a single segment), window, content size. */
static void put_zstd_head(struct crafted *crafted, int window_log, uint32_t size)
{
    char head[10];
    size_t length = 4;
    bytes_put32(head, UINT32_C(0xfd2fb528));
    head[length++] = (char)(window_log ? 0x80 : 0xa0);
    if (window_log) head[length++] = (char)((window_log - 10) << 3);
    bytes_put32(head + length, size);
    put(crafted, str_make(head, length + 4));
}

/* A raw block. */
static void put_block(struct crafted *crafted, struct str bytes, bool last)
{
    char head[4];
    bytes_put32(head, (uint32_t)(bytes.length << 3 | (last ? 1 : 0)));
    put(crafted, str_make(head, 3));
    put(crafted, bytes);
}

static void put_frame(struct crafted *crafted, struct str bytes)
{
    put_frame_head(crafted, 0, crafted->old.length, (uint32_t)bytes.length);
    put_zstd_head(crafted, 0, (uint32_t)bytes.length);
    put_block(crafted, bytes, true);
}

static enum status apply(struct crafted *crafted, struct str *new, struct error *error)
{
    return patch_applied(crafted->arena, crafted->old, str_make(crafted->bytes, crafted->length), new, error);
}

static void assert_corrupt(struct crafted *crafted, const char *words)
{
    struct str new;
    struct error error = {0};
    assert_int_equal(apply(crafted, &new, &error), STATUS_CORRUPT);
    if (!strstr(error.text, words)) fail_msg("'%s' does not say '%s'", error.text, words);
}

/* What stands for a new package: the region is what apk_fill leaves of an empty one. */
#define NEW "the new package: \x04\0\0\0\0\0\0\0\x72\x68\x6b\x70"

static void patches_by_hand_are_patches(void **state)
{
    struct str new = S(NEW), result;
    struct error error = {0};
    struct crafted *whole = craft(*state, new), *pieces = craft(*state, new), *window = craft(*state, new);
    put_frame(whole, new);
    assert_int_equal(apply(whole, &result, &error), STATUS_OK);
    assert_str(result, new);
    put_frame(pieces, str_first(new, 1));
    put_frame_head(pieces, 7, 0, 9);
    put_zstd_head(pieces, 0, 9);
    put_block(pieces, str_first(str_from(new, 1), 9), false);
    put_block(pieces, S(""), true);
    put_frame(pieces, str_from(new, 10));
    assert_int_equal(apply(pieces, &result, &error), STATUS_OK);
    assert_str(result, new);
    put_frame_head(window, 0, 0, (uint32_t) new.length); /* a window of 2 GiB for some bytes is allowed, and costs nothing */
    put_zstd_head(window, 31, (uint32_t) new.length);
    put_block(window, new, true);
    assert_int_equal(apply(window, &result, &error), STATUS_OK);
    assert_str(result, new);
}

static void frames_that_lie_are_noticed(void **state)
{
    struct str new = S(NEW);
    uint32_t size = (uint32_t) new.length;
    static const struct {
        uint64_t offset, length;
        uint32_t restored;
        const char *words;
    } heads[] = {
        {UINT64_MAX, 1, 1, "beyond the old package"}, {1, UINT64_MAX, 1, "beyond the old package"},
        {1 << 20, 0, 1, "beyond the old package"},    {0, 0, 0, "would restore 0 bytes"},
        {0, 0, sizeof NEW, "would restore 30 bytes"}, {0, 0, UINT32_MAX, "would restore 4294967295 bytes"},
        {0, 0, 5, "does not restore the 5 bytes"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct crafted *crafted = craft(*state, new);
        put_frame_head(crafted, heads[i].offset, heads[i].length, heads[i].restored);
        put_zstd_head(crafted, 0, size);
        put_block(crafted, new, true);
        assert_corrupt(crafted, heads[i].words);
    }
}

/* Its window would be 2 GiB or more, its content of any length. */
static void windows_without_an_end_are_not_opened(void **state)
{
    static const unsigned char heads[][18] = {{0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8},              /* 2 GiB */
                                              {0x28, 0xb5, 0x2f, 0xfd, 0, 0xff},              /* 3.75 TiB */
                                              {0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff},     /* a frame to be skipped */
                                              {0x27, 0xb5, 0x2f, 0xfd, 0xa0, sizeof NEW - 1}, /* of zstd 0.7 */
                                              {'n', 'o', ' ', 'z', 's', 't', 'd'}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct crafted *crafted = craft(*state, S(NEW));
        put_frame_head(crafted, 0, crafted->old.length, sizeof NEW - 1);
        put(crafted, str_make(heads[i], sizeof heads[i]));
        put_block(crafted, S(NEW), true);
        assert_corrupt(crafted, "does not restore the");
    }
}

static void what_a_frame_holds_must_be_what_it_says(void **state)
{
    struct str new = S(NEW);
    uint32_t size = (uint32_t) new.length;
    static const struct {
        size_t first, second; /* bytes in two blocks */
    } contents[] = {{5, 0}, {sizeof NEW - 1, 1}, {sizeof NEW - 1, 5}, {sizeof NEW - 2, 0}};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct crafted *crafted = craft(*state, new);
        put_frame_head(crafted, 0, 0, size);
        put_zstd_head(crafted, 0, size);
        put_block(crafted, str_first(new, contents[i].first), false);
        put_block(crafted, str_first(new, contents[i].second), true);
        assert_corrupt(crafted, "the patch is damaged");
    }
}

/* The digest is right, and the region is where the new package has something else. */
static void a_region_that_is_not_blank_is_noticed(void **state)
{
    static const struct apk_region places[] = {{0, 12}, {16, 12}, {5, 17}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct crafted *crafted = craft(*state, S(NEW));
        crafted->header.to.region = places[i];
        memcpy(crafted->bytes, patch_header_format(*state, &crafted->header).data, PATCH_HEADER_SIZE);
        put_frame(crafted, S(NEW));
        assert_corrupt(crafted, "the new package has other bytes");
    }
}

static void endings(void **state)
{
    struct str new = S(NEW);
    struct crafted *behind = craft(*state, new), *other = craft(*state, S("the old package: \x04\0\0\0\0\0\0\0\x72\x68\x6b\x70"));
    put_frame(behind, new);
    put(behind, S("x"));
    assert_corrupt(behind, "there are bytes behind its end");
    put_frame(other, new);
    assert_corrupt(other, "it does not make the package that it says");
}

/* --- headers */

static enum status parse(struct arena *arena, struct str bytes, struct error *error)
{
    struct patch_header header;
    return patch_header_parse(arena, sample_guarded(arena, bytes), &header, error);
}

static void headers_are_read_as_they_were_written(void **state)
{
    struct patch_header header;
    struct error error = {0};
    struct str written = patch_header_format(*state, &craft(*state, S(NEW))->header);
    assert_int_equal(patch_header_parse(*state, written, &header, &error), STATUS_OK);
    assert_str(patch_header_format(*state, &header), written);
    for (size_t i = 0; i < PATCH_HEADER_SIZE * 8; i++) {
        char damaged[PATCH_HEADER_SIZE];
        memcpy(damaged, written.data, sizeof damaged);
        damaged[i / 8] = (char)(damaged[i / 8] ^ (1 << i % 8));
        assert_int_not_equal(parse(*state, str_make(damaged, sizeof damaged), &error), STATUS_OK);
    }
}

static void headers_that_cannot_be(void **state)
{
    static const struct patch_side good = {.size = 1000, .schemes = APK_V2, .region = {500, 500}};
    const struct {
        struct patch_side side;
        const char *words;
    } cases[] = {
        {{.size = UINT64_C(1) << 32, .schemes = APK_V2, .region = {0, 12}}, "4 GiB or more"},
        {{.size = UINT64_MAX, .schemes = APK_V2, .region = {0, 12}}, "4 GiB or more"},
        {{.size = 1000, .schemes = 0, .region = {0, 12}}, "signed in no way"},
        {{.size = 1000, .schemes = 16, .region = {0, 12}}, "signed in no way"},
        {{.size = 1000, .schemes = APK_V2, .region = {0, 0}}, "region out of bounds"},
        {{.size = 1000, .schemes = APK_V2, .region = {500, 501}}, "region out of bounds"},
        {{.size = 1000, .schemes = APK_V2, .region = {UINT64_MAX, 2}}, "region out of bounds"},
        {{.size = 1 << 30, .schemes = APK_V2, .region = {0, (1 << 20) + 1}}, "region out of bounds"},
    };
    struct str digest = sha256_of(*state, S(""));
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct patch_header header = {
            .format = PATCH_FORMAT_1, .from = i % 2 ? good : cases[i / 2].side, .to = i % 2 ? cases[i / 2].side : good};
        header.from.sha256 = header.to.sha256 = digest;
        assert_int_equal(parse(*state, patch_header_format(*state, &header), &error), STATUS_CORRUPT);
        if (!strstr(error.text, cases[i / 2].words)) fail_msg("'%s' does not say '%s'", error.text, cases[i / 2].words);
    }
}

static void a_later_version_is_said_to_be_one(void **state)
{
    struct error error = {0};
    struct str written = patch_header_format(*state, &craft(*state, S(NEW))->header);
    bytes_put32((char *)(uintptr_t)written.data + 8, 3);
    assert_int_equal(parse(*state, written, &error), STATUS_UNSUPPORTED);
    assert_int_equal(parse(*state, str_first(written, 127), &error), STATUS_CORRUPT);
}

/* --- what happens to patches on the way */

static void a_patch_that_is_cut_short_makes_nothing(void **state)
{
    struct str old = patch_base(*state, (struct patch_options){APK_V2, 20000, 4096, 1, {0}});
    struct str new = patch_base(*state, (struct patch_options){APK_V2, 30000, 4096, 2, {0}}), result;
    struct str diff = patch_between(*state, old, new);
    for (size_t length = 0; length < diff.length; length += length < 400 ? 1 : 37) {
        struct error error = {0};
        assert_int_equal(patch_applied(*state, old, str_first(diff, length), &result, &error), STATUS_CORRUPT);
    }
}

static void a_damaged_patch_makes_nothing(void **state)
{
    struct str old = patch_base(*state, (struct patch_options){APK_V2, 20000, 4096, 1, {0}});
    struct str new = patch_base(*state, (struct patch_options){APK_V2, 20000, 4096, 1, {"x", 1}}), result;
    struct str diff = patch_between(*state, old, new);
    char *damaged = arena_buffer(*state, diff.length);
    for (size_t i = 0; i < diff.length; i++) {
        struct error error = {0};
        memcpy(damaged, diff.data, diff.length);
        damaged[i] = (char)(damaged[i] ^ (1 << i % 8));
        enum status status = patch_applied(*state, old, str_make(damaged, diff.length), &result, &error);
        bool unused = status == STATUS_OK && str_equal(result, new); /* zstd has bits that mean nothing */
        assert_true(status != STATUS_OK || unused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(patches_by_hand_are_patches),           SAMPLE_TEST(frames_that_lie_are_noticed),
        SAMPLE_TEST(windows_without_an_end_are_not_opened), SAMPLE_TEST(what_a_frame_holds_must_be_what_it_says),
        SAMPLE_TEST(a_region_that_is_not_blank_is_noticed), SAMPLE_TEST(endings),
        SAMPLE_TEST(headers_are_read_as_they_were_written), SAMPLE_TEST(headers_that_cannot_be),
        SAMPLE_TEST(a_later_version_is_said_to_be_one),     SAMPLE_TEST(a_patch_that_is_cut_short_makes_nothing),
        SAMPLE_TEST(a_damaged_patch_makes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
