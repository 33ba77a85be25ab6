/* Channel info that moves from one version's region to the next one's. */
#include "lib/apk/channel.h"
#include "lib/apk/info.h"
#include "lib/apk/signing_block_internal.h"
#include "tests/unit/unit.h"

enum { ROOM = 65536, PAGE = 4096 };

static struct apk_info info_of(struct arena *arena, const char *json)
{
    struct apk_info info;
    struct error error;
    assert_ok(apk_info_parse(arena, str_of(json), S(""), &info, &error), &error);
    return info;
}

/* Info that leaves `left` bytes of a block of one page beside the pairs of these formats. */
static struct apk_info info_that_leaves(struct arena *arena, unsigned formats, size_t left)
{
    static const char head[] = "{\"channel\":\"huawei\",\"x\":\"";
    size_t length = apk_fill_room(APK_V2, formats, S("huawei"), PAGE) - left;
    char *json = arena_buffer(arena, length + 1);
    memset(json, 'x', length);
    memcpy(json, head, sizeof head - 1);
    memcpy(json + length - 2, "\"}", 3);
    return info_of(arena, json);
}

static struct str filled(struct arena *arena, unsigned schemes, unsigned formats, const struct apk_info *info, size_t length)
{
    struct error error;
    char *bytes = arena_buffer(arena, length);
    assert_ok(apk_fill((struct apk_filling){schemes, bytes, length}, formats, info, &error), &error);
    return str_make(bytes, length);
}

/* From a region at a page's end, as apk_fill fills it, to one as it would have filled that. */
static void assert_carried(struct arena *arena, unsigned from, struct str region, unsigned to, struct str wanted)
{
    struct error error;
    char out[ROOM];
    struct str guarded = region.length <= PAGE ? unit_guarded(arena, region) : region;
    memset(out, 'U', sizeof out);
    assert_ok(apk_carry(arena, from, guarded, (struct apk_filling){to, out, wanted.length}, &error), &error);
    assert_memory_equal(out, wanted.data, wanted.length);
    if (wanted.length < sizeof out) assert_int_equal(out[wanted.length], 'U');
}

static void what_one_region_held_the_next_one_holds(void **state)
{
    static const struct {
        unsigned schemes, formats;
    } ways[] = {{APK_V1, APK_RAW},
                {APK_V1, APK_VASDOLLY},
                {APK_V1, APK_PACKER_NG},
                {APK_V2, APK_WALLE},
                {APK_V1 | APK_V2, APK_VASDOLLY},
                {APK_V3, APK_PACKER_NG},
                {APK_V2 | APK_V3, APK_WALLE | APK_VASDOLLY},
                {APK_V1 | APK_V2 | APK_V3, APK_WALLE | APK_VASDOLLY | APK_PACKER_NG},
                {APK_V3 | APK_V31, APK_WALLE | APK_PACKER_NG}};
    static const size_t lengths[] = {PAGE, 2 * PAGE};
    struct apk_info info = info_of(*state, "{\"channel\":\"\xe5\xb0\x8f\xe7\xb1\xb3\",\"campaign\":\"a \\\" b\"}");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (size_t from = 0; from < 2; from++)
            for (size_t to = 0; to < 2; to++) {
                struct str old = filled(*state, ways[i].schemes, ways[i].formats, &info, lengths[from]);
                struct str new = filled(*state, ways[i].schemes, ways[i].formats, &info, lengths[to]);
                assert_carried(*state, ways[i].schemes, old, ways[i].schemes, new);
            }
}

/* Formats are an app's: what they give in a block and what they give in a comment. */
static void a_package_that_gets_another_scheme_keeps_its_info(void **state)
{
    static const unsigned both_ways[] = {APK_WALLE, APK_VASDOLLY, APK_PACKER_NG};
    struct apk_info info = info_of(*state, "{\"channel\":\"huawei\",\"campaign\":\"x\"}");
    for (size_t i = 0; i < sizeof both_ways / sizeof *both_ways; i++) {
        struct str comment = filled(*state, APK_V1, both_ways[i], &info, 1000), block = filled(*state, APK_V2, both_ways[i], &info, PAGE);
        assert_carried(*state, APK_V1, comment, APK_V2, block);
        assert_carried(*state, APK_V2, block, APK_V1, comment);
    }
    unsigned several = APK_WALLE | APK_VASDOLLY;
    assert_carried(*state, APK_V3, filled(*state, APK_V3, several, &info, PAGE), APK_V1, filled(*state, APK_V1, several, &info, PAGE));
}

static void nothing_carries_nothing(void **state)
{
    static const unsigned schemes[] = {APK_V1, APK_V2};
    for (size_t from = 0; from < 2; from++)
        for (size_t to = 0; to < 2; to++)
            assert_carried(*state, schemes[from], filled(*state, schemes[from], 0, NULL, PAGE), schemes[to],
                           filled(*state, schemes[to], 0, NULL, 2 * PAGE));
}

/* Where no filler pair fits the first value is padded. */
static void padding_is_not_carried(void **state)
{
    static const unsigned formats[] = {APK_WALLE, APK_WALLE | APK_VASDOLLY, APK_WALLE | APK_VASDOLLY | APK_PACKER_NG};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (size_t left = 0; left <= APK_PAIR_HEAD; left++) {
            struct apk_info info = info_that_leaves(*state, formats[i], left);
            struct str old = filled(*state, APK_V2, formats[i], &info, PAGE), new = filled(*state, APK_V2, formats[i], &info, 2 * PAGE);
            assert_carried(*state, APK_V2, old, APK_V2, new);
            assert_carried(*state, APK_V2, new, APK_V2, old);
        }
}

static void names_alone_are_padded_too(void **state)
{
    static const unsigned formats[] = {APK_VASDOLLY, APK_PACKER_NG};
    for (size_t i = 0; i < 2; i++)
        for (size_t length = PAGE - 64; length < PAGE; length++) {
            char name[PAGE];
            memset(name, 'n', length);
            struct apk_info info = {.json = S("{}"), .channel = str_make(name, length)};
            char bytes[PAGE];
            struct error error;
            if (apk_fill((struct apk_filling){APK_V2, bytes, PAGE}, formats[i], &info, &error) != STATUS_OK) break;
            assert_carried(*state, APK_V2, str_make(bytes, PAGE), APK_V2, filled(*state, APK_V2, formats[i], &info, 2 * PAGE));
        }
}

static void assert_refused(struct arena *arena, unsigned from, struct str region, unsigned to, size_t length, enum status status,
                           const char *words)
{
    char out[ROOM];
    struct error error;
    memset(out, 'U', sizeof out);
    assert_error(apk_carry(arena, from, region, (struct apk_filling){to, out, length}, &error), status, &error, words);
    for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 'U'); /* nothing half-written */
}

static void what_does_not_fit_is_said(void **state)
{
    struct apk_info info = info_that_leaves(*state, APK_WALLE, 0);
    struct str block = filled(*state, APK_V2, APK_WALLE, &info, PAGE);
    assert_refused(*state, APK_V2, block, APK_V1, 4000, STATUS_TOO_LARGE,
                   "its channel info cannot be carried over: channel info has 4084 bytes, 4000 bytes fit");
    struct apk_info huawei = info_of(*state, "{\"channel\":\"huawei\"}");
    struct str two = filled(*state, APK_V2, APK_VASDOLLY | APK_PACKER_NG, &huawei, PAGE);
    assert_refused(*state, APK_V2, two, APK_V1, PAGE, STATUS_INVALID, "a v1 package carries one channel format");
}

static void what_apk_fill_did_not_write_is_not_guessed_at(void **state)
{
    static const char words[] = "holds something else than channel info";
    struct apk_info info = info_of(*state, "{\"channel\":\"huawei\"}");
    struct str block = filled(*state, APK_V2, APK_WALLE | APK_VASDOLLY, &info, PAGE), comment = filled(*state, APK_V1, 0, &info, PAGE);
    for (size_t i = 0; i < PAGE; i += i < 80 ? 1 : 97) {
        char damaged[PAGE];
        struct error error;
        char out[PAGE];
        bool in_text = i >= 12 && i < 12 + info.json.length + 12 + info.channel.length; /* other text is other info */
        memcpy(damaged, block.data, PAGE);
        damaged[i] ^= 0x15;
        if (!in_text) assert_refused(*state, APK_V2, str_make(damaged, PAGE), APK_V2, PAGE, STATUS_INVALID, words);
        if (in_text && apk_carry(*state, APK_V2, str_make(damaged, PAGE), (struct apk_filling){APK_V2, out, PAGE}, &error) == STATUS_OK)
            assert_memory_equal(out, damaged, PAGE);
    }
    char text[PAGE];
    memcpy(text, comment.data, PAGE);
    text[PAGE - 1] = 'x';
    assert_refused(*state, APK_V1, str_make(text, PAGE), APK_V1, PAGE, STATUS_INVALID, words);
    assert_refused(*state, APK_V1, S("a comment"), APK_V1, PAGE, STATUS_INVALID, words);
    assert_refused(*state, APK_V2, S("too short"), APK_V2, PAGE, STATUS_INVALID, words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_one_region_held_the_next_one_holds),
        test_with_arena(a_package_that_gets_another_scheme_keeps_its_info),
        test_with_arena(nothing_carries_nothing),
        test_with_arena(padding_is_not_carried),
        test_with_arena(names_alone_are_padded_too),
        test_with_arena(what_does_not_fit_is_said),
        test_with_arena(what_apk_fill_did_not_write_is_not_guessed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
