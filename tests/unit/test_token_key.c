/* Cache keys (T1), and tokens attached to URLs (T3). */
#include "tests/unit/unit.h"

#include "lib/token/key.h"

static struct token_key key_of(const char *uri, const char *host, const char *business)
{
    struct token_target target;
    struct token_key key;
    if (token_target_parse(str_of(uri), str_of(host), TOKEN_PARAMETER, &target) != TOKEN_TARGET_OK) fail_msg("%s", uri);
    assert_true(token_key_of(&target, str_of(business), false, &key));
    return key;
}

static bool same(const char *a, const char *b)
{
    struct token_key one = key_of(a, "h", "b"), other = key_of(b, "h", "b");
    return token_key_equal(&one, &other);
}

static void equal_keys(void **state)
{
    static const char *const pairs[][2] = {
        {"/a", "/a?pkt=x"},
        {"/a", "/a?"},
        {"/a", "/a#f"},
        {"/a?x=1&y=2", "/a?x=1&y=2&pkt=t"},
        {"/a?x=1&y=2", "/a?pkt=t&x=1&y=2"},
        {"/a?x=1&y=2", "/a?x=1&pkt=t&y=2"},
        {"/a?x=1&", "/a?x=1&&pkt=t"},
        {"/a?&", "/a?&&pkt=t"},
        {"/a", "http://h/a"},
        {"/a", "HTTPS://H:8443/a"},
        {"/", "http://h"},
        {"/?q", "http://h?q"},
        {"/%7Ea", "/~a"},
        {"/%2f", "/%2F"},
        {"/b\xc3\xbc"
         "cher|x",
         "/b%C3%BC"
         "cher%7cx"},
        {"/a?q=%41", "/a?q=A"},
        {"/%zz%", "/%25zz%25"},
        {"/100%&x", "/100%25&x"},
        {"/%%32f", "/%252f"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!same(pairs[i][0], pairs[i][1])) fail_msg("%s is not %s", pairs[i][0], pairs[i][1]);
}

static void different_keys(void **state)
{
    static const char *const pairs[][2] = {
        {"/a", "/b"},
        {"/a", "/a/"},
        {"/a?x=1&y=2", "/a?y=2&x=1"},
        {"/a/b", "/a%2Fb"},
        {"/a?x", "/a%3Fx"},
        {"/a?x=1", "/a?x=1&PKT=t"},
        {"/a?x&y", "/a?xy"},
        {"/a", "http://i/a"},
        {"/%%32F", "/%2F"},
        {"/%%32F", "/2F"},
        {"/%%2541", "/%2541"},
        {"/%", "/"},
        {"/a?b&pkt=t&c", "/a?bc"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (same(pairs[i][0], pairs[i][1])) fail_msg("%s is %s", pairs[i][0], pairs[i][1]);
}

/* What stands where is part of the key: nothing runs over from one part into the next. */
static void parts_do_not_run_together(void **state)
{
    struct token_key a = key_of("/x", "ab", "c"), b = key_of("/x", "b", "ca"), c = key_of("/x", "b", "c");
    (void)state;
    assert_false(token_key_equal(&a, &b));
    assert_false(token_key_equal(&a, &c));
}

/* SHA-256("pakhus-key-1\0shop\0cdn.example\0/apps/game.apk?a=1") */
static void as_the_format_says(void **state)
{
    struct token_key key = key_of("https://cdn.example/apps/game.apk?a=1&pkt=t#f", "", "shop");
    char text[2 * TOKEN_KEY_LENGTH + 1];
    (void)state;
    token_key_hex(&key, text);
    assert_string_equal(text, "35622c40b2bce89f00052702a5568fd2670add9ad2873b38d1242f382a677295");
}

static void attached(void **state)
{
    static const char *const cases[][2] = {
        {"https://h/a", "https://h/a?pkt=T"},
        {"/a?", "/a?pkt=T"},
        {"/a?x=1", "/a?x=1&pkt=T"},
        {"/a?x=1#f", "/a?x=1&pkt=T#f"},
        {"/a#f?x", "/a?pkt=T#f?x"},
        {"/a?pkt=old", "/a?pkt=T"},
        {"/a?pkt=old&x=1&pkt=older#f", "/a?x=1&pkt=T#f"},
        {"/a?pkt&y", "/a?y&pkt=T"},
        {"", "?pkt=T"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(token_attach(*state, str_of(cases[i][0]), TOKEN_PARAMETER, S("T")), str_of(cases[i][1]));
}

static void detached(void **state)
{
    static const char *const cases[][2] = {
        {"/a?pkt=T", "/a"}, {"/a?x=1&pkt=T#f", "/a?x=1#f"}, {"/a", "/a"},
        {"/a?", "/a?"},     {"/a?x=1&&y#z", "/a?x=1&&y#z"}, {"/a?PKT=T", "/a?PKT=T"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(token_detach(*state, str_of(cases[i][0]), TOKEN_PARAMETER), str_of(cases[i][1]));
}

static void hosts(void **state)
{
    char buffer[TOKEN_HOST_MAXIMUM + 1], text[300];
    struct token_target target;
    (void)state;
    assert_str(token_host(S("A.Example."), buffer), S("a.example"));
    memset(text, 'a', sizeof text);
    assert_null(token_host(str_make(text, TOKEN_HOST_MAXIMUM + 1), buffer).data);
    assert_int_equal(token_target_parse(S("/a"), S("[::1]:80"), TOKEN_PARAMETER, &target), TOKEN_TARGET_OK);
    assert_str(target.host, S("[::1]"));
    for (size_t length = TOKEN_HOST_MAXIMUM + 1; length <= 300; length++)
        assert_int_equal(token_target_parse(S("/a"), str_make(text, length), TOKEN_PARAMETER, &target), TOKEN_TARGET_TOO_LONG);
    assert_int_equal(token_target_parse(S("/a"), str_make(text, TOKEN_HOST_MAXIMUM), TOKEN_PARAMETER, &target), TOKEN_TARGET_OK);
    text[TOKEN_HOST_MAXIMUM] = '.';
    assert_int_equal(token_target_parse(S("/a"), str_make(text, TOKEN_HOST_MAXIMUM + 1), TOKEN_PARAMETER, &target), TOKEN_TARGET_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(equal_keys),
        test_with_arena(different_keys),
        test_with_arena(parts_do_not_run_together),
        test_with_arena(as_the_format_says),
        test_with_arena(attached),
        test_with_arena(detached),
        test_with_arena(hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
