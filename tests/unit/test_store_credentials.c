/* Where credentials come from, when they are fetched again, and URLs that do not outlive them. */
#include "lib/store/s3/credentials_internal.h"
#include "lib/store/store.h"
#include "tests/unit/scripted_server.h"

static void forget_environment(void)
{
    const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                 "AWS_SECRET_ACCESS_KEY",
                                 "AWS_SESSION_TOKEN",
                                 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                 "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                 "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                 "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                 "SHOP_1_ACCESS_KEY_ID",
                                 "SHOP_1_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

struct source {
    struct arena *arena;
    struct store_counters counters;
    struct wire *wire;
    struct credentials_source *source;
    struct scripted_server *server;
    struct error error;
    struct credentials got;
};

static int set_up_source(void **state)
{
    struct source *s = calloc(1, sizeof *s);
    forget_environment();
    s->arena = arena_new();
    s->wire = wire_new(&s->counters);
    *state = s;
    return 0;
}

static int tear_down_source(void **state)
{
    struct source *s = *state;
    if (s->source) credentials_free(s->source);
    wire_free(s->wire);
    if (s->server) scripted_stop(s->server);
    arena_free(s->arena);
    free(s);
    forget_environment();
    return 0;
}

static enum status ask(struct source *s, int64_t life)
{
    return credentials_get(s->source, (struct io){.arena = s->arena, .deadline = deadline_in(5000)}, life, &s->got, &s->error);
}

static void the_environment_comes_first(void **state)
{
    struct source *s = *state;
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
    s->source = credentials_new(s->wire, S(""));
    credentials_offer(s->source, S("offered"), S("offered"), S("offered"));
    assert_ok(ask(s, CLOCK_HOUR), &s->error);
    assert_str(s->got.id, S("id"));
    assert_str(s->got.secret, S("secret"));
    assert_str(s->got.token, S(""));
    assert_int_equal(s->got.expires, INT64_MAX);
}

static void a_session_token_is_taken_along(void **state)
{
    struct source *s = *state;
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    s->source = credentials_new(s->wire, S(""));
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.token, S("token"));
}

static void without_any_it_is_said_what_to_set(void **state)
{
    struct source *s = *state;
    s->source = credentials_new(s->wire, S(""));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    setenv("AWS_ACCESS_KEY_ID", "half", 1);
    credentials_free(s->source);
    s->source = credentials_new(s->wire, S(""));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "AWS_SECRET_ACCESS_KEY");
}

static void others_go_by_their_name(void **state)
{
    struct source *s = *state;
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    s->source = credentials_new(s->wire, S("shop-1"));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "SHOP_1_ACCESS_KEY_ID");
    credentials_offer(s->source, S("offered"), S("offered"), S(""));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "SHOP_1_SECRET_ACCESS_KEY");
    credentials_free(s->source);
    setenv("SHOP_1_ACCESS_KEY_ID", "shop-id", 1);
    setenv("SHOP_1_SECRET_ACCESS_KEY", "shop-secret", 1);
    s->source = credentials_new(s->wire, S("shop-1"));
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.id, S("shop-id"));
}

static void what_is_offered_is_used_until_replaced(void **state)
{
    struct source *s = *state;
    s->source = credentials_new(s->wire, S(""));
    credentials_offer(s->source, S(""), S("x"), S(""));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "no credentials");
    credentials_offer(s->source, S("one"), S("s1"), S("t1"));
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.id, S("one"));
    uint64_t serial = s->got.serial;
    credentials_offer(s->source, S("one"), S("s1"), S("t1"));
    assert_ok(ask(s, 0), &s->error);
    assert_int_equal(s->got.serial, serial);
    credentials_offer(s->source, S("one"), S("s1"), S("t2"));
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.token, S("t2"));
    assert_true(s->got.serial != serial);
}

/* --- a container's endpoint */

struct container {
    _Atomic int64_t lives[4]; /* ms, of the first, second… answer; 0: status 500, -1: no JSON, -2: 403 */
    int delay;
};

static bool answer_container(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    struct container *container = server->context;
    int64_t life = container->lives[number < 4 ? number : 3];
    char body[512];
    scripted_sleep(container->delay);
    if (life == -1) return scripted_reply(fd, "200 OK", "", S("<html>"));
    if (life == -2) return scripted_reply(fd, "403 Forbidden", "", S("no"));
    if (life == 0) return scripted_reply(fd, "500 Oops", "", S("no"));
    struct arena *arena = arena_new();
    struct str expires = clock_format_time(arena, clock_real() + life);
    snprintf(body, sizeof body,
             "{\"AccessKeyId\":\"id-%d\",\"SecretAccessKey\":\"secret\",\"Token\":\"" STR_FMT "\",\"Expiration\":\"" STR_FMT "\"}", number,
             STR_ARG(scripted_header(request, "authorization")), STR_ARG(expires));
    arena_free(arena);
    return scripted_reply(fd, "200 OK", "", str_of(body));
}

static void start(struct source *s, struct container lives)
{
    struct container *container = arena_new_of(s->arena, struct container);
    char url[64];
    *container = lives;
    s->server = scripted_start(answer_container, container);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/creds?x=1", s->server->port);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    s->source = credentials_new(s->wire, S(""));
}

static void a_container_is_asked_once(void **state)
{
    struct source *s = *state;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in", 1);
    start(s, (struct container){.lives = {CLOCK_HOUR, CLOCK_HOUR}});
    for (int i = 0; i < 3; i++) assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-0"));
    assert_str(s->got.token, S("let me in"));
    assert_in_range(s->got.expires, clock_real() + CLOCK_HOUR - 5000, clock_real() + CLOCK_HOUR);
    assert_int_equal(s->server->count, 1);
    assert_true(scripted_is(&s->server->requests[0], "GET /creds?x=1 HTTP"));
}

static void a_tokens_file_is_read_each_time(void **state)
{
    struct source *s = *state;
    char path[] = "/tmp/store-token-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "from a file\n", 12), 12);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    start(s, (struct container){.lives = {CLOCK_HOUR}});
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.token, S("from a file"));
    assert_true(credentials_reject(s->source, s->got.serial));
    assert_int_equal(pwrite(fd, "From\r\nA: b", 10, 0), 10);
    close(fd);
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "control byte");
    unlink(path);
}

static void a_token_with_a_line_break_is_refused(void **state)
{
    struct source *s = *state;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX: y\n", 1);
    start(s, (struct container){.lives = {CLOCK_HOUR}});
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "control byte");
    assert_int_equal(s->server->count, 0);
}

static void tokens_do_not_travel_in_the_clear(void **state)
{
    struct source *s = *state;
    const char *const bad[] = {"http://example.com/x", "http://169.254.169.254/latest", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/",
                               "nonsense"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i], 1);
        s->source = credentials_new(s->wire, S(""));
        enum status status = ask(s, 0);
        assert_true(status == STATUS_DENIED || status == STATUS_INVALID);
        assert_int_equal(s->counters.requests, 0);
        credentials_free(s->source);
        s->source = NULL;
    }
}

static void credentials_are_renewed_before_they_expire(void **state)
{
    struct source *s = *state;
    start(s, (struct container){.lives = {INT64_C(4) * CLOCK_MINUTE, CLOCK_HOUR}});
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-0"));
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-0")); /* less than five minutes are left, but it was asked a moment ago */
    scripted_sleep(1100);
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-1"));
    assert_int_equal(s->server->count, 2);
}

static void old_credentials_serve_while_none_are_to_be_had(void **state)
{
    struct source *s = *state;
    start(s, (struct container){.lives = {INT64_C(4) * CLOCK_MINUTE, 0}});
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    scripted_sleep(1100);
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-0"));
    assert_int_equal(s->server->count, 2);
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_int_equal(s->server->count, 2);
}

static void credentials_that_are_rejected_are_asked_for_anew(void **state)
{
    struct source *s = *state;
    start(s, (struct container){.lives = {CLOCK_HOUR, CLOCK_HOUR}});
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_true(credentials_reject(s->source, s->got.serial + 1)); /* another's: nothing happens */
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-0"));
    assert_true(credentials_reject(s->source, s->got.serial));
    assert_ok(ask(s, CLOCK_MINUTE), &s->error);
    assert_str(s->got.id, S("id-1"));
}

static void odd_bytes_are_not_let_into_headers(void **state)
{
    struct source *s = *state;
    s->source = credentials_new(s->wire, S(""));
    credentials_offer(s->source, S("a\r\nX: y"), S("secret"), S(""));
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "no credentials");
    setenv("AWS_ACCESS_KEY_ID", "id\n", 1);
    setenv("AWS_SECRET_ACCESS_KEY", " secret\r\n", 1);
    credentials_free(s->source);
    s->source = credentials_new(s->wire, S(""));
    assert_ok(ask(s, 0), &s->error);
    assert_str(s->got.id, S("id"));
    assert_str(s->got.secret, S("secret"));
}

static void faults_of_the_endpoint_are_told(void **state)
{
    struct source *s = *state;
    start(s, (struct container){.lives = {0}});
    assert_error(ask(s, 0), STATUS_UNAVAILABLE, &s->error, "asking the container's endpoint for credentials: status 500");
    assert_error(ask(s, 0), STATUS_UNAVAILABLE, &s->error, "status 500");
    assert_int_equal(s->server->count, 1);
    tear_down_source(state);
    set_up_source(state);
    s = *state;
    start(s, (struct container){.lives = {-1}});
    assert_error(ask(s, 0), STATUS_UNAVAILABLE, &s->error, "lacks AccessKeyId");
    tear_down_source(state);
    set_up_source(state);
    s = *state;
    start(s, (struct container){.lives = {-2}});
    assert_error(ask(s, 0), STATUS_DENIED, &s->error, "status 403");
}

static void no_wait_does_not_fetch(void **state)
{
    struct source *s = *state;
    struct io no_wait = {.arena = s->arena, .no_wait = true};
    start(s, (struct container){.lives = {INT64_C(3) * CLOCK_MINUTE}});
    assert_error(credentials_get(s->source, no_wait, 0, &s->got, &s->error), STATUS_WOULD_BLOCK, &s->error, "");
    assert_int_equal(s->server->count, 0);
    assert_ok(ask(s, 0), &s->error);
    assert_ok(credentials_peek(s->source, no_wait, CLOCK_MINUTE, &s->got, &s->error), &s->error);
    assert_error(credentials_peek(s->source, no_wait, INT64_C(4) * CLOCK_MINUTE, &s->got, &s->error), STATUS_WOULD_BLOCK, &s->error, "");
}

static void *ask_on_thread(void *context)
{
    struct source *s = context;
    struct io io = {.arena = arena_new(), .deadline = deadline_in(5000)};
    struct credentials got;
    struct error error;
    enum status status = credentials_get(s->source, io, 0, &got, &error);
    arena_free(io.arena);
    return (void *)(uintptr_t)status;
}

static void many_threads_ask_once(void **state)
{
    struct source *s = *state;
    pthread_t threads[8];
    start(s, (struct container){.lives = {CLOCK_HOUR}, .delay = 100});
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, ask_on_thread, s);
    for (int i = 0; i < 8; i++) {
        void *status;
        pthread_join(threads[i], &status);
        assert_status((uintptr_t)status, STATUS_OK);
    }
    assert_int_equal(s->server->count, 1);
}

/* --- presigned URLs */

static struct store *open_store(const char *url, struct error *error)
{
    struct store *store;
    assert_ok(store_open(url, &store, error), error);
    return store;
}

static void urls_stay_the_same_for_a_while(void **state)
{
    struct source *s = *state;
    struct io no_wait = {.arena = s->arena, .no_wait = true};
    struct str url, again;
    int64_t until, until_again;
    struct store *store = open_store("s3://bucket/pre?region=eu-west-1", &s->error);
    assert_error(store_presign(store, no_wait, S("k"), CLOCK_HOUR, &url, &until, &s->error), STATUS_DENIED, &s->error, "AWS_ACCESS_KEY_ID");
    store_offer_credentials(store, S("id"), S("secret"), S("to/ken"));
    assert_ok(store_presign(store, no_wait, S("a+b/c"), CLOCK_HOUR, &url, &until, &s->error), &s->error);
    assert_true(str_starts(
        url, S("https://bucket.s3.eu-west-1.amazonaws.com/pre/a%2Bb/c?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=id%2F")));
    assert_true(str_find_str(url, S("X-Amz-Security-Token=to%2Fken&")) < url.length);
    assert_true(str_find_str(url, S("X-Amz-Expires=4500&")) < url.length);
    assert_in_range(until, clock_real() + CLOCK_HOUR, clock_real() + CLOCK_HOUR + INT64_C(15) * CLOCK_MINUTE);
    assert_ok(store_presign(store, no_wait, S("a+b/c"), CLOCK_HOUR, &again, &until_again, &s->error), &s->error);
    assert_str(again, url);
    assert_int_equal(until, until_again);
    assert_ok(store_presign(store, no_wait, S("a+b/c"), INT64_C(2) * CLOCK_HOUR, &again, &until_again, &s->error), &s->error);
    assert_false(str_equal(again, url));
    store_offer_credentials(store, S("id"), S("secret"), S("other"));
    assert_ok(store_presign(store, no_wait, S("a+b/c"), CLOCK_HOUR, &again, &until_again, &s->error), &s->error);
    assert_false(str_equal(again, url));
    store_close(store);
}

static struct str bound_url(struct source *s, struct store *store, const char *range)
{
    struct io no_wait = {.arena = s->arena, .no_wait = true};
    struct str url;
    int64_t until;
    assert_ok(store_presign_range(store, no_wait, S("k"), str_of(range), CLOCK_HOUR, &url, &until, &s->error), &s->error);
    return url;
}

static void each_range_has_a_url_of_its_own(void **state)
{
    struct source *s = *state;
    struct store *store = open_store("s3://bucket", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S(""));
    struct str first = bound_url(s, store, "bytes=0-9"), second = bound_url(s, store, "bytes=0-10"), free = bound_url(s, store, "");
    assert_true(str_find_str(first, S("&X-Amz-SignedHeaders=host%3Brange&X-Amz-Signature=")) < first.length);
    assert_true(str_find_str(free, S("&X-Amz-SignedHeaders=host&X-Amz-Signature=")) < free.length);
    assert_true(str_equal(str_first(first, first.length - 64), str_first(second, second.length - 64)));
    assert_false(str_equal(first, second));
    assert_true(str_equal(bound_url(s, store, "bytes=0-9"), first));
    assert_true(str_equal(bound_url(s, store, ""), free));
    assert_true(store_abilities(store)->binds_ranges);
    store_close(store);
}

enum { RANGES = 3000 }; /* more than signatures are kept */

static void collect_urls(struct source *s, struct store *store, struct str urls[RANGES])
{
    for (size_t i = 0; i < RANGES; i++) urls[i] = bound_url(s, store, arena_printf(s->arena, "bytes=%zu-%zu", i, i + 9).data);
}

/* Signatures of ranges are kept; another store that has kept none says what they must be. */
static void kept_signatures_stay_with_their_range(void **state)
{
    struct source *s = *state;
    struct store *store = open_store("s3://bucket", &s->error);
    struct str *wanted = arena_array(s->arena, RANGES, sizeof *wanted), *got = arena_array(s->arena, RANGES, sizeof *got);
    const char *secrets[] = {"secret", "other"};
    for (size_t k = 0; k < 2; k++) {
        struct store *fresh = open_store("s3://bucket", &s->error);
        store_offer_credentials(store, S("id"), str_of(secrets[k]), S(""));
        store_offer_credentials(fresh, S("id"), str_of(secrets[k]), S(""));
        collect_urls(s, fresh, wanted);
        for (int round = 0; round < 2; round++) {
            collect_urls(s, store, got);
            for (size_t i = 0; i < RANGES; i++) {
                assert_str(got[i], wanted[i]);
                assert_str(bound_url(s, store, arena_printf(s->arena, "bytes=%zu-%zu", i, i + 9).data), wanted[i]);
            }
        }
        store_close(fresh);
    }
    const char longest[] = "bytes=00000000000000000000000000000000000000000000000000001-9"; /* too long to be kept */
    struct str first = bound_url(s, store, longest), second = bound_url(s, store, longest);
    assert_str(first, second);
    assert_false(str_equal(first, wanted[1]));
    store_close(store);
}

static void a_store_that_cannot_bind_is_told_so(void **state)
{
    struct source *s = *state;
    struct store *store = open_store("s3://bucket?bind-range=no", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S(""));
    assert_false(store_abilities(store)->binds_ranges);
    assert_true(str_equal(bound_url(s, store, "bytes=0-9"), bound_url(s, store, "")));
    store_close(store);
    assert_error(store_open("s3://bucket?bind-range=maybe", &store, &s->error), STATUS_INVALID, &s->error, "bind-range is yes or no");
}

static void lifetimes_are_kept(void **state)
{
    struct source *s = *state;
    struct io no_wait = {.arena = s->arena, .no_wait = true};
    const int64_t lives[] = {CLOCK_SECOND,
                             1500,
                             INT64_C(2) * CLOCK_SECOND,
                             INT64_C(10) * CLOCK_SECOND,
                             CLOCK_MINUTE,
                             INT64_C(5) * CLOCK_MINUTE,
                             CLOCK_DAY,
                             INT64_C(6) * CLOCK_DAY};
    struct store *store = open_store("s3://bucket", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S(""));
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        struct str url;
        int64_t until, before = clock_real();
        assert_ok(store_presign(store, no_wait, S("k"), lives[i], &url, &until, &s->error), &s->error);
        assert_true(until >= before + lives[i]);
        assert_true(until <= clock_real() + 2 * lives[i] + CLOCK_SECOND);
    }
    store_close(store);
}

static void urls_end_with_the_credentials(void **state)
{
    struct source *s = *state;
    struct io io = {.arena = s->arena, .deadline = deadline_in(5000)};
    struct str url;
    int64_t until;
    start(s, (struct container){.lives = {INT64_C(10) * CLOCK_MINUTE, INT64_C(30) * CLOCK_SECOND}});
    struct store *store = open_store("s3://bucket", &s->error);
    io.no_wait = true;
    assert_error(store_presign(store, io, S("k"), CLOCK_HOUR, &url, &until, &s->error), STATUS_WOULD_BLOCK, &s->error, "");
    io.no_wait = false;
    assert_ok(store_presign(store, io, S("k"), CLOCK_HOUR, &url, &until, &s->error), &s->error);
    assert_in_range(until, clock_real() + INT64_C(9) * CLOCK_MINUTE, clock_real() + INT64_C(10) * CLOCK_MINUTE);
    store_close(store);
    store = open_store("s3://bucket", &s->error); /* asks anew, and gets those of 30 seconds */
    assert_error(store_presign(store, io, S("k"), CLOCK_HOUR, &url, &until, &s->error), STATUS_UNAVAILABLE, &s->error, "expired");
    store_close(store);
}

static void the_clock_that_stands_still_does_not_sign(void **state)
{
    struct source *s = *state;
    struct io no_wait = {.arena = s->arena, .no_wait = true};
    struct str url;
    int64_t until;
    struct store *store = open_store("s3://bucket", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S(""));
    clock_set_now(0);
    assert_ok(store_presign(store, no_wait, S("k"), CLOCK_HOUR, &url, &until, &s->error), &s->error);
    clock_set_now(INT64_MIN);
    assert_true(until > clock_real());
    assert_int_equal(str_find_str(url, S("X-Amz-Date=1970")), url.length);
    store_close(store);
}

static void *presign_much(void *context)
{
    struct store *store = context;
    struct error error;
    for (int i = 0; i < 3000; i++) {
        struct io no_wait = {.arena = arena_new(), .no_wait = true};
        struct str url, key = arena_printf(no_wait.arena, "key-%d", i * 7 % 500),
                        path = arena_printf(no_wait.arena, "/key-%d?", i * 7 % 500);
        int64_t until;
        enum status status = store_presign(store, no_wait, key, CLOCK_HOUR, &url, &until, &error);
        bool right = status == STATUS_OK && str_find_str(url, path) < url.length;
        arena_free(no_wait.arena);
        if (!right) return store;
    }
    return NULL;
}

static void threads_get_their_own_urls(void **state)
{
    struct source *s = *state;
    pthread_t threads[4];
    struct store *store = open_store("s3://bucket", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S(""));
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, presign_much, store);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    store_close(store);
}

static void a_known_url_is_signed_once(void **state)
{
    struct source *s = *state;
    struct io no_wait = {.arena = arena_new(), .no_wait = true};
    struct str url, first = {0};
    int64_t until, first_until = 0;
    struct store *store = open_store("s3://bucket", &s->error);
    store_offer_credentials(store, S("id"), S("secret"), S("token"));
    for (int i = 0; i < 1000; i++) {
        assert_status(store_presign(store, no_wait, S("packages/some.app/1.2.3/base.apk"), CLOCK_HOUR, &url, &until, &s->error), STATUS_OK);
        if (i == 0) first = arena_copy(s->arena, url), first_until = until;
        assert_str(url, first); /* a signature made later would hold another time */
        assert_true(until == first_until);
        if (i == 0) scripted_sleep(1100);
        arena_reset(no_wait.arena);
    }
    arena_free(no_wait.arena);
    store_close(store);
}

#define TEST_SOURCE(name) cmocka_unit_test_setup_teardown(name, set_up_source, tear_down_source)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_SOURCE(the_environment_comes_first),
        TEST_SOURCE(a_session_token_is_taken_along),
        TEST_SOURCE(without_any_it_is_said_what_to_set),
        TEST_SOURCE(others_go_by_their_name),
        TEST_SOURCE(what_is_offered_is_used_until_replaced),
        TEST_SOURCE(a_container_is_asked_once),
        TEST_SOURCE(a_tokens_file_is_read_each_time),
        TEST_SOURCE(a_token_with_a_line_break_is_refused),
        TEST_SOURCE(tokens_do_not_travel_in_the_clear),
        TEST_SOURCE(credentials_are_renewed_before_they_expire),
        TEST_SOURCE(old_credentials_serve_while_none_are_to_be_had),
        TEST_SOURCE(credentials_that_are_rejected_are_asked_for_anew),
        TEST_SOURCE(odd_bytes_are_not_let_into_headers),
        TEST_SOURCE(faults_of_the_endpoint_are_told),
        TEST_SOURCE(no_wait_does_not_fetch),
        TEST_SOURCE(many_threads_ask_once),
        TEST_SOURCE(urls_stay_the_same_for_a_while),
        TEST_SOURCE(each_range_has_a_url_of_its_own),
        TEST_SOURCE(kept_signatures_stay_with_their_range),
        TEST_SOURCE(a_store_that_cannot_bind_is_told_so),
        TEST_SOURCE(lifetimes_are_kept),
        TEST_SOURCE(urls_end_with_the_credentials),
        TEST_SOURCE(the_clock_that_stands_still_does_not_sign),
        TEST_SOURCE(threads_get_their_own_urls),
        TEST_SOURCE(a_known_url_is_signed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
