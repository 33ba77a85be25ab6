/* The table of formats: what its reader wants, byte for byte, and that everything which loops over the table knows it. A format that is
 * added gets a row here for each place that it has a form in. */
#include "tests/unit/apk_sample.h"

#include "lib/apk/channel.h"
#include "lib/apk/signing_block_internal.h"

enum { REGION = 4096 };
#define INFO "{\"channel\":\"huawei\",\"x\":\"y\"}"

/* In a block `bytes` are the first pair, in a comment the whole of it without the zeros; `at` says where they begin (-1: they end it). */
static const struct vector {
    unsigned format;
    enum apk_place place;
    struct str bytes;
    int at;
} vectors[] = {
    {APK_RAW, APK_IN_COMMENT, {INFO, 28}, 0},
    {APK_WALLE, APK_IN_BLOCK, {"\x20\0\0\0\0\0\0\0\x77\x77\x77\x71" INFO, 40}, 0},
    {APK_VASDOLLY, APK_IN_BLOCK, {"\x0a\0\0\0\0\0\0\0\xff\x55\x11\x88huawei", 18}, 0},
    {APK_VASDOLLY, APK_IN_COMMENT, {"huawei\6\0ltlovezh", 16}, -1},
    {APK_PACKER_NG,
     APK_IN_BLOCK,
     {"\x2f\0\0\0\0\0\0\0\x21\x6b\x78\x7aPacker Ng Sig V2\x13\0\0\0CHANNEL\xe2\x88\x98huawei\xe2\x88\x99\x13\0\0\0", 55},
     0},
    {APK_PACKER_NG, APK_IN_COMMENT, {"huawei\6\0!ZXK!", 13}, -1},
};
enum { VECTOR_COUNT = sizeof vectors / sizeof *vectors };

static const struct apk_info info = {{INFO, 28}, {"huawei", 6}};

static unsigned schemes_of(const struct vector *vector)
{
    return vector->place == APK_IN_COMMENT ? APK_V1 : APK_V2;
}

static size_t index_of(unsigned format)
{
    size_t i = 0;
    while (!(format >> i & 1)) i++;
    return i;
}

static struct str text_of(const struct vector *vector)
{
    return apk_formats[index_of(vector->format)]->info ? info.json : info.channel;
}

static struct str filled(struct arena *arena, const struct vector *vector)
{
    struct str region = sample_guarded(arena, str_make(memset(arena_buffer(arena, REGION), 'U', REGION), REGION));
    struct error error = {0};
    if (apk_fill((struct apk_filling){schemes_of(vector), (char *)(uintptr_t)region.data, REGION}, vector->format, &info, &error) !=
        STATUS_OK)
        fail_msg("%s", error.text);
    return region;
}

/* A base package with this region. */
static struct sample_result *package_with(struct arena *arena, const struct vector *vector, struct str region)
{
    static const char *const v1_names[] = {"classes.dex", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};
    static const struct sample_pair signature[] = {{APK_ID_V2, {"signature", 9}, 0}};
    bool v1 = vector->place == APK_IN_COMMENT;
    struct sample_options options = {.names = v1 ? v1_names : NULL, .pairs = v1 ? NULL : signature, .pair_count = v1 ? 0 : 1};
    struct sample_result *base = sample_prepare(arena, &sample_new(arena, options)->source, REGION);
    base->fill = (struct sample_run){base->prepared.region.offset, region};
    return base;
}

static void every_form_has_a_vector(void **state)
{
    unsigned seen[APK_PLACE_COUNT] = {0};
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) seen[vectors[i].place] |= vectors[i].format;
    for (int place = 0; place < APK_PLACE_COUNT; place++) assert_int_equal(seen[place], apk_formats_in((enum apk_place)place));
}

static void values_are_as_their_readers_want_them(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct str region = filled(*state, &vectors[i]), bytes = vectors[i].bytes;
        size_t at = vectors[i].at < 0 ? REGION - bytes.length : 0, left = REGION - bytes.length;
        assert_memory_equal(region.data + at, bytes.data, bytes.length);
        size_t from = at == 0 ? bytes.length : 0;
        if (vectors[i].place == APK_IN_BLOCK) {
            assert_int_equal(bytes_get64(region.data + from), left - 8);
            assert_int_equal(bytes_get32(region.data + from + 8), APK_ID_REGION);
            from += APK_PAIR_HEAD;
            left -= APK_PAIR_HEAD;
        }
        for (size_t zero = 0; zero < left; zero++) assert_int_equal(region.data[from + zero], 0);
    }
}

static void readers_see_their_value_and_no_others(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct apk apk = sample_examine(*state, &package_with(*state, &vectors[i], filled(*state, &vectors[i]))->source);
        struct apk_channels channels;
        assert_int_equal(apk.region.length, REGION);
        apk_read_channels(*state, &apk, &channels);
        for (size_t format = 0; format < APK_FORMAT_COUNT; format++)
            assert_str(channels.seen[format], vectors[i].format >> format & 1 ? text_of(&vectors[i]) : S(""));
    }
}

static void preparing_again_takes_the_value_out_and_says_so(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct sample_result *base = package_with(*state, &vectors[i], (struct str){NULL, 0});
        struct sample_result *again =
            sample_prepare(*state, &package_with(*state, &vectors[i], filled(*state, &vectors[i]))->source, REGION);
        char blank[REGION], bytes[REGION];
        struct error error = {0};
        const struct apk_format *format = apk_formats[index_of(vectors[i].format)];
        uint64_t at = base->prepared.region.offset;
        assert_int_equal(again->source.read(again, at, bytes, REGION, &error), STATUS_OK);
        assert_int_equal(base->source.read(base, at, blank, REGION, &error), STATUS_OK);
        assert_memory_equal(bytes, blank, REGION);
        assert_int_equal(again->prepared.note_count, 1);
        assert_str(again->prepared.notes[0],
                   arena_printf(*state, "the %s that it held was taken out: " STR_FMT, format->title, STR_ARG(text_of(&vectors[i]))));
    }
}

static void values_are_carried_to_the_next_version(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct str old = filled(*state, &vectors[i]);
        struct error error = {0};
        char out[REGION];
        assert_int_equal(
            apk_carry(*state, schemes_of(&vectors[i]), old, (struct apk_filling){schemes_of(&vectors[i]), out, REGION}, &error), STATUS_OK);
        assert_memory_equal(out, old.data, REGION);
    }
}

static void pairs_have_the_formats_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct apk_format *format = apk_formats[index_of(vectors[i].format)];
        if (vectors[i].place != APK_IN_BLOCK) continue;
        assert_ptr_equal(apk_format_of_pair(bytes_get32(vectors[i].bytes.data + 8)), format);
        assert_string_equal(apk_id_name(bytes_get32(vectors[i].bytes.data + 8)), format->title);
    }
    assert_null(apk_format_of_pair(0)); /* a format without a pair has this id */
    assert_null(apk_format_of_pair(APK_ID_REGION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(every_form_has_a_vector),
        SAMPLE_TEST(values_are_as_their_readers_want_them),
        SAMPLE_TEST(readers_see_their_value_and_no_others),
        SAMPLE_TEST(preparing_again_takes_the_value_out_and_says_so),
        SAMPLE_TEST(values_are_carried_to_the_next_version),
        SAMPLE_TEST(pairs_have_the_formats_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
