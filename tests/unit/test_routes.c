/* The table of routes, what every function's guard makes of it, and docs/api.md, which repeats it. */
#include "functions/common/app.h"
#include "functions/common/client.h"
#include "functions/common/routes.h"
#include "tests/unit/document.h"
#include "tests/unit/unit.h"

struct asked {
    struct lc_call call;
    struct lc_request request;
    struct lc_response response;
    size_t body_max;
};

static int setup(void **state)
{
    struct app *app;
    struct error error = {0};
    *state = arena_new();
    setenv("PAKHUS_STORE", "file:///tmp", 1);
    setenv("PAKHUS_ORIGIN_SECRET", "of-the-cdn", 1);
    setenv("PAKHUS_NODE_SECRET", "of-nodes", 1);
    assert_ok(app_open(&app, &error), &error);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static bool passes(struct arena *arena, struct asked *asked, const char *function, const char *method, const char *path)
{
    struct lc_function named = {.name = function};
    asked->call = (struct lc_call){.arena = arena, .function = &named, .request_id = S("id")};
    asked->request.method = str_of(method);
    asked->request.path = str_of(path);
    asked->response = (struct lc_response){0};
    asked->body_max = SIZE_MAX;
    return routes_guard(NULL, &asked->call, &asked->request, &asked->response, &asked->body_max);
}

static void test_each_route_has_its_guard(void **state)
{
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes[i];
        struct str methods = str_of(route->methods), method = str_cut(&methods, ',');
        const char *name = route->guard == ROUTE_NODE ? "Pakhus-Node-Secret" : "Pakhus-Origin-Secret";
        const char *right = route->guard == ROUTE_NODE ? "of-nodes" : "of-the-cdn";
        const char *other = route->guard == ROUTE_NODE ? "of-the-cdn" : "of-nodes";
        struct asked asked = {0};
        assert_false(passes(*state, &asked, route->function, arena_cstr(*state, method), route->path));
        assert_int_equal(asked.response.status, 403);
        lc_header_add(*state, &asked.request.headers, str_of(name), str_of(other));
        assert_false(passes(*state, &asked, route->function, arena_cstr(*state, method), route->path));
        assert_int_equal(asked.response.status, 403);
        asked.request.headers.items[0].value = str_of(right);
        assert_true(passes(*state, &asked, route->function, arena_cstr(*state, method), route->path));
        assert_int_equal(asked.body_max, route->body_max);
        assert_int_equal(asked.response.status, 0);
    }
}

static void test_a_path_of_another_function_is_none(void **state)
{
    struct asked asked = {0};
    assert_false(passes(*state, &asked, "admission", "GET", "/query"));
    assert_int_equal(asked.response.status, 404);
    assert_false(passes(*state, &asked, "query", "GET", "/query/"));
    assert_int_equal(asked.response.status, 404);
    assert_false(passes(*state, &asked, "channel-range-splice", "GET", "/packages"));
    assert_int_equal(asked.response.status, 404);
}

static void test_allow_has_all_methods_of_a_path(void **state)
{
    struct asked asked = {0};
    assert_false(passes(*state, &asked, "gather", "DELETE", "/gather"));
    assert_int_equal(asked.response.status, 405);
    assert_str(lc_header_get(&asked.response.headers, S("allow")), S("GET, HEAD, POST"));
    assert_false(passes(*state, &asked, "query", "OPTIONS", "/query/result"));
    assert_str(lc_header_get(&asked.response.headers, S("allow")), S("POST"));
    assert_false(passes(*state, &asked, "query", "get", "/query")); /* methods are case-sensitive (RFC 9110 section 9.1) */
    assert_int_equal(asked.response.status, 405);
}

static void test_what_decides_is_given_once(void **state)
{
    static const char *const names[] = {"Pakhus-Origin-Secret", "Pakhus-Node", "X-Original-URI", "range", "IF-RANGE", "Host"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct asked asked = {0};
        lc_header_add(*state, &asked.request.headers, S("pakhus-origin-secret"), S("of-the-cdn"));
        if (i > 0) lc_header_add(*state, &asked.request.headers, str_of(names[i]), S("a"));
        assert_true(passes(*state, &asked, "query", "GET", "/query"));
        lc_header_add(*state, &asked.request.headers, str_of(names[i]), S("a"));
        assert_false(passes(*state, &asked, "query", "GET", "/query"));
        assert_int_equal(asked.response.status, 400);
    }
    struct asked asked = {0};
    lc_header_add(*state, &asked.request.headers, S("pakhus-origin-secret"), S("of-the-cdn"));
    for (int i = 0; i < 3; i++) lc_header_add(*state, &asked.request.headers, S("If-None-Match"), S("\"a\""));
    assert_true(passes(*state, &asked, "query", "GET", "/query"));
}

/* --- parameters */

static int status_with(struct arena *arena, const char *function, const char *method, const char *path, const char *query)
{
    struct asked asked = {.request.query = str_of(query)};
    lc_header_add(arena, &asked.request.headers, S("pakhus-origin-secret"), S("of-the-cdn"));
    lc_header_add(arena, &asked.request.headers, S("pakhus-node-secret"), S("of-nodes"));
    if (passes(arena, &asked, function, method, path)) return 200;
    if (asked.response.status == 400) assert_true(str_find_str(asked.response.body, S("unknown parameter '")) < asked.response.body.length);
    return asked.response.status;
}

static void test_a_parameter_that_a_route_does_not_read_is_refused(void **state)
{
    assert_int_equal(status_with(*state, "query", "GET", "/query", "app=APP1&current=1.0"), 400);
    assert_int_equal(status_with(*state, "query", "GET", "/query", "app=APP1&from"), 200);
    assert_int_equal(status_with(*state, "query", "GET", "/query", "app=APP1&=1.0"), 400);
    assert_int_equal(status_with(*state, "query", "GET", "/query", "%61pp=APP1"), 400);
    assert_int_equal(status_with(*state, "query", "GET", "/query", "App=APP1"), 200); /* the function says how it is written */
    assert_int_equal(status_with(*state, "query", "POST", "/query/result", "query=1"), 400);
    assert_int_equal(status_with(*state, "admission", "GET", "/admission", "resource=a&client=b&lastlogin=2026-08-20T10:00:00Z"), 400);
    assert_int_equal(status_with(*state, "gather", "GET", "/gather", "scene=home&resource=a"), 400);
    assert_int_equal(status_with(*state, "gather", "POST", "/gather", "deadline=1s"), 400);
    assert_int_equal(status_with(*state, "channel-range-splice", "GET", "/packages/A/1.apk", "utm=1&v=2"), 200);
    assert_int_equal(status_with(*state, "cache-token-verify", "GET", "/token/verify", "uri=/a&b"), 200);
}

static void test_what_cdns_and_signed_urls_add_passes(void **state)
{
    static const char *const added[] = {
        "Expires=1&Signature=a~&Key-Pair-Id=K1",         /* CloudFront */
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&x-amz-date=1", /* a Function URL that wants IAM */
        "auth_key=1-0-0-md5",
        "hdnts=exp=1~hmac=2",
        "token=a&token_path=%2F&expires=1",
        "utm_source=mail&_=1724630400",
    };
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        assert_int_equal(status_with(*state, "query", "GET", "/query", arena_printf(*state, "app=APP1&%s", added[i]).data), 200);
    assert_int_equal(status_with(*state, "query", "GET", "/query", "app=APP1&X-Am=1"), 400);
}

static void test_the_document_names_each_parameter(void **state)
{
    struct str text = unit_document(*state, "docs/api.md");
    for (size_t i = 0; i < routes_count; i++)
        for (struct str rest = str_of(routes[i].parameters ? routes[i].parameters : ""); rest.length > 0;) {
            struct str name = str_trim(str_cut(&rest, ','));
            if (str_find_str(text, arena_join(*state, S("`"), name, S("`"))) == text.length) fail_msg("no " STR_FMT, STR_ARG(name));
        }
}

static const struct route *route_of(struct str method, struct str path)
{
    for (size_t i = 0; i < routes_count; i++)
        if (str_equal(str_of(routes[i].path), path) && str_starts(str_of(routes[i].methods), method)) return &routes[i];
    return NULL;
}

/* "| `ip`, `mask` | …": every name that a table of parameters promises is one that the route reads. */
static void assert_row_passes(struct arena *arena, const struct route *route, struct str line)
{
    struct str rest = str_from(line, 2), cell = str_cut(&rest, '|');
    while (str_cut(&cell, '`').data && cell.data) {
        struct str name = str_cut(&cell, '`');
        struct str query = arena_join(arena, name, S("=1"));
        if (status_with(arena, route->function, "GET", route->path, query.data) != 200)
            fail_msg("%s refuses " STR_FMT, route->path, STR_ARG(name));
    }
}

static void test_what_the_document_promises_is_read(void **state)
{
    struct str text = unit_document(*state, "docs/api.md");
    const struct route *route = NULL;
    unsigned rows = 0;
    while (text.data) {
        struct str line = str_cut(&text, '\n');
        if (str_starts(line, S("## "))) route = str_starts(line, S("## GET /")) ? route_of(S("GET"), str_from(line, 7)) : NULL;
        if (!route || !route->parameters || !str_starts(line, S("| `"))) continue;
        assert_row_passes(*state, route, line);
        rows++;
    }
    assert_true(rows > 5);
}

/* --- docs/api.md */

/* As docs/api.md calls it. */
static const char *guard_name(enum route_guard guard)
{
    static const char *const names[] = {[ROUTE_ORIGIN] = "origin secret", [ROUTE_NODE] = "node secret"};
    return names[guard];
}

static struct str row_of(struct arena *arena, const struct route *route)
{
    const char *below = str_ends(str_of(route->path), S("/")) ? "…" : "";
    struct str body = route->body_max > 0 ? arena_printf(arena, "%zu KiB", route->body_max >> 10) : S("none");
    return arena_printf(arena, "| `%s%s` | %s | %s | %s | " STR_FMT " |\n", route->path, below, route->methods, route->function,
                        guard_name(route->guard), STR_ARG(body));
}

static void test_the_document_has_this_table(void **state)
{
    struct str text = unit_document(*state, "docs/api.md"),
               head = S("| path | methods | function | who may ask | largest request body |\n| --- | --- | --- | --- | --- |\n");
    size_t at = str_find_str(text, head);
    assert_true(at < text.length);
    text = str_from(text, at + head.length);
    for (size_t i = 0; i < routes_count; i++) {
        struct str row = row_of(*state, &routes[i]);
        assert_str(str_first(text, row.length), row);
        text = str_from(text, row.length);
    }
    assert_true(str_starts(text, S("\n"))); /* no row more */
}

/* --- who asks */

static void test_lines_of_forwarded_for_are_one_list(void **state)
{
    struct client_proxies proxies;
    struct error error = {0};
    struct lc_request request = {.client_address = S("127.0.0.1")};
    assert_ok(client_parse_proxies(*state, S("127.0.0.0/8"), &proxies, &error), &error);
    lc_header_add(*state, &request.headers, S("X-Forwarded-For"), S("203.0.113.7"));
    lc_header_add(*state, &request.headers, S("x-forwarded-for"), S("198.51.100.9, , 127.0.0.2,"));
    assert_str(client_address(&proxies, *state, &request), S("198.51.100.9"));
    request.client_address = S("192.0.2.1"); /* no proxy of ours */
    assert_str(client_address(&proxies, *state, &request), S("192.0.2.1"));
    request = (struct lc_request){.client_address = S("127.0.0.1")};
    lc_header_add(*state, &request.headers, S("X-Forwarded-For"), S("203.0.113.7, unknown"));
    assert_str(client_address(&proxies, *state, &request), S("127.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_route_has_its_guard),
        cmocka_unit_test(test_a_path_of_another_function_is_none),
        cmocka_unit_test(test_allow_has_all_methods_of_a_path),
        cmocka_unit_test(test_what_decides_is_given_once),
        cmocka_unit_test(test_the_document_has_this_table),
        cmocka_unit_test(test_lines_of_forwarded_for_are_one_list),
        cmocka_unit_test(test_a_parameter_that_a_route_does_not_read_is_refused),
        cmocka_unit_test(test_what_cdns_and_signed_urls_add_passes),
        cmocka_unit_test(test_the_document_names_each_parameter),
        cmocka_unit_test(test_what_the_document_promises_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
