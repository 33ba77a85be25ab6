#include <jansson.h>

#include "base/encode.h"
#include "runtime/lc_aws_event.h"
#include "tests/unit/unit.h"

static struct str answer(struct arena *arena, enum lc_aws_form form, const char *method, const struct lc_response *response)
{
    struct lc_request request = {.method = str_of(method)};
    struct lc_aws_answer made = lc_aws_answer_make(arena, form, &request, response);
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    for (int i = 0; i < 3; i++) buf_add(&out, made.part[i]);
    return buf_str(&out);
}

static struct lc_response sample(struct arena *arena)
{
    struct lc_response response = {.status = 404, .body = S("n\"o\n")};
    lc_header_add(arena, &response.headers, S("Vary"), S("a"));
    lc_header_add(arena, &response.headers, S("Set-Cookie"), S("x=1"));
    lc_header_add(arena, &response.headers, S("vary"), S("b"));
    lc_header_add(arena, &response.headers, S("set-cookie"), S("y=2"));
    lc_header_add(arena, &response.headers, S("Connection"), S("close"));
    lc_header_add(arena, &response.headers, S("content-length"), S("4"));
    return response;
}

static void payload_2(void **state)
{
    struct lc_response response = sample(*state);
    assert_str(answer(*state, LC_AWS_V2, "GET", &response),
               S("{\"statusCode\":404,\"headers\":{\"Vary\":\"a, b\"},\"cookies\":[\"x=1\",\"y=2\"],"
                 "\"isBase64Encoded\":false,\"body\":\"n\\\"o\\u000a\"}"));
}

static void payload_1(void **state)
{
    struct lc_response response = sample(*state);
    assert_str(answer(*state, LC_AWS_V1, "GET", &response),
               S("{\"statusCode\":404,\"multiValueHeaders\":{\"Vary\":[\"a\",\"b\"],\"Set-Cookie\":[\"x=1\",\"y=2\"]},"
                 "\"isBase64Encoded\":false,\"body\":\"n\\\"o\\u000a\"}"));
}

static void load_balancer(void **state)
{
    struct lc_response response = sample(*state);
    assert_str(answer(*state, LC_AWS_ALB, "GET", &response),
               S("{\"statusCode\":404,\"statusDescription\":\"404 Not Found\",\"headers\":{\"Vary\":\"a, b\",\"Set-Cookie\":\"x=1\"},"
                 "\"isBase64Encoded\":false,\"body\":\"n\\\"o\\u000a\"}"));
    assert_str(answer(*state, LC_AWS_ALB_MULTI, "GET", &response),
               S("{\"statusCode\":404,\"statusDescription\":\"404 Not Found\",\"multiValueHeaders\":{\"Vary\":[\"a\",\"b\"],"
                 "\"Set-Cookie\":[\"x=1\",\"y=2\"]},\"isBase64Encoded\":false,\"body\":\"n\\\"o\\u000a\"}"));
}

static void head_tells_a_length(void **state)
{
    struct lc_response response = {.status = 200, .length = 5};
    assert_str(answer(*state, LC_AWS_V2, "HEAD", &response),
               S("{\"statusCode\":200,\"headers\":{\"Content-Length\":\"5\"},\"cookies\":[],\"isBase64Encoded\":false,\"body\":\"\"}"));
    response.length = LC_LENGTH_UNKNOWN;
    assert_str(answer(*state, LC_AWS_V1, "HEAD", &response),
               S("{\"statusCode\":200,\"multiValueHeaders\":{},\"isBase64Encoded\":false,\"body\":\"\"}"));
    response.body = S("123");
    assert_str(answer(*state, LC_AWS_ALB_MULTI, "HEAD", &response),
               S("{\"statusCode\":200,\"statusDescription\":\"200 OK\",\"multiValueHeaders\":{\"Content-Length\":[\"3\"]},"
                 "\"isBase64Encoded\":false,\"body\":\"\"}"));
}

static void the_prelude_ends_in_eight_nuls(void **state)
{
    struct lc_response response = sample(*state);
    struct lc_request request = {.method = S("GET")};
    assert_str(lc_aws_prelude(*state, &request, &response),
               S("{\"statusCode\":404,\"headers\":{\"Vary\":\"a, b\"},\"cookies\":[\"x=1\",\"y=2\"]}\0\0\0\0\0\0\0\0"));
}

/* What a JSON reader gets out is what went in, within the limit that a handler was told. */
static void comes_back(struct arena *arena, struct str body, bool as_text)
{
    struct lc_response response = {.status = 200, .body = body};
    struct str text = answer(arena, LC_AWS_V2, "GET", &response), decoded;
    json_t *root = json_loadb(text.data, text.length, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    json_t *field = json_object_get(root, "body");
    decoded = str_make(json_string_value(field), json_string_length(field));
    assert_int_equal(json_is_false(json_object_get(root, "isBase64Encoded")), as_text);
    if (!as_text) assert_true(base64_decode(arena, decoded, &decoded));
    assert_true(str_equal(decoded, body));
    assert_true(text.length <= 6291456); /* 6 MiB */
    json_decref(root);
}

static struct str repeated(struct arena *arena, const char *what, size_t length)
{
    char *bytes = arena_buffer(arena, length);
    for (size_t i = 0; i < length; i++) bytes[i] = what[i % strlen(what)];
    return str_make(bytes, length);
}

static void bodies_go_as_text_or_base64(void **state)
{
    size_t limit = lc_aws_body_limit(LC_AWS_V2);
    comes_back(*state, S(""), true);
    comes_back(*state, S("caf\xc3\xa9 \xf0\x9f\x93\xa6\t\r\n"), true);
    comes_back(*state, S("{\"a\":\"\\\\\"}"), true);
    comes_back(*state, S("\xff"), false);
    comes_back(*state, S("a\0b"), false);
    comes_back(*state, S("\x1b[0m"), false);
    comes_back(*state, S("\xed\xa0\x80"), false);
    comes_back(*state, repeated(*state, "x", limit), true);
    comes_back(*state, repeated(*state, "\n", limit), false);
    comes_back(*state, repeated(*state, "\"", limit), false);
    comes_back(*state, repeated(*state, "\xfe\x01", limit), false);
}

static void limits_are_the_platforms(void **state)
{
    (void)state;
    assert_true(lc_aws_body_limit(LC_AWS_V2) > 4500000 && lc_aws_body_limit(LC_AWS_V1) == lc_aws_body_limit(LC_AWS_V2));
    assert_true(lc_aws_body_limit(LC_AWS_ALB) < 786432 && lc_aws_body_limit(LC_AWS_ALB_MULTI) == lc_aws_body_limit(LC_AWS_ALB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(payload_2),
        test_with_arena(payload_1),
        test_with_arena(load_balancer),
        test_with_arena(head_tells_a_length),
        test_with_arena(the_prelude_ends_in_eight_nuls),
        test_with_arena(bodies_go_as_text_or_base64),
        test_with_arena(limits_are_the_platforms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
