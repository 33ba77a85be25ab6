/* Channel formats by name, channel info, and the readers of values in the field: each given bytes that end where a page ends. */
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_sample.h"

#include "lib/apk/channel.h"
#include "lib/apk/info.h"

/* --- formats */

static void formats_have_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        unsigned format = 0;
        struct error error = {0};
        assert_int_equal(apk_formats_parse(str_of(apk_format_name(i)), &format, &error), STATUS_OK);
        assert_int_equal(format, 1 << i);
    }
    assert_string_equal(apk_format_name(APK_FORMAT_PACKER_NG), "packer-ng");
    assert_string_equal(APK_FORMAT_NAMES, "raw, walle, vasdolly, packer-ng, ");
}

static void sets_as_words(void **state)
{
    (void)state;
    assert_string_equal(apk_formats_text(0, "and").text, "");
    assert_string_equal(apk_formats_text(APK_WALLE, "and").text, "walle");
    assert_string_equal(apk_formats_text(APK_WALLE | APK_PACKER_NG, "or").text, "walle or packer-ng");
    assert_string_equal(apk_formats_text(APK_FORMATS_ALL, "and").text, "raw, walle, vasdolly and packer-ng");
}

static void other_names_are_no_formats(void **state)
{
    static const char *const others[] = {"Walle", "", "walle/raw"};
    unsigned formats = 99;
    struct error error = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++) assert_int_equal(apk_formats_parse(str_of(others[i]), &formats, &error), STATUS_INVALID);
    assert_int_equal(formats, 99);
}

static void lists_of_formats(void **state)
{
    unsigned formats = 99;
    struct error error = {0};
    (void)state;
    assert_int_equal(apk_formats_parse(S("walle, vasdolly,packer-ng,walle"), &formats, &error), STATUS_OK);
    assert_int_equal(formats, BLOCK_FORMATS);
    formats = 99;
    assert_int_equal(apk_formats_parse(S("walle,packer"), &formats, &error), STATUS_INVALID);
    assert_string_equal(error.text, "'packer' is not a channel format: raw, walle, vasdolly or packer-ng");
    assert_int_equal(apk_formats_parse(S("walle,"), &formats, &error), STATUS_INVALID);
    assert_int_equal(formats, 99);
}

static void assert_chosen(enum apk_place place, unsigned formats, unsigned wanted)
{
    unsigned chosen = 99;
    struct error error = {0};
    assert_int_equal(apk_formats_choose(place, formats, &chosen, &error), STATUS_OK);
    assert_int_equal(chosen, wanted);
}

static void a_v1_package_carries_one_format(void **state)
{
    unsigned chosen = 99;
    struct error error = {0};
    (void)state;
    assert_int_equal(apk_formats_in(APK_IN_COMMENT), APK_RAW | APK_VASDOLLY | APK_PACKER_NG);
    assert_chosen(APK_IN_COMMENT, 0, APK_RAW);
    assert_chosen(APK_IN_COMMENT, APK_WALLE, APK_RAW);
    assert_chosen(APK_IN_COMMENT, APK_WALLE | APK_VASDOLLY, APK_VASDOLLY);
    assert_chosen(APK_IN_COMMENT, APK_PACKER_NG, APK_PACKER_NG);
    assert_int_equal(apk_formats_choose(APK_IN_COMMENT, APK_RAW | APK_VASDOLLY, &chosen, &error), STATUS_INVALID);
    assert_int_equal(apk_formats_choose(APK_IN_COMMENT, BLOCK_FORMATS, &chosen, &error), STATUS_INVALID);
    assert_string_equal(error.text, "a v1 package carries one channel format: choose one of raw, vasdolly and packer-ng");
    assert_int_equal(chosen, 99);
}

static void a_block_carries_all_that_have_a_pair(void **state)
{
    unsigned chosen = 99;
    struct error error = {0};
    (void)state;
    assert_int_equal(apk_formats_in(APK_IN_BLOCK), BLOCK_FORMATS);
    assert_chosen(APK_IN_BLOCK, 0, APK_WALLE);
    assert_chosen(APK_IN_BLOCK, APK_RAW | APK_VASDOLLY, APK_VASDOLLY);
    assert_chosen(APK_IN_BLOCK, APK_FORMATS_ALL, BLOCK_FORMATS);
    assert_int_equal(apk_formats_choose(APK_IN_BLOCK, APK_RAW, &chosen, &error), STATUS_INVALID);
    assert_int_equal(chosen, 99);
}

/* --- info */

static void info_has_a_limit(void **state)
{
    struct apk_info info;
    struct error error = {0};
    struct str text = str_make(memset(arena_buffer(*state, APK_INFO_MAX + 1), 'x', APK_INFO_MAX + 1), APK_INFO_MAX + 1);
    assert_int_equal(apk_info_parse(*state, text, S(""), &info, &error), STATUS_TOO_LARGE);
    assert_string_equal(error.text, "channel info has 1048577 bytes, 1048576 are allowed");
    assert_false(apk_info_is_object(text));
}

static void objects_are_told_from_other_text(void **state)
{
    assert_true(apk_info_is_object(sample_guarded(*state, S("{\"channel\":\"x\"}"))));
    assert_true(apk_info_is_object(sample_guarded(*state, S("{}   "))));
    assert_false(apk_info_is_object(sample_guarded(*state, S("[]"))));
    assert_false(apk_info_is_object(sample_guarded(*state, S("{"))));
    assert_false(apk_info_is_object(sample_guarded(*state, S("{}x"))));
    assert_false(apk_info_is_object(sample_guarded(*state, S("{}\0"))));
    assert_false(apk_info_is_object(sample_guarded(*state, S("{\"a\":\"\xff\"}"))));
    assert_false(apk_info_is_object((struct str){NULL, 0}));
}

/* --- comments */

static struct str comment_read(void **state, struct str comment, size_t format)
{
    return apk_formats[format]->forms[APK_IN_COMMENT].read(sample_guarded(*state, comment));
}

static void channels_at_a_comments_end(void **state)
{
    assert_str(comment_read(state, S("xyz\3\0ltlovezh"), APK_FORMAT_VASDOLLY), S("xyz"));
    assert_str(comment_read(state, S("text before xyz\3\0!ZXK!"), APK_FORMAT_PACKER_NG), S("xyz"));
    assert_null(comment_read(state, S("xyz\3\0ltlovezh"), APK_FORMAT_PACKER_NG).data);
    assert_null(comment_read(state, S("xyz\4\0ltlovezh"), APK_FORMAT_VASDOLLY).data);
    assert_null(comment_read(state, S("xyz\0\0ltlovezh"), APK_FORMAT_VASDOLLY).data);
    assert_null(comment_read(state, S("\0ltlovezh"), APK_FORMAT_VASDOLLY).data);
    assert_null(comment_read(state, S("ltlovezh"), APK_FORMAT_VASDOLLY).data);
    assert_null(comment_read(state, S("tlovezh"), APK_FORMAT_VASDOLLY).data);
    assert_null(comment_read(state, S(""), APK_FORMAT_VASDOLLY).data);
}

static void info_at_a_comments_start(void **state)
{
    assert_str(comment_read(state, S("{}\0\0"), APK_FORMAT_RAW), S("{}"));
    assert_str(comment_read(state, S("{}"), APK_FORMAT_RAW), S("{}"));
    assert_null(comment_read(state, S("{}\0x"), APK_FORMAT_RAW).data);
    assert_null(comment_read(state, S("\0\0"), APK_FORMAT_RAW).data);
    assert_null(comment_read(state, S("{"), APK_FORMAT_RAW).data);
    assert_null(comment_read(state, S(""), APK_FORMAT_RAW).data);
}

/* --- packer-ng */

#define MAGIC "Packer Ng Sig V2"
#define KV    "\xe2\x88\x98"
#define LINE  "\xe2\x88\x99"

static struct str packer_ng(void **state, struct str value)
{
    return apk_format_packer_ng.forms[APK_IN_BLOCK].read(sample_guarded(*state, value));
}

static void packer_ng_values_are_read(void **state)
{
    assert_str(packer_ng(state, S(MAGIC "\x0e\0\0\0CHANNEL" KV "x" LINE "\x0e\0\0\0")), S("x"));
    assert_str(packer_ng(state, S(MAGIC "\x0b\0\0\0CHANNEL" KV "x\x0b\0\0\0")), S("x"));
    assert_str(packer_ng(state, S(MAGIC "\x0e\0\0\0CHANNEL" KV "x" LINE "\x0e\0\0\0more")), S("x"));
    assert_str(packer_ng(state, S(MAGIC "\x16\0\0\0A" KV "b" LINE "CHANNEL" KV "x" LINE "\x16\0\0\0")), S("x"));
    assert_str(packer_ng(state, S(MAGIC "\x10\0\0\0CHANNEL" KV "x" LINE "  \x10\0\0\0")), S("x"));
}

static void damaged_packer_ng_values_are_nothing(void **state)
{
    assert_null(packer_ng(state, S("")).data);
    assert_null(packer_ng(state, S(MAGIC)).data);
    assert_null(packer_ng(state, S(MAGIC "\0\0\0\0\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\0\0\0\0\0\0\0\0")).data);
    assert_null(packer_ng(state, S("Packer Ng Sig V1\x0e\0\0\0CHANNEL" KV "x" LINE "\x0e\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\x0f\0\0\0CHANNEL" KV "x" LINE "\x0f\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\xff\xff\xff\xff"
                                         "CHANNEL" KV "x" LINE "\x0e\0\0\0"))
                    .data);
    assert_null(packer_ng(state, S(MAGIC "\x0e\0\0\0CHANNEL" KV "x" LINE "\x0d\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\x0d\0\0\0CHANNEL" KV LINE "\x0d\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\x12\0\0\0CHANNEL" KV "x" KV "y" LINE "\x12\0\0\0")).data);
    assert_null(packer_ng(state, S(MAGIC "\x0e\0\0\0CHANNEX" KV "x" LINE "\x0e\0\0\0")).data);
}

static void packer_ng_values_are_written_as_they_are_read(void **state)
{
    const struct apk_form *form = &apk_format_packer_ng.forms[APK_IN_BLOCK];
    for (size_t padding = 0; padding < 12; padding++) {
        size_t size = form->frame + 6 + padding;
        struct str value = sample_guarded(*state, str_make(arena_alloc(*state, size), size));
        form->write((char *)(uintptr_t)value.data, size, S("huawei"));
        assert_str(form->read(value), S("huawei"));
        for (size_t i = size - padding; i < size; i++) assert_int_equal(value.data[i], 0);
    }
}

/* --- the block's readers */

static const struct sample_pair signature = {APK_ID_V3, {"signature", 9}, 0};

static struct apk_channels channels_of(void **state, struct sample_pair first, struct sample_pair second)
{
    const struct sample_pair pairs[] = {signature, first, second};
    struct sample *sample = sample_new(*state, (struct sample_options){.pairs = pairs, .pair_count = 3});
    struct apk apk = sample_examine(*state, &sample->source);
    struct apk_channels channels;
    apk_read_channels(*state, &apk, &channels);
    return channels;
}

static void the_last_of_two_equal_ids_wins(void **state)
{
    struct apk_channels channels =
        channels_of(state, (struct sample_pair){ID_VASDOLLY, S("first"), 0}, (struct sample_pair){ID_VASDOLLY, S("last"), 0});
    assert_str(SEEN(channels, VASDOLLY), S("last"));
}

static void values_are_trimmed_as_their_readers_do(void **state)
{
    struct apk_channels channels =
        channels_of(state, (struct sample_pair){ID_VASDOLLY, S(" \n huawei "), 5}, (struct sample_pair){ID_WALLE, S("{}  "), 0});
    assert_str(SEEN(channels, VASDOLLY), S("huawei"));
    assert_str(SEEN(channels, WALLE), S("{}"));
}

static void damaged_values_are_not_shown(void **state)
{
    struct apk_channels channels =
        channels_of(state, (struct sample_pair){ID_VASDOLLY, S("\xff"), 0}, (struct sample_pair){ID_WALLE, S("{"), 0});
    assert_true(str_empty(SEEN(channels, VASDOLLY)));
    assert_true(str_empty(SEEN(channels, WALLE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(formats_have_names),
        SAMPLE_TEST(sets_as_words),
        SAMPLE_TEST(other_names_are_no_formats),
        SAMPLE_TEST(lists_of_formats),
        SAMPLE_TEST(a_v1_package_carries_one_format),
        SAMPLE_TEST(a_block_carries_all_that_have_a_pair),

        SAMPLE_TEST(info_has_a_limit),
        SAMPLE_TEST(objects_are_told_from_other_text),
        SAMPLE_TEST(channels_at_a_comments_end),
        SAMPLE_TEST(info_at_a_comments_start),
        SAMPLE_TEST(packer_ng_values_are_read),
        SAMPLE_TEST(damaged_packer_ng_values_are_nothing),
        SAMPLE_TEST(packer_ng_values_are_written_as_they_are_read),
        SAMPLE_TEST(the_last_of_two_equal_ids_wins),
        SAMPLE_TEST(values_are_trimmed_as_their_readers_do),
        SAMPLE_TEST(damaged_values_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
