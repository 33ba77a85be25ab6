#include <arpa/inet.h>

#include "runtime/lc_address.h"
#include "tests/unit/unit.h"

static struct str round_trip(struct arena *arena, const char *text)
{
    struct lc_address address;
    struct error error;
    char out[LC_ADDRESS_TEXT];
    if (lc_address_parse(str_of(text), &address, &error) != STATUS_OK) return S("refused");
    return arena_copy(arena, lc_address_text((const struct sockaddr *)&address.storage, out));
}

static void addresses_are_read_and_written(void **state)
{
    static const char *const cases[][2] = {
        {"127.0.0.1:9000", "127.0.0.1:9000"},   {"0.0.0.0:0", "0.0.0.0:0"}, {":80", "0.0.0.0:80"},
        {"localhost:65535", "127.0.0.1:65535"}, {"[::1]:80", "[::1]:80"},   {"[2001:DB8::0:1]:1", "[2001:db8::1]:1"},
        {"[::ffff:1.2.3.4]:5", "1.2.3.4:5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_str(round_trip(*state, cases[i][0]), str_of(cases[i][1]));
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "::1:80",
                                      "[::1]",
                                      "[::1:80",
                                      "::1]:80",
                                      "example.org:80",
                                      "1.2.3:80",
                                      "1.2.3.4.5:80",
                                      "[]:80",
                                      "[1.2.3.4",
                                      " 127.0.0.1:80",
                                      "127.0.0.1 :80",
                                      "[::1%lo]:80",
                                      "0x7f.1:80",
                                      "127.0.0.1:99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_str(round_trip(*state, bad[i]), S("refused"));
}

static void bare_addresses(void **state)
{
    static const char *const cases[][2] = {
        {"1.2.3.4", "1.2.3.4"},
        {" 1.2.3.4 ", "1.2.3.4"},
        {"1.2.3.4:567", "1.2.3.4"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]:567", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"", ""},
        {"unknown", ""},
        {"localhost", ""},
        {"1.2.3", ""},
        {"1.2.3.4, 5.6.7.8", ""},
        {"_hidden", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_str(lc_address_bare(*state, str_of(cases[i][0])), str_of(cases[i][1]));
}

static bool is_loopback(const char *text)
{
    struct lc_address address;
    struct error error;
    assert_ok(lc_address_parse(str_of(text), &address, &error), &error);
    return lc_address_is_loopback((const struct sockaddr *)&address.storage);
}

static void loopback(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1:1"));
    assert_true(is_loopback("127.255.0.9:1"));
    assert_true(is_loopback("[::1]:1"));
    assert_true(is_loopback("[::ffff:127.0.0.1]:1"));
    assert_false(is_loopback("0.0.0.0:1"));
    assert_false(is_loopback("128.0.0.1:1"));
    assert_false(is_loopback("12.7.0.1:1"));
    assert_false(is_loopback("[::]:1"));
    assert_false(is_loopback("[1::1]:1"));
    assert_false(lc_address_is_loopback(&(struct sockaddr){.sa_family = AF_UNIX}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(addresses_are_read_and_written),
        test_with_arena(what_is_no_address_is_refused),
        test_with_arena(bare_addresses),
        test_with_arena(loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
