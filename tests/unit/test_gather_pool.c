/* The pool and its workers, which are real processes: what comes arrives, and what dies, hangs or lies costs its own resource only. */
#include "tests/unit/gather_fixture.h"

enum { WORKERS = 16, READY = 4, PATIENCE = 20 * CLOCK_SECOND };

static struct arena *arena;
static struct scripted_server *server;
static struct gather_pool *pool;

/* "/ok/<text>" answers the text; the others are what they say. */
static bool answer(struct scripted_server *from, int number, const struct scripted_request *request, int fd)
{
    struct str path = request->head;
    (void)number;
    str_cut(&path, ' ');
    path = str_cut(&path, ' ');
    if (str_starts(path, S("/ok/"))) return scripted_reply(fd, "200 OK", "Content-Type: text/plain\r\n", str_from(path, 4));
    if (str_starts(path, S("/503"))) return scripted_reply(fd, "503 Busy", "", S("no"));
    if (str_starts(path, S("/loop"))) return scripted_reply(fd, "302 Found", "Location: /loop\r\n", S("round"));
    if (str_starts(path, S("/away"))) return scripted_reply(fd, "302 Found", "Location: http://169.254.169.254/latest/\r\n", S(""));
    if (str_starts(path, S("/mail"))) return scripted_reply(fd, "302 Found", "Location: mailto:a@b\r\n", S(""));
    if (str_starts(path, S("/there"))) return scripted_reply(fd, "302 Found", "Location: /ok/there\r\n", S(""));
    if (str_starts(path, S("/short"))) return scripted_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")), false;
    if (str_starts(path, S("/unframed"))) return scripted_send(fd, S("HTTP/1.1 200 OK\r\n\r\nhello\n")), false;
    if (str_starts(path, S("/garbage"))) return scripted_send(fd, S("\x01\x02 garbage\n\n")), false;
    if (str_starts(path, S("/close"))) return false;
    if (str_starts(path, S("/chunks")))
        return scripted_send(fd, S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")), true;
    if (str_starts(path, S("/empty"))) return scripted_reply(fd, "200 OK", "", S(""));
    if (str_starts(path, S("/large"))) {
        static char block[1 << 16];
        scripted_send(fd, S("HTTP/1.1 200 OK\r\n\r\n"));
        for (int i = 0; i < 64; i++) scripted_send(fd, str_make(block, sizeof block));
        return false;
    }
    while (str_starts(path, S("/hang")) && !from->stopping) {
        struct pollfd gone = {.fd = fd, .events = POLLIN};
        if (poll(&gone, 1, 20) > 0) return false;
    }
    return false;
}

static int set_up(void **state)
{
    struct error error;
    (void)state;
    arena = arena_new();
    server = scripted_start(answer, NULL);
    const struct gather_pool_options options = {.workers = WORKERS, .ready = READY};
    return gather_pool_open(&options, &pool, &error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    gather_pool_close(pool);
    scripted_stop(server);
    arena_free(arena);
    return 0;
}

static struct asked *ask(int64_t milliseconds, const char *const *paths, size_t count)
{
    struct asked *asked = asked_new(arena, milliseconds);
    for (size_t i = 0; i < count; i++) asked_add(asked, server->port, paths[i]);
    return asked;
}
#define ASK(milliseconds, ...)                                                                                                             \
    ask((milliseconds), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void run(struct asked *asked)
{
    asked_submit(pool, asked);
    asked_wait(asked);
}

static void assert_reason(const struct asked *asked, size_t index, enum gather_reason wanted)
{
    const struct gather_outcome *outcome = asked_outcome(asked, index);
    if (outcome->reason != wanted)
        fail_msg(STR_FMT " is %s, not %s: " STR_FMT, STR_ARG(asked->resources[index].address), gather_reason_name(outcome->reason),
                 gather_reason_name(wanted), STR_ARG(outcome->detail));
}

static void everything_arrives(void **state)
{
    struct asked *asked = ASK(PATIENCE, "/ok/a", "/ok/bc", "/chunks", "/empty", "/there");
    (void)state;
    run(asked);
    for (size_t i = 0; i < asked->request.count; i++) assert_reason(asked, i, GATHER_COMPLETE);
    assert_str(asked_outcome(asked, 0)->body, S("a"));
    assert_str(asked_outcome(asked, 0)->type, S("text/plain"));
    assert_int_equal(asked_outcome(asked, 0)->status, 200);
    assert_str(asked_outcome(asked, 1)->body, S("bc"));
    assert_str(asked_outcome(asked, 2)->body, S("hello"));
    assert_int_equal(asked_outcome(asked, 3)->body.length, 0);
    assert_str(asked_outcome(asked, 4)->body, S("there"));
    assert_int_equal(strlen(asked->request.id), 32);
}

static void what_is_wrong_has_a_reason(void **state)
{
    struct asked *asked =
        ASK(PATIENCE, "/503", "/loop", "/away", "/mail", "/short", "/unframed", "/garbage", "/close", "/large", "/ok/fine", "/unframed?b");
    (void)state;
    asked->resources[10].end = S("llo");
    run(asked);
    const enum gather_reason wanted[] = {GATHER_STATUS,     GATHER_REDIRECT,   GATHER_REFUSED,   GATHER_REDIRECT,
                                         GATHER_INCOMPLETE, GATHER_INCOMPLETE, GATHER_MALFORMED, GATHER_UNREACHABLE,
                                         GATHER_TOO_LARGE,  GATHER_COMPLETE,   GATHER_COMPLETE};
    for (size_t i = 0; i < asked->request.count; i++) assert_reason(asked, i, wanted[i]);
    assert_int_equal(asked_outcome(asked, 0)->status, 503);
}

/* The body is what the server was asked for, after "/ok/": libcurl 8.14 drops the '?' by itself. */
static void an_empty_query_is_sent(void **state)
{
    struct asked *asked = ASK(PATIENCE, "/ok/a?", "/ok/a", "/ok/?", "/ok/a?b");
    (void)state;
    run(asked);
    const char *const wanted[] = {"a?", "a", "?", "a?b"};
    for (size_t i = 0; i < asked->request.count; i++) assert_str(asked_outcome(asked, i)->body, str_of(wanted[i]));
}

static void what_was_told_is_held_against_it(void **state)
{
    static const unsigned char digest[] = "\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e\x26\xe8\x3b\x2a\xc5\xb9\xe2\x9e\x1b\x16\x1e\x5c\x1f\xa7\x42"
                                          "\x5e\x73\x04\x33\x62\x93\x8b\x98\x24"; /* of "hello" */
    struct asked *asked = ASK(PATIENCE, "/ok/hello", "/ok/hello?", "/chunks", "/chunks?b", "/short", "/chunks?c", "/ok/x");
    (void)state;
    asked->resources[0].sha256 = str_make(digest, 32);
    asked->resources[1].sha256 = str_make(digest, 32); /* its body is "hello?" */
    asked->resources[2].length = 5;
    asked->resources[3].length = 6;
    asked->resources[4].sha256 = str_make(digest, 32); /* the length it announces is wrong, the bytes are right */
    asked->resources[5].end = S("lo");
    asked->resources[6].end = S("</html>");
    run(asked);
    const enum gather_reason wanted[] = {GATHER_COMPLETE, GATHER_INCOMPLETE, GATHER_COMPLETE,  GATHER_INCOMPLETE,
                                         GATHER_COMPLETE, GATHER_COMPLETE,   GATHER_INCOMPLETE};
    for (size_t i = 0; i < asked->request.count; i++) assert_reason(asked, i, wanted[i]);
}

static void the_deadline_is_kept(void **state)
{
    struct asked *asked = ASK(2000, "/ok/a", "/hang", "/ok/b");
    int64_t began = clock_monotonic();
    (void)state;
    run(asked); /* comes to an end, which /hang does not */
    assert_true(clock_monotonic() - began >= 1950);
    assert_reason(asked, 0, GATHER_COMPLETE);
    assert_reason(asked, 1, GATHER_TIMEOUT);
    assert_reason(asked, 2, GATHER_COMPLETE);
}

static void limits_are_kept(void **state)
{
    struct asked *asked = ASK(PATIENCE, "/ok/123456", "/ok/12345", "/ok/1234");
    (void)state;
    asked->request.resource_limit = 5;
    run(asked);
    assert_reason(asked, 0, GATHER_TOO_LARGE);
    assert_reason(asked, 1, GATHER_COMPLETE);
    assert_reason(asked, 2, GATHER_COMPLETE);
    asked = ASK(PATIENCE, "/ok/123456", "/ok/12345?", "/ok/1234??");
    asked->request.total_limit = 12;
    run(asked);
    int complete = 0;
    for (size_t i = 0; i < 3; i++) complete += asked_outcome(asked, i)->reason == GATHER_COMPLETE;
    assert_int_equal(complete, 2);
}

static void nobody_reaches_what_is_not_listed(void **state)
{
    struct asked *asked = ASK(PATIENCE, "/ok/a", "/ok/b");
    (void)state;
    run(asked); /* leaves connections that may be used again */
    asked = ASK(PATIENCE, "/ok/a", "/ok/b", "/ok/c");
    asked->resources[2].address = arena_printf(arena, "http://localhost:%u/ok/c", server->port);
    asked->request.allow = S("10.0.0.1");
    run(asked);
    for (size_t i = 0; i < 3; i++) assert_reason(asked, i, GATHER_REFUSED);
    asked = ASK(PATIENCE, "/ok/a", "/ok/b");
    asked->request.named = false;
    asked->request.allow = S("a.example");
    run(asked);
    for (size_t i = 0; i < 2; i++) assert_reason(asked, i, GATHER_REFUSED);
}

static void signal_one_worker(int number)
{
    pid_t pids[WORKERS];
    int others, count = 0;
    for (int i = 0; i < 200 && count == 0; i++) {
        count = list_workers(pids, WORKERS, &others);
        if (count == 0) scripted_sleep(5);
    }
    assert_int_not_equal(count, 0);
    kill(pids[rand() % count], number);
}

/* Many requests at once; every body tells whose it is. */
enum { CROWD = 100, EACH = 4 };
static void ask_crowd(struct asked **crowd, int64_t milliseconds)
{
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = asked_new(arena, milliseconds);
        for (size_t k = 0; k < EACH; k++) asked_add(crowd[i], server->port, arena_printf(arena, "/ok/%zu-%zu", i, k).data);
        asked_submit(pool, crowd[i]);
    }
}

static int check_crowd(struct asked **crowd)
{
    int missing = 0;
    for (size_t i = 0; i < CROWD; i++) {
        asked_wait(crowd[i]);
        for (size_t k = 0; k < EACH; k++) {
            const struct gather_outcome *outcome = asked_outcome(crowd[i], k);
            if (outcome->reason != GATHER_COMPLETE) missing++;
            if (outcome->reason == GATHER_COMPLETE) assert_str(outcome->body, arena_printf(arena, "%zu-%zu", i, k));
            if (outcome->reason != GATHER_COMPLETE && outcome->reason != GATHER_CRASHED) assert_reason(crowd[i], k, GATHER_TIMEOUT);
        }
        if (i > 0) assert_string_not_equal(crowd[i]->request.id, crowd[i - 1]->request.id);
    }
    return missing;
}

static void many_requests_do_not_mix(void **state)
{
    struct asked *crowd[CROWD];
    (void)state;
    ask_crowd(crowd, PATIENCE);
    assert_int_equal(check_crowd(crowd), 0);
}

/* The dead are collected, and replaced; at most ten seconds. */
static void await_readiness(void)
{
    pid_t pids[WORKERS];
    int others = 1, count = 0;
    for (int i = 0; i < 1000 && (others > 0 || count < READY); i++) {
        scripted_sleep(10);
        count = list_workers(pids, WORKERS, &others);
    }
    assert_int_equal(others, 0);
    assert_in_range(count, READY, WORKERS);
}

static void a_worker_that_dies_costs_its_own(void **state)
{
    static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGBUS};
    struct asked *crowd[CROWD];
    (void)state;
    await_workers(READY);
    ask_crowd(crowd, PATIENCE);
    for (size_t i = 0; i < 8; i++) {
        signal_one_worker(signals[i % 4]);
        scripted_sleep(5);
    }
    assert_in_range(check_crowd(crowd), 0, 8);
    await_readiness();
}

static void a_worker_that_stands_still_costs_its_own(void **state)
{
    struct asked *crowd[CROWD];
    (void)state;
    await_workers(READY);
    ask_crowd(crowd, 2500);
    signal_one_worker(SIGSTOP);
    signal_one_worker(SIGSTOP);
    int missing = check_crowd(crowd);
    scripted_sleep(1000); /* what hangs is replaced half a second after it should have reported */
    ask_crowd(crowd, 2500);
    missing += check_crowd(crowd); /* one that was stopped while it was idle */
    assert_in_range(missing, 0, 2);
    scripted_sleep(1000);
    many_requests_do_not_mix(state);
}

/* However many ask one that hangs, the others are served. */
static void who_hangs_does_not_take_all_workers(void **state)
{
    struct scripted_server *other = scripted_start(answer, NULL);
    struct asked *hanging[WORKERS];
    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        hanging[i] = ASK(3000, "/hang?a", "/hang?b", "/hang?c");
        asked_submit(pool, hanging[i]);
    }
    scripted_sleep(100);
    struct asked *asked = asked_new(arena, 2500);
    for (int i = 0; i < 10; i++) asked_add(asked, other->port, arena_printf(arena, "/ok/%d", i).data);
    run(asked);
    for (size_t i = 0; i < asked->request.count; i++) assert_reason(asked, i, GATHER_COMPLETE);
    for (size_t i = 0; i < WORKERS; i++) {
        asked_wait(hanging[i]);
        for (size_t k = 0; k < 3; k++)
            assert_true(asked_outcome(hanging[i], k)->reason == GATHER_TIMEOUT || asked_outcome(hanging[i], k)->reason == GATHER_BUSY);
    }
    scripted_stop(other);
}

static void close_pool(void)
{
    gather_pool_close(pool);
    pool = NULL;
}

static void nothing_is_left_behind(void **state)
{
    struct asked *crowd[CROWD];
    struct error error;
    (void)state;
    close_pool();
    assert_int_equal(await_workers(0), 0);
    int before = count_descriptors();
    const struct gather_pool_options options = {.workers = WORKERS, .ready = READY};
    assert_ok(gather_pool_open(&options, &pool, &error), &error);
    assert_in_range(await_workers(READY), READY, READY);
    ask_crowd(crowd, PATIENCE);
    signal_one_worker(SIGKILL);
    check_crowd(crowd);
    close_pool();
    assert_int_equal(await_workers(0), 0);
    for (int i = 0; i < 500 && count_descriptors() > before; i++) scripted_sleep(10); /* the server's own ends */
    assert_int_equal(count_descriptors(), before);
    assert_ok(gather_pool_open(&options, &pool, &error), &error);
}

int main(int argc, char **argv)
{
    GATHER_WORKER_MAIN(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(everything_arrives),
        TEST(what_is_wrong_has_a_reason),
        TEST(an_empty_query_is_sent),
        TEST(what_was_told_is_held_against_it),
        TEST(the_deadline_is_kept),
        TEST(limits_are_kept),
        TEST(nobody_reaches_what_is_not_listed),
        TEST(many_requests_do_not_mix),
        TEST(a_worker_that_dies_costs_its_own),
        TEST(a_worker_that_stands_still_costs_its_own),
        TEST(who_hangs_does_not_take_all_workers),
        TEST(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
