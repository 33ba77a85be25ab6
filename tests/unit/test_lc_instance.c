#include <pthread.h>
#include <stdlib.h>

#include "runtime/lc_error.h"
#include "runtime/lc_instance.h"
#include "tests/unit/unit.h"

static int inits, stops, closed_streams;

static enum status init(void **state, struct error *error)
{
    inits++;
    ENSURE(!getenv("TEST_INIT_FAILS"), error, STATUS_DENIED, "no key");
    *state = &inits;
    return STATUS_OK;
}

static enum status init_without_words(void **state, struct error *error)
{
    (void)state;
    (void)error;
    return STATUS_TIMEOUT;
}

static void stop(void *state)
{
    assert_ptr_equal(state, &inits);
    stops++;
}

static void close_stream(void *context)
{
    (void)context;
    closed_streams++;
}

static ssize_t read_nothing(void *context, void *buffer, size_t capacity, struct error *error)
{
    (void)context;
    (void)buffer;
    (void)capacity;
    (void)error;
    return 0;
}

/* The path says what to return. */
static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    (void)state;
    (void)call;
    uint64_t number = 0;
    str_to_u64(request->query, &number);
    response->status = (int)number;
    if (str_equal(request->path, S("/stream"))) response->stream = (struct stream){.read = read_nothing, .close = close_stream};
    if (str_equal(request->path, S("/stream"))) return STATUS_CORRUPT;
    return str_equal(request->path, S("/block")) ? STATUS_WOULD_BLOCK : STATUS_OK;
}

static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    (void)state;
    (void)call;
    if (str_equal(text, S("silent"))) return STATUS_NOT_FOUND;
    ENSURE(!str_equal(text, S("loud")), error, STATUS_INVALID, "too loud");
    *result = text;
    return STATUS_OK;
}

static const struct lc_function whole = {.name = "whole", .init = init, .http = http, .event = event, .stop = stop};

static int reset(void **state)
{
    inits = stops = closed_streams = 0;
    unsetenv("TEST_INIT_FAILS");
    log_set_level(LOG_NONE);
    return unit_arena(state);
}

static struct lc_instance ready(void)
{
    struct lc_instance instance;
    struct error error;
    lc_instance_make(&instance, &whole);
    assert_ok(lc_instance_init(&instance, &error), &error);
    return instance;
}

static void init_runs_once(void **state)
{
    (void)state;
    struct lc_instance instance = ready();
    struct error error;
    assert_ok(lc_instance_init(&instance, &error), &error);
    assert_int_equal(inits, 1);
    assert_true(lc_instance_is_ready(&instance));
}

static void a_failed_init_stays_failed(void **state)
{
    (void)state;
    struct lc_instance instance;
    struct error error;
    setenv("TEST_INIT_FAILS", "1", 1);
    lc_instance_make(&instance, &whole);
    for (int i = 0; i < 2; i++) assert_error(lc_instance_init(&instance, &error), STATUS_DENIED, &error, "no key");
    assert_int_equal(inits, 1);
    assert_false(lc_instance_is_ready(&instance));
    assert_true(lc_instance_stop(&instance, 0));
    assert_int_equal(stops, 0);
}

static void an_init_that_fails_without_a_word_gets_one(void **state)
{
    (void)state;
    struct lc_instance instance;
    struct error error;
    lc_instance_make(&instance, &(struct lc_function){.name = "mute", .init = init_without_words});
    assert_error(lc_instance_init(&instance, &error), STATUS_TIMEOUT, &error, "timeout");
}

static void stop_runs_once_and_nothing_enters_behind_it(void **state)
{
    (void)state;
    struct lc_instance instance = ready();
    assert_true(lc_instance_enter(&instance));
    assert_int_equal(lc_instance_running(&instance), 1);
    lc_instance_leave(&instance);
    assert_true(lc_instance_stop(&instance, 0));
    assert_true(lc_instance_stop(&instance, 0));
    assert_int_equal(stops, 1);
    assert_false(lc_instance_enter(&instance));
    assert_int_equal(lc_instance_running(&instance), 0);
}

static void a_running_call_keeps_stop_away(void **state)
{
    (void)state;
    struct lc_instance instance = ready();
    assert_true(lc_instance_enter(&instance));
    assert_false(lc_instance_stop(&instance, 10));
    assert_int_equal(stops, 0);
    lc_instance_leave(&instance);
    assert_true(lc_instance_stop(&instance, 10));
    assert_int_equal(stops, 1);
}

static void *call_often(void *context)
{
    struct lc_instance *instance = context;
    while (lc_instance_enter(instance)) {
        assert_int_equal(stops, 0);
        lc_instance_leave(instance);
    }
    return NULL;
}

static void stop_finds_a_moment_when_nobody_is_inside(void **state)
{
    (void)state;
    struct lc_instance instance = ready();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, call_often, &instance), 0);
    assert_true(lc_instance_stop(&instance, 10000));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(stops, 1);
}

static struct lc_response ask(struct arena *arena, const struct lc_function *function, struct str path, struct str query)
{
    struct lc_instance instance;
    struct lc_call call = {.arena = arena, .request_id = S("id")};
    struct lc_response response;
    const struct lc_request request = {.path = path, .query = query};
    lc_instance_make(&instance, function);
    if (lc_instance_admit(&instance, &call, &request, &response))
        assert_status(lc_instance_http(&instance, &call, &request, &response), STATUS_OK);
    return response;
}

static void a_status_is_200_unless_set_and_500_where_it_is_none(void **state)
{
    assert_int_equal(ask(*state, &whole, S("/"), S("0")).status, 200);
    assert_int_equal(ask(*state, &whole, S("/"), S("599")).status, 599);
    assert_int_equal(ask(*state, &whole, S("/"), S("600")).status, 500);
    assert_int_equal(ask(*state, &whole, S("/"), S("199")).status, 500);
}

static void a_handler_that_fails_is_a_problem_and_its_stream_is_closed(void **state)
{
    struct lc_response response = ask(*state, &whole, S("/stream"), S("200"));
    assert_int_equal(closed_streams, 1);
    assert_null(response.stream.read);
    assert_str(response.body, S("{\"type\":\"internal\",\"title\":\"Internal Server Error\",\"status\":500,\"instance\":\"id\"}\n"));
    assert_str(lc_header_get(&response.headers, S("content-type")), S("application/problem+json"));
}

static void would_block_is_a_fault_where_one_may_wait(void **state)
{
    struct lc_instance instance = ready();
    struct lc_call call = {.arena = *state, .no_wait = true};
    struct lc_response response;
    struct lc_request request = {.path = S("/block")};
    assert_status(lc_instance_http(&instance, &call, &request, &response), STATUS_WOULD_BLOCK);
    call.no_wait = false;
    assert_status(lc_instance_http(&instance, &call, &request, &response), STATUS_OK);
    assert_int_equal(response.status, 500);
}

static void a_function_says_what_it_does_not_take(void **state)
{
    struct lc_instance instance;
    struct lc_call call = {.arena = *state};
    struct error error = {0};
    struct str result;
    assert_int_equal(ask(*state, &(struct lc_function){.name = "events", .event = event}, S("/"), S("")).status, 501);
    lc_instance_make(&instance, &(struct lc_function){.name = "requests", .http = http});
    assert_error(lc_instance_event(&instance, &call, S("x"), &result, &error), STATUS_UNSUPPORTED, &error, "requests takes HTTP requests");
}

static bool guard(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response, size_t *body_max)
{
    (void)state;
    (void)call;
    *body_max = 3;
    if (str_equal(request->path, S("/silent"))) return false;
    if (str_equal(request->path, S("/shut"))) response->status = 418;
    return response->status == 0;
}

static void a_guard_decides_before_the_handler(void **state)
{
    const struct lc_function guarded = {.name = "guarded", .http = http, .guard = guard};
    struct lc_instance instance;
    struct lc_call call = {.arena = *state};
    struct lc_response response;
    size_t body_max = 100;
    lc_instance_make(&instance, &guarded);
    assert_int_equal(ask(*state, &guarded, S("/"), S("201")).status, 201);
    assert_int_equal(ask(*state, &guarded, S("/shut"), S("201")).status, 418);
    assert_int_equal(ask(*state, &guarded, S("/silent"), S("201")).status, 403);
    assert_true(lc_instance_guard(&instance, &call, &(struct lc_request){.path = S("/")}, &response, &body_max));
    assert_int_equal(body_max, 3);
    assert_true(lc_instance_admit(&instance, &call, &(struct lc_request){.path = S("/"), .body = S("abc")}, &response));
    assert_false(lc_instance_admit(&instance, &call, &(struct lc_request){.path = S("/"), .body = S("abcd")}, &response));
    assert_int_equal(response.status, 413);
}

static void events_and_their_errors(void **state)
{
    struct lc_instance instance = ready();
    struct lc_call call = {.arena = *state};
    struct error error = {0};
    struct str result;
    assert_ok(lc_instance_event(&instance, &call, S("x"), &result, &error), &error);
    assert_str(result, S("x"));
    assert_error(lc_instance_event(&instance, &call, S("silent"), &result, &error), STATUS_NOT_FOUND, &error, "not found");
    error = (struct error){0};
    assert_error(lc_instance_event(&instance, &call, S("loud"), &result, &error), STATUS_INVALID, &error, "too loud");
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* (Runtime|Function)\.[A-Z][a-zA-Z]+, or the platform replaces it */
static void error_types_are_what_the_platform_takes(void **state)
{
    assert_str(lc_error_type(*state, STATUS_NOT_FOUND), S("Function.NotFound"));
    for (enum status status = STATUS_NOT_FOUND; status <= STATUS_INTERNAL; status++) {
        struct str type = lc_error_type(*state, status), word = str_from(type, 9);
        assert_true(str_starts(type, S("Function.")) && word.length >= 2 && word.data[0] >= 'A' && word.data[0] <= 'Z');
        for (size_t i = 0; i < word.length; i++) assert_true(is_letter(word.data[i]));
    }
    assert_str(lc_error_json(*state, S("Function.X"), S("a \"b\"\n")),
               S("{\"errorMessage\":\"a \\\"b\\\"\\u000a\",\"errorType\":\"Function.X\",\"stackTrace\":[]}"));
}

static void metrics_are_what_prometheus_reads(void **state)
{
    static struct lc_metrics metrics;
    struct buf out = buf_in(*state, 65536);
    lc_metrics_count(&metrics, 200, 99);
    lc_metrics_count(&metrics, 302, 100);
    lc_metrics_count(&metrics, 404, 101);
    lc_metrics_count(&metrics, 500, 31000000);
    lc_metrics_count(&metrics, 0, 1);
    lc_metrics_write(&out, &(struct lc_metrics_source){"f", &metrics, 3}, 1);
    struct str text = buf_str(&out);
    static const char *const lines[] = {
        "lc_requests_total{function=\"f\",status=\"1xx\"} 0\n",
        "lc_requests_total{function=\"f\",status=\"5xx\"} 1\n",
        "lc_request_duration_seconds_bucket{function=\"f\",le=\"0.0001\"} 3\n",
        "lc_request_duration_seconds_bucket{function=\"f\",le=\"0.0005\"} 4\n",
        "lc_request_duration_seconds_bucket{function=\"f\",le=\"30\"} 4\n",
        "lc_request_duration_seconds_bucket{function=\"f\",le=\"+Inf\"} 5\n",
        "lc_request_duration_seconds_sum{function=\"f\"} 31.000301\n",
        "lc_request_duration_seconds_count{function=\"f\"} 5\n",
        "lc_in_flight{function=\"f\"} 3\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_true(str_find_str(text, str_of(lines[i])) < text.length);
}

static void the_version_is_reported_where_there_is_one(void **state)
{
    const struct lc_function plain = {.name = "f"}, old = {.name = "f", .version = "1.2"}, named = {.version = "1.2", .prefix = "SHOP_A"};
    struct buf out = buf_in(*state, 4096);
    assert_str(lc_instance_health(*state, &plain), S("ok\n"));
    assert_str(lc_instance_health(*state, &old), S("ok 1.2\n"));
    lc_metrics_write_build(&out, &plain);
    assert_str(buf_str(&out), S(""));
    lc_metrics_write_build(&out, &old);
    assert_true(str_ends(buf_str(&out), S("\nlc_build_info{version=\"1.2\"} 1\n")));
    lc_metrics_write_build(&out, &named);
    assert_true(str_ends(buf_str(&out), S("\nshop_a_build_info{version=\"1.2\"} 1\n")));
}

#define INSTANCE_TEST(function) cmocka_unit_test_setup_teardown(function, reset, unit_arena_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTANCE_TEST(init_runs_once),
        INSTANCE_TEST(a_failed_init_stays_failed),
        INSTANCE_TEST(an_init_that_fails_without_a_word_gets_one),
        INSTANCE_TEST(stop_runs_once_and_nothing_enters_behind_it),
        INSTANCE_TEST(a_running_call_keeps_stop_away),
        INSTANCE_TEST(stop_finds_a_moment_when_nobody_is_inside),
        INSTANCE_TEST(a_status_is_200_unless_set_and_500_where_it_is_none),
        INSTANCE_TEST(a_handler_that_fails_is_a_problem_and_its_stream_is_closed),
        INSTANCE_TEST(would_block_is_a_fault_where_one_may_wait),
        INSTANCE_TEST(a_function_says_what_it_does_not_take),
        INSTANCE_TEST(a_guard_decides_before_the_handler),
        INSTANCE_TEST(events_and_their_errors),
        INSTANCE_TEST(error_types_are_what_the_platform_takes),
        INSTANCE_TEST(the_version_is_reported_where_there_is_one),
        INSTANCE_TEST(metrics_are_what_prometheus_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
