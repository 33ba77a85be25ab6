/* Which addresses may be connected to: what is public, and what a list opens. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/gather/allow.h"
#include "tests/unit/unit.h"

static struct sockaddr_storage address(const char *text, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    }
    return storage;
}

/* What an empty list allows of a host that is allowed by name. */
static bool is_public_address(const struct sockaddr *where)
{
    return allow_connects(&(struct allow){0}, true, where);
}

static bool is_public(const char *text)
{
    const struct sockaddr_storage storage = address(text, 80);
    return is_public_address((const struct sockaddr *)&storage);
}

static void what_is_not_public(void **state)
{
    (void)state;
    static const char *const closed[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.170",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    };
    static const char *const open[] = {"1.1.1.1",     "9.255.255.255",  "11.0.0.1",         "100.63.255.255", "100.128.0.1",
                                       "126.0.0.1",   "172.15.0.1",     "172.32.0.1",       "192.0.1.1",      "192.169.0.1",
                                       "198.17.0.1",  "198.20.0.1",     "223.255.255.255",  "2600::1",        "2a00:1450::1",
                                       "2001:4860::", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::1"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (is_public(closed[i])) fail_msg("%s is taken for public", closed[i]);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (!is_public(open[i])) fail_msg("%s is not taken for public", open[i]);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(is_public_address(&local));
}

static struct allow list(struct arena *arena, const char *text)
{
    struct allow allow;
    struct error error;
    assert_ok(allow_parse(arena, str_of(text), &allow, &error), &error);
    return allow;
}

static bool names(struct arena *arena, const char *text, const char *url_text)
{
    struct url url;
    struct error error;
    const struct allow allow = list(arena, text);
    assert_ok(url_parse(str_of(url_text), &url, &error), &error);
    return allow_names(&allow, &url);
}

static bool connects(struct arena *arena, const char *text, bool named, const char *to, uint16_t port)
{
    const struct allow allow = list(arena, text);
    const struct sockaddr_storage storage = address(to, port);
    return allow_connects(&allow, named, (const struct sockaddr *)&storage);
}

static void names_are_listed(void **state)
{
    assert_true(names(*state, "a.example, api.example.com", "https://API.example.com/x"));
    assert_true(names(*state, "api.example.com", "https://api.example.com./"));
    assert_true(names(*state, "api.example.com:8443", "https://api.example.com:8443/"));
    assert_true(names(*state, "api.example.com:443", "https://api.example.com/"));
    assert_true(names(*state, "*.example.com", "http://a.b.example.com/"));
    assert_true(names(*state, "*", "http://anything/"));
    assert_true(names(*state, "*:80", "http://anything/"));
    assert_false(names(*state, "", "http://anything/"));
    assert_false(names(*state, "*.example.com", "http://example.com/"));
    assert_false(names(*state, "*.example.com", "http://badexample.com/"));
    assert_false(names(*state, "api.example.com:8443", "https://api.example.com/"));
    assert_false(names(*state, "api.example.com", "https://api.example.com.evil.test/"));
    assert_false(names(*state, "10.0.0.1", "http://10.0.0.1/"));
    assert_false(names(*state, "*", "http://evil.test%2f.example.com/"));
}

static void addresses_are_listed(void **state)
{
    assert_true(connects(*state, "127.0.0.1", false, "127.0.0.1", 80));
    assert_true(connects(*state, "127.0.0.1", false, "::ffff:127.0.0.1", 80));
    assert_true(connects(*state, "127.0.0.1:8080", false, "127.0.0.1", 8080));
    assert_true(connects(*state, "10.0.0.0/8,fd00::/8", false, "10.9.8.7", 80));
    assert_true(connects(*state, "10.0.0.0/8,fd00::/8", false, "fd12::1", 80));
    assert_true(connects(*state, "[::1]:8080", false, "::1", 8080));
    assert_true(connects(*state, "[::1]", false, "::1", 1));
    assert_true(connects(*state, "::1", false, "::1", 1));
    assert_true(connects(*state, "localhost", false, "127.5.0.1", 80));
    assert_true(connects(*state, "localhost:81", false, "::1", 81));
    assert_true(connects(*state, "172.16.0.0/12", false, "172.31.0.1", 80));
    assert_false(connects(*state, "172.16.0.0/12", false, "172.32.0.1", 80));
    assert_false(connects(*state, "127.0.0.1:8080", false, "127.0.0.1", 9001));
    assert_false(connects(*state, "localhost:81", false, "::1", 80));
    assert_false(connects(*state, "10.0.0.0/8", false, "11.0.0.1", 80));
    assert_false(connects(*state, "", false, "1.1.1.1", 80));
}

static void names_open_public_addresses_only(void **state)
{
    assert_true(connects(*state, "", true, "1.1.1.1", 80));
    assert_true(connects(*state, "*", true, "2600::1", 80));
    assert_false(connects(*state, "*", true, "127.0.0.1", 80));
    assert_false(connects(*state, "metadata.test", true, "169.254.169.254", 80));
    assert_false(connects(*state, "127.0.0.1", true, "169.254.169.254", 80));
}

static void what_is_no_host(void **state)
{
    static const char *const wrong[] = {"a b",    "http://a", "a/b",  "10.0.0.0/33", "::1/129", "10.0.0.0/", "a:0",    "a:65536", "*a.com",
                                        "-a.com", "a:b:c",    "[::1", ".a.com",      "*.",      "a:",        "[a]:80", "a,*.b c", "**"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct allow allow;
        struct error error;
        if (allow_parse(*state, str_of(wrong[i]), &allow, &error) == STATUS_OK) fail_msg("'%s' is taken", wrong[i]);
        assert_says(&error, "is no host");
    }
    assert_int_equal(list(*state, " , ,").count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_public),  test_with_arena(names_are_listed),
        test_with_arena(addresses_are_listed), test_with_arena(names_open_public_addresses_only),
        test_with_arena(what_is_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
