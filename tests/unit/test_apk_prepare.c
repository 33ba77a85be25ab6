/* S1–S3: base packages, and what stands in the way of them. */
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_sample.h"

#include "lib/apk/channel.h"

static const char *const v1_names[] = {"classes.dex", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};
#define PAIRS(list) .pairs = (list), .pair_count = sizeof(list) / sizeof *(list)
#define V2                                                                                                                                 \
    {                                                                                                                                      \
        APK_ID_V2, S("signature"), 0                                                                                                       \
    }
#define V3                                                                                                                                 \
    {                                                                                                                                      \
        APK_ID_V3, S("signature"), 0                                                                                                       \
    }

static void read_source(const struct apk_source *source, uint64_t offset, void *buffer, size_t length)
{
    struct error error = {0};
    if (source->read(source->context, offset, buffer, length, &error) != STATUS_OK) fail_msg("%s", error.text);
}

static void assert_same_bytes(const struct apk_source *a, uint64_t a_from, const struct apk_source *b, uint64_t b_from, uint64_t length)
{
    enum { STEP = 256 * 1024 };
    static char one[STEP], two[STEP];
    for (uint64_t at = 0; at < length; at += STEP) {
        size_t run = length - at < STEP ? (size_t)(length - at) : STEP;
        read_source(a, a_from + at, one, run);
        read_source(b, b_from + at, two, run);
        assert_memory_equal(one, two, run);
    }
}

static uint64_t read64(const struct apk_source *source, uint64_t offset)
{
    char bytes[8];
    read_source(source, offset, bytes, sizeof bytes);
    return bytes_get64(bytes);
}

static void assert_zeros(const struct apk_source *source, uint64_t from, uint64_t length)
{
    char byte;
    for (uint64_t i = 0; i < length; i++) {
        read_source(source, from + i, &byte, 1);
        assert_int_equal(byte, 0);
    }
}

static void assert_identity(void **state, const struct apk_source *base, uint64_t region)
{
    struct sample_result *again = sample_prepare(*state, base, region);
    assert_int_equal(again->prepared.count, 1);
    assert_null(again->prepared.pieces[0].bytes);
    assert_int_equal(again->prepared.pieces[0].offset, 0);
    assert_int_equal(again->prepared.pieces[0].length, base->size);
    assert_int_equal(again->prepared.size, base->size);
    assert_int_equal(again->prepared.note_count, 0);
}

static void assert_refused(void **state, const struct apk_source *source, uint64_t region, enum status status, const char *text)
{
    struct apk_prepared prepared = {.size = 77};
    struct error error = {0};
    assert_int_equal(apk_prepare(*state, source, region, &prepared, &error), status);
    assert_string_equal(error.text, text);
    assert_int_equal(prepared.size, 77);
}

/* --- v1 */

static struct sample *v1_of_size(void **state, uint64_t size)
{
    struct sample *small = sample_new(*state, (struct sample_options){.names = v1_names});
    return sample_new(*state, (struct sample_options){.names = v1_names, .block = size - (small->source.size - small->block)});
}

static void s1_a_v1_package_gets_a_comment(void **state)
{
    struct sample *sample = v1_of_size(state, 7432883);
    assert_int_equal(sample->source.size, 7432883);
    struct sample_result *base = sample_prepare(*state, &sample->source, APK_REGION_DEFAULT);
    assert_int_equal(base->prepared.size, 7436979);
    assert_int_equal(base->prepared.schemes, APK_V1);
    assert_int_equal(base->prepared.region.offset, 7432883);
    assert_int_equal(base->prepared.region.length, 4096);
    assert_int_equal(base->prepared.note_count, 0);
    assert_same_bytes(&sample->source, 0, &base->source, 0, 7432881);
    assert_int_equal(read64(&base->source, 7432881) & 0xffff, 4096);
    assert_zeros(&base->source, 7432883, 4096);
    struct apk apk = sample_examine(*state, &base->source);
    assert_int_equal(apk.region.offset, 7432883);
    assert_int_equal(apk.region.length, 4096);
    assert_identity(state, &base->source, APK_REGION_DEFAULT);
}

static void v1_regions_are_1_to_65535_bytes(void **state)
{
    struct sample *sample = v1_of_size(state, 1000);
    assert_int_equal(sample_prepare(*state, &sample->source, 1)->prepared.size, 1001);
    assert_int_equal(sample_prepare(*state, &sample->source, 65535)->prepared.size, 66535);
    assert_refused(state, &sample->source, 0, STATUS_INVALID, "the region of a v1 package is its ZIP comment: 1 to 65535 bytes, not 0");
    assert_refused(state, &sample->source, 65536, STATUS_INVALID,
                   "the region of a v1 package is its ZIP comment: 1 to 65535 bytes, not 65536");
}

static struct sample_result *with_comment(void **state, struct str comment, uint64_t region)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, .comment = comment});
    struct sample_result *base = sample_prepare(*state, &sample->source, region);
    assert_int_equal(base->prepared.size, sample->end + 22 + region);
    assert_zeros(&base->source, base->prepared.region.offset, region);
    return base;
}

static void an_old_comment_is_dropped_with_a_note(void **state)
{
    struct sample_result *base = with_comment(state, S("made by ant"), 100);
    assert_int_equal(base->prepared.note_count, 1);
    assert_str(base->prepared.notes[0], S("its ZIP comment of 11 bytes was dropped"));
}

static void an_old_channel_in_the_comment_is_named(void **state)
{
    struct sample_result *base = with_comment(state, S("huawei\6\0ltlovezh"), 100);
    assert_int_equal(base->prepared.note_count, 2);
    assert_str(base->prepared.notes[0], S("the VasDolly channel that it held was taken out: huawei"));
    assert_str(base->prepared.notes[1], S("its region of 16 bytes gave way to one of 100"));
    base = with_comment(state, S("made by ant xiaomi\6\0!ZXK!"), 100);
    assert_int_equal(base->prepared.note_count, 2);
    assert_str(base->prepared.notes[0], S("the packer-ng channel that it held was taken out: xiaomi"));
    assert_str(base->prepared.notes[1], S("its ZIP comment of 25 bytes was dropped"));
}

static void a_filled_comment_is_blanked(void **state)
{
    struct sample_result *base = with_comment(state, S("{\"channel\":\"x\"}\0\0\0\0"), 19);
    assert_int_equal(base->prepared.note_count, 1);
    assert_str(base->prepared.notes[0], S("the channel info that it held was taken out: {\"channel\":\"x\"}"));
    assert_identity(state, &base->source, 19);
}

/* --- v2 and later */

static void s2_a_block_gets_a_region_behind_its_padding(void **state)
{
    /* Pairs of 4064 bytes at 7 393 288–7 397 351: signature, padding. */
    const struct sample_pair pairs[] = {V2, V3, {APK_ID_VERITY_PADDING, S(""), 4064 - 21 - 21 - 12}};
    struct sample *sample = sample_new(*state, (struct sample_options){.block = 7393280, PAIRS(pairs)});
    assert_int_equal(sample->directory, 7397376);
    assert_int_equal(read64(&sample->source, 7393280), 4088);
    struct sample_result *base = sample_prepare(*state, &sample->source, APK_REGION_DEFAULT);
    assert_int_equal(base->prepared.size, sample->source.size + 4096);
    assert_int_equal(base->prepared.region.offset, 7397352);
    assert_int_equal(base->prepared.region.length, 4096);
    assert_int_equal(base->prepared.note_count, 0);
    assert_int_equal(read64(&base->source, 7393280), 8184);
    assert_int_equal(read64(&base->source, 7401448), 8184);
    assert_same_bytes(&sample->source, 0, &base->source, 0, 7393280);
    assert_same_bytes(&sample->source, 7393288, &base->source, 7393288, 4064);
    assert_int_equal(read64(&base->source, 7397352), 4088);
    assert_int_equal(read64(&base->source, 7397360) & UINT32_MAX, APK_ID_REGION);
    assert_zeros(&base->source, 7397364, 4084);
    assert_same_bytes(&sample->source, 7397376, &base->source, 7401472, sample->end - 7397376);
    struct apk apk = sample_examine(*state, &base->source);
    assert_int_equal(apk.directory, 7401472);
    assert_int_equal(apk.region.offset, 7397352);
    assert_identity(state, &base->source, APK_REGION_DEFAULT);
}

static void larger_regions_are_whole_pages(void **state)
{
    const struct sample_pair pairs[] = {V2};
    struct sample *sample = sample_new(*state, (struct sample_options){PAIRS(pairs)});
    struct sample_result *base = sample_prepare(*state, &sample->source, 1 << 20);
    assert_int_equal(base->prepared.size, sample->source.size + (1 << 20));
    assert_identity(state, &base->source, 1 << 20);
    assert_refused(state, &sample->source, 4095, STATUS_INVALID,
                   "the region of a v2 or later package is a multiple of 4096 bytes, up to 1048576, not 4095");
    assert_refused(state, &sample->source, 0, STATUS_INVALID,
                   "the region of a v2 or later package is a multiple of 4096 bytes, up to 1048576, not 0");
    assert_refused(state, &sample->source, (1 << 20) + 4096, STATUS_INVALID,
                   "the region of a v2 or later package is a multiple of 4096 bytes, up to 1048576, not 1052672");
}

static struct apk prepare_and_examine(void **state, const struct sample_pair *pairs, size_t count, struct sample_result **base)
{
    struct sample *sample = sample_new(*state, (struct sample_options){.block = 8192, .pairs = pairs, .pair_count = count});
    *base = sample_prepare(*state, &sample->source, APK_REGION_DEFAULT);
    struct apk apk = sample_examine(*state, &(*base)->source);
    assert_int_equal(apk.block, 8192);
    assert_int_equal(apk.region.length, 4096);
    assert_int_equal(apk.region.offset, (*base)->prepared.region.offset);
    assert_int_equal(apk.pairs[apk.pair_count - 1].id, APK_ID_REGION);
    assert_identity(state, &(*base)->source, APK_REGION_DEFAULT);
    return apk;
}
#define PREPARE(pairs, base) prepare_and_examine(state, pairs, sizeof(pairs) / sizeof *(pairs), base)

static void a_v2_block_that_was_not_aligned_stays_so(void **state)
{
    const struct sample_pair pairs[] = {V2};
    struct sample_result *base;
    struct apk apk = PREPARE(pairs, &base);
    assert_int_equal(apk.pair_count, 2);
    assert_int_equal(apk.block_size, 32 + 21 + 4096);
}

static void an_old_channel_is_taken_out_and_the_block_padded_anew(void **state)
{
    /* As Walle leaves it: the channel, then a padding of its own. */
    const struct sample_pair pairs[] = {
        V2, {ID_WALLE, S("{\"channel\":\"old\"}"), 0}, {APK_ID_VERITY_PADDING, S(""), 4096 - 32 - 21 - 29 - 12}};
    struct sample_result *base;
    struct apk apk = PREPARE(pairs, &base);
    assert_int_equal(apk.pair_count, 3);
    assert_int_equal(apk.pairs[1].id, APK_ID_VERITY_PADDING);
    assert_int_equal(apk.pairs[1].value.length, 4096 - 32 - 21 - 12);
    assert_int_equal(apk.block_size, 8192);
    assert_int_equal(base->prepared.note_count, 1);
    assert_str(base->prepared.notes[0], S("the Walle channel that it held was taken out: {\"channel\":\"old\"}"));
}

static void every_kind_of_old_channel_is_named(void **state)
{
    const struct sample_pair pairs[] = {V2,
                                        {ID_WALLE, S("{\"channel\":\"first\"}"), 0},
                                        {ID_WALLE, S("not JSON\n"), 0},
                                        {ID_VASDOLLY, S("two\1lines"), 0},
                                        {ID_PACKER_NG,
                                         S("Packer Ng Sig V2\x10\0\0\0CHANNEL\xe2\x88\x98"
                                           "abc\xe2\x88\x99\x10\0\0\0"),
                                         0},
                                        {APK_ID_REGION, S(""), 8180}};
    struct sample_result *base;
    struct apk apk = PREPARE(pairs, &base);
    assert_int_equal(apk.pair_count, 2);
    assert_int_equal(base->prepared.note_count, 4);
    assert_str(base->prepared.notes[0], S("the Walle channel that it held was taken out: it was damaged"));
    assert_str(base->prepared.notes[1], S("the VasDolly channel that it held was taken out: two?lines"));
    assert_str(base->prepared.notes[2], S("the packer-ng channel that it held was taken out: abc"));
    assert_str(base->prepared.notes[3], S("its region of 8192 bytes gave way to one of 4096"));
}

static void a_long_old_channel_is_cut_where_a_character_begins(void **state)
{
    char *value = arena_buffer(*state, 1 + 300 * 2);
    value[0] = 'x';
    for (size_t i = 0; i < 300; i++) memcpy(value + 1 + 2 * i, "\xc3\xa9", 2);
    const struct sample_pair pairs[] = {V2, {ID_VASDOLLY, str_make(value, 601), 0}};
    struct sample_result *base;
    PREPARE(pairs, &base);
    struct str note = base->prepared.notes[0], head = S("the VasDolly channel that it held was taken out: ");
    assert_str(note, arena_printf(*state, STR_FMT STR_FMT, STR_ARG(head), 199, value));
}

static void other_pairs_are_kept_in_order_byte_for_byte(void **state)
{
    const struct sample_pair pairs[] = {V2,
                                        V3,
                                        {APK_ID_V31, S("three-one"), 0},
                                        {ID_WALLE, S("{}"), 0},
                                        {APK_ID_STAMP_V1, S("stamp"), 3},
                                        {APK_ID_STAMP_V2, S("stamp two"), 0},
                                        {APK_ID_DEPENDENCIES, S("dependencies"), 0},
                                        {0x12345678, S("unknown"), 0},
                                        {0x12345678, S("twice"), 0},
                                        {APK_ID_VERITY_PADDING, S(""), 3000}};
    struct sample_result *base;
    struct apk apk = PREPARE(pairs, &base);
    static const int kept[] = {0, 1, 2, 4, 5, 6, 7, 8};
    assert_int_equal(apk.pair_count, 8 + 2);
    for (size_t i = 0; i < 8; i++) {
        const struct sample_pair *before = &pairs[kept[i]];
        assert_int_equal(apk.pairs[i].id, before->id);
        assert_int_equal(apk.pairs[i].value.length, before->value.length + before->zeros);
        assert_str(str_first(apk.pairs[i].value, before->value.length), before->value);
    }
    assert_int_equal(apk.pairs[8].id, APK_ID_VERITY_PADDING);
    assert_int_equal(apk.block_size % 4096, 0);
}

/* The block's own 32 bytes and the signature leave `gap` bytes of a page. */
static struct apk with_gap(void **state, uint32_t scheme, size_t gap, struct sample_result **base)
{
    const struct sample_pair pairs[] = {{scheme, S(""), 4096 - 32 - 12 - gap}};
    return PREPARE(pairs, base);
}

static void v3_blocks_are_padded_to_whole_pages(void **state)
{
    struct sample_result *base;
    for (size_t gap = 0; gap <= 40; gap++) {
        struct apk apk = with_gap(state, APK_ID_V3, gap, &base);
        size_t padding = gap == 0 ? 0 : gap < 12 ? gap + 4096 : gap;
        assert_int_equal(apk.block_size, 4096 - gap + padding + 4096);
        assert_int_equal(apk.pair_count, padding ? 3 : 2);
        assert_int_equal(apk.block_size % 4096, 0);
    }
}

static void whole_pages_without_a_padding_pair_stay_whole(void **state)
{
    /* VasDolly issue 180: taking its channel out of a block of whole pages must not break the alignment. */
    const struct sample_pair pairs[] = {V2, {ID_VASDOLLY, S("old"), 4096 - 32 - 21 - 12 - 3}};
    struct sample_result *base;
    struct apk apk = PREPARE(pairs, &base);
    assert_int_equal(apk.pair_count, 3);
    assert_int_equal(apk.pairs[1].id, APK_ID_VERITY_PADDING);
    assert_int_equal(apk.block_size, 8192);
}

static void a_filled_region_is_blanked(void **state)
{
    const struct sample_pair pairs[] = {V2, V3, {APK_ID_STAMP_V1, S("stamp"), 0}};
    struct sample *sample = sample_new(*state, (struct sample_options){.block = 4096, PAIRS(pairs)});
    struct sample_result *base = sample_prepare(*state, &sample->source, APK_REGION_DEFAULT);
    struct apk_info info = {S("{\"channel\":\"huawei\"}"), S("huawei")};
    struct error error;
    char *fill = arena_alloc(*state, 4096);
    assert_int_equal(apk_fill((struct apk_filling){base->prepared.schemes, fill, 4096}, BLOCK_FORMATS, &info, &error), STATUS_OK);
    base->fill = (struct sample_run){base->prepared.region.offset, str_make(fill, 4096)};
    struct sample_result *again = sample_prepare(*state, &base->source, APK_REGION_DEFAULT);
    assert_int_equal(again->prepared.note_count, 3);
    base->fill.bytes.length = 0;
    assert_int_equal(again->prepared.size, base->prepared.size);
    assert_same_bytes(&again->source, 0, &base->source, 0, base->prepared.size);
}

static void a_region_of_another_size_is_replaced(void **state)
{
    const struct sample_pair pairs[] = {V2, V3};
    struct sample *sample = sample_new(*state, (struct sample_options){PAIRS(pairs)});
    struct sample_result *large = sample_prepare(*state, &sample->source, 16384);
    struct sample_result *direct = sample_prepare(*state, &sample->source, 4096), *smaller = sample_prepare(*state, &large->source, 4096);
    assert_str(smaller->prepared.notes[0], S("its region of 16384 bytes gave way to one of 4096"));
    assert_int_equal(smaller->prepared.size, direct->prepared.size);
    assert_same_bytes(&smaller->source, 0, &direct->source, 0, direct->prepared.size);
}

/* --- what cannot be prepared */

static void unsigned_packages_are_refused(void **state)
{
    struct sample *sample = sample_new(*state, (struct sample_options){0});
    assert_refused(state, &sample->source, 4096, STATUS_INVALID,
                   "the package is not signed (neither v1, v2 nor v3): sign it first, then prepare it");
}

static void a_comment_on_a_v2_package_stays(void **state)
{
    const struct sample_pair pairs[] = {V2};
    struct sample *sample = sample_new(*state, (struct sample_options){.names = v1_names, PAIRS(pairs), .comment = S("comment")});
    struct sample_result *base = sample_prepare(*state, &sample->source, 4096);
    struct apk apk = sample_examine(*state, &base->source);
    assert_str(apk.comment, S("comment"));
    assert_int_equal(base->source.size, sample->source.size + 4096);
    assert_int_equal(apk.region.offset, base->prepared.region.offset);
    assert_int_equal(apk.region.length, 4096);
    assert_int_equal(apk.region.offset + 4096 + 24, apk.directory);
    assert_int_equal(base->prepared.note_count, 0);
    struct sample_result *again = sample_prepare(*state, &base->source, 4096);
    assert_int_equal(again->prepared.count, 1);
    assert_null(again->prepared.pieces[0].bytes);
}

static void broken_packages_are_refused_as_examined(void **state)
{
    struct sample *sample = v1_of_size(state, 1000);
    sample->source.size--;
    assert_refused(state, &sample->source, 4096, STATUS_CORRUPT,
                   "there is no ZIP end of central directory record: not an APK, or cut short");
}

static void the_result_may_have_4_gibibytes_less_one(void **state)
{
    struct sample *sample = v1_of_size(state, UINT32_MAX - 4096);
    assert_int_equal(sample_prepare(*state, &sample->source, 4096)->prepared.size, UINT32_MAX);
    sample = v1_of_size(state, UINT32_MAX - 4095);
    assert_refused(state, &sample->source, 4096, STATUS_TOO_LARGE,
                   "with the region the package would have 4294967296 bytes (now 4294963200): over 4 GiB - 1 it would be ZIP64, which APK "
                   "signing does not know");
}

static void a_block_past_two_gigabytes_moves_the_directory(void **state)
{
    const struct sample_pair pairs[] = {V2, {APK_ID_VERITY_PADDING, S(""), 4096 - 32 - 21 - 12}};
    uint64_t block = UINT64_C(0xc0000000);
    struct sample *sample = sample_new(*state, (struct sample_options){.block = block, PAIRS(pairs)});
    struct sample_result *base = sample_prepare(*state, &sample->source, 4096);
    assert_int_equal(sample_examine(*state, &base->source).directory, block + 8192);
    assert_int_equal(base->prepared.region.offset, block + 4096 - 24);
    sample = sample_new(*state, (struct sample_options){.block = UINT64_C(0xffffe000), PAIRS(pairs)});
    struct apk_prepared unused;
    struct error error;
    assert_int_equal(apk_prepare(*state, &sample->source, 4096, &unused, &error), STATUS_TOO_LARGE);
}

/* --- reading the result */

static void any_run_of_the_result_can_be_read(void **state)
{
    const struct sample_pair pairs[] = {V2, V3};
    struct sample *sample = sample_new(*state, (struct sample_options){.block = 300, PAIRS(pairs)});
    struct sample_result *base = sample_prepare(*state, &sample->source, 4096);
    size_t size = (size_t)base->prepared.size;
    char *whole = arena_buffer(*state, size);
    read_source(&base->source, 0, whole, size);
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        size_t offset = (size_t)sample_random(&random, size + 1), length = (size_t)sample_random(&random, size - offset + 1);
        char *part = arena_buffer(*state, length);
        read_source(&base->source, offset, part, length);
        assert_memory_equal(part, whole + offset, length);
    }
}

static void nothing_behind_the_result_can_be_read(void **state)
{
    struct sample *sample = v1_of_size(state, 1000);
    struct sample_result *base = sample_prepare(*state, &sample->source, 24);
    struct error error = {0};
    char byte;
    assert_int_equal(apk_prepared_read(&base->prepared, &sample->source, (struct apk_region){1024, 0}, &byte, &error), STATUS_OK);
    assert_int_equal(apk_prepared_read(&base->prepared, &sample->source, (struct apk_region){1024, 1}, &byte, &error), STATUS_INVALID);
    assert_string_equal(error.text, "1 bytes at offset 1024 reach beyond the base package's end at 1024");
    assert_int_equal(apk_prepared_read(&base->prepared, &sample->source, (struct apk_region){UINT64_MAX, 1}, &byte, &error),
                     STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(s1_a_v1_package_gets_a_comment),
        SAMPLE_TEST(v1_regions_are_1_to_65535_bytes),
        SAMPLE_TEST(an_old_comment_is_dropped_with_a_note),
        SAMPLE_TEST(an_old_channel_in_the_comment_is_named),
        SAMPLE_TEST(a_filled_comment_is_blanked),
        SAMPLE_TEST(s2_a_block_gets_a_region_behind_its_padding),
        SAMPLE_TEST(larger_regions_are_whole_pages),
        SAMPLE_TEST(a_v2_block_that_was_not_aligned_stays_so),
        SAMPLE_TEST(an_old_channel_is_taken_out_and_the_block_padded_anew),
        SAMPLE_TEST(every_kind_of_old_channel_is_named),
        SAMPLE_TEST(a_long_old_channel_is_cut_where_a_character_begins),
        SAMPLE_TEST(other_pairs_are_kept_in_order_byte_for_byte),
        SAMPLE_TEST(v3_blocks_are_padded_to_whole_pages),
        SAMPLE_TEST(whole_pages_without_a_padding_pair_stay_whole),
        SAMPLE_TEST(a_filled_region_is_blanked),
        SAMPLE_TEST(a_region_of_another_size_is_replaced),
        SAMPLE_TEST(unsigned_packages_are_refused),
        SAMPLE_TEST(a_comment_on_a_v2_package_stays),
        SAMPLE_TEST(broken_packages_are_refused_as_examined),
        SAMPLE_TEST(the_result_may_have_4_gibibytes_less_one),
        SAMPLE_TEST(a_block_past_two_gigabytes_moves_the_directory),
        SAMPLE_TEST(any_run_of_the_result_can_be_read),
        SAMPLE_TEST(nothing_behind_the_result_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
