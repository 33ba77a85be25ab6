/* References in documents get their tokens (T3); all else stays. */
#include "tests/unit/unit.h"

#include "lib/token/reference.h"
#include "lib/token/rewrite.h"

/* What is below https://h/f/ has a token: T. */
static enum status token_of(void *context, struct arena *arena, struct str url, struct str *token, struct error *error)
{
    (void)context, (void)arena, (void)error;
    if (str_starts(url, S("https://h/f/"))) *token = S("T");
    return STATUS_OK;
}

static void check(struct arena *arena, enum rewrite_kind kind, const char *in, const char *expected)
{
    struct rewrite rewrite = {.kind = kind, .base = S("https://h/f/page"), .parameter = TOKEN_PARAMETER, .token_of = token_of};
    struct rewritten out, again;
    struct error error;
    assert_ok(rewrite_document(arena, &rewrite, str_of(in), &out, &error), &error);
    assert_str(out.text, str_of(expected));
    assert_ok(rewrite_document(arena, &rewrite, out.text, &again, &error), &error);
    assert_str(again.text, out.text);
}

static void html(void **state)
{
    static const char *const cases[][2] = {
        {"<a href=\"a.apk\">a.apk</a>", "<a href=\"a.apk?pkt=T\">a.apk</a>"},
        {"<img src='/f/a.png' alt=\"a.png\">", "<img src='/f/a.png?pkt=T' alt=\"a.png\">"},
        {"<img src=a.png>", "<img src=a.png?pkt=T>"},
        {"<IMG SRC = a.png />", "<IMG SRC = a.png?pkt=T />"},
        {"<a href=\"a?x=1&amp;y#z\">", "<a href=\"a?x=1&amp;y&amp;pkt=T#z\">"},
        {"<a href=\"a?x=1&y=2\">", "<a href=\"a?x=1&y=2&pkt=T\">"},
        {"<a href=\"a?pkt=old&amp;x\">", "<a href=\"a?x&amp;pkt=T\">"},
        {"<a href=\"a&eacute;b\">", "<a href=\"a&eacute;b\">"},
        {"<a href=\"//h/f/x\"><a href=\"https://other/f/x\"><a href=\"../x\">",
         "<a href=\"//h/f/x?pkt=T\"><a href=\"https://other/f/x\"><a href=\"../x\">"},
        {"<a href=\"#top\"><a href=\"mailto:a@h\"><a href=\"javascript:x\"><a href=\"\">",
         "<a href=\"#top\"><a href=\"mailto:a@h\"><a href=\"javascript:x\"><a href=\"\">"},
        {"<!-- <a href=a> --><script>'<a href=a>'</script><a href=a>", "<!-- <a href=a> --><script>'<a href=a>'</script><a href=a?pkt=T>"},
        {"<img srcset=\"a.png 1x, b.png 2x,c.png\">", "<img srcset=\"a.png?pkt=T 1x, b.png?pkt=T 2x,c.png?pkt=T\">"},
        {"<p style=\"background:url(a.png)\"><style>b{c:url('d')}</style>",
         "<p style=\"background:url(a.png?pkt=T)\"><style>b{c:url('d?pkt=T')}</style>"},
        {"<base href=\"https://h/g/\"><a href=a><a href=/f/a>", "<base href=\"https://h/g/\"><a href=a><a href=/f/a?pkt=T>"},
        {"<base href=\"/f/\" target=\"_blank\"><a href=a>", "<base href=\"/f/\" target=\"_blank\"><a href=a?pkt=T>"},
        {"<base target=\"/g/\"><base href=\"/f/\"><base href=\"/g/\"><a href=a>",
         "<base target=\"/g/\"><base href=\"/f/\"><base href=\"/g/\"><a href=a?pkt=T>"},
        {"<!--><a href=a><!-- <a href=a> --><!---><a href=a>", "<!--><a href=a?pkt=T><!-- <a href=a> --><!---><a href=a?pkt=T>"},
        {"<a href=HTTPS://H/f/a>", "<a href=HTTPS://H/f/a?pkt=T>"},
        {"<meta content=\"https://h/f/i\"><meta content=\"i\">", "<meta content=\"https://h/f/i?pkt=T\"><meta content=\"i\">"},
        {"a < b <a href=\"x", "a < b <a href=\"x?pkt=T"},
        {"", ""},
        {"<", "<"},
        {"<a href=", "<a href="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(*state, REWRITE_HTML, cases[i][0], cases[i][1]);
}

static void css(void **state)
{
    check(*state, REWRITE_CSS, "@import 'a.css'; b{c:url( \"d.png\" ) url(e.png)} /* url(f) */ g::after{content:\"url(h)\"}",
          "@import 'a.css?pkt=T'; b{c:url( \"d.png?pkt=T\" ) url(e.png?pkt=T)} /* url(f) */ g::after{content:\"url(h)\"}");
    check(*state, REWRITE_CSS, "@import url(a); b{c:url(data:x)} d{e:url(\\66)} f{g:url(",
          "@import url(a?pkt=T); b{c:url(data:x)} d{e:url(\\66)} f{g:url(");
}

static void json(void **state)
{
    check(*state, REWRITE_JSON,
          "{\"src\":\"a.png\",\"a.b\":\"no reference here.\",\"u\":\"https:\\/\\/h\\/f\\/x?a&b\",\"n\":1,\"e\":\"a\\u002eb\"}",
          "{\"src\":\"a.png?pkt=T\",\"a.b\":\"no reference here.\",\"u\":\"https:\\/\\/h\\/f\\/x?a&b&pkt=T\",\"n\":1,\"e\":\"a\\u002eb\"}");
}

static void xml_and_lines(void **state)
{
    check(*state, REWRITE_XML, "<?xml?><string>https://h/f/a.ipa?x&amp;y</string><string>a.ipa</string>",
          "<?xml?><string>https://h/f/a.ipa?x&amp;y&amp;pkt=T</string><string>a.ipa</string>");
    check(*state, REWRITE_XML, "<s> https://h/f/a?x </s>", "<s> https://h/f/a?x&amp;pkt=T </s>");
    check(*state, REWRITE_LINES, "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\r\n1.ts\r\nhttps://o/2.ts\n\n3.ts",
          "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"k?pkt=T\"\r\n1.ts?pkt=T\r\nhttps://o/2.ts\n\n3.ts?pkt=T");
}

/* RFC 3986 §5.4. */
static void resolved(void **state)
{
    static const char *const cases[][2] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {".", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g..", "http://a/b/c/g.."},
        {"./g/.", "http://a/b/c/g/"},
        {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"HTTPS://X:8/%7e?Q#F", "https://x:8/%7e?Q#F"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str url;
        assert_true(token_resolve(*state, S("http://a/b/c/d;p?q"), str_of(cases[i][0]), &url));
        assert_str(url, str_of(cases[i][1]));
    }
}

static enum status fails(void *context, struct arena *arena, struct str url, struct str *token, struct error *error)
{
    (void)context, (void)arena, (void)url, (void)token;
    return error_set(error, STATUS_UNAVAILABLE, "no store");
}

static void an_error_ends_it(void **state)
{
    struct rewrite rewrite = {.kind = REWRITE_HTML, .base = S("https://h/f/page"), .parameter = TOKEN_PARAMETER, .token_of = fails};
    struct rewritten out;
    struct error error;
    assert_error(rewrite_document(*state, &rewrite, S("<a href=a>"), &out, &error), STATUS_UNAVAILABLE, &error, "no store");
}

static void kinds(void **state)
{
    enum rewrite_kind kind;
    (void)state;
    assert_true(rewrite_kind_of(S("a/B.HTML"), &kind) && kind == REWRITE_HTML);
    assert_true(rewrite_kind_of(S("x.m3u8"), &kind) && kind == REWRITE_LINES);
    assert_false(rewrite_kind_of(S("html"), &kind));
    assert_false(rewrite_kind_of(S(".css"), &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(html),          test_with_arena(css),      test_with_arena(json),
        test_with_arena(xml_and_lines), test_with_arena(resolved), test_with_arena(an_error_ends_it),
        test_with_arena(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
