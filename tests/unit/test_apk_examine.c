/* What is seen of an APK, and how each broken one is refused. */
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_sample.h"

static const char *const v1_names[] = {"classes.dex", "META-INF/MANIFEST.MF", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};
static const struct sample_pair v2_pair[] = {{APK_ID_V2, {"signature", 9}, 0}};
#define PAIRS(list) .pairs = (list), .pair_count = sizeof(list) / sizeof *(list)

static struct sample *v1_sample(void **state)
{
    return sample_new(*state, (struct sample_options){.names = v1_names});
}

static struct sample *v2_sample(void **state)
{
    return sample_new(*state, (struct sample_options){PAIRS(v2_pair)});
}

static void assert_refused(void **state, struct sample *sample, enum status status, const char *text)
{
    struct apk apk = {.size = 77};
    struct error error = {0};
    assert_int_equal(apk_examine(*state, &sample->source, &apk, &error), status);
    assert_string_equal(error.text, text);
    assert_int_equal(apk.size, 77); /* nothing half-written */
}

/* --- what is seen */

static void v1_signature_is_seen(void **state)
{
    struct sample *sample = v1_sample(state);
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.schemes, APK_V1);
    assert_int_equal(apk.entries, 4);
    assert_int_equal(apk.block_size, 0);
    assert_int_equal(apk.block, sample->directory);
    assert_int_equal(apk.directory, sample->directory);
    assert_int_equal(apk.end, sample->end);
    assert_int_equal(apk.region.length, 0);
}

static void schemes_with(void **state, const char *const *names, unsigned expected)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.names = names});
    assert_int_equal(sample_examine(*state, &sample->source).schemes, expected);
}

static void v1_wants_a_signature_file_and_its_block(void **state)
{
    schemes_with(state, (const char *const[]){"META-INF/A.SF", "META-INF/A.EC", NULL}, APK_V1);
    schemes_with(state, (const char *const[]){"META-INF/A.SF", "META-INF/A.DSA", NULL}, APK_V1);
    schemes_with(state, (const char *const[]){"META-INF/A.SF", "META-INF/MANIFEST.MF", NULL}, 0);
    schemes_with(state, (const char *const[]){"META-INF/A.RSA", NULL}, 0);
    schemes_with(state, (const char *const[]){"A.SF", "A.RSA", NULL}, 0);
    schemes_with(state, (const char *const[]){"META-INF/x/A.SF", "META-INF/x/A.RSA", NULL}, 0);
    schemes_with(state, (const char *const[]){"META-INF/services/a.SF", "META-INF/A.RSA", NULL}, 0);
}

static void schemes_and_pairs_of_a_block_are_seen(void **state)
{
    const struct sample_pair pairs[] = {
        {APK_ID_V2, S("two"), 0}, {APK_ID_V3, S("three"), 0}, {APK_ID_V31, S("three-one"), 0}, {0x12345678, S(""), 0}};
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, PAIRS(pairs)});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.schemes, APK_V1 | APK_V2 | APK_V3 | APK_V31);
    assert_int_equal(apk.block, sample->block);
    assert_int_equal(apk.block_size, sample->directory - sample->block);
    assert_int_equal(apk.pair_count, 4);
    assert_int_equal(apk.pairs[0].offset, sample->block + 8);
    assert_int_equal(apk.pairs[1].offset, sample->block + 8 + 15);
    assert_str(apk.pairs[2].value, S("three-one"));
    assert_int_equal(apk.pairs[3].id, 0x12345678);
    assert_int_equal(apk.pairs[3].value.length, 0);
}

static void a_fake_end_record_inside_the_comment_misleads_nobody(void **state)
{
    /* Its comment length, 5, would reach exactly to the end if 5 bytes followed it; 9 do. */
    struct str comment = S("before PK\5\6\0\0\0\0\1\0\1\0\1\0\0\0\1\0\0\0\5\0behind us");
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, .comment = comment});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.end, sample->end);
    assert_str(apk.comment, comment);
    assert_int_equal(apk.region.length, 0);
}

static void the_longest_comment_is_read(void **state)
{
    struct str comment = str_make(arena_alloc(*state, 65535), 65535);
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, .comment = comment});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.comment.length, 65535);
    assert_int_equal(apk.region.length, 65535);
    assert_int_equal(apk.region.offset, sample->end + 22);
}

static void a_directory_larger_than_the_window_is_walked(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){0});
    char entry[46 + 200] = "PK\1\2";
    enum { ENTRIES = 6000 };
    char *directory = arena_buffer(*state, ENTRIES * sizeof entry);
    bytes_put16(entry + 28, 200);
    for (int i = 0; i < ENTRIES; i++) memcpy(directory + (size_t)i * sizeof entry, entry, sizeof entry);
    memcpy(directory + 5000 * sizeof entry + 46, "META-INF/", 9);
    memcpy(directory + 5000 * sizeof entry + 46 + 197, ".SF", 3);
    memcpy(directory + 5001 * sizeof entry + 46, "META-INF/", 9);
    memcpy(directory + 5001 * sizeof entry + 46 + 196, ".RSA", 4);
    sample->source.size = sample->directory;
    sample->run_count = 2; /* the entry; directory and end record are written anew */
    sample_add(sample, str_make(directory, ENTRIES * sizeof entry));
    sample->end = sample->source.size;
    sample_add_end(sample, ENTRIES, (struct str){NULL, 0});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.entries, ENTRIES);
    assert_int_equal(apk.schemes, APK_V1);
}

static void offsets_over_two_gigabytes_are_read(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.block = UINT64_C(0xfffff000), PAIRS(v2_pair)});
    struct apk apk = sample_examine(*state, &sample->source);
    assert_int_equal(apk.block, UINT64_C(0xfffff000));
    assert_int_equal(apk.directory, sample->directory);
    assert_int_equal(apk.pairs[0].offset, UINT64_C(0xfffff008));
}

/* --- bad input: the ZIP */

static void too_short(void **state)
{
    struct sample *sample = v1_sample(state);
    sample->source.size = 0;
    assert_refused(state, sample, STATUS_CORRUPT, "0 bytes are too few for an APK");
    sample->source.size = 21;
    assert_refused(state, sample, STATUS_CORRUPT, "21 bytes are too few for an APK");
}

static void truncated_anywhere(void **state)
{
    struct sample *sample = v2_sample(state);
    uint64_t whole = sample->source.size;
    for (sample->source.size = 22; sample->source.size < whole - 22; sample->source.size++)
        assert_refused(state, sample, STATUS_CORRUPT, "there is no ZIP end of central directory record: not an APK, or cut short");
    for (; sample->source.size < whole; sample->source.size++) {
        struct apk apk;
        struct error error;
        assert_int_equal(apk_examine(*state, &sample->source, &apk, &error), STATUS_CORRUPT);
    }
}

static void not_a_zip(void **state)
{
    struct sample *sample = arena_new_of(*state, struct sample);
    sample->arena = *state;
    sample->source = (struct apk_source){sample_read, sample, 200000};
    assert_refused(state, sample, STATUS_CORRUPT, "there is no ZIP end of central directory record: not an APK, or cut short");
}

static void comment_longer_than_it_says(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_add(sample, S("appended"));
    assert_refused(state, sample, STATUS_CORRUPT, "the ZIP comment's length is wrong: the end record says 0 bytes, and 8 follow");
}

static void comment_shorter_than_it_says(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, .comment = S("comment")});
    sample_put16(sample, sample->end + 20, 8);
    assert_refused(state, sample, STATUS_CORRUPT, "the ZIP comment's length is wrong: the end record says 8 bytes, and 7 follow");
}

static void zip64_by_its_locator(void **state)
{
    struct sample *sample = v1_sample(state);
    char locator[20] = "PK\6\7";
    sample->source.size = sample->end;
    sample->end += sizeof locator;
    sample_add(sample, str_make(locator, sizeof locator));
    sample_add_end(sample, 4, (struct str){NULL, 0});
    assert_refused(state, sample, STATUS_UNSUPPORTED, "this is a ZIP64 file, which APK signing does not know");
}

static void zip64_by_its_placeholders(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_put32(sample, sample->end + 16, UINT32_MAX);
    assert_refused(state, sample, STATUS_UNSUPPORTED, "this is a ZIP64 file, which APK signing does not know");
    sample = v1_sample(state);
    sample_put32(sample, sample->directory + 24, UINT32_MAX);
    assert_refused(state, sample, STATUS_UNSUPPORTED, "entry classes.dex is ZIP64, which APK signing does not know");
}

static void over_four_gigabytes(void **state)
{
    struct sample *sample = v1_sample(state);
    sample->source.size = UINT64_C(4) << 30;
    assert_refused(state, sample, STATUS_UNSUPPORTED,
                   "4294967296 bytes: a file over 4 GiB - 1 would be ZIP64, which APK signing does not know");
}

static void several_disks(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_put16(sample, sample->end + 4, 1);
    assert_refused(state, sample, STATUS_UNSUPPORTED, "this is one part of a ZIP file in several");
}

static void directory_beyond_the_file(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_put32(sample, sample->end + 16, 0x7fffffff);
    char *text = arena_cstr(*state, arena_printf(*state, "the central directory's offset, 2147483647, is beyond its end record at %llu",
                                                 (unsigned long long)sample->end));
    assert_refused(state, sample, STATUS_CORRUPT, text);
}

static void directory_of_another_size(void **state)
{
    struct sample *sample = v1_sample(state);
    unsigned long long size = sample->end - sample->directory, at = sample->directory, end = sample->end;
    for (int off = -1; off <= 1; off += 2) {
        sample_put32(sample, sample->end + 12, (uint32_t)((long long)size + off));
        assert_refused(
            state, sample, STATUS_CORRUPT,
            arena_cstr(*state,
                       arena_printf(*state, "the central directory, %llu bytes at %llu, does not end where its end record begins, at %llu",
                                    (unsigned long long)((long long)size + off), at, end)));
    }
}

static void entries_counted_wrongly(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_put16(sample, sample->end + 8, 5);
    sample_put16(sample, sample->end + 10, 5);
    assert_refused(state, sample, STATUS_CORRUPT, "the central directory has 4 entries, its end record says 5");
}

static void garbage_in_the_directory(void **state)
{
    struct sample *sample = v1_sample(state);
    sample_put32(sample, sample->directory, 0);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(*state, arena_printf(*state, "the central directory has no entry at %llu", (unsigned long long)sample->directory)));
}

static void entry_that_overruns_the_directory(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){0});
    sample_put16(sample, sample->directory + 32, 1); /* the length of its comment */
    assert_refused(state, sample, STATUS_CORRUPT,
                   arena_cstr(*state, arena_printf(*state, "the central directory's entry at %llu overruns its end at %llu",
                                                   (unsigned long long)sample->directory, (unsigned long long)sample->end)));
}

static void entry_that_reaches_into_the_block(void **state)
{
    struct sample *sample = v2_sample(state);
    sample_put32(sample, sample->directory + 42, (uint32_t)sample->block - 29);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(*state, arena_printf(*state, "entry classes.dex of 0 bytes at %llu overruns the ZIP entries, which end at %llu",
                                        (unsigned long long)sample->block - 29, (unsigned long long)sample->block)));
}

/* --- bad input: the signing block */

static void size_fields_that_differ(void **state)
{
    struct sample *sample = v2_sample(state);
    sample_put64(sample, sample->block, 46);
    assert_refused(state, sample, STATUS_CORRUPT, "the APK Signing Block's two size fields differ: 46 and 45");
}

static void assert_size_refused(void **state, uint64_t size)
{
    struct sample *sample = v2_sample(state);
    sample_put64(sample, sample->directory - 24, size);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(*state, arena_printf(*state, "the APK Signing Block's size, %llu, does not fit before the central directory at %llu",
                                        (unsigned long long)size, (unsigned long long)sample->directory)));
}

static void block_of_an_impossible_size(void **state)
{
    assert_size_refused(state, 0);
    assert_size_refused(state, 23);
    assert_size_refused(state, 1000000);
    assert_size_refused(state, UINT64_MAX);
    assert_size_refused(state, UINT64_MAX - 7);
}

static void block_over_64_mebibytes(void **state)
{
    const struct sample_pair pairs[] = {{APK_ID_V2, S(""), (64 << 20) - 32 - 12 + 1}};
    struct sample *sample = sample_new(*state, (struct sample_options){PAIRS(pairs)});
    assert_refused(state, sample, STATUS_UNSUPPORTED, "the APK Signing Block has 67108865 bytes, more than the 67108864 that are read");
}

static void pair_that_overruns(void **state)
{
    struct sample *sample = v2_sample(state);
    unsigned long long at = sample->block + 8;
    sample_put64(sample, at, 14);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(
            *state,
            arena_printf(*state, "the pair at %llu in the APK Signing Block overruns it: its length is 14, and 13 bytes follow", at)));
    sample_put64(sample, at, UINT64_MAX);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(
            *state,
            arena_printf(*state,
                         "the pair at %llu in the APK Signing Block overruns it: its length is 18446744073709551615, and 13 bytes follow",
                         at)));
}

static void pair_too_short_for_its_id(void **state)
{
    struct sample *sample = v2_sample(state);
    unsigned long long at = sample->block + 8;
    sample_put64(sample, at, 3);
    assert_refused(
        state, sample, STATUS_CORRUPT,
        arena_cstr(*state, arena_printf(*state, "the pair at %llu in the APK Signing Block has a length of 3, too small for its id", at)));
}

static void stray_bytes_behind_the_last_pair(void **state)
{
    struct sample *sample = v2_sample(state);
    for (unsigned stray = 1; stray <= 9; stray++) { /* the value has 9 bytes to give */
        sample_put64(sample, sample->block + 8, 13 - stray);
        assert_refused(state, sample, STATUS_CORRUPT,
                       arena_cstr(*state, arena_printf(*state, "%u stray bytes at %llu, behind the APK Signing Block's last pair", stray,
                                                       (unsigned long long)sample->directory - 24 - stray)));
    }
}

static void too_many_pairs(void **state)
{
    struct sample_pair *pairs = arena_array(*state, 2, sizeof *pairs);
    size_t size = (size_t)4097 * 12;
    char *many = arena_alloc(*state, size);
    for (size_t at = 0; at < size; at += 12) bytes_put64(many + at, 4);
    pairs[0] = (struct sample_pair){APK_ID_V2, str_make(many + 12, size - 12), 0};
    struct sample *sample = sample_new(*state, (struct sample_options){.pairs = pairs, .pair_count = 1});
    sample_put64(sample, sample->block + 8, 4);
    assert_refused(state, sample, STATUS_UNSUPPORTED, "the APK Signing Block has more than 4096 pairs");
}

static enum status failing_read(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    int *left = context;
    memset(buffer, 0, length);
    (void)offset;
    return (*left)-- > 0 ? STATUS_OK : error_set(error, STATUS_UNAVAILABLE, "the store is down");
}

static void a_source_that_fails_says_so(void **state)
{
    int left = 0;
    struct apk_source source = {failing_read, &left, 1000};
    struct apk apk;
    struct error error = {0};
    assert_int_equal(apk_examine(*state, &source, &apk, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.text, "the store is down");
}

/* --- names */

static void scheme_names(void **state)
{
    unsigned schemes = 99;
    assert_str(apk_schemes_name(*state, APK_V1 | APK_V2 | APK_V3), S("v1+v2+v3"));
    assert_str(apk_schemes_name(*state, APK_V31), S("v3.1"));
    assert_str(apk_schemes_name(*state, 0), S("unsigned"));
    assert_true(apk_schemes_parse(S("v2+v3+v3.1"), &schemes));
    assert_int_equal(schemes, APK_V2 | APK_V3 | APK_V31);
    schemes = 99;
    assert_false(apk_schemes_parse(S("v2+"), &schemes));
    assert_false(apk_schemes_parse(S(""), &schemes));
    assert_false(apk_schemes_parse((struct str){NULL, 0}, &schemes));
    assert_false(apk_schemes_parse(S("v2+v4"), &schemes));
    assert_false(apk_schemes_parse(S("unsigned"), &schemes));
    assert_int_equal(schemes, 99);
}

static void id_names(void **state)
{
    (void)state;
    assert_string_equal(apk_id_name(ID_WALLE), "Walle channel");
    assert_string_equal(apk_id_name(0x6dff800d), "source stamp v2");
    assert_null(apk_id_name(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(v1_signature_is_seen),
        SAMPLE_TEST(v1_wants_a_signature_file_and_its_block),
        SAMPLE_TEST(schemes_and_pairs_of_a_block_are_seen),
        SAMPLE_TEST(a_fake_end_record_inside_the_comment_misleads_nobody),
        SAMPLE_TEST(the_longest_comment_is_read),
        SAMPLE_TEST(a_directory_larger_than_the_window_is_walked),
        SAMPLE_TEST(offsets_over_two_gigabytes_are_read),
        SAMPLE_TEST(too_short),
        SAMPLE_TEST(truncated_anywhere),
        SAMPLE_TEST(not_a_zip),
        SAMPLE_TEST(comment_longer_than_it_says),
        SAMPLE_TEST(comment_shorter_than_it_says),
        SAMPLE_TEST(zip64_by_its_locator),
        SAMPLE_TEST(zip64_by_its_placeholders),
        SAMPLE_TEST(over_four_gigabytes),
        SAMPLE_TEST(several_disks),
        SAMPLE_TEST(directory_beyond_the_file),
        SAMPLE_TEST(directory_of_another_size),
        SAMPLE_TEST(entries_counted_wrongly),
        SAMPLE_TEST(garbage_in_the_directory),
        SAMPLE_TEST(entry_that_overruns_the_directory),
        SAMPLE_TEST(entry_that_reaches_into_the_block),
        SAMPLE_TEST(size_fields_that_differ),
        SAMPLE_TEST(block_of_an_impossible_size),
        SAMPLE_TEST(block_over_64_mebibytes),
        SAMPLE_TEST(pair_that_overruns),
        SAMPLE_TEST(pair_too_short_for_its_id),
        SAMPLE_TEST(stray_bytes_behind_the_last_pair),
        SAMPLE_TEST(too_many_pairs),
        SAMPLE_TEST(a_source_that_fails_says_so),
        SAMPLE_TEST(scheme_names),
        SAMPLE_TEST(id_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
