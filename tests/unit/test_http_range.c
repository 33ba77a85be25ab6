#include "tests/unit/unit.h"

#include "lib/http/range.h"

enum { NONE = HTTP_RANGE_NONE, ONE = HTTP_RANGE_ONE, UNSATISFIABLE = HTTP_RANGE_UNSATISFIABLE };

struct example {
    const char *header;
    uint64_t size;
    int kind;
    uint64_t offset, length;
};

static void check(struct arena *arena, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct example *e = &examples[i];
        struct http_range range = {0};
        int kind = (int)http_range_parse(unit_guarded(arena, str_of(e->header)), e->size, &range);
        bool same = kind == e->kind && (kind != ONE || (range.offset == e->offset && range.length == e->length));
        if (!same)
            fail_msg("'%s' of %ju: kind %d, %ju+%ju", e->header, (uintmax_t)e->size, kind, (uintmax_t)range.offset,
                     (uintmax_t)range.length);
        arena_reset(arena);
    }
}

/* RFC 9110 §14.1.2, with its 10,000 bytes. */
static void agrees_with_rfc_9110(void **state)
{
    static const struct example examples[] = {
        {"bytes=0-499", 10000, ONE, 0, 500},
        {"bytes=500-999", 10000, ONE, 500, 500},
        {"bytes=-500", 10000, ONE, 9500, 500},
        {"bytes=9500-", 10000, ONE, 9500, 500},
        {"bytes=0-0,-1", 10000, NONE, 0, 0}, /* several: answered as one whole */
        {"bytes=500-600,601-999", 10000, NONE, 0, 0},
        {"bytes= 0-999, 4500-5499, -1000", 10000, NONE, 0, 0},
        {"bytes=0-", 10000, ONE, 0, 10000},
        {"bytes=-20000", 10000, ONE, 0, 10000}, /* shorter than the suffix: the whole */
        {"bytes=9999-20000", 10000, ONE, 9999, 1},
        {"bytes=10000-", 10000, UNSATISFIABLE, 0, 0},
        {"bytes=10000-20000", 10000, UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10000, UNSATISFIABLE, 0, 0},
        {"Bytes=1-1", 10000, ONE, 1, 1}, /* units compare without case */
        {"seconds=1-2", 10000, NONE, 0, 0},
        {"bytes-unit=1-2", 10000, NONE, 0, 0},
    };
    check(*state, examples, sizeof examples / sizeof *examples);
}

/* What CDN nodes really ask (notes: nginx's slice module does not clamp; others probe with one byte). */
static void answers_cdn_nodes(void **state)
{
    static const struct example examples[] = {
        {"bytes=0-0", 7436979, ONE, 0, 1},
        {"bytes=0-524287", 7436979, ONE, 0, 524288},
        {"bytes=7340032-7864319", 7436979, ONE, 7340032, 96947},
        {"bytes=7436978-7436978", 7436979, ONE, 7436978, 1},
        {"bytes=7864320-8388607", 7436979, UNSATISFIABLE, 0, 0},
        {"bytes=0-524287", 100, ONE, 0, 100},
        {"bytes=0-0", 1, ONE, 0, 1},
    };
    check(*state, examples, sizeof examples / sizeof *examples);
}

/* Malformed, and what nginx 1.22 makes of it. */
static void refuses_what_is_no_range(void **state)
{
    static const char *const wrong[] = {"bytes=abc",  "bytes=-",     "bytes=--1",   "bytes=1",       "bytes=1-2-3", "bytes=5-3",
                                        "bytes=+1-2", "bytes=1-+2",  "bytes=0x1-2", "bytes=1-2;",    "bytes=1-2=3", "bytes==1-2",
                                        "bytes=1--2", "bytes=1 2-3", "bytes=a-1",   "bytes=1-a",     "bytes=1.0-2", "bytes=,",
                                        "bytes=, ,",  "bytes=0-1,x", "bytes=x,0-1", "bytes=0-1,3-2", "bytes=- 5",   "bytes=\xef\xbc\x91-2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) check(*state, &(struct example){wrong[i], 100, UNSATISFIABLE, 0, 0}, 1);
    static const struct example none[] = {{"", 100, NONE, 0, 0},        {"bytes", 100, NONE, 0, 0},      {"bytes=", 100, NONE, 0, 0},
                                          {"bytes= ", 100, NONE, 0, 0}, {"bytes =0-1", 100, NONE, 0, 0}, {"=0-1", 100, NONE, 0, 0},
                                          {"0-1", 100, NONE, 0, 0},     {"byte=0-1", 100, NONE, 0, 0}};
    check(*state, none, sizeof none / sizeof *none);
    struct http_range range;
    assert_int_equal(http_range_parse((struct str){NULL, 0}, 100, &range), HTTP_RANGE_NONE);
}

/* RFC 9110 section 14.1.2: valid whatever the number of digits; the end is cut off, nothing overflows. nginx answers 416 to most of them.
 */
static void bears_numbers_of_any_size(void **state)
{
    static const struct example examples[] = {
        {"bytes=0-9223372036854775807", 100, ONE, 0, 100},
        {"bytes=0-9223372036854775808", 100, ONE, 0, 100},
        {"bytes=0-18446744073709551615", 100, ONE, 0, 100},
        {"bytes=0-18446744073709551616", 100, ONE, 0, 100},
        {"bytes=0-18446744073709551616x", 100, UNSATISFIABLE, 0, 0},
        {"bytes=7-99999999999999999999,200-", 100, ONE, 7, 93},
        {"bytes=-9223372036854775807", 100, ONE, 0, 100},
        {"bytes=-9223372036854775808", 100, ONE, 0, 100},
        {"bytes=-18446744073709551615", 100, ONE, 0, 100},
        {"bytes=-18446744073709551616", 100, ONE, 0, 100},
        {"bytes=18446744073709551616-1", 100, UNSATISFIABLE, 0, 0},
        {"bytes=99-99999999999999999999999999999999", 100, ONE, 99, 1},
        {"bytes=9223372036854775807-", 100, UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551616-", 100, UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999-99999999999999999999", 100, UNSATISFIABLE, 0, 0},
        {"bytes=00000000000000000000000000000000000001-2", 100, ONE, 1, 2},
        {"bytes=0-", INT64_MAX, ONE, 0, INT64_MAX},
        {"bytes=9223372036854775806-", INT64_MAX, ONE, INT64_MAX - 1, 1},
        {"bytes=4294967295-4294967296", UINT64_C(1) << 33, ONE, 4294967295, 2},
    };
    check(*state, examples, sizeof examples / sizeof *examples);
}

static void takes_spaces_where_nginx_does(void **state)
{
    static const struct example examples[] = {
        {"bytes= 0-1", 100, ONE, 0, 2},
        {"bytes=0 -1", 100, ONE, 0, 2},
        {"bytes=0- 1", 100, ONE, 0, 2},
        {"bytes=  0  -  1  ", 100, ONE, 0, 2},
        {"bytes=5 -", 100, ONE, 5, 95},
        {"bytes= -5", 100, ONE, 95, 5},
        {"bytes=- 5", 100, UNSATISFIABLE, 0, 0},
        {"bytes=\t0-1", 100, UNSATISFIABLE, 0, 0},
        {"bytes=0-1\t", 100, UNSATISFIABLE, 0, 0},
    };
    check(*state, examples, sizeof examples / sizeof *examples);
}

static void tells_what_all_servers_read_alike(void **state)
{
    (void)state;
    static const char *const plain[] = {"bytes=0-1", "bytes=5-", "bytes=-5", "bytes=007-9", "bytes=0-999999999999999999"};
    static const char *const others[] = {"bytes= 0-1",
                                         "bytes=0 -1",
                                         "bytes=0-1 ",
                                         "Bytes=0-1",
                                         "bytes=0-1,",
                                         "bytes=,0-1",
                                         "bytes=0-1,200-",
                                         "",
                                         "bytes=",
                                         "bytes=-",
                                         "bytes=1-2-3",
                                         "bytes=1",
                                         "bytes=0-1000000000000000000",
                                         "bytes=0-18446744073709551615",
                                         "bytes=-99999999999999999999"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) assert_true(http_range_is_plain(str_of(plain[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(http_range_is_plain(str_of(others[i])));
    assert_false(http_range_is_plain((struct str){NULL, 0}));
}

static void tells_what_lies_within(void **state)
{
    (void)state;
    static const char *const within[] = {"bytes=0-0", "bytes=0-99", "bytes=99-99", "bytes=5-", "bytes=-1", "bytes=-100"};
    static const char *const beyond[] = {"bytes=0-100", "bytes=99-18446744073709551616", "bytes=-101", "bytes=-99999999999999999999"};
    for (size_t i = 0; i < sizeof within / sizeof *within; i++) assert_true(http_range_is_within(str_of(within[i]), 100));
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) assert_false(http_range_is_within(str_of(beyond[i]), 100));
}

static void tells_how_much_was_asked_for(void **state)
{
    (void)state;
    const struct http_range resolved = {90, 10};
    assert_int_equal(http_range_asked(S("bytes=90-99"), resolved), 10);
    assert_int_equal(http_range_asked(S("bytes=90-90"), resolved), 1);
    assert_int_equal(http_range_asked(S("bytes=90-524377"), resolved), 524288);
    assert_int_equal(http_range_asked(S("bytes=0-999999999999999999"), resolved), UINT64_C(1000000000000000000));
    assert_int_equal(http_range_asked(S("bytes=0-18446744073709551615"), resolved), 10);
    assert_int_equal(http_range_asked(S("bytes=90-"), resolved), 10);
    assert_int_equal(http_range_asked(S("bytes=-10"), resolved), 10);
    assert_int_equal(http_range_asked(S("bytes=-5000"), resolved), 10);
}

static void treats_lists_as_rfc_9110_says(void **state)
{
    static const struct example examples[] = {
        {"bytes=0-1,", 100, ONE, 0, 2},                                               /* §5.6.1: empty elements are passed over */
        {"bytes=,,0-1 , ,", 100, ONE, 0, 2},   {"bytes=0-1,200-300", 100, ONE, 0, 2}, /* one of them can be satisfied */
        {"bytes=200-300,-1", 100, ONE, 99, 1}, {"bytes=200-300,-0", 100, UNSATISFIABLE, 0, 0},
        {"bytes=0-1,0-1", 100, NONE, 0, 0},    {" bytes=0-1 ", 100, ONE, 0, 2},
    };
    check(*state, examples, sizeof examples / sizeof *examples);
}

static void has_no_part_of_nothing(void **state)
{
    static const struct example examples[] = {{"bytes=0-", 0, NONE, 0, 0}, {"bytes=0-0", 0, NONE, 0, 0}, {"bytes=-1", 0, NONE, 0, 0}};
    check(*state, examples, sizeof examples / sizeof *examples);
}

/* Each range of a small thing, against its definition. */
static void agrees_with_the_definition(void **state)
{
    for (uint64_t size = 1; size <= 5; size++) {
        for (uint64_t first = 0; first <= 6; first++) {
            for (uint64_t last = first; last <= 7; last++) {
                char text[64];
                snprintf(text, sizeof text, "bytes=%ju-%ju", (uintmax_t)first, (uintmax_t)last);
                uint64_t end = last < size ? last + 1 : size;
                check(*state, &(struct example){text, size, first < size ? ONE : UNSATISFIABLE, first, end - first}, 1);
            }
        }
    }
}

static void writes_content_range(void **state)
{
    assert_str(http_content_range(*state, (struct http_range){0, 10}, 100), S("bytes 0-9/100"));
    assert_str(http_content_range(*state, (struct http_range){42, 1}, 43), S("bytes 42-42/43"));
    assert_str(http_content_range(*state, (struct http_range){UINT64_MAX - 1, 1}, UINT64_MAX),
               S("bytes 18446744073709551614-18446744073709551614/18446744073709551615"));
    assert_str(http_content_range_unsatisfied(*state, 100), S("bytes */100"));
    assert_str(http_content_range_unsatisfied(*state, UINT64_MAX), S("bytes */18446744073709551615"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(agrees_with_rfc_9110),          test_with_arena(answers_cdn_nodes),
        test_with_arena(refuses_what_is_no_range),      test_with_arena(bears_numbers_of_any_size),
        test_with_arena(takes_spaces_where_nginx_does), test_with_arena(tells_what_all_servers_read_alike),
        test_with_arena(tells_what_lies_within),        test_with_arena(treats_lists_as_rfc_9110_says),
        test_with_arena(has_no_part_of_nothing),        test_with_arena(agrees_with_the_definition),
        test_with_arena(writes_content_range),          test_with_arena(tells_how_much_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
