#include "runtime/lc_headers.h"
#include "tests/unit/unit.h"

static struct lc_headers headers_of(struct arena *arena, struct str name, struct str value)
{
    struct lc_headers headers = {0};
    lc_header_add(arena, &headers, name, value);
    return headers;
}

static void names_compare_without_case_and_the_first_counts(void **state)
{
    struct lc_headers headers = headers_of(*state, S("X-One"), S("1"));
    lc_header_add(*state, &headers, S("x-one"), S("2"));
    assert_str(lc_header_get(&headers, S("X-ONE")), S("1"));
    assert_int_equal(headers.count, 2);
}

static void an_absent_header_is_null_and_an_empty_one_is_not(void **state)
{
    struct lc_headers headers = headers_of(*state, S("a"), S(""));
    assert_non_null(lc_header_get(&headers, S("a")).data);
    assert_null(lc_header_get(&headers, S("b")).data);
    assert_null(lc_header_get(&(struct lc_headers){0}, S("a")).data);
}

/* RFC 9110 section 5.3 */
static void lines_of_one_name_are_one_list(void **state)
{
    struct lc_headers headers = headers_of(*state, S("Accept"), S("a/b"));
    lc_header_add(*state, &headers, S("x"), S("other"));
    assert_str(lc_header_list(*state, &headers, S("accept")), S("a/b"));
    lc_header_add(*state, &headers, S("ACCEPT"), S("c/d, e/f"));
    lc_header_add(*state, &headers, S("accept"), S("g/h"));
    assert_str(lc_header_list(*state, &headers, S("accept")), S("a/b, c/d, e/f, g/h"));
    assert_null(lc_header_list(*state, &headers, S("absent")).data);
}

static void line_breaks_and_nuls_are_dropped(void **state)
{
    static const struct str bad[] = {{"a\rb", 3}, {"a\nb", 3}, {"a\0b", 3}, {"\r\n", 2}};
    log_set_level(LOG_NONE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(headers_of(*state, S("a"), bad[i]).count, 0);
    assert_int_equal(headers_of(*state, S("a"), S("\t caf\xc3\xa9")).count, 1);
}

/* Values are looked at by words: each place in one, and what lies beside the refused bytes. */
static void each_byte_of_a_value_is_looked_at(void **state)
{
    static const char text[] = "0123456789abcdefghijk";
    for (size_t length = 1; length < sizeof text; length++)
        for (size_t at = 0; at < length; at++)
            for (int byte = 0; byte < 256; byte++) {
                struct lc_headers headers = {0};
                char value[sizeof text];
                memcpy(value, text, sizeof text);
                value[at] = (char)byte;
                bool refused = byte == 0 || byte == '\r' || byte == '\n';
                assert_int_equal(lc_header_receive(*state, &headers, S("X"), str_make(value, length), false), !refused);
                assert_int_equal(headers.count, refused ? 0 : 1);
            }
}

/* RFC 9110 section 5.6.2 */
static void names_are_tokens(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    log_set_level(LOG_NONE);
    for (int c = 0; c < 256; c++) {
        char name = (char)c;
        bool allowed = c != 0 && strchr(token, c) != NULL;
        assert_int_equal(headers_of(*state, str_make(&name, 1), S("v")).count, allowed ? 1 : 0);
    }
    assert_int_equal(headers_of(*state, S(""), S("v")).count, 0);
    assert_int_equal(headers_of(*state, S("a:b"), S("v")).count, 0);
}

static void many_headers_are_kept_in_order(void **state)
{
    struct lc_headers headers = {0};
    for (int i = 0; i < 100; i++) lc_header_add(*state, &headers, arena_printf(*state, "h%d", i), S("v"));
    assert_int_equal(headers.count, 100);
    assert_str(headers.items[0].name, S("h0"));
    assert_str(headers.items[99].name, S("h99"));
}

static void cookies_are_joined(void **state)
{
    struct lc_headers headers = {0};
    log_set_level(LOG_NONE);
    lc_header_receive(*state, &headers, S("Cookie"), S("a=1"), false);
    lc_header_receive(*state, &headers, S("A"), S("1"), false);
    lc_headers_join_cookies(*state, &headers);
    assert_str(lc_header_get(&headers, S("cookie")), S("a=1"));
    lc_header_receive(*state, &headers, S("cookie"), S("b=2"), false);
    lc_header_receive(*state, &headers, S("B"), S("2"), false);
    lc_header_receive(*state, &headers, S("cookie"), S(""), false);
    lc_header_receive(*state, &headers, S("cookie"), S("c=3\r\nX: 1"), false);
    lc_headers_join_cookies(*state, &headers);
    assert_int_equal(headers.count, 3);
    assert_str(lc_header_get(&headers, S("cookie")), S("a=1; b=2; "));
    assert_str(headers.items[0].name, S("Cookie"));
    assert_str(headers.items[1].value, S("1"));
    assert_str(headers.items[2].value, S("2"));
    lc_headers_join_cookies(*state, &(struct lc_headers){0});
}

static void function_computes_headers_are_only_its_own(void **state)
{
    struct lc_headers headers = {0};
    lc_header_receive(*state, &headers, S("X-Fc-Request-Id"), S("1"), false);
    lc_header_receive(*state, &headers, S("x-fc"), S("2"), false);
    assert_int_equal(headers.count, 1);
    lc_header_receive(*state, &headers, S("X-Fc-Request-Id"), S("1"), true);
    assert_int_equal(headers.count, 2);
}

static void some_headers_are_the_hosts(void **state)
{
    (void)state;
    assert_true(lc_header_is_hosts(S("Content-Length")));
    assert_true(lc_header_is_hosts(S("DATE")));
    assert_false(lc_header_is_hosts(S("Content-Type")));
    assert_false(lc_header_is_hosts(S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(names_compare_without_case_and_the_first_counts),
        test_with_arena(an_absent_header_is_null_and_an_empty_one_is_not),
        test_with_arena(lines_of_one_name_are_one_list),
        test_with_arena(line_breaks_and_nuls_are_dropped),
        test_with_arena(each_byte_of_a_value_is_looked_at),
        test_with_arena(names_are_tokens),
        test_with_arena(many_headers_are_kept_in_order),
        test_with_arena(cookies_are_joined),
        test_with_arena(function_computes_headers_are_only_its_own),
        test_with_arena(some_headers_are_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
