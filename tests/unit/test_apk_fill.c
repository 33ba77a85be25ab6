/* S5, S6: a region filled with a channel, and read back. */
#include "tests/unit/apk_ids.h"
#include "tests/unit/apk_sample.h"

#include "lib/apk/info.h"

static const char *const v1_names[] = {"classes.dex", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};
static const struct sample_pair signature[] = {{APK_ID_V2, {"signature", 9}, 0}};

static struct apk_info info_of(void **state, struct str json)
{
    struct apk_info info;
    struct error error = {0};
    if (apk_info_parse(*state, json, S(""), &info, &error) != STATUS_OK) fail_msg("%s", error.text);
    return info;
}

/* Info of exactly `length` bytes. */
static struct apk_info info_of_length(void **state, size_t length)
{
    struct str head = S("{\"channel\":\"huawei\",\"x\":\""), tail = S("\"}");
    char *json = arena_buffer(*state, length);
    memset(json, 'x', length);
    memcpy(json, head.data, head.length);
    memcpy(json + length - tail.length, tail.data, tail.length);
    return info_of(state, str_make(json, length));
}

static struct apk_info huawei(void **state)
{
    return info_of(state, S("{\"channel\":\"huawei\",\"campaign\":\"2026\"}"));
}

/* The region is put against the end of a page. */
static char *fill(void **state, unsigned schemes, unsigned formats, const struct apk_info *info, size_t length)
{
    struct str region = sample_guarded(*state, str_make(memset(arena_buffer(*state, length), 'U', length), length));
    struct error error = {0};
    char *out = (char *)(uintptr_t)region.data;
    if (apk_fill((struct apk_filling){schemes, out, length}, formats, info, &error) != STATUS_OK) fail_msg("%s", error.text);
    return out;
}

static void assert_refused(unsigned schemes, unsigned formats, struct apk_info info, size_t length, enum status status, const char *text)
{
    char out[8192];
    struct error error = {0};
    memset(out, 'U', sizeof out);
    assert_in_range(length, 0, sizeof out);
    assert_int_equal(apk_fill((struct apk_filling){schemes, out, length}, formats, &info, &error), status);
    assert_string_equal(error.text, text);
    for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 'U'); /* nothing half-written */
}

/* What the readers see of a package with this region. */
static struct apk_channels read_back(void **state, unsigned schemes, char *region, size_t length)
{
    struct sample *sample = apk_v1_only(schemes) ? sample_new(*state, (struct sample_options){.names = v1_names})
                                                 : sample_new(*state, (struct sample_options){.pairs = signature, .pair_count = 1});
    struct sample_result *base = sample_prepare(*state, &sample->source, length);
    base->fill = (struct sample_run){base->prepared.region.offset, str_make(region, length)};
    struct apk apk = sample_examine(*state, &base->source);
    assert_int_equal(apk.region.offset, base->prepared.region.offset);
    assert_int_equal(apk.region.length, length);
    struct apk_channels channels;
    apk_read_channels(*state, &apk, &channels);
    return channels;
}

/* --- comments */

static void s5_info_at_the_start_of_the_comment_zeros_after(void **state)
{
    struct apk_info info = info_of_length(state, 53);
    char *out = fill(state, APK_V1, 0, &info, 4096);
    assert_memory_equal(out, info.json.data, 53);
    for (size_t i = 53; i < 4096; i++) assert_int_equal(out[i], 0);
    assert_str(SEEN(read_back(state, APK_V1, out, 4096), RAW), info.json);
}

static void v1_vasdolly_ends_the_file(void **state)
{
    struct apk_info info = huawei(state);
    char *out = fill(state, APK_V1, APK_WALLE | APK_VASDOLLY, &info, 4096);
    for (size_t i = 0; i < 4080; i++) assert_int_equal(out[i], 0);
    assert_memory_equal(out + 4080, "huawei\6\0ltlovezh", 16);
    struct apk_channels channels = read_back(state, APK_V1, out, 4096);
    assert_str(SEEN(channels, VASDOLLY), S("huawei"));
    assert_true(str_empty(SEEN(channels, RAW)) && str_empty(SEEN(channels, WALLE)) && str_empty(SEEN(channels, PACKER_NG)));
}

static void v1_packer_ng_ends_the_file(void **state)
{
    struct apk_info info = huawei(state);
    char *out = fill(state, APK_V1, APK_PACKER_NG, &info, 32);
    assert_memory_equal(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0huawei\6\0!ZXK!", 32);
    assert_str(SEEN(read_back(state, APK_V1, out, 32), PACKER_NG), S("huawei"));
}

static void comments_can_be_filled_to_the_last_byte(void **state)
{
    struct apk_info info = info_of_length(state, 100);
    assert_str(SEEN(read_back(state, APK_V1, fill(state, APK_V1, APK_RAW, &info, 100), 100), RAW), info.json);
    assert_str(SEEN(read_back(state, APK_V1, fill(state, APK_V1, APK_VASDOLLY, &info, 16), 16), VASDOLLY), S("huawei"));
    assert_str(SEEN(read_back(state, APK_V1, fill(state, APK_V1, APK_PACKER_NG, &info, 13), 13), PACKER_NG), S("huawei"));
}

static void a_comment_that_is_too_short_says_what_fits(void **state)
{
    assert_refused(APK_V1, APK_RAW, info_of_length(state, 101), 100, STATUS_TOO_LARGE, "channel info has 101 bytes, 100 bytes fit");
    assert_refused(APK_V1, APK_VASDOLLY, huawei(state), 15, STATUS_TOO_LARGE, "the channel name has 6 bytes, 5 bytes fit");
    assert_refused(APK_V1, APK_PACKER_NG, huawei(state), 12, STATUS_TOO_LARGE, "the channel name has 6 bytes, 5 bytes fit");
    assert_refused(APK_V1, APK_VASDOLLY, huawei(state), 3, STATUS_TOO_LARGE, "the channel name has 6 bytes, 0 bytes fit");
}

static void a_comment_carries_one_format(void **state)
{
    assert_refused(APK_V1, APK_VASDOLLY | APK_PACKER_NG, huawei(state), 4096, STATUS_INVALID,
                   "a v1 package carries one channel format: choose one of raw, vasdolly and packer-ng");
}

static void vasdolly_v1_names_are_as_long_as_its_reader_can_count(void **state)
{
    char *name = memset(arena_buffer(*state, 32768), 'x', 32768);
    struct apk_info info = {S("{}"), str_make(name, 32767)};
    char *out = fill(state, APK_V1, APK_VASDOLLY, &info, 65535);
    assert_memory_equal(out + 65535 - 10, "\xff\x7fltlovezh", 10);
    info.channel.length++;
    struct error error = {0};
    assert_int_equal(apk_fill((struct apk_filling){APK_V1, out, 65535}, APK_VASDOLLY, &info, &error), STATUS_TOO_LARGE);
    assert_string_equal(error.text, "the channel name has 32768 bytes, 32767 bytes fit");
}

/* --- blocks */

static void s6_a_channel_pair_and_a_filler(void **state)
{
    struct apk_info info = info_of_length(state, 47);
    char *out = fill(state, APK_V2 | APK_V3, 0, &info, 4096);
    assert_int_equal(bytes_get64(out), 59 - 8);
    assert_int_equal(bytes_get32(out + 8), 0x71777777);
    assert_memory_equal(out + 12, info.json.data, 47);
    assert_int_equal(bytes_get64(out + 59), 4037 - 8);
    assert_int_equal(bytes_get32(out + 67), APK_ID_REGION);
    for (size_t i = 71; i < 4096; i++) assert_int_equal(out[i], 0);
}

static void s6_the_vector_in_its_file(void **state)
{
    const struct sample_pair pairs[] = {{APK_ID_V2, S(""), 2000 - 12}, {APK_ID_VERITY_PADDING, S(""), 2064 - 12}};
    struct sample *sample = sample_new(*state, (struct sample_options){.block = 7393280, .pairs = pairs, .pair_count = 2});
    struct sample_result *base = sample_prepare(*state, &sample->source, 4096);
    struct apk_info info = info_of_length(state, 47);
    base->fill = (struct sample_run){base->prepared.region.offset, str_make(fill(state, APK_V2, 0, &info, 4096), 4096)};
    struct apk apk = sample_examine(*state, &base->source);
    assert_int_equal(apk.pair_count, 4);
    assert_int_equal(apk.pairs[2].offset, 7397352);
    assert_int_equal(apk.pairs[2].value.length + 12, 59);
    assert_int_equal(apk.pairs[3].offset, 7397411);
    assert_int_equal(apk.pairs[3].value.length + 12, 4037);
    assert_int_equal(apk.directory, 7401472);
}

static void three_formats_at_once(void **state)
{
    struct apk_info info = huawei(state);
    char *out = fill(state, APK_V2, APK_WALLE | APK_VASDOLLY | APK_PACKER_NG, &info, 4096), *at = out;
    assert_int_equal(bytes_get32(at + 8), ID_WALLE);
    at += 12 + info.json.length;
    assert_memory_equal(at, "\x0a\0\0\0\0\0\0\0\xff\x55\x11\x88huawei", 18);
    at += 18;
    assert_memory_equal(at, "\x2f\0\0\0\0\0\0\0\x21\x6b\x78\x7aPacker Ng Sig V2\x13\0\0\0CHANNEL\xe2\x88\x98huawei\xe2\x88\x99\x13\0\0\0",
                        55);
    at += 55;
    assert_int_equal(bytes_get32(at + 8), APK_ID_REGION);
    struct apk_channels channels = read_back(state, APK_V2, out, 4096);
    assert_str(SEEN(channels, WALLE), info.json);
    assert_str(SEEN(channels, VASDOLLY), S("huawei"));
    assert_str(SEEN(channels, PACKER_NG), S("huawei"));
}

static void every_length_comes_back(void **state, unsigned formats)
{
    size_t room = apk_fill_room(APK_V2, formats, S("huawei"), 4096);
    for (size_t short_by = 0; short_by <= 30; short_by++) {
        struct apk_info info = info_of_length(state, room - short_by);
        struct apk_channels channels = read_back(state, APK_V2, fill(state, APK_V2, formats, &info, 4096), 4096);
        assert_str(SEEN(channels, WALLE), info.json);
        assert_str(SEEN(channels, VASDOLLY), formats & APK_VASDOLLY ? S("huawei") : S(""));
        assert_str(SEEN(channels, PACKER_NG), formats & APK_PACKER_NG ? S("huawei") : S(""));
    }
}

static void s6_info_that_leaves_no_room_for_a_filler_is_padded(void **state)
{
    assert_int_equal(apk_fill_room(APK_V2, APK_WALLE, S("huawei"), 4096), 4084);
    every_length_comes_back(state, APK_WALLE);
    every_length_comes_back(state, APK_WALLE | APK_VASDOLLY);
    every_length_comes_back(state, BLOCK_FORMATS);
    struct apk_info info = info_of_length(state, 4084 - 11);
    char *out = fill(state, APK_V2, APK_WALLE, &info, 4096);
    assert_int_equal(bytes_get64(out), 4088);
    assert_memory_equal(out + 4096 - 11, "           ", 11);
}

static void names_that_leave_no_room_for_a_filler_are_padded(void **state)
{
    static const unsigned sets[] = {APK_VASDOLLY, APK_PACKER_NG, APK_VASDOLLY | APK_PACKER_NG};
    char *bytes = memset(arena_buffer(*state, 4096), 'n', 4096);
    for (size_t set = 0; set < 3; set++) {
        for (size_t length = 1980; length <= 4084; length++) {
            struct apk_info info = {S("{}"), str_make(bytes, length)};
            struct error error = {0};
            char *out = arena_buffer(*state, 4096);
            if (length == 2100) length = 4020;
            info.channel.length = length;
            enum status status = apk_fill((struct apk_filling){APK_V2, out, 4096}, sets[set], &info, &error);
            assert_int_equal(status == STATUS_OK, apk_fill_room(APK_V2, sets[set], info.channel, 4096) > 0);
            if (status != STATUS_OK) continue;
            struct apk_channels channels = read_back(state, APK_V2, out, 4096);
            assert_str(SEEN(channels, VASDOLLY), sets[set] & APK_VASDOLLY ? info.channel : S(""));
            assert_str(SEEN(channels, PACKER_NG), sets[set] & APK_PACKER_NG ? info.channel : S(""));
        }
        arena_reset(*state);
        bytes = memset(arena_buffer(*state, 4096), 'n', 4096);
    }
}

static void a_block_that_is_too_short_says_what_fits(void **state)
{
    assert_refused(APK_V2, APK_WALLE, info_of_length(state, 4085), 4096, STATUS_TOO_LARGE, "channel info has 4085 bytes, 4084 bytes fit");
    assert_refused(APK_V2, BLOCK_FORMATS, info_of_length(state, 4012), 4096, STATUS_TOO_LARGE,
                   "channel info has 4012 bytes, 4011 bytes fit");
    char *name = memset(arena_buffer(*state, 8192), 'n', 8192);
    struct apk_info info = {S("{}"), str_make(name, 4085)};
    assert_refused(APK_V2, APK_VASDOLLY, info, 4096, STATUS_TOO_LARGE, "the channel name has 4085 bytes, 4084 bytes fit");
    assert_refused(APK_V2, APK_VASDOLLY | APK_PACKER_NG, info, 4096, STATUS_TOO_LARGE, "the channel name has 4085 bytes, 2017 bytes fit");
    assert_refused(APK_V2, BLOCK_FORMATS, info, 4096, STATUS_TOO_LARGE, "channel info has 2 bytes, 0 bytes fit");
    assert_refused(APK_V2, APK_PACKER_NG, huawei(state), 40, STATUS_TOO_LARGE, "the channel name has 6 bytes, 0 bytes fit");
    assert_refused(APK_V2, APK_WALLE, huawei(state), 11, STATUS_INVALID, "a region of 11 bytes has no room for a pair");
}

static void raw_has_no_form_in_a_block(void **state)
{
    assert_refused(APK_V2, APK_RAW, huawei(state), 4096, STATUS_INVALID,
                   "the format raw is for v1 packages only: choose walle, vasdolly or packer-ng too");
    struct apk_info info = huawei(state);
    assert_str(SEEN(read_back(state, APK_V2, fill(state, APK_V2, APK_RAW | APK_VASDOLLY, &info, 4096), 4096), VASDOLLY), S("huawei"));
}

static void names_that_a_reader_would_not_see_as_they_are_are_refused(void **state)
{
    (void)state;
    assert_refused(APK_V2, APK_VASDOLLY, (struct apk_info){S("{}"), S(" x")}, 4096, STATUS_INVALID,
                   "VasDolly cannot carry a channel name with control bytes, or with spaces around it");
    assert_refused(APK_V2, APK_PACKER_NG, (struct apk_info){S("{}"), S("a\nb")}, 4096, STATUS_INVALID,
                   "packer-ng cannot carry a channel name with control bytes, or with spaces around it");
    assert_refused(APK_V1, APK_VASDOLLY, (struct apk_info){S("{}"), S("PK\5\6")}, 4096, STATUS_INVALID,
                   "VasDolly cannot carry a channel name with control bytes, or with spaces around it");
    assert_refused(APK_V1, APK_PACKER_NG, (struct apk_info){S("{}"), S("")}, 4096, STATUS_INVALID, "the channel name is empty");
    assert_refused(APK_V2, APK_PACKER_NG, (struct apk_info){S("{}"), S("a\xe2\x88\x98z")}, 4096, STATUS_INVALID,
                   "packer-ng cannot carry a channel name with U+2218 or U+2219 in it");
    assert_refused(APK_V2, APK_PACKER_NG, (struct apk_info){S("{}"), S("a\xe2\x88\x99z")}, 4096, STATUS_INVALID,
                   "packer-ng cannot carry a channel name with U+2218 or U+2219 in it");
}

static void the_unfilled_form(void **state)
{
    char *out = fill(state, APK_V1, 0, NULL, 4096);
    for (size_t i = 0; i < 4096; i++) assert_int_equal(out[i], 0);
    out = fill(state, APK_V1 | APK_V2, BLOCK_FORMATS, NULL, 4096);
    assert_int_equal(bytes_get64(out), 4088);
    assert_int_equal(bytes_get32(out + 8), APK_ID_REGION);
    for (size_t i = 12; i < 4096; i++) assert_int_equal(out[i], 0);
    struct apk_channels channels = read_back(state, APK_V2, out, 4096);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) assert_true(str_empty(channels.seen[i]));
}

/* --- room */

static void room_is_what_fits(void **state)
{
    (void)state;
    assert_int_equal(apk_fill_room(APK_V1, 0, S("x"), 4096), 4096);
    assert_int_equal(apk_fill_room(APK_V1, APK_WALLE, S("x"), 4096), 4096);
    assert_int_equal(apk_fill_room(APK_V1, APK_VASDOLLY, S("x"), 11), SIZE_MAX);
    assert_int_equal(apk_fill_room(APK_V1, APK_VASDOLLY, S("x"), 10), 0);
    assert_int_equal(apk_fill_room(APK_V1, APK_VASDOLLY | APK_PACKER_NG, S("x"), 4096), 0);
    assert_int_equal(apk_fill_room(APK_V2, 0, S("x"), 4096), 4084);
    assert_int_equal(apk_fill_room(APK_V2, APK_RAW, S("x"), 4096), 0);
    assert_int_equal(apk_fill_room(APK_V2, APK_VASDOLLY, S("x"), 13), SIZE_MAX);
    assert_int_equal(apk_fill_room(APK_V2, APK_VASDOLLY, S("x"), 12), 0);
    assert_int_equal(apk_fill_room(APK_V2, BLOCK_FORMATS, S("huawei"), 4096), 4096 - 12 - 18 - 55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(s5_info_at_the_start_of_the_comment_zeros_after),
        SAMPLE_TEST(v1_vasdolly_ends_the_file),
        SAMPLE_TEST(v1_packer_ng_ends_the_file),
        SAMPLE_TEST(comments_can_be_filled_to_the_last_byte),
        SAMPLE_TEST(a_comment_that_is_too_short_says_what_fits),
        SAMPLE_TEST(a_comment_carries_one_format),
        SAMPLE_TEST(vasdolly_v1_names_are_as_long_as_its_reader_can_count),
        SAMPLE_TEST(s6_a_channel_pair_and_a_filler),
        SAMPLE_TEST(s6_the_vector_in_its_file),
        SAMPLE_TEST(three_formats_at_once),
        SAMPLE_TEST(s6_info_that_leaves_no_room_for_a_filler_is_padded),
        SAMPLE_TEST(names_that_leave_no_room_for_a_filler_are_padded),
        SAMPLE_TEST(a_block_that_is_too_short_says_what_fits),
        SAMPLE_TEST(raw_has_no_form_in_a_block),
        SAMPLE_TEST(names_that_a_reader_would_not_see_as_they_are_are_refused),
        SAMPLE_TEST(the_unfilled_form),
        SAMPLE_TEST(room_is_what_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
