#include "tests/unit/unit.h"

#include "base/url.h"

static struct url parsed(struct arena *arena, const char *text)
{
    struct url url;
    struct error error;
    if (url_parse(unit_guarded(arena, str_of(text)), &url, &error) != STATUS_OK) fail_msg("'%s': %s", text, error.text);
    return url;
}

static void takes_urls_apart(void **state)
{
    struct url url = parsed(*state, "https://example.com:8080/a/b%20c?x=1&y=2?#frag?/");
    assert_str(url.scheme, S("https"));
    assert_str(url.authority, S("example.com:8080"));
    assert_str(url.host, S("example.com"));
    assert_int_equal(url.port, 8080);
    assert_str(url.path, S("/a/b%20c")); /* nothing is decoded */
    assert_str(url.query, S("x=1&y=2?"));
    assert_true(url.has_query);
    assert_str(url.fragment, S("frag?/"));
}

static void takes_short_urls_apart(void **state)
{
    struct url url = parsed(*state, "http://h");
    assert_str(url.host, S("h"));
    assert_true(url.path.length == 0 && url.query.length == 0 && url.fragment.length == 0 && !url.has_query && url.port == 0);
    url = parsed(*state, "http://h?");
    assert_true(url.has_query && url.query.length == 0 && url.path.length == 0);
    url = parsed(*state, "http://h?a/b");
    assert_str(url.host, S("h"));
    assert_str(url.query, S("a/b"));
    url = parsed(*state, "http://h#a/b?c");
    assert_str(url.fragment, S("a/b?c"));
    assert_false(url.has_query);
    url = parsed(*state, "http://h/#");
    assert_true(url.fragment.length == 0 && !url.has_query);
    url = parsed(*state, "http://h//a//");
    assert_str(url.path, S("//a//"));
    url = parsed(*state, "http://h/x?u=http://other:1/");
    assert_str(url.host, S("h"));
    assert_int_equal(url.port, 0);
}

/* The stores' own forms (lib/store). */
static void takes_store_urls_apart(void **state)
{
    struct url url = parsed(*state, "file:///var/pakhus");
    assert_str(url.scheme, S("file"));
    assert_true(url.host.length == 0 && url.authority.length == 0);
    assert_str(url.path, S("/var/pakhus"));
    url = parsed(*state, "s3://bucket/prefix?endpoint=http://127.0.0.1:9000&path-style=1");
    assert_str(url.host, S("bucket"));
    assert_str(url.query, S("endpoint=http://127.0.0.1:9000&path-style=1"));
    url = parsed(*state, "x+y-z.1:///");
    assert_str(url.scheme, S("x+y-z.1"));
}

static void takes_addresses_apart(void **state)
{
    struct url url = parsed(*state, "http://[2001:db8::7]:80/");
    assert_str(url.host, S("[2001:db8::7]"));
    assert_int_equal(url.port, 80);
    url = parsed(*state, "http://[::ffff:192.0.2.1]");
    assert_str(url.host, S("[::ffff:192.0.2.1]"));
    assert_int_equal(url.port, 0);
    url = parsed(*state, "http://192.0.2.1:65535");
    assert_str(url.host, S("192.0.2.1"));
    assert_int_equal(url.port, 65535);
    url = parsed(*state, "http://a%20b!$&'()*+,;=-._~:1/");
    assert_int_equal(url.port, 1);
}

static void refuses_hostile_urls(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "scheme"},
        {"://", "scheme"},
        {"://h/", "scheme"},
        {"//h/", "scheme"},
        {"h/", "scheme"},
        {"/a", "scheme"},
        {"http:/h", "scheme"},
        {"http:h", "scheme"},
        {"1http://h", "scheme"},
        {"+http://h", "scheme"},
        {"ht_tp://h", "scheme"},
        {"ht/tp://h", "scheme"},
        {"h?u=http://x", "scheme"},
        {"javascript:alert(1)//http://h", "scheme"},
        {"http://", "no host"},
        {"http:///path", "no host"},
        {"https://?q", "no host"},
        {"HTTP://#f", "no host"},
        {"http://:80/", "no host"},
        {"s3://:80/", "no host"},
        {"http://user@h/", "user"},
        {"http://user:pw@h/", "user"},
        {"http://@h/", "user"},
        {"http://h:80@evil/", "user"},
        {"http://[::1/", "bracket"},
        {"http://[", "bracket"},
        {"http://[]/", "malformed"},
        {"http://[h]/", "malformed"},
        {"http://[::1]x/", "malformed"},
        {"http://[::1]:x/", "port"},
        {"http://[::1%25eth0]/", "malformed"},
        {"http://[127.0.0.1]/", "malformed"},
        {"http://[1:2:3:4:5:6:7:8:9]/", "malformed"},
        {"http://a]/", "malformed"},
        {"http://a[b]/", "malformed"},
        {"http://[[::1]]/", "malformed"},
        {"http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/", "malformed"},
        {"http://::1/", "no host"},
        {"http://h:/", "port"},
        {"http://h:0/", "port"},
        {"http://h:65536/", "port"},
        {"http://h:-1/", "port"},
        {"http://h:+1/", "port"},
        {"http://h: 1/", "percent-encoded"},
        {"http://h:8o/", "port"},
        {"http://h:80:80/", "port"},
        {"http://h:99999999999999999999/", "port"},
        {"http://h:184467440737095516161/", "port"},
        {"http://h/a b", "percent-encoded"},
        {"http://h/\t", "percent-encoded"},
        {"http://h/\r\nX: y", "percent-encoded"},
        {"http://h/\x7f", "percent-encoded"},
        {"http://h/\xc3\xa9", "percent-encoded"},
        {"http://h\\@evil/", "percent-encoded"},
        {"http://h/<", "percent-encoded"},
        {"http://h/\"", "percent-encoded"},
        {"http://h/{a}", "percent-encoded"},
        {"http://h/^", "percent-encoded"},
        {"http://h/`", "percent-encoded"},
        {"http://h/|", "percent-encoded"},
        {" http://h", "percent-encoded"},
        {"http://h ", "percent-encoded"},
        {"http://h/%", "hexadecimal"},
        {"http://h/%4", "hexadecimal"},
        {"http://h/%zz", "hexadecimal"},
        {"http://h/?a=%%41", "hexadecimal"},
        {"http://h/a[0]", "percent-encoded"},
        {"http://h/?a[]=1", "percent-encoded"},
        {"http://h/#a#b", "percent-encoded"},
    };
    struct url url = {.port = 42};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error;
        if (url_parse(unit_guarded(*state, str_of(wrong[i].text)), &url, &error) != STATUS_INVALID)
            fail_msg("'%s' was taken", wrong[i].text);
        assert_status(error.status, STATUS_INVALID);
        assert_says(&error, wrong[i].words);
    }
    struct error error;
    assert_status(url_parse(S("http://h/\0"), &url, &error), STATUS_INVALID);
    assert_status(url_parse((struct str){NULL, 0}, &url, &error), STATUS_INVALID);
    assert_int_equal(url.port, 42); /* left alone */
}

static void tells_no_secret(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    url_parse(S("https://user:hunter2@host/"), &url, &error);
    assert_null(strstr(error.text, "hunter2"));
}

static void goes_through_arguments(void **state)
{
    struct str rest = unit_guarded(*state, S("&&a=1&b&c=&=d&e==f&&%61=g&"));
    static const struct {
        const char *name, *value;
        bool has_value;
    } wanted[] = {{"a", "1", true}, {"b", "", false}, {"c", "", true}, {"", "d", true}, {"e", "=f", true}, {"%61", "g", true}};
    struct url_argument argument;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(url_next_argument(&rest, &argument));
        assert_str(argument.name, str_of(wanted[i].name));
        assert_str(argument.value, str_of(wanted[i].value));
        assert_int_equal(argument.has_value, wanted[i].has_value);
    }
    assert_false(url_next_argument(&rest, &argument));
    assert_false(url_next_argument(&rest, &argument)); /* also when asked again */
    rest = (struct str){NULL, 0};
    assert_false(url_next_argument(&rest, &argument));
    rest = S("&&&");
    assert_false(url_next_argument(&rest, &argument));
}

static void decodes_an_argument(void **state)
{
    struct arena *arena = *state;
    struct str value = S("-");
    struct error error;
    struct str query = unit_guarded(arena, S("app=a%2Fb+c&name=%E4%BD%A0&empty=&bare&x=%25"));
    assert_status(url_argument(arena, query, S("app"), &value, &error), STATUS_OK);
    assert_str(value, S("a/b+c"));
    assert_status(url_argument(arena, query, S("name"), &value, &error), STATUS_OK);
    assert_str(value, S("\xe4\xbd\xa0"));
    assert_status(url_argument(arena, query, S("empty"), &value, &error), STATUS_OK);
    assert_str(value, S(""));
    assert_status(url_argument(arena, query, S("bare"), &value, &error), STATUS_OK);
    assert_str(value, S(""));
    assert_status(url_argument(arena, query, S("x"), &value, &error), STATUS_OK);
    assert_str(value, S("%"));
}

static void an_argument_that_is_not_there_has_no_data(void **state)
{
    /* names are not decoded: nor does nginx */
    static const char *const without[] = {"", "b=1", "aa=1", "%61=1", "x=a=1", "x;a=1"};
    struct arena *arena = *state;
    struct error error;
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct str value = S("of before");
        assert_ok(url_argument(arena, unit_guarded(arena, str_of(without[i])), S("a"), &value, &error), &error);
        assert_null(value.data);
    }
    struct str value = S("of before"), given = S("of before");
    assert_ok(url_argument(arena, (struct str){NULL, 0}, S("a"), &value, &error), &error);
    assert_null(value.data);
    assert_ok(url_argument(arena, S("a&b"), S("a"), &given, &error), &error);
    assert_null(given.data);
    assert_ok(url_argument(arena, S("a="), S("a"), &given, &error), &error);
    assert_non_null(given.data);
    assert_int_equal(given.length, 0);
}

static void refuses_arguments(void **state)
{
    static const struct {
        const char *query, *words;
    } wrong[] = {
        {"a=%", "hexadecimal"},    {"a=%4", "hexadecimal"}, {"a=%zz", "hexadecimal"},      {"a=1&a=1", "twice"},
        {"a&a", "twice"},          {"a=&b&a=2", "twice"},   {"a=1&A=2", "case-sensitive"}, {"A=2&a=1", "case-sensitive"},
        {"A=2", "case-sensitive"}, {"a=%0a", "control"},    {"a=x%00", "control"},         {"a=%7F", "control"},
    };
    struct arena *arena = *state;
    struct str value = S("left alone");
    struct error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str query = unit_guarded(arena, str_of(wrong[i].query));
        if (url_argument(arena, query, S("a"), &value, &error) != STATUS_INVALID) fail_msg("'%s'", wrong[i].query);
        assert_status(error.status, STATUS_INVALID);
        assert_says(&error, wrong[i].words);
        assert_says(&error, "'a'");
    }
    assert_str(value, S("left alone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(takes_urls_apart),
        test_with_arena(takes_short_urls_apart),
        test_with_arena(takes_store_urls_apart),
        test_with_arena(takes_addresses_apart),
        test_with_arena(refuses_hostile_urls),
        cmocka_unit_test(tells_no_secret),
        test_with_arena(goes_through_arguments),
        test_with_arena(decodes_an_argument),
        test_with_arena(an_argument_that_is_not_there_has_no_data),
        test_with_arena(refuses_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
