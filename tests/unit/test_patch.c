/* Patches made and applied: what comes out is the new package with the installed one's channel, or an error. */
#include "tests/unit/patch_sample.h"

#include "lib/apk/channel.h"

static struct str with_channel(struct arena *arena, struct str base, unsigned formats, const char *json)
{
    struct patch_package package = patch_package_of(arena, base);
    struct error error = {0};
    struct apk_info info;
    char *bytes = arena_buffer(arena, base.length);
    memcpy(bytes, base.data, base.length);
    if (apk_info_parse(arena, str_of(json), S(""), &info, &error) != STATUS_OK) fail_msg("%s", error.text);
    if (apk_fill((struct apk_filling){package.side.schemes, bytes + package.side.region.offset, package.side.region.length}, formats, &info,
                 &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return str_make(bytes, base.length);
}

static void assert_makes(struct arena *arena, struct str old, struct str diff, struct str wanted)
{
    struct str new;
    struct error error = {0};
    if (patch_applied(arena, old, diff, &new, &error) != STATUS_OK) fail_msg("%s", error.text);
    if (!str_equal(new, wanted)) fail_msg("another package came out");
}

static void assert_fails(struct arena *arena, struct str old, struct str diff, enum status wanted, const char *words)
{
    struct str new;
    struct error error = {0};
    assert_int_equal(patch_applied(arena, old, diff, &new, &error), wanted);
    if (!strstr(error.text, words)) fail_msg("'%s' does not say '%s'", error.text, words);
}

/* --- made and applied */

static const struct patch_options sides[] = {{APK_V1, 100000, 4096, 1, {0}},
                                             {APK_V1, 90000, 8000, 1, {"longer", 6}},
                                             {APK_V2, 100000, 4096, 1, {0}},
                                             {APK_V2, 120000, 8192, 1, {"other", 5}},
                                             {APK_V2, 30000, 4096, 7, {0}}};
enum { SIDES = sizeof sides / sizeof *sides };

static void any_base_becomes_any_other(void **state)
{
    for (size_t from = 0; from < SIDES; from++)
        for (size_t to = 0; to < SIDES; to++) {
            struct str old = patch_base(*state, sides[from]), new = patch_base(*state, sides[to]), diff = patch_between(*state, old, new);
            assert_makes(*state, old, diff, new);
        }
}

static void one_patch_serves_every_channel(void **state)
{
    static const char *const infos[] = {"{\"channel\":\"huawei\"}", "{\"channel\":\"xiaomi\",\"campaign\":\"2026\"}"};
    static const unsigned formats[] = {APK_WALLE, APK_VASDOLLY, APK_PACKER_NG};
    for (size_t from = 0; from < SIDES; from++)
        for (size_t to = 0; to < SIDES; to++) {
            struct str old = patch_base(*state, sides[from]), new = patch_base(*state, sides[to]), diff = patch_between(*state, old, new);
            for (size_t i = 0; i < 6; i++)
                assert_makes(*state, with_channel(*state, old, formats[i / 2], infos[i % 2]), diff,
                             with_channel(*state, new, formats[i / 2], infos[i % 2]));
        }
}

static void channel_packages_have_their_bases_patch(void **state)
{
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]);
    struct str diff =
        patch_between(*state, with_channel(*state, old, 0, "{\"channel\":\"a\"}"), with_channel(*state, new, 0, "{\"channel\":\"b\"}"));
    assert_true(str_equal(diff, patch_between(*state, old, new)));
}

static void what_is_equal_costs_next_to_nothing(void **state)
{
    struct str old = patch_base(*state, (struct patch_options){APK_V2, 1 << 20, 4096, 1, {0}});
    struct str new = patch_base(*state, (struct patch_options){APK_V2, 1 << 20, 4096, 1, {"a line of the new one", 21}});
    assert_in_range(patch_between(*state, old, new).length, PATCH_HEADER_SIZE + PATCH_FRAME_HEAD_SIZE, 400);
}

static ssize_t read_one(void *context, void *buffer, size_t capacity, struct error *error)
{
    (void)capacity;
    return stream_read(*(struct stream *)context, buffer, 1, error);
}

static void a_byte_at_a_time_is_the_same(void **state)
{
    struct error error = {0};
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), result;
    struct patch_package from = patch_package_of(*state, old), to = patch_package_of(*state, new);
    struct stream whole = patch_make(*state, &from, &to, NULL), slow = {.read = read_one, .context = &whole};
    struct str diff = patch_read_all(*state, slow);
    stream_close(&whole);
    assert_true(str_equal(diff, patch_between(*state, old, new)));
    struct stream in = stream_of(*state, diff), slow_in = {.read = read_one, .context = &in}, out;
    struct patch_header header;
    assert_int_equal(patch_read(*state, slow_in, &header, &error), STATUS_OK);
    assert_int_equal(patch_apply(*state, &header, slow_in, &(struct patch_target){.installed = patch_file(*state, old)}, &out, &error),
                     STATUS_OK);
    struct stream slow_out = {.read = read_one, .context = &out};
    assert_int_equal(stream_read_all(slow_out, *state, 1 << 20, &result, &error), STATUS_OK);
    stream_close(&out);
    assert_true(str_equal(result, new));
}

static void progress_reaches_its_end(void **state)
{
    struct error error = {0};
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), diff = patch_between(*state, old, new), result;
    struct progress progress = progress_start("patch", 0);
    struct stream in = stream_of(*state, diff), out;
    struct patch_header header;
    assert_int_equal(patch_read(*state, in, &header, &error), STATUS_OK);
    assert_int_equal(
        patch_apply(*state, &header, in, &(struct patch_target){.installed = patch_file(*state, old), .progress = &progress}, &out, &error),
        STATUS_OK);
    assert_int_equal(stream_read_all(out, *state, 1 << 20, &result, &error), STATUS_OK);
    stream_close(&out);
    assert_int_equal(progress.total, old.length + new.length);
    assert_int_equal(progress.done, progress.total);
}

/* --- the wrong old package */

static void another_package_is_refused(void **state)
{
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), diff = patch_between(*state, old, new);
    assert_fails(*state, new, diff, STATUS_INVALID, "it is not the package that the patch leads from: it has 128");
    struct patch_options same_size = sides[2];
    same_size.seed = 2;
    assert_fails(*state, patch_base(*state, same_size), diff, STATUS_INVALID, "leads from: its base has the SHA-256 ");
    assert_fails(*state, S(""), diff, STATUS_INVALID, "it has 0 bytes");
    assert_fails(*state, str_first(old, old.length - 1), diff, STATUS_INVALID, "it is not the package");
}

static void a_region_that_was_tampered_with_is_refused(void **state)
{
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), diff = patch_between(*state, old, new);
    struct str tampered = with_channel(*state, old, 0, "{\"channel\":\"a\"}");
    uint64_t region = patch_package_of(*state, old).side.region.offset;
    memset((char *)(uintptr_t)tampered.data + region, 'x', 100);
    assert_fails(*state, tampered, diff, STATUS_INVALID, "holds something else than channel info");
}

/* --- another channel */

static struct str region_of(struct arena *arena, struct str package)
{
    const struct apk_region region = patch_package_of(arena, package).side.region;
    return str_make(package.data + region.offset, (size_t)region.length);
}

static void a_region_that_is_given_replaces_the_installed_one(void **state)
{
    static const char *const infos[] = {"{\"channel\":\"b\"}", "{\"channel\":\"c\",\"campaign\":\"x\"}"};
    for (size_t from = 0; from < SIDES; from++)
        for (size_t to = 0; to < SIDES; to++) {
            struct str old = patch_base(*state, sides[from]), new = patch_base(*state, sides[to]), diff = patch_between(*state, old, new);
            struct str installed = with_channel(*state, old, 0, infos[0]), wanted = with_channel(*state, new, 0, infos[1]), made;
            struct error error = {0};
            if (patch_applied_with(*state, installed, diff, region_of(*state, wanted), &made, &error) != STATUS_OK)
                fail_msg("%s", error.text);
            assert_true(str_equal(made, wanted));
            assert_int_equal(patch_applied_with(*state, installed, diff, region_of(*state, new), &made, &error), STATUS_OK);
            assert_true(str_equal(made, new)); /* no channel any more */
        }
}

static void a_region_that_is_given_is_channel_info_of_the_right_length(void **state)
{
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), diff = patch_between(*state, old, new), made;
    struct str region = arena_copy(*state, region_of(*state, with_channel(*state, new, 0, "{\"channel\":\"c\"}")));
    struct error error = {0};
    assert_int_equal(patch_applied_with(*state, old, diff, str_first(region, 100), &made, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "the channel region has 100 bytes; the new package reserves 8192"));
    ((char *)(uintptr_t)region.data)[region.length - 1] = 1;
    assert_int_equal(patch_applied_with(*state, old, diff, region, &made, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "are not channel info"));
}

static void info_that_does_not_fit_is_said(void **state)
{
    struct patch_options narrow = {APK_V1, 50000, 30, 1, {0}};
    struct str old = patch_base(*state, sides[0]), new = patch_base(*state, narrow), diff = patch_between(*state, old, new);
    struct str channel = with_channel(*state, old, 0, "{\"channel\":\"a-name-that-is-too-long\"}");
    assert_fails(*state, channel, diff, STATUS_TOO_LARGE, "cannot be carried over: channel info has 37 bytes, 30 bytes fit");
    assert_makes(*state, old, diff, new);
}

static void what_has_no_region_has_no_patch(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.pairs = patch_v2_signature, .pair_count = 1});
    char *bytes = arena_buffer(*state, sample->source.size);
    struct patch_package package;
    struct error error = {0};
    sample_read(sample, 0, bytes, sample->source.size, &error);
    assert_int_equal(patch_open(*state, patch_file(*state, str_make(bytes, sample->source.size)), NULL, &package, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "no region is reserved in it"));
    assert_int_equal(patch_open(*state, patch_file(*state, S("no APK")), NULL, &package, &error), STATUS_CORRUPT);
    assert_int_equal(patch_open(*state, patch_file(*state, S("")), NULL, &package, &error), STATUS_CORRUPT);
}

/* --- checking */

static void a_patch_is_checked_against_both_packages(void **state)
{
    struct error error = {0};
    struct str old = patch_base(*state, sides[2]), new = patch_base(*state, sides[3]), diff = patch_between(*state, old, new);
    struct patch_package from = patch_package_of(*state, old), to = patch_package_of(*state, new);
    assert_int_equal(patch_check(*state, stream_of(*state, diff), &from, &to, NULL, &error), STATUS_OK);
    assert_int_equal(patch_check(*state, stream_of(*state, diff), &to, &from, NULL, &error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "between other packages"));
    assert_int_equal(patch_check(*state, stream_of(*state, str_first(diff, diff.length - 1)), &from, &to, NULL, &error), STATUS_CORRUPT);
    assert_int_equal(patch_check(*state, stream_of(*state, S("no patch")), &from, &to, NULL, &error), STATUS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(any_base_becomes_any_other),
        SAMPLE_TEST(one_patch_serves_every_channel),
        SAMPLE_TEST(channel_packages_have_their_bases_patch),
        SAMPLE_TEST(what_is_equal_costs_next_to_nothing),
        SAMPLE_TEST(a_byte_at_a_time_is_the_same),
        SAMPLE_TEST(progress_reaches_its_end),
        SAMPLE_TEST(another_package_is_refused),
        SAMPLE_TEST(a_region_that_was_tampered_with_is_refused),
        SAMPLE_TEST(a_region_that_is_given_replaces_the_installed_one),
        SAMPLE_TEST(a_region_that_is_given_is_channel_info_of_the_right_length),
        SAMPLE_TEST(info_that_does_not_fit_is_said),
        SAMPLE_TEST(what_has_no_region_has_no_patch),
        SAMPLE_TEST(a_patch_is_checked_against_both_packages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
