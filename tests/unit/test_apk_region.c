/* Where the reserved region is found again, filled or not, and what is not taken for one. */
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_sample.h"

static const char *const v1_names[] = {"classes.dex", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};

static struct apk_region region_of(void **state, const struct sample_pair *pairs, size_t count)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.pairs = pairs, .pair_count = count});
    return sample_examine(*state, &sample->source).region;
}
#define REGION_OF(...)                                                                                                                     \
    region_of(state, (const struct sample_pair[]){__VA_ARGS__},                                                                            \
              sizeof((const struct sample_pair[]){__VA_ARGS__}) / sizeof(struct sample_pair))
#define V2                                                                                                                                 \
    {                                                                                                                                      \
        APK_ID_V2, S("signature"), 0                                                                                                       \
    }
#define PADDING                                                                                                                            \
    {                                                                                                                                      \
        APK_ID_VERITY_PADDING, S(""), 4000                                                                                                 \
    }

static void regions_of_whole_pages_at_the_end_are_found(void **state)
{
    assert_int_equal(REGION_OF(V2, {APK_ID_REGION, S(""), 4084}).length, 4096);
    assert_int_equal(REGION_OF(V2, PADDING, {APK_ID_REGION, S(""), 8180}).length, 8192);
    assert_int_equal(REGION_OF(V2, {ID_WALLE, S("{}"), 88}, {APK_ID_REGION, S(""), 4096 - 102 - 12}).length, 4096);
    assert_int_equal(REGION_OF(V2, {ID_WALLE, S("{}"), 4082}).length, 4096);
    assert_int_equal(REGION_OF(V2, {ID_WALLE, S(""), 88}, {ID_VASDOLLY, S(""), 88}, {ID_PACKER_NG, S(""), 3884}).length, 4096);
}

static void others_channels_are_not_taken_for_a_region(void **state)
{
    assert_int_equal(REGION_OF(V2).length, 0);
    assert_int_equal(REGION_OF(V2, {ID_WALLE, S("{}"), 0}).length, 0);
    assert_int_equal(REGION_OF(V2, {APK_ID_REGION, S(""), 4084}, PADDING).length, 0);
    assert_int_equal(REGION_OF(V2, {ID_VASDOLLY, S(""), 88}, {ID_WALLE, S(""), 3984}).length, 0);
}

static void the_last_of_two_regions_wins(void **state)
{
    const struct sample_pair pairs[] = {V2, {APK_ID_REGION, S(""), 4084}, {APK_ID_REGION, S(""), 8180}};
    struct sample *sample = sample_new(*state, (struct sample_options){.pairs = pairs, .pair_count = 3});
    struct apk_region region = sample_examine(*state, &sample->source).region;
    assert_int_equal(region.length, 8192);
    assert_int_equal(region.offset, sample->directory - 24 - 8192);
}

static uint64_t comment_region(void **state, struct str comment)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, .comment = comment});
    struct apk_region region = sample_examine(*state, &sample->source).region;
    if (region.length > 0) assert_int_equal(region.offset, sample->end + 22);
    return region.length;
}

static void comments_as_we_fill_them_are_regions(void **state)
{
    assert_int_equal(comment_region(state, S("\0\0\0\0")), 4);
    assert_int_equal(comment_region(state, S("{\"channel\":\"x\"}\0\0\0")), 18);
    assert_int_equal(comment_region(state, S("{\"channel\":\"x\"}")), 15);
    assert_int_equal(comment_region(state, S("\0\0\0xyz\3\0ltlovezh")), 16);
    assert_int_equal(comment_region(state, S("xyz\3\0!ZXK!")), 10);
}

static void other_comments_are_not(void **state)
{
    assert_int_equal(comment_region(state, S("hello")), 0);
    assert_int_equal(comment_region(state, S("hello\0\0")), 0);
    assert_int_equal(comment_region(state, S("{\"channel\":\"x\"}\0\0x")), 0);
    assert_int_equal(comment_region(state, S("{\"channel\"\0\0\0")), 0);
    assert_int_equal(comment_region(state, S("hello xyz\3\0ltlovezh")), 0);
    assert_int_equal(comment_region(state, S("\0\0xyz\11\0ltlovezh")), 0);
    assert_int_equal(comment_region(state, S("\0\0\0\0ltlovezh")), 0);
    assert_int_equal(comment_region(state, S("ltlovezh")), 0);
}

static void an_unsigned_file_has_no_region(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.comment = S("\0\0\0\0")});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.schemes, 0);
    assert_int_equal(apk.region.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(regions_of_whole_pages_at_the_end_are_found),
        SAMPLE_TEST(others_channels_are_not_taken_for_a_region),
        SAMPLE_TEST(the_last_of_two_regions_wins),
        SAMPLE_TEST(comments_as_we_fill_them_are_regions),
        SAMPLE_TEST(other_comments_are_not),
        SAMPLE_TEST(an_unsigned_file_has_no_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
