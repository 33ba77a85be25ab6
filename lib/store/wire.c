#include "lib/store/wire_internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/http/ca_bundle.h"
#include "lib/http/client.h"
#include "lib/store/wait_internal.h"

enum {
    IDLE_CALLS = 64,
    CONNECT_TIMEOUT = 3 * CLOCK_SECOND,
    STALL = 15 * CLOCK_SECOND, /* without a byte in either direction */
    RECEIVE_BUFFER = 128 * 1024,
    HEADERS_LIMIT = 64 * 1024,
};

struct wire {
    struct store_counters *counters;
    pthread_mutex_t lock;
    struct wire_call *idle; /* the most recently used first: its connection is the warmest */
    size_t idle_count;
    const char *ca_bundle; /* NULL: libcurl's own */
};

/* A handle and the exchange it carries. */
struct wire_call {
    struct wire_call *next;
    struct wire *wire;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct buf header_bytes;
    long status;
    unsigned copies; /* of the request, that libcurl has begun to send */
    bool headers_done, done, paused;
    bool direct;         /* to this machine */
    curl_off_t uploaded; /* bytes of the request's body, when it was last looked at */
    CURLcode result;     /* once done */
    char *target;        /* where wire_pull wants bytes; NULL between its calls */
    size_t target_size, target_used;
    size_t carry_at, carry_length; /* bytes that came and were not asked for yet */
    char carry[CURL_MAX_WRITE_SIZE];
    char reason[CURL_ERROR_SIZE];
};

static void set_up_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct wire *wire_new(struct store_counters *counters)
{
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire) abort();
    wire->counters = counters;
    pthread_mutex_init(&wire->lock, NULL);
    return wire;
}

static void call_free(struct wire_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_multi_cleanup(call->multi);
    free(call);
}

void wire_free(struct wire *wire)
{
    while (wire->idle) {
        struct wire_call *call = wire->idle;
        wire->idle = call->next;
        call_free(call);
    }
    pthread_mutex_destroy(&wire->lock);
    free(wire);
}

static struct wire_call *call_new(struct wire *wire)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_curl);
    struct wire_call *call = calloc(1, sizeof *call);
    if (!call) abort();
    call->wire = wire;
    call->multi = curl_multi_init();
    call->easy = curl_easy_init();
    if (!call->multi || !call->easy) abort();
    return call;
}

static struct wire_call *take_call(struct wire *wire)
{
    pthread_mutex_lock(&wire->lock);
    struct wire_call *call = wire->idle;
    if (call) {
        wire->idle = call->next;
        wire->idle_count--;
    }
    if (!wire->ca_bundle) wire->ca_bundle = http_ca_bundle();
    pthread_mutex_unlock(&wire->lock);
    return call ? call : call_new(wire);
}

void wire_end(struct wire_call *call)
{
    struct wire *wire = call->wire;
    curl_multi_remove_handle(call->multi, call->easy); /* closes the connection where the exchange is not over */
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    pthread_mutex_lock(&wire->lock);
    bool keep = wire->idle_count < IDLE_CALLS;
    if (keep) {
        call->next = wire->idle;
        wire->idle = call;
        wire->idle_count++;
    }
    pthread_mutex_unlock(&wire->lock);
    if (!keep) call_free(call);
}

static size_t on_header(char *data, size_t one, size_t length, void *context)
{
    struct wire_call *call = context;
    if (call->headers_done) return length; /* trailers */
    struct str line = str_trim(str_make(data, length * one));
    if (str_starts(line, S("HTTP/"))) {
        call->header_bytes.length = 0; /* the answer before was 100 Continue, or a proxy's */
        return length;
    }
    if (str_empty(line)) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
        call->headers_done = call->status >= 200;
        return length;
    }
    buf_add(&call->header_bytes, line);
    buf_add_byte(&call->header_bytes, '\n');
    return call->header_bytes.overflow ? 0 : length;
}

/* Into the reader's buffer, and what does not fit into the carry, which holds a whole piece; with something in it already, libcurl
 * is asked to keep the piece. */
static size_t on_body(char *data, size_t one, size_t length, void *context)
{
    struct wire_call *call = context;
    length *= one;
    if (call->carry_length > 0) {
        call->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    size_t room = call->target ? call->target_size - call->target_used : 0;
    size_t direct = length < room ? length : room;
    if (direct > 0) memcpy(call->target + call->target_used, data, direct);
    call->target_used += direct;
    call->carry_at = 0;
    call->carry_length = length - direct;
    if (call->carry_length > sizeof call->carry) return 0;
    if (call->carry_length > 0) memcpy(call->carry, data + direct, call->carry_length);
    return length;
}

/* A connection that was kept may break before its answer begins: then libcurl repeats the request on a new one and says nothing. */
static int on_request(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct wire_call *call = context;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    call->copies++;
    return CURL_PREREQFUNC_OK;
}

static void set_headers(struct wire_call *call, const struct wire_request *request, struct arena *arena)
{
    bool is_typed = false;
    call->headers = curl_slist_append(NULL, "Expect:"); /* "100-continue" costs a round trip and saves none here */
    for (size_t i = 0; i < request->header_count; i++) {
        if (str_equal(request->headers[i].name, S("host"))) continue;
        is_typed = is_typed || str_equal(request->headers[i].name, S("content-type"));
        struct str line = arena_printf(arena, STR_FMT ": " STR_FMT, STR_ARG(request->headers[i].name), STR_ARG(request->headers[i].value));
        call->headers = curl_slist_append(call->headers, line.data);
    }
    /* Else libcurl calls every body a form, and servers that read forms find no bytes left. */
    if (!is_typed) call->headers = curl_slist_append(call->headers, "Content-Type:");
    if (!call->headers) abort();
}

static void set_method(CURL *easy, const struct wire_request *request)
{
    if (strcmp(request->method, "GET") == 0) return;
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (strcmp(request->method, "DELETE") == 0) return;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data ? request->body.data : "");
}

static void set_options(struct wire_call *call, const struct wire_request *request)
{
    CURL *easy = call->easy;
    curl_easy_reset(easy); /* keeps connections */
    http_client_set_up(easy, call->wire->ca_bundle);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL / CLOCK_SECOND);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->reason);
    if (request->direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    set_method(easy, request);
}

/* Runs libcurl once and waits at most `milliseconds` for more to do. */
static void turn(struct wire_call *call, int64_t milliseconds)
{
    int running, left;
    curl_multi_perform(call->multi, &running);
    const CURLMsg *message = curl_multi_info_read(call->multi, &left);
    if (message && message->msg == CURLMSG_DONE) {
        call->done = true;
        call->result = message->data.result;
    }
    bool waits = !call->done && !call->paused && call->target_used == 0 && !(call->headers_done && !call->target);
    if (waits) curl_multi_poll(call->multi, NULL, 0, (int)(milliseconds < CLOCK_SECOND ? milliseconds : CLOCK_SECOND), NULL);
}

/* Sent in the clear to a port that speaks TLS, or the other way round. */
static bool speaks_no_tls(const char *reason)
{
    static const char *const signs[] = {"wrong version number", "packet length too long", "record overflow", "http request"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strstr(reason, signs[i])) return true;
    return false;
}

/* How many tries make sense; 0: as many as there is time for. A name may be unknown for a moment, and a server on this machine starts
 * within one. */
static unsigned tries_worth(const struct wire_call *call, const char *reason)
{
    enum { FEW = 3 };
    switch (call->result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return 1;
    case CURLE_SSL_CONNECT_ERROR: return speaks_no_tls(reason) ? 1 : 0;
    case CURLE_COULDNT_RESOLVE_HOST: return FEW;
    case CURLE_COULDNT_CONNECT: return call->direct ? FEW : 0;
    default: return 0;
    }
}

static enum status describe_failure(struct wire_call *call, struct wire_answer *answer, struct error *error)
{
    const char *reason = call->reason[0] ? call->reason : curl_easy_strerror(call->result);
    curl_off_t spent = 0;
    curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &spent);
    answer->sent = spent > 0;
    answer->tries = tries_worth(call, reason);
    switch (call->result) {
    case CURLE_OPERATION_TIMEDOUT: return error_set(error, STATUS_TIMEOUT, "%s", reason);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return error_set(error, STATUS_UNAVAILABLE,
                         "its certificate cannot be verified (%s): name the authority's with PAKHUS_CA_BUNDLE=FILE", reason);
    case CURLE_SSL_CONNECT_ERROR:
        if (!speaks_no_tls(reason)) return error_set(error, STATUS_UNAVAILABLE, "%s", reason);
        return error_set(error, STATUS_UNAVAILABLE, "the port does not speak TLS (%s): write endpoint=http://… if it is meant to be so",
                         reason);
    default: return error_set(error, STATUS_UNAVAILABLE, "%s", reason);
    }
}

/* A body that is on its way is progress. */
static void note_wait(struct wire_call *call, const struct wire_request *request)
{
    curl_off_t sent = 0;
    if (!request->wait) return;
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (sent > call->uploaded) wait_progress(request->wait);
    call->uploaded = sent;
    wait_tick(request->wait);
}

static enum status wait_for_headers(struct wire_call *call, const struct wire_request *request, struct deadline deadline,
                                    struct wire_answer *answer, struct error *error)
{
    while (!call->headers_done && !call->done) {
        int64_t left = deadline_left(deadline);
        answer->sent = true;
        ENSURE(left > 0, error, STATUS_TIMEOUT, "no answer in time");
        turn(call, left);
        note_wait(call, request);
    }
    if (!call->headers_done) return describe_failure(call, answer, error); /* behind the headers, wire_pull tells */
    answer->sent = call->copies > 1;                                       /* what the first copy did is not known */
    answer->status = (int)call->status;
    answer->headers = buf_str(&call->header_bytes);
    if (!str_to_u64(wire_header(answer, S("content-length")), &answer->length)) answer->length = UINT64_MAX;
    return STATUS_OK;
}

enum status wire_begin(struct wire *wire, struct io io, const struct wire_request *request, struct wire_answer *answer, struct error *error)
{
    *answer = (struct wire_answer){.length = UINT64_MAX};
    ENSURE(deadline_left(io.deadline) > 0, error, STATUS_TIMEOUT, "no time is left");
    struct wire_call *call = take_call(wire);
    call->header_bytes = buf_in(io.arena, HEADERS_LIMIT);
    call->headers_done = call->done = call->paused = false;
    call->direct = request->direct;
    call->copies = 0;
    call->uploaded = 0;
    call->target = NULL;
    call->target_used = call->carry_length = 0;
    call->reason[0] = 0;
    set_headers(call, request, io.arena);
    set_options(call, request);
    curl_easy_setopt(call->easy, CURLOPT_URL, arena_cstr(io.arena, request->url));
    curl_multi_add_handle(call->multi, call->easy);
    store_count(&wire->counters->requests, 1);
    store_count(&wire->counters->bytes_out, request->body.length);
    enum status status = wait_for_headers(call, request, io.deadline, answer, error);
    if (status != STATUS_OK) {
        wire_end(call);
        return status;
    }
    /* From here on the reader sets the pace: what does not come is noticed in wire_pull, what is not asked for is no fault. */
    curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_LIMIT, 0L);
    answer->call = call;
    return STATUS_OK;
}

static size_t take_carry(struct wire_call *call, void *buffer, size_t capacity)
{
    size_t count = call->carry_length < capacity ? call->carry_length : capacity;
    memcpy(buffer, call->carry + call->carry_at, count);
    call->carry_at += count;
    call->carry_length -= count;
    return count;
}

static void wait_for_body(struct wire_call *call, struct deadline deadline)
{
    if (call->paused) {
        call->paused = false;
        curl_easy_pause(call->easy, CURLPAUSE_CONT);
    }
    while (call->target_used == 0 && !call->done && deadline_left(deadline) > 0) turn(call, deadline_left(deadline));
}

ssize_t wire_pull(struct wire_call *call, void *buffer, size_t capacity, struct deadline deadline, struct error *error)
{
    struct wire_answer ignored;
    size_t count = take_carry(call, buffer, capacity);
    if (count == 0 && !call->done) {
        call->target = buffer;
        call->target_size = capacity;
        wait_for_body(call, deadline_within(deadline, STALL));
        count = call->target_used;
        call->target = NULL;
        call->target_used = 0;
    }
    store_count(&call->wire->counters->bytes_in, count);
    if (count > 0) return (ssize_t)count;
    if (call->done && call->result == CURLE_OK) return 0;
    if (call->done)
        describe_failure(call, &ignored, error);
    else
        error_set(error, STATUS_TIMEOUT, "the answer stopped coming");
    return -1;
}

enum status wire_read(const struct wire_answer *answer, struct deadline deadline, struct buf *body, struct error *error)
{
    char chunk[CURL_MAX_WRITE_SIZE];
    bool known = answer->length != UINT64_MAX;
    ENSURE(!known || answer->length <= body->limit, error, STATUS_TOO_LARGE, "%llu bytes where %zu are allowed",
           (unsigned long long)answer->length, body->limit);
    if (known) buf_room(body, (size_t)answer->length);
    for (;;) {
        size_t room = body->capacity - body->length;
        ssize_t count = wire_pull(answer->call, room ? body->data + body->length : chunk, room ? room : sizeof chunk, deadline, error);
        if (count < 0) return error->status;
        if (count == 0) return STATUS_OK;
        if (room == 0) buf_add(body, str_make(chunk, (size_t)count));
        if (room > 0) body->length += (size_t)count;
        ENSURE(!body->overflow, error, STATUS_TOO_LARGE, "more than %zu bytes", body->limit);
    }
}

struct str wire_header(const struct wire_answer *answer, struct str name)
{
    struct str rest = answer->headers;
    while (rest.data) {
        struct str line = str_cut(&rest, '\n');
        size_t colon = str_find(line, ':');
        if (str_equal_nocase(str_first(line, colon), name)) return str_trim(str_from(line, colon + 1));
    }
    return (struct str){0};
}
