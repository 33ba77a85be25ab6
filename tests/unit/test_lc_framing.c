#include "tests/unit/lc_head_model.h"
#include "tests/unit/unit.h"

static bool takes(struct arena *arena, struct str raw)
{
    struct lc_headers headers = {0};
    struct lc_framing framing;
    struct str target, version;
    char *copy = arena_buffer(arena, raw.length);
    memcpy(copy, raw.data, raw.length);
    return model_head(arena, copy, raw.length, &headers, &target, &version) && lc_framing_read(&headers, version, &framing);
}

static void sound_heads_are_taken(void **state)
{
    assert_true(takes(*state, S("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(takes(*state, S("\r\nGET /a?b=c&d HTTP/1.1\r\nHost:x:80\r\nX: a b \r\nY:\r\nZ: \t \r\n\r\n")));
    assert_true(takes(*state, S("POST http://x/ HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhello")));
    assert_true(takes(*state, S("POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: Chunked\r\n\r\n")));
    assert_true(takes(*state, S("GET / HTTP/1.0\r\n\r\n")));
}

#define REQUEST "GET /a HTTP/1.1\r\nHost: x\r\n"

static void heads_that_readers_could_disagree_on_are_refused(void **state)
{
    const struct str heads[] = {
        S("GET /a HTTP/1.1\nHost: x\n\n"),
        S("GET /a HTTP/1.1\r\nHost: x\nX: b\r\n\r\n"),
        S(REQUEST "X: b\n\r\n"),
        S(REQUEST "X: b\r\n\n"),
        S(REQUEST "X : b\r\n\r\n"),
        S(REQUEST "X\t: b\r\n\r\n"),
        S(REQUEST " X: b\r\n\r\n"),
        S(REQUEST "X: b\r\n c\r\n\r\n"),
        S(REQUEST "X: b\r\n\tc\r\nY: d\r\n\r\n"),
        S(REQUEST "X: b\rY: c\r\n\r\n"),
        S(REQUEST "X: b\r\r\n\r\n"),
        S(REQUEST "X: b\0c\r\n\r\n"),
        S(REQUEST "X: b\0\r\n\r\n"),
        S(REQUEST "X\0: b\r\n\r\n"),
        S(REQUEST ": b\r\n\r\n"),
        S(REQUEST "X(: b\r\n\r\n"),
        S(REQUEST "X\r\n\r\n"),
        S("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a  HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a?b\0c HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("G\0ET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a\x7f HTTP/1.1\r\nHost: x\r\n\r\n"),
        S("GET /a\rb HTTP/1.1\r\nHost: x\r\n\r\n"),
        /* the fields */
        S("GET /a HTTP/1.1\r\n\r\n"),
        S(REQUEST "Host: x\r\n\r\n"),
        S(REQUEST "host: y\r\n\r\n"),
        S("GET /a HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"),
        S("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n"),
        S("GET /a HTTP/1.1\r\nHost: a,b\r\n\r\n"),
        S("GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        S("GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        S(REQUEST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        S(REQUEST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        S(REQUEST "Content-Length: 5, 5\r\n\r\n"),
        S(REQUEST "Content-Length: +5\r\n\r\n"),
        S(REQUEST "Content-Length:\r\n\r\n"),
        S(REQUEST "Content-Length: 18446744073709551616\r\n\r\n"),
        S(REQUEST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        S(REQUEST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        S(REQUEST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        S(REQUEST "Transfer-Encoding: identity\r\n\r\n"),
        S(REQUEST "Transfer-Encoding: xchunked\r\n\r\n"),
        S("GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (takes(*state, heads[i])) fail_msg("head %zu was taken: " STR_FMT, i, STR_ARG(heads[i]));
}

static void a_head_tells_how_its_body_ends(void **state)
{
    struct lc_headers headers = {0};
    struct lc_framing framing;
    lc_header_add(*state, &headers, S("Host"), S("x"));
    assert_true(lc_framing_read(&headers, S("HTTP/1.1"), &framing));
    assert_true(!framing.chunked && framing.length == 0);
    lc_header_add(*state, &headers, S("content-length"), S("18446744073709551615"));
    assert_true(lc_framing_read(&headers, S("HTTP/1.1"), &framing));
    assert_true(!framing.chunked && framing.length == UINT64_MAX);
    headers.items[1] = (struct lc_header){S("transfer-encoding"), S("CHUNKED")};
    assert_true(lc_framing_read(&headers, S("HTTP/1.1"), &framing));
    assert_true(framing.chunked && framing.length == 0);
}

#define ARENA_TEST(function) cmocka_unit_test_setup_teardown(function, unit_arena, unit_arena_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(sound_heads_are_taken),
        ARENA_TEST(heads_that_readers_could_disagree_on_are_refused),
        ARENA_TEST(a_head_tells_how_its_body_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
