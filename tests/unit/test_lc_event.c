#include <sys/mman.h>

#include "runtime/lc_aws_event.h"
#include "tests/unit/unit.h"

struct parsed {
    enum status status;
    enum lc_aws_form form;
    struct lc_request request;
    struct error error;
};

static struct parsed parse(void **state, struct str event)
{
    struct parsed parsed;
    parsed.status = lc_aws_event_parse(*state, event, &parsed.form, &parsed.request, &parsed.error);
    return parsed;
}

/* The event of a payload of version 2.0 with `fields` in it. */
static struct parsed parse_v2(void **state, const char *http, const char *fields)
{
    return parse(state, arena_printf(*state, "{\"version\":\"2.0\",\"requestContext\":{\"http\":{%s}}%s}", http, fields));
}

static struct str v2_path(void **state, const char *path)
{
    struct parsed parsed = parse_v2(state, "\"method\":\"GET\"", arena_printf(*state, ",\"rawPath\":\"%s\"", path).data);
    assert_status(parsed.status, STATUS_OK);
    return parsed.request.path;
}

/* docs.aws.amazon.com, "Request payload format" of function URLs, shortened */
static void a_function_urls_request(void **state)
{
    struct parsed parsed =
        parse(state, S("{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/my/path\","
                       "\"rawQueryString\":\"parameter1=value1&parameter1=value2&parameter2=value\","
                       "\"cookies\":[\"cookie1=1\",\"cookie2=2\"],\"headers\":{\"header1\":\"value1\",\"Header2\":\"value1,value2\"},"
                       "\"requestContext\":{\"accountId\":\"123456789012\",\"authentication\":null,\"domainName\":\"x\","
                       "\"http\":{\"method\":\"POST\",\"path\":\"/my/path\",\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"123.123.123.123\","
                       "\"userAgent\":\"agent\"},\"requestId\":\"id\",\"routeKey\":\"$default\",\"stage\":\"$default\"},"
                       "\"body\":\"Hello from client!\",\"pathParameters\":null,\"isBase64Encoded\":false,\"stageVariables\":null}"));
    assert_status(parsed.status, STATUS_OK);
    assert_int_equal(parsed.form, LC_AWS_V2);
    assert_str(parsed.request.method, S("POST"));
    assert_str(parsed.request.path, S("/my/path"));
    assert_str(parsed.request.query, S("parameter1=value1&parameter1=value2&parameter2=value"));
    assert_str(parsed.request.client_address, S("123.123.123.123"));
    assert_str(parsed.request.body, S("Hello from client!"));
    assert_str(lc_header_get(&parsed.request.headers, S("cookie")), S("cookie1=1; cookie2=2"));
    assert_str(lc_header_get(&parsed.request.headers, S("header2")), S("value1,value2"));
}

static void a_rest_apis_request(void **state)
{
    struct parsed parsed = parse(
        state,
        S("{\"resource\":\"/{proxy+}\",\"path\":\"/a b/c\",\"httpMethod\":\"GET\",\"headers\":{\"X\":\"last\",\"Cookie\":\"a=1\"},"
          "\"multiValueHeaders\":{\"X\":[\"first\",\"last\"],\"Cookie\":[\"a=1\",\"b=2\"]},\"queryStringParameters\":{\"q\":\"2\"},"
          "\"multiValueQueryStringParameters\":{\"q\":[\"1\",\"2&3\"],\"\xc3\xa9\":[\"\"]},"
          "\"requestContext\":{\"stage\":\"prod\",\"identity\":{\"sourceIp\":\"2001:db8::1\"}},\"body\":null,\"isBase64Encoded\":false}"));
    assert_status(parsed.status, STATUS_OK);
    assert_int_equal(parsed.form, LC_AWS_V1);
    assert_str(parsed.request.path, S("/a%20b/c"));
    assert_str(parsed.request.query, S("q=1&q=2%263&%C3%A9="));
    assert_str(parsed.request.client_address, S("2001:db8::1"));
    assert_str(lc_header_get(&parsed.request.headers, S("cookie")), S("a=1; b=2"));
    assert_str(lc_header_get(&parsed.request.headers, S("x")), S("first"));
    assert_int_equal(parsed.request.headers.count, 3);
    assert_int_equal(parsed.request.body.length, 0);
}

#define ALB(fields) S("{\"requestContext\":{\"elb\":{\"targetGroupArn\":\"arn\"}},\"httpMethod\":\"GET\",\"path\":\"/lambda\"," fields "}")

static void a_load_balancers_request(void **state)
{
    struct parsed parsed = parse(
        state,
        ALB("\"queryStringParameters\":{\"q\":\"a%20b\",\"p\":\"1234 ABCD\"},"
            "\"headers\":{\"x-forwarded-for\":\"10.9.9.9, 72.12.164.125\",\"accept\":\"*/*\"},\"body\":\"\",\"isBase64Encoded\":false"));
    assert_status(parsed.status, STATUS_OK);
    assert_int_equal(parsed.form, LC_AWS_ALB);
    assert_str(parsed.request.query, S("q=a%20b&p=1234%20ABCD"));
    assert_str(parsed.request.client_address, S("72.12.164.125"));
}

static void a_load_balancers_request_with_multi_value_headers(void **state)
{
    struct parsed parsed = parse(state, ALB("\"multiValueQueryStringParameters\":{\"q\":[\"%31\",\"2\"]},"
                                            "\"multiValueHeaders\":{\"x-forwarded-for\":[\"9.9.9.9\",\"72.12.164.125:4567\"],\"accept\":["
                                            "\"a\",\"b\"]},\"body\":\"aGk\",\"isBase64Encoded\":true"));
    assert_status(parsed.status, STATUS_OK);
    assert_int_equal(parsed.form, LC_AWS_ALB_MULTI);
    assert_str(parsed.request.query, S("q=%31&q=2"));
    assert_str(parsed.request.client_address, S("72.12.164.125"));
    assert_str(parsed.request.body, S("hi"));
    assert_int_equal(parsed.request.headers.count, 4);
}

static void whatever_else_is_an_event(void **state)
{
    static const char *const events[] = {
        "",
        "not json",
        "null",
        "[1]",
        "\"text\"",
        "{}",
        "{\"pakhus\":\"evaluate\"}",
        "{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":{}}]}",
        "{\"version\":\"0\",\"source\":\"aws.scheduler\",\"detail-type\":\"Scheduled Event\"}",
        "{\"version\":\"2.0\",\"rawPath\":\"/\"}",
        "{\"version\":\"2.0\",\"requestContext\":{\"http\":\"GET\"}}",
        "{\"version\":\"1.0\",\"requestContext\":{\"http\":{}}}",
        "{\"requestContext\":{},\"path\":\"/\"}",
        "{\"requestContext\":null,\"httpMethod\":\"GET\"}",
        "{\"version\":\"2.0\",\"type\":\"REQUEST\",\"routeArn\":\"arn\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}}",
        "{\"type\":\"REQUEST\",\"methodArn\":\"arn\",\"httpMethod\":\"GET\",\"requestContext\":{}}",
        "{\"version\":\"2.0\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}",
    };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct parsed parsed = parse(state, str_of(events[i]));
        assert_status(parsed.status, STATUS_OK);
        assert_int_equal(parsed.form, LC_AWS_EVENT);
    }
}

static void paths_come_out_as_a_client_sends_them(void **state)
{
    static const char *const cases[][2] = {
        {"/a/b", "/a/b"},
        {"", "/"},
        {"a", "/a"},
        {"/a%20b%2F", "/a%20b%2F"},
        {"/a b", "/a%20b"},
        {"/100%", "/100%25"},
        {"/%zz%4", "/%25zz%254"},
        {"/caf\xc3\xa9", "/caf%C3%A9"},
        {"/a?b#c", "/a%3Fb%23c"},
        {"/a\\\"<>\\\\^`{|}", "/a%22%3C%3E%5C%5E%60%7B%7C%7D"},
        {"/a\\u0000\\r\\nb", "/a%00%0D%0Ab"},
        {"/../..//;,:@&=+$!'()*~-._", "/../..//;,:@&=+$!'()*~-._"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_str(v2_path(state, cases[i][0]), str_of(cases[i][1]));
}

static void a_stage_is_not_part_of_the_path(void **state)
{
    static const char *const cases[][3] = {
        {"prod", "/prod/a", "/a"},      {"prod", "/prod", "/"},   {"prod", "/production/a", "/production/a"},
        {"prod", "/a/prod", "/a/prod"}, {"$default", "/a", "/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed = parse(
            state,
            arena_printf(*state,
                         "{\"version\":\"2.0\",\"rawPath\":\"%s\",\"requestContext\":{\"stage\":\"%s\",\"http\":{\"method\":\"GET\"}}}",
                         cases[i][1], cases[i][0]));
        assert_str(parsed.request.path, str_of(cases[i][2]));
    }
}

static void a_query_is_kept_as_it_is_but_for_what_cannot_stand(void **state)
{
    struct parsed parsed = parse_v2(state, "\"method\":\"GET\"", ",\"rawQueryString\":\"a=%20+?/&b=\xc3\xa9 %&&c\"");
    assert_str(parsed.request.query, S("a=%20+?/&b=%C3%A9%20%25&&c"));
}

static void hostile_headers_are_dropped(void **state)
{
    log_set_level(LOG_NONE);
    struct parsed parsed = parse_v2(state, "\"method\":\"GET\"",
                                    ",\"headers\":{\"a\":\"1\\r\\nb: 2\",\"c "
                                    "d\":\"3\",\"\":\"4\",\"X-Fc-Access-Key-Id\":\"5\",\"e\":6,\"f\":[\"7\",8],\"g\":\"\\u0000\"}");
    assert_int_equal(parsed.request.headers.count, 1);
    assert_str(parsed.request.headers.items[0].name, S("f"));
}

static void cookies_are_there_once(void **state)
{
    struct parsed parsed = parse_v2(state, "\"method\":\"GET\"", ",\"headers\":{\"cookie\":\"a=1; b=2\"},\"cookies\":[\"a=1\",\"b=2\",3]");
    assert_str(lc_header_get(&parsed.request.headers, S("cookie")), S("a=1; b=2"));
    assert_int_equal(parsed.request.headers.count, 1);
}

static void client_addresses_are_addresses(void **state)
{
    assert_str(parse_v2(state, "\"method\":\"GET\",\"sourceIp\":\"1.2.3.4\"", "").request.client_address, S("1.2.3.4"));
    assert_str(parse_v2(state, "\"method\":\"GET\",\"sourceIp\":\"test-invoke\"", "").request.client_address, S(""));
    assert_str(parse_v2(state, "\"method\":\"GET\",\"sourceIp\":7", "").request.client_address, S(""));
    assert_str(parse(state, ALB("\"headers\":{}")).request.client_address, S(""));
    assert_str(parse(state, ALB("\"headers\":{\"x-forwarded-for\":\"1.2.3.4,\"}")).request.client_address, S(""));
}

static void bodies_are_decoded(void **state)
{
    assert_str(parse_v2(state, "\"method\":\"PUT\"", ",\"body\":\"aGk=\",\"isBase64Encoded\":true").request.body, S("hi"));
    assert_str(parse_v2(state, "\"method\":\"PUT\"", ",\"body\":\"aGk=\"").request.body, S("aGk="));
    assert_str(parse_v2(state, "\"method\":\"PUT\"", ",\"body\":\"a\\u0000b\"").request.body, S("a\0b"));
    assert_str(parse_v2(state, "\"method\":\"PUT\"", ",\"isBase64Encoded\":true").request.body, S(""));
}

static void what_is_http_and_makes_no_sense_is_invalid(void **state)
{
    struct parsed parsed = parse_v2(state, "\"method\":\"PUT\"", ",\"body\":\"a=b\",\"isBase64Encoded\":true");
    assert_int_equal(parsed.form, LC_AWS_V2);
    assert_error(parsed.status, STATUS_INVALID, &parsed.error, "not base64");
    static const char *const methods[] = {
        "", "\"method\":\"\"", "\"method\":7", "\"method\":\"GE T\"", "\"method\":\"G\\u0000\"", "\"method\":\"GET[\""};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        parsed = parse_v2(state, methods[i], "");
        assert_error(parsed.status, STATUS_INVALID, &parsed.error, "method");
    }
}

/* The input ends where readable memory does: not a byte behind it may be looked at. */
static void nothing_is_read_behind_the_end(void **state)
{
    static const char event[] = "{\"version\":\"2.0\",\"rawPath\":\"/"
                                "%4\",\"body\":\"aGk=\",\"isBase64Encoded\":true,\"requestContext\":{\"http\":{\"method\":\"GET\"}}}";
    size_t length = sizeof event - 1;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    for (size_t cut = 0; cut <= length; cut++) {
        memcpy(pages + 4096 - cut, event, cut);
        struct parsed parsed = parse(state, str_make(pages + 4096 - cut, cut));
        assert_int_equal(parsed.form, cut == length ? LC_AWS_V2 : LC_AWS_EVENT);
    }
    munmap(pages, 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a_function_urls_request),
        test_with_arena(a_rest_apis_request),
        test_with_arena(a_load_balancers_request),
        test_with_arena(a_load_balancers_request_with_multi_value_headers),
        test_with_arena(whatever_else_is_an_event),
        test_with_arena(paths_come_out_as_a_client_sends_them),
        test_with_arena(a_stage_is_not_part_of_the_path),
        test_with_arena(a_query_is_kept_as_it_is_but_for_what_cannot_stand),
        test_with_arena(hostile_headers_are_dropped),
        test_with_arena(cookies_are_there_once),
        test_with_arena(client_addresses_are_addresses),
        test_with_arena(bodies_are_decoded),
        test_with_arena(what_is_http_and_makes_no_sense_is_invalid),
        test_with_arena(nothing_is_read_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
