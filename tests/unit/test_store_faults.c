/* An S3 store that misbehaves, on the wire: what is tried again, what is refused, and what is never taken for good. */
#include "base/version.h"
#include "lib/store/trial.h"
#include "tests/unit/store_fixture.h"

static enum status get(struct fixture *f)
{
    return store_get(f->store, io(f), S("key"), NULL, &f->object, &f->error);
}

static bool hello(int fd)
{
    return scripted_reply(fd, "200 OK", "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n", S("hello"));
}

/* --- tried again */

static bool busy_twice(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)request;
    const char *const *codes = server->context;
    return number < 2 ? scripted_error(fd, codes[0], codes[1]) : hello(fd);
}

static void passing_failures_are_tried_again(void **state)
{
    const char *const failures[][2] = {{"503 Service Unavailable", "SlowDown"},
                                       {"503 Service Unavailable", "ServiceUnavailable"},
                                       {"500 Internal Server Error", "InternalError"},
                                       {"429 Too Many Requests", "TooManyRequests"},
                                       {"409 Conflict", "OperationAborted"},
                                       {"400 Bad Request", "RequestTimeout"},
                                       {"502 Bad Gateway", "Unheard"}};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct fixture *f = *state;
        serve(f, busy_twice, (void *)(uintptr_t)failures[i]);
        assert_ok(get(f), &f->error);
        assert_str(f->object.body, S("hello"));
        struct store_counts counts = store_counts(f->store);
        assert_int_equal(counts.requests, 3);
        assert_int_equal(counts.retries, 2);
        assert_int_equal(counts.failures, 0);
        start_anew(state);
    }
}

static bool always_busy(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number, (void)request;
    return scripted_error(fd, "503 Slow Down", "SlowDown");
}

static void trying_again_ends_with_the_deadline(void **state)
{
    struct fixture *f = *state;
    serve(f, always_busy, NULL);
    f->patience = 1500;
    assert_error(get(f), STATUS_THROTTLED, &f->error, "SlowDown"); /* else it would never end */
    assert_says(&f->error, "tries");
    assert_true(store_counts(f->store).requests > 2);
    assert_int_equal(store_counts(f->store).failures, 1);
}

static bool refuse(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    const char *const *codes = server->context;
    return scripted_error(fd, codes[0], codes[1]);
}

static void final_failures_are_not_tried_again(void **state)
{
    const struct {
        const char *answer[2];
        enum status status;
        const char *words;
    } failures[] = {
        {{"403 Forbidden", "InvalidAccessKeyId"}, STATUS_DENIED, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (InvalidAccessKeyId"},
        {{"403 Forbidden", "SignatureDoesNotMatch"}, STATUS_DENIED, "check AWS_ACCESS_KEY_ID"},
        {{"403 Forbidden", "AccessDenied"}, STATUS_DENIED, "policy"},
        {{"403 Forbidden", "RequestTimeTooSkewed"}, STATUS_DENIED, "clock"},
        {{"400 Bad Request", "ExpiredToken"}, STATUS_DENIED, "expired"},
        {{"404 Not Found", "NoSuchKey"}, STATUS_NOT_FOUND, "key"},
        {{"404 Not Found", "NoSuchBucket"}, STATUS_INVALID, "no such bucket"},
        {{"301 Moved Permanently", "PermanentRedirect"}, STATUS_INVALID, "region"},
        {{"400 Bad Request", "AuthorizationHeaderMalformed"}, STATUS_INVALID, "region"},
        {{"400 Bad Request", "Unheard"}, STATUS_INVALID, "told to (Unheard, status 400)"},
        {{"403 Forbidden", "Unheard"}, STATUS_DENIED, "Unheard"},
        {{"404 Not Found", "Unheard"}, STATUS_INVALID, "Unheard"},
        {{"404 Not Found", "XAdminUserNotFound"}, STATUS_DENIED, "check AWS_ACCESS_KEY_ID"},
        {{"400 Bad Request", "InvalidBucketName"}, STATUS_INVALID, "takes no bucket of this name: correct"},
        {{"412 Precondition Failed", "PreconditionFailed"}, STATUS_PRECONDITION, "key"},
        {{"416 Range Not Satisfiable", "InvalidRange"}, STATUS_INVALID, "key"},
        {{"501 Not Implemented", "NotImplemented"}, STATUS_UNSUPPORTED, "key"},
        {{"403 Forbidden", "InvalidObjectState"}, STATUS_UNSUPPORTED, "archived"},
    };
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct fixture *f = *state;
        serve(f, refuse, (void *)(uintptr_t)failures[i].answer);
        assert_error(get(f), failures[i].status, &f->error, failures[i].words);
        assert_says(&f->error, "s3://bucket at 127.0.0.1:");
        assert_says(&f->error, "pre/key");
        assert_null(strstr(f->error.text, "a-secret"));
        assert_int_equal(f->server->count, 1);
        start_anew(state);
    }
}

static bool name_region(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number, (void)request;
    return scripted_reply(fd, "301 Moved Permanently", "x-amz-bucket-region: eu-west-1\r\n", S(""));
}

static void the_right_region_is_named(void **state)
{
    struct fixture *f = *state;
    serve(f, name_region, NULL);
    assert_error(get(f), STATUS_INVALID, &f->error, "region=eu-west-1");
}

static bool error_page(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)request;
    return number == 0 ? scripted_reply(fd, "502 Bad Gateway", "", S("<html><body><p>sorry</body></html>")) : hello(fd);
}

static void a_proxys_error_page_is_no_riddle(void **state)
{
    struct fixture *f = *state;
    serve(f, error_page, NULL);
    assert_ok(get(f), &f->error);
}

static void a_store_that_is_down_is_said_to_be(void **state)
{
    struct fixture *f = *state;
    serve(f, always_busy, NULL);
    uint16_t port = f->server->port;
    scripted_stop(f->server);
    f->server = NULL;
    f->patience = 400;
    assert_error(get(f), STATUS_UNAVAILABLE, &f->error, "127.0.0.1");
    assert_says(&f->error, "onnect");
    assert_true(port > 0);
    assert_int_equal(store_counts(f->store).failures, 1);
    assert_in_range(store_counts(f->store).requests, 1, 3); /* it is on this machine: it will not come back by itself */
}

static bool fail_without_words(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number, (void)request;
    return scripted_reply(fd, "500 Internal Server Error", "", S(""));
}

static void failures_without_words_are_tried_again_a_few_times(void **state)
{
    struct fixture *f = *state;
    serve(f, fail_without_words, NULL);
    assert_error(get(f), STATUS_UNAVAILABLE, &f->error, "after 6 tries");
    assert_int_equal(f->server->count, 6);
}

static char waited[512];

static void note_wait(const char *line)
{
    snprintf(waited, sizeof waited, "%s", line);
}

static bool slow_hello(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    for (int i = 0; i < 300 && !waited[0] && !server->stopping; i++) scripted_sleep(20);
    return hello(fd);
}

static void waiting_is_said(void **state)
{
    struct fixture *f = *state;
    serve(f, slow_hello, NULL);
    waited[0] = 0;
    store_tell_waits(note_wait);
    enum status status = get(f);
    store_tell_waits(NULL);
    assert_ok(status, &f->error);
    if (!strstr(waited, "waiting for s3://bucket at 127.0.0.1:") || !strstr(waited, ": no answer yet")) fail_msg("%s", waited);
}

/* --- broken and slow connections */

static bool cut_off(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)request;
    if (number > 1) return hello(fd);
    if (number == 1) scripted_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
    return false;
}

static void an_answer_cut_off_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    serve(f, cut_off, NULL);
    assert_ok(get(f), &f->error);
    assert_str(f->object.body, S("hello"));
    assert_true(f->server->count >= 3);
}

static bool never_answer(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request, (void)fd;
    while (!server->stopping) scripted_sleep(10);
    return false;
}

static void silence_ends_with_the_deadline(void **state)
{
    struct fixture *f = *state;
    serve(f, never_answer, NULL);
    f->patience = 300;
    int64_t start = clock_monotonic();
    assert_error(get(f), STATUS_TIMEOUT, &f->error, "pre/key"); /* the server would never have ended it */
    assert_true(clock_monotonic() - start >= 290);
}

static bool drip(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    scripted_send(fd, S("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: \"x\"\r\n\r\n"));
    while (!server->stopping) {
        scripted_send(fd, S("x"));
        scripted_sleep(10);
    }
    return false;
}

static void a_slow_drip_ends_with_the_deadline(void **state)
{
    struct fixture *f = *state;
    serve(f, drip, NULL);
    f->patience = 400;
    int64_t start = clock_monotonic();
    assert_error(get(f), STATUS_TIMEOUT, &f->error, "pre/key"); /* the drip goes on for hours */
    assert_true(clock_monotonic() - start >= 390);
}

static void no_time_left_means_no_request(void **state)
{
    struct fixture *f = *state;
    serve(f, drip, NULL);
    f->patience = 0;
    assert_error(get(f), STATUS_TIMEOUT, &f->error, "time");
    assert_int_equal(f->server->count, 0);
}

/* --- answers that are not what was asked for */

static bool wrong_bytes(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)request;
    if (number < 1) return scripted_reply(fd, "200 OK", server->context, S("hellO"));
    return scripted_reply(fd, "200 OK", server->context, S("hello"));
}

static void damaged_bytes_are_asked_for_again(void **state)
{
    const char *const digests[] = {
        "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n",
        "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\nx-amz-server-side-encryption: AES256\r\n",
        "ETag: \"x\"\r\nx-amz-checksum-crc32: NhCmhg==\r\n",
        "ETag: \"x\"\r\nx-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n",
    };
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        struct fixture *f = *state;
        serve(f, wrong_bytes, (void *)(uintptr_t)digests[i]);
        assert_ok(get(f), &f->error);
        assert_str(f->object.body, S("hello"));
        assert_int_equal(f->server->count, 2);
        start_anew(state);
    }
}

static bool always_wrong(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    return scripted_reply(fd, "200 OK", server->context, S("hellO"));
}

static void bytes_that_stay_damaged_are_refused(void **state)
{
    struct fixture *f = *state;
    serve(f, always_wrong, (void *)(uintptr_t) "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n");
    assert_error(get(f), STATUS_CORRUPT, &f->error, "digest");
    assert_int_equal(f->server->count, 3);
}

static void etags_that_are_no_md5_are_not_taken_for_one(void **state)
{
    const char *const others[] = {
        "ETag: \"5d41402abc4b2a76b9719d911017c592-2\"\r\n",
        "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\nx-amz-server-side-encryption: aws:kms\r\n",
        "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\nx-amz-server-side-encryption-customer-algorithm: AES256\r\n",
        "ETag: \"xx41402abc4b2a76b9719d911017c592\"\r\n",
        "ETag: \"x\"\r\nx-amz-checksum-crc32: AAAAAA==-2\r\n",
        "ETag: \"x\"\r\nx-amz-checksum-crc32: AAAAAA==\r\nx-amz-checksum-type: COMPOSITE\r\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct fixture *f = *state;
        serve(f, always_wrong, (void *)(uintptr_t)others[i]);
        assert_ok(get(f), &f->error);
        assert_int_equal(f->server->count, 1);
        start_anew(state);
    }
}

static bool odd_range(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    const char *const *answer = server->context;
    return scripted_reply(fd, answer[0], answer[1], str_of(answer[2]));
}

static void ranges_that_are_not_what_was_asked_for_are_refused(void **state)
{
    const char *const answers[][3] = {
        {"200 OK", "ETag: \"x\"\r\n", "0123456789"},
        {"206 Partial Content", "ETag: \"x\"\r\n", "2345"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 1-4/10\r\n", "1234"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 2-4/10\r\n", "234"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 2-5/10\r\n", "23456"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 2-5/4\r\n", "2345"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 5-2/10\r\n", "2345"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 2-5/*\r\n", "2345"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: items 2-5/10\r\n", "2345"},
        {"206 Partial Content", "ETag: \"x\"\r\nContent-Range: bytes 2-99999999999999999999999/10\r\n", "2345"},
    };
    const struct store_get range = {.offset = 2, .length = 4};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fixture *f = *state;
        struct stream stream;
        serve(f, odd_range, (void *)(uintptr_t)answers[i]);
        assert_error(store_get(f->store, io(f), S("key"), &range, &f->object, &f->error), STATUS_CORRUPT, &f->error, "pre/key");
        assert_error(store_stream(f->store, io(f), S("key"), &range, &stream, &f->object, &f->error), STATUS_CORRUPT, &f->error, "");
        start_anew(state);
    }
}

static void another_version_is_never_handed_out(void **state)
{
    struct fixture *f = *state;
    const char *const answer[] = {"206 Partial Content", "ETag: \"new\"\r\nContent-Range: bytes 2-5/10\r\n", "2345"};
    const struct store_get range = {.offset = 2, .length = 4, .if_match = S("\"old\"")};
    serve(f, odd_range, (void *)(uintptr_t)answer);
    assert_error(store_get(f->store, io(f), S("key"), &range, &f->object, &f->error), STATUS_PRECONDITION, &f->error, "version");
}

static bool endless(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    char chunk[4102];
    memcpy(chunk, "1000\r\n", 6);
    memset(chunk + 6, 'x', 4096);
    scripted_send(fd, S("HTTP/1.1 200 OK\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 10000 && !server->stopping; i++) {
        scripted_send(fd, str_make(chunk, sizeof chunk));
        scripted_send(fd, S("\r\n"));
    }
    return false;
}

static void an_endless_answer_is_cut_off(void **state)
{
    struct fixture *f = *state;
    const struct store_get get = {.limit = 100000};
    serve(f, endless, NULL);
    assert_error(store_get(f->store, io(f), S("key"), &get, &f->object, &f->error), STATUS_TOO_LARGE, &f->error, "100000");
}

/* Once; then a refusal that ends the tries. */
static bool header_bomb(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)request;
    if (number > 0) return scripted_error(fd, "403 Forbidden", "AccessDenied");
    char line[1024];
    memset(line, 'h', sizeof line);
    memcpy(line, "X-A: ", 5);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    scripted_send(fd, S("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 1000 && !server->stopping; i++) scripted_send(fd, str_make(line, sizeof line));
    scripted_send(fd, S("Content-Length: 0\r\n\r\n"));
    return false;
}

static void header_bombs_are_refused(void **state)
{
    struct fixture *f = *state;
    serve(f, header_bomb, NULL);
    assert_error(get(f), STATUS_DENIED, &f->error, "pre/key");
    assert_says(&f->error, "after 2 tries");
}

static bool odd_list(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)number, (void)request;
    return scripted_reply(fd, "200 OK", "", str_of(server->context));
}

static bool take_all(void *context, const struct store_object *object)
{
    (void)object;
    (*(int *)context)++;
    return true;
}

#define CONTENTS(key)     "<Contents><Key>" key "</Key><LastModified>2026-11-22T10:00:00Z</LastModified><ETag>e</ETag><Size>1</Size></Contents>"
#define LISTING(contents) "<ListBucketResult><IsTruncated>false</IsTruncated>" contents "</ListBucketResult>"

static void odd_listings_are_refused(void **state)
{
    const struct {
        const char *body;
        enum status status;
        int count;
    } lists[] = {
        {LISTING(CONTENTS("pre/a") CONTENTS("pre/b")), STATUS_OK, 2},
        {LISTING(CONTENTS("pre/b") CONTENTS("pre/a")), STATUS_UNSUPPORTED, 1},
        {LISTING(CONTENTS("pre/a") CONTENTS("pre/a")), STATUS_UNSUPPORTED, 1},
        {LISTING(CONTENTS("elsewhere") CONTENTS("pre/") CONTENTS("pre/../x") CONTENTS("pre/a//b") CONTENTS("pre/a b") CONTENTS("pre/c")),
         STATUS_OK, 1},
        {"<html>", STATUS_CORRUPT, 0},
        {"", STATUS_CORRUPT, 0},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct fixture *f = *state;
        int count = 0;
        serve(f, odd_list, (void *)(uintptr_t)lists[i].body);
        assert_int_equal(store_list(f->store, io(f), S(""), 0, take_all, &count, &f->error), lists[i].status);
        assert_int_equal(count, lists[i].count);
        start_anew(state);
    }
}

/* --- what goes out */

static void requests_are_signed_and_addressed(void **state)
{
    struct fixture *f = *state;
    const struct store_get range = {.offset = 1, .length = 2, .if_match = S("\"e\"")};
    serve(f, refuse, (const char *[]){"403 Forbidden", "AccessDenied"});
    store_get(f->store, io(f), S("a+b"), &range, &f->object, &f->error);
    struct scripted_request *request = &f->server->requests[0];
    assert_true(scripted_is(request, "GET /bucket/pre/a%2Bb HTTP/1.1\r\n"));
    assert_str(scripted_header(request, "range"), S("bytes=1-2"));
    assert_str(scripted_header(request, "if-match"), S("\"e\""));
    assert_str(scripted_header(request, "host"), arena_printf(f->arena, "127.0.0.1:%d", f->server->port));
    assert_true(str_starts(scripted_header(request, "authorization"), S("AWS4-HMAC-SHA256 Credential=an-id/")));
    assert_int_equal(scripted_header(request, "x-amz-content-sha256").length, 64);
    assert_int_equal(scripted_header(request, "expect").length, 0);
}

/* --- conditional puts whose answer was lost */

struct put_case {
    const char *standing; /* what a GET finds; NULL: nothing */
    const char *mark;     /* the header that it has */
    bool lose_answer;     /* of the first PUT */
};

static bool answer_put(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    const struct put_case *c = server->context;
    if (scripted_is(request, "PUT") && number == 0 && c->lose_answer) return false;
    if (scripted_is(request, "PUT")) return scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    if (!c->standing) return scripted_error(fd, "404 Not Found", "NoSuchKey");
    return scripted_reply(fd, "200 OK", c->mark ? c->mark : "ETag: \"standing\"\r\n", str_of(c->standing));
}

static enum status put_if_absent(struct fixture *f, const struct put_case *c)
{
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    serve(f, answer_put, (void *)(uintptr_t)c);
    return store_put(f->store, io(f), S("key"), S("ours"), &put, &f->object, &f->error);
}

static void a_put_whose_answer_was_lost_was_won_if_our_bytes_stand(void **state)
{
    struct fixture *f = *state;
    assert_ok(put_if_absent(f, &(struct put_case){"ours", NULL, true}), &f->error);
    assert_str(f->object.etag, S("\"standing\""));
    assert_int_equal(f->object.size, 4);
}

static bool lose_on_a_kept_connection(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server;
    if (number == 0) return hello(fd);
    if (number == 1) return false; /* taken, but not answered */
    if (scripted_is(request, "PUT")) return scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    return scripted_reply(fd, "200 OK", "ETag: \"standing\"\r\n", S("ours"));
}

/* There libcurl repeats the request on its own. */
static void an_answer_lost_on_a_kept_connection_is_noticed(void **state)
{
    struct fixture *f = *state;
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    serve(f, lose_on_a_kept_connection, NULL);
    assert_ok(get(f), &f->error);
    assert_ok(store_put(f->store, io(f), S("key"), S("ours"), &put, &f->object, &f->error), &f->error);
    assert_true(scripted_is(&f->server->requests[1], "PUT "));
    assert_true(scripted_is(&f->server->requests[2], "PUT "));
    assert_str(f->object.etag, S("\"standing\""));
}

static void a_put_whose_answer_was_lost_was_lost_if_other_bytes_stand(void **state)
{
    struct fixture *f = *state;
    assert_error(put_if_absent(f, &(struct put_case){"others, and longer", NULL, true}), STATUS_PRECONDITION, &f->error, "");
    start_anew(state);
    f = *state;
    assert_error(put_if_absent(f, &(struct put_case){"thei", NULL, true}), STATUS_PRECONDITION, &f->error, "");
    start_anew(state);
    f = *state;
    assert_error(put_if_absent(f, &(struct put_case){NULL, NULL, true}), STATUS_PRECONDITION, &f->error, "");
    start_anew(state);
    f = *state; /* the same bytes, written by another */
    assert_error(put_if_absent(f, &(struct put_case){"ours", "x-amz-meta-upload: another\r\n", true}), STATUS_PRECONDITION, &f->error, "");
}

static bool close_behind_each(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number;
    if (scripted_is(request, "PUT")) scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    if (!scripted_is(request, "PUT")) scripted_reply(fd, "200 OK", "ETag: \"standing\"\r\n", S("ours"));
    return false;
}

/* A new connection is no repetition: versitygw and moto close each. */
static void a_refusal_on_a_new_connection_is_one(void **state)
{
    struct fixture *f = *state;
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    serve(f, close_behind_each, NULL);
    assert_ok(get(f), &f->error);
    scripted_sleep(50); /* until the close has come */
    assert_error(store_put(f->store, io(f), S("key"), S("ours"), &put, &f->object, &f->error), STATUS_PRECONDITION, &f->error, "");
    assert_int_equal(f->server->count, 2);
}

static bool not_modified(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number, (void)request;
    return scripted_reply(fd, "304 Not Modified", "", S(""));
}

static void a_refusal_by_304_is_one(void **state)
{
    struct fixture *f = *state;
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    serve(f, not_modified, NULL);
    assert_error(store_put(f->store, io(f), S("key"), S("ours"), &put, &f->object, &f->error), STATUS_PRECONDITION, &f->error, "");
}

static void a_put_that_was_refused_at_once_was_lost_whatever_stands(void **state)
{
    struct fixture *f = *state;
    assert_error(put_if_absent(f, &(struct put_case){"ours", NULL, false}), STATUS_PRECONDITION, &f->error, "");
    assert_int_equal(f->server->count, 1);
    struct scripted_request *request = &f->server->requests[0];
    assert_str(scripted_header(request, "if-none-match"), S("*"));
    assert_str(scripted_header(request, "content-md5"), S("q9x5PHAKD5EQVmwJI5iYXw=="));
    assert_str(request->body, S("ours"));
}

static bool conflict_once(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)request;
    if (number == 0) return scripted_error(fd, "409 Conflict", "ConditionalRequestConflict");
    return scripted_reply(fd, "200 OK", "ETag: \"won\"\r\n", S(""));
}

static void a_conflict_is_tried_again(void **state)
{
    struct fixture *f = *state;
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    serve(f, conflict_once, NULL);
    assert_ok(store_put(f->store, io(f), S("key"), S("ours"), &put, &f->object, &f->error), &f->error);
    assert_str(f->object.etag, S("\"won\""));
}

static bool exists_on_oss(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number, (void)request;
    return scripted_error(fd, "409 Conflict", "FileAlreadyExists");
}

static void other_dialects_say_it_their_way(void **state)
{
    const char *const dialects[][2] = {{"oss", "x-oss-forbid-overwrite"}, {"cos", "x-cos-forbid-overwrite"}};
    const struct store_put put = {.condition = STORE_IF_ABSENT};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;
        f->server = scripted_start(exists_on_oss, NULL);
        struct str url = arena_printf(f->arena, "s3://bucket?endpoint=http://127.0.0.1:%d&if-absent=%s", f->server->port, dialects[i][0]);
        assert_ok(store_open(url.data, &f->store, &f->error), &f->error);
        assert_error(store_put(f->store, io(f), S("key"), S("x"), &put, &f->object, &f->error), STATUS_PRECONDITION, &f->error, "");
        assert_int_equal(f->server->count, 1);
        assert_str(scripted_header(&f->server->requests[0], dialects[i][1]), S("true"));
        assert_int_equal(scripted_header(&f->server->requests[0], "if-none-match").length, 0);
        start_anew(state);
    }
}

/* What a store answers to a presigned URL that is signed for bytes=1-2: to that range, to another one, and to none. */
struct binding {
    const char *right, *other, *none;
    enum status status;
    const char *words;
};
static const struct binding bound = {"206 Partial Content", "403 Forbidden", "403 Forbidden", STATUS_OK, ""};

static bool answer_presigned(int fd, const struct scripted_request *request, const struct binding *binding)
{
    struct str range = scripted_header(request, "range");
    return scripted_reply(fd,
                          range.length == 0                  ? binding->none
                          : str_equal(range, S("bytes=1-2")) ? binding->right
                                                             : binding->other,
                          "", S("12"));
}

/* A store with a bucket, that lets so many conditional writes of one key through. */
struct tried {
    const struct binding *binding;
    unsigned winners, racing; /* of a key that is written once after the other; of one that several write at once */
    _Atomic int reads;        /* of presigned URLs */
    const char *record;       /* of the last check; NULL: there is none */
    pthread_mutex_t lock;
    struct {
        char target[200];
        unsigned written;
    } keys[64];
    size_t count;
};

/* Whether a conditional write of this target is let through; an unconditional one is, and the key is there. */
static bool lets_through(struct tried *tried, const char *target, bool conditional)
{
    pthread_mutex_lock(&tried->lock);
    size_t i = 0;
    while (i < tried->count && strcmp(tried->keys[i].target, target) != 0) i++;
    assert_true(i < sizeof tried->keys / sizeof *tried->keys);
    if (i == tried->count) snprintf(tried->keys[tried->count++].target, sizeof tried->keys[i].target, "%s", target);
    unsigned winners = strstr(target, "-0 ") ? tried->racing : tried->winners;
    bool through = !conditional || tried->keys[i].written < winners;
    tried->keys[i].written = conditional ? tried->keys[i].written + 1 : winners;
    pthread_mutex_unlock(&tried->lock);
    return through;
}

static bool be_tried(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    struct tried *tried = server->context;
    (void)number;
    if (scripted_is(request, "GET /bucket?"))
        return scripted_reply(fd, "200 OK", "", S("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"));
    if (scripted_is(request, "GET /bucket/pre/probe/checked.json")) {
        if (!tried->record) return scripted_error(fd, "404 Not Found", "NoSuchKey");
        return scripted_reply(fd, "200 OK", "ETag: \"x\"\r\n", str_of(tried->record));
    }
    if (scripted_is(request, "GET")) {
        tried->reads++;
        return answer_presigned(fd, request, tried->binding);
    }
    char target[200];
    struct str line = request->head;
    snprintf(target, sizeof target, STR_FMT, STR_ARG(str_first(line, str_find(line, '\r'))));
    bool conditional = scripted_header(request, "if-none-match").length > 0;
    if (scripted_is(request, "PUT") && !lets_through(tried, target, conditional))
        return scripted_error(fd, "412 Precondition Failed", "PreconditionFailed");
    return scripted_reply(fd, scripted_is(request, "DELETE") ? "204 No Content" : "200 OK", "ETag: \"x\"\r\n", S(""));
}

static void the_probe_finds_what_the_condition_is_worth(void **state)
{
    const struct {
        unsigned winners, racing;
        enum status status;
        const char *words;
    } cases[] = {{1, 1, STATUS_OK, ""},
                 {100, 100, STATUS_UNSUPPORTED, "ignores put-if-absent"},
                 {1, 3, STATUS_UNSUPPORTED, "lets 3 of 8 writers win"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        struct tried tried = {.binding = &bound, .winners = cases[i].winners, .racing = cases[i].racing, .lock = PTHREAD_MUTEX_INITIALIZER};
        serve(f, be_tried, &tried);
        enum status status = store_probe(f->store, io(f), &f->error);
        assert_int_equal(status, cases[i].status);
        if (status != STATUS_OK) assert_says(&f->error, cases[i].words);
        assert_true(scripted_is(&f->server->requests[0], "GET /bucket?"));
        assert_true(scripted_is(&f->server->requests[1], "GET /bucket/pre/probe/checked.json"));
        assert_true(scripted_is(&f->server->requests[2], "PUT /bucket/pre/probe/"));
        int count = f->server->count;
        const char *before = status == STATUS_OK ? "GET /bucket/pre/probe/checked.json" : "DELETE /bucket/pre/probe/";
        assert_true(scripted_is(&f->server->requests[count - 2], before));
        assert_true(scripted_is(&f->server->requests[count - 1], "PUT /bucket/pre/probe/checked.json"));
        start_anew(state);
    }
}

static bool no_bucket(struct scripted_server *server, int number, const struct scripted_request *request, int fd)
{
    (void)server, (void)number;
    if (scripted_is(request, "GET")) return scripted_error(fd, "404 Not Found", "NoSuchBucket");
    return scripted_reply(fd, "200 OK", "ETag: \"x\"\r\n", S("")); /* as SeaweedFS, which makes it */
}

static void a_bucket_that_a_put_would_make_is_not_made(void **state)
{
    struct fixture *f = *state;
    serve(f, no_bucket, NULL);
    assert_error(store_probe(f->store, io(f), &f->error), STATUS_INVALID, &f->error, "there is no such bucket");
    assert_int_equal(f->server->count, 1);
}

static void a_store_that_gives_other_ranges_is_found_out(void **state)
{
    const struct binding bindings[] = {
        bound,
        {"206 Partial Content", "403 Forbidden", "400 Bad Request", STATUS_OK, ""},
        {"206 Partial Content", "206 Partial Content", "403 Forbidden", STATUS_UNSUPPORTED, "gives another range"},
        {"206 Partial Content", "403 Forbidden", "200 OK", STATUS_UNSUPPORTED, "gives all of an object"},
        {"403 Forbidden", "403 Forbidden", "403 Forbidden", STATUS_UNSUPPORTED, "does not give the range"},
        {"200 OK", "403 Forbidden", "403 Forbidden", STATUS_UNSUPPORTED, "does not give the range"},
        {"503 Slow Down", "403 Forbidden", "403 Forbidden", STATUS_UNAVAILABLE, "503"},
    };
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
        struct fixture *f = *state;
        struct tried tried = {.binding = &bindings[i], .winners = 1, .racing = 1, .lock = PTHREAD_MUTEX_INITIALIZER};
        serve(f, be_tried, &tried);
        enum status status = store_probe(f->store, io(f), &f->error);
        if (status != bindings[i].status) fail_msg("case %zu: %s", i, status_name(status));
        if (status != STATUS_OK) assert_says(&f->error, bindings[i].words);
        if (status == STATUS_UNSUPPORTED) assert_says(&f->error, "bind-range=no");
        start_anew(state);
    }
}

static void a_store_whose_url_says_so_is_not_tried(void **state)
{
    static const struct binding unbound = {"200 OK", "200 OK", "200 OK", STATUS_OK, ""};
    struct fixture *f = *state;
    struct tried tried = {.binding = &unbound, .winners = 1, .racing = 1, .lock = PTHREAD_MUTEX_INITIALIZER};
    f->server = scripted_start(be_tried, &tried);
    struct str url = arena_printf(f->arena, "s3://bucket/pre?endpoint=http://127.0.0.1:%d&bind-range=no", f->server->port);
    assert_ok(store_open(url.data, &f->store, &f->error), &f->error);
    assert_ok(store_probe(f->store, io(f), &f->error), &f->error);
    assert_int_equal(tried.reads, 0);
}

/* What the last check found counts for a day, for this store and this version alone. */
static void what_was_found_counts_for_a_day(void **state)
{
    const struct {
        const char *store, *version, *verdict;
        int64_t age;
        bool counts;
    } cases[] = {
        {NULL, PAKHUS_VERSION, "good", CLOCK_HOUR, true},
        {NULL, PAKHUS_VERSION, "weak", 23 * CLOCK_HOUR, true},
        {NULL, PAKHUS_VERSION, "refused", CLOCK_HOUR, true},
        {NULL, PAKHUS_VERSION, "refused", 25 * CLOCK_HOUR, false},
        {NULL, PAKHUS_VERSION, "good", 25 * CLOCK_HOUR, false},
        {NULL, PAKHUS_VERSION, "good", -CLOCK_HOUR, false},
        {NULL, "0.1.0", "good", CLOCK_HOUR, false},
        {"s3://bucket at elsewhere", PAKHUS_VERSION, "refused", CLOCK_HOUR, false},
        {"BOUND=no", PAKHUS_VERSION, "good", CLOCK_HOUR, false},
        {"BOUND=no", PAKHUS_VERSION, "refused", CLOCK_HOUR, false},
        {NULL, PAKHUS_VERSION, "perhaps", CLOCK_HOUR, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        struct tried tried = {.binding = &bound, .winners = 1, .racing = 1, .lock = PTHREAD_MUTEX_INITIALIZER};
        serve(f, be_tried, &tried);
        struct str name =
            arena_printf(f->arena, "s3://bucket at 127.0.0.1:%d, if-absent by if-none-match, bind-range=yes", f->server->port);
        /* asked without bound ranges, nothing was found out about them */
        struct str unbound =
            arena_printf(f->arena, "s3://bucket at 127.0.0.1:%d, if-absent by if-none-match, bind-range=no", f->server->port);
        bool is_unbound = cases[i].store && strcmp(cases[i].store, "BOUND=no") == 0;
        const char *of = is_unbound ? unbound.data : cases[i].store ? cases[i].store : name.data;
        tried.record =
            arena_printf(f->arena, "{\"store\":\"%s\",\"version\":\"%s\",\"time\":\"%s\",\"verdict\":\"%s\",\"why\":\"it loses them\"}", of,
                         cases[i].version, clock_format_time(f->arena, clock_real() - cases[i].age).data, cases[i].verdict)
                .data;
        bool refused = cases[i].counts && strcmp(cases[i].verdict, "refused") == 0;
        enum status status = store_probe(f->store, io(f), &f->error);
        assert_status(status, refused ? STATUS_UNSUPPORTED : STATUS_OK);
        if (refused) assert_says(&f->error, "it loses them");
        if (refused) assert_says(&f->error, "pakhus store check");
        assert_int_equal(tried.count > 0, !cases[i].counts);
        start_anew(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passing_failures_are_tried_again),
        TEST(trying_again_ends_with_the_deadline),
        TEST(final_failures_are_not_tried_again),
        TEST(the_right_region_is_named),
        TEST(a_proxys_error_page_is_no_riddle),
        TEST(a_store_that_is_down_is_said_to_be),
        TEST(failures_without_words_are_tried_again_a_few_times),
        TEST(waiting_is_said),
        TEST(an_answer_cut_off_is_asked_for_again),
        TEST(silence_ends_with_the_deadline),
        TEST(a_slow_drip_ends_with_the_deadline),
        TEST(no_time_left_means_no_request),
        TEST(damaged_bytes_are_asked_for_again),
        TEST(bytes_that_stay_damaged_are_refused),
        TEST(etags_that_are_no_md5_are_not_taken_for_one),
        TEST(ranges_that_are_not_what_was_asked_for_are_refused),
        TEST(another_version_is_never_handed_out),
        TEST(an_endless_answer_is_cut_off),
        TEST(header_bombs_are_refused),
        TEST(odd_listings_are_refused),
        TEST(requests_are_signed_and_addressed),
        TEST(a_put_whose_answer_was_lost_was_won_if_our_bytes_stand),
        TEST(an_answer_lost_on_a_kept_connection_is_noticed),
        TEST(a_put_whose_answer_was_lost_was_lost_if_other_bytes_stand),
        TEST(a_refusal_on_a_new_connection_is_one),
        TEST(a_refusal_by_304_is_one),
        TEST(a_put_that_was_refused_at_once_was_lost_whatever_stands),
        TEST(a_conflict_is_tried_again),
        TEST(other_dialects_say_it_their_way),
        TEST(the_probe_finds_what_the_condition_is_worth),
        TEST(a_bucket_that_a_put_would_make_is_not_made),
        TEST(a_store_that_gives_other_ranges_is_found_out),
        TEST(a_store_whose_url_says_so_is_not_tried),
        TEST(what_was_found_counts_for_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
