/* Does what a request's path, or an event's first word, asks for: the function at the other end of the tests on the wire.
 *     /echo              the request as it was seen, as JSON; /echo of an event: the event
 *     /fail  /status/N  /bytes/N  /text/N  /sleep/MS  /cookies  /length/N  /unmodified/N
 *     /later/MS          waits without a thread; MS 0: it is resumed before the handler has returned
 *     /stream/N  /chunked/N  /short/N  /broken/N     streams: announced, not announced, shorter than announced, failing after N
 *     /header/N          a header of N bytes
 *     /guarded/N/…       takes at most N bytes of body; the rest of the path is done
 *     /shut              the guard answers 403 with a header, X-Guard
 * Where it is quick, only /echo and /later are done on the loop. */
#include "base/base.h"
#include <lambda-c/lambda.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/json.h"

static _Atomic int calls, open_streams;

static void tell(const char *what)
{
    if (getenv("WIRE_TELL")) dprintf(STDERR_FILENO, "wire: %s\n", what);
}

static enum status init(void **state, struct error *error)
{
    static int made;
    tell("init");
    ENSURE(!getenv("WIRE_INIT_FAILS"), error, STATUS_UNAVAILABLE, "no \"database\" today");
    *state = &made;
    return STATUS_OK;
}

static void stop(void *state)
{
    tell(state ? "stop" : "stop without state");
}

static void before_idle(void *state)
{
    tell(state ? "idle" : "idle without state");
}

static void metrics(void *state, struct buf *out)
{
    (void)state;
    buf_printf(out, "wire_open_streams %d\n", open_streams);
}

static void sleep_milliseconds(uint64_t milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(milliseconds / 1000), .tv_nsec = (long)(milliseconds % 1000) * 1000000}, NULL);
}

/* --- streams: byte i is i modulo 251 */

struct source {
    uint64_t at, end;
    bool breaks;
};

static ssize_t read_source(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct source *source = context;
    size_t count = source->end - source->at < capacity ? (size_t)(source->end - source->at) : capacity;
    if (count == 0 && source->breaks) {
        error_set(error, STATUS_UNAVAILABLE, "the source is gone");
        return -1;
    }
    for (size_t i = 0; i < count; i++) ((unsigned char *)buffer)[i] = (unsigned char)((source->at + i) % 251);
    source->at += count;
    if (getenv("WIRE_SLOW_SOURCE")) sleep_milliseconds(5);
    return (ssize_t)count;
}

static void close_source(void *context)
{
    (void)context;
    atomic_fetch_sub(&open_streams, 1);
    tell("stream closed");
}

static enum status open_stream(struct lc_call *call, struct lc_response *response, uint64_t bytes, uint64_t length, bool breaks)
{
    struct source *source = arena_new_of(call->arena, struct source);
    *source = (struct source){.end = bytes, .breaks = breaks};
    atomic_fetch_add(&open_streams, 1);
    response->stream = (struct stream){.read = read_source, .close = close_source, .context = source};
    response->length = length;
    return STATUS_OK;
}

/* --- requests */

static enum status echo(struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct buf out = buf_in(call->arena, 1 << 20);
    struct str pairs[][2] = {
        {S("method"), request->method},
        {S("path"), request->path},
        {S("query"), request->query},
        {S("address"), request->client_address},
        {S("request_id"), call->request_id},
        {S("trace_id"), call->trace_id},
        {S("body"), base64_encode(call->arena, request->body)},
        {S("key"), call->credentials.access_key_id},
        {S("secret"), call->credentials.secret_access_key},
        {S("token"), call->credentials.session_token},
    };
    buf_add_byte(&out, '{');
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        json_quote_lossy(&out, pairs[i][0]);
        buf_add_byte(&out, ':');
        json_quote_lossy(&out, pairs[i][1]);
        buf_add_byte(&out, ',');
    }
    buf_printf(&out, "\"seconds_left\":%lld,\"body_limit\":%llu,\"headers\":[", (long long)(deadline_left(call->deadline) + 500) / 1000,
               (unsigned long long)call->body_limit);
    for (size_t i = 0; i < request->headers.count; i++) {
        buf_add(&out, i > 0 ? S(",[") : S("["));
        json_quote_lossy(&out, request->headers.items[i].name);
        buf_add_byte(&out, ',');
        json_quote_lossy(&out, request->headers.items[i].value);
        buf_add_byte(&out, ']');
    }
    buf_add(&out, S("]}"));
    response->body = buf_str(&out);
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/json"));
    return STATUS_OK;
}

static struct str bytes_of(struct arena *arena, uint64_t length, bool text)
{
    char *bytes = arena_buffer(arena, length);
    for (uint64_t i = 0; i < length; i++) bytes[i] = (char)(text ? 'a' + i % 26 : i % 251);
    return str_make(bytes, length);
}

static enum status set_cookies(struct lc_call *call, struct lc_response *response)
{
    lc_header_add(call->arena, &response->headers, S("Set-Cookie"), S("a=1; Path=/"));
    lc_header_add(call->arena, &response->headers, S("Set-Cookie"), S("b=2"));
    lc_header_add(call->arena, &response->headers, S("Vary"), S("Accept"));
    lc_header_add(call->arena, &response->headers, S("vary"), S("Cookie"));
    lc_header_add(call->arena, &response->headers, S("X-Bad"), S("a\r\nX-Injected: 1"));
    lc_header_add(call->arena, &response->headers, S("Content-Length"), S("99"));
    response->body = S("caf\xc3\xa9 \"quoted\"\n");
    return STATUS_OK;
}

struct promise {
    struct lc_call *call;
    uint64_t milliseconds;
};

static void *keep_promise(void *context)
{
    struct promise promise = *(struct promise *)context; /* it is in the call's arena */
    sleep_milliseconds(promise.milliseconds);
    lc_resume(promise.call);
    return NULL;
}

static enum status wait_for_others(struct lc_call *call, struct lc_response *response, uint64_t milliseconds)
{
    pthread_t thread;
    struct promise *promise = arena_new_of(call->arena, struct promise);
    *promise = (struct promise){call, milliseconds};
    response->status = 599; /* is forgotten */
    lc_later(call, promise);
    if (milliseconds == 0)
        keep_promise(promise);
    else if (pthread_create(&thread, NULL, keep_promise, promise) == 0)
        pthread_detach(thread);
    return STATUS_OK;
}

static bool guard(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response, size_t *body_max)
{
    struct str rest = str_from(request->path, 1), what = str_cut(&rest, '/');
    uint64_t number = 0;
    tell(state && request->body.length == 0 ? "guard" : "guard with a body");
    if (str_equal(what, S("guarded")) && str_to_u64(str_cut(&rest, '/'), &number)) *body_max = (size_t)number;
    if (!str_equal(what, S("shut"))) return true;
    response->status = 403;
    response->body = S("shut\n");
    lc_header_add(call->arena, &response->headers, S("X-Guard"), S("1"));
    return false;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct str rest = str_from(request->path, 1), what = str_cut(&rest, '/');
    if (str_equal(what, S("guarded"))) what = (str_cut(&rest, '/'), str_cut(&rest, '/'));
    uint64_t number = 0;
    str_to_u64(rest, &number);
    atomic_fetch_add(&calls, 1);
    if (!state) return STATUS_INTERNAL;
    if (str_equal(what, S("later")) && !call->context) return wait_for_others(call, response, number);
    if (str_equal(what, S("later"))) response->body = arena_printf(call->arena, "%llu later\n", (unsigned long long)number);
    if (str_equal(what, S("later"))) return STATUS_OK;
    if (call->no_wait && !str_equal(what, S("echo"))) return STATUS_WOULD_BLOCK;
    if (str_equal(what, S("echo"))) return echo(call, request, response);
    if (str_equal(what, S("fail"))) return STATUS_UNAVAILABLE;
    if (str_equal(what, S("cookies"))) return set_cookies(call, response);
    if (str_equal(what, S("stream"))) return open_stream(call, response, number, number, false);
    if (str_equal(what, S("chunked"))) return open_stream(call, response, number, LC_LENGTH_UNKNOWN, false);
    if (str_equal(what, S("short"))) return open_stream(call, response, number, number + 1, false);
    if (str_equal(what, S("broken"))) return open_stream(call, response, number, LC_LENGTH_UNKNOWN, true);
    if (str_equal(what, S("header"))) lc_header_add(call->arena, &response->headers, S("X-Long"), bytes_of(call->arena, number, true));
    if (str_equal(what, S("sleep"))) sleep_milliseconds(number);
    if (str_equal(what, S("status"))) response->status = (int)number;
    if (str_equal(what, S("unmodified"))) response->status = 304;
    if (str_equal(what, S("length")) || str_equal(what, S("unmodified"))) response->length = number;
    if (str_equal(what, S("bytes"))) response->body = bytes_of(call->arena, number, false);
    if (str_equal(what, S("text"))) response->body = bytes_of(call->arena, number, true);
    return STATUS_OK;
}

/* "fail", "sleep MS", "bytes N"; anything else comes back as it is. */
static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    struct str rest = text, what = str_cut(&rest, ' ');
    uint64_t number = 0;
    str_to_u64(rest, &number);
    ENSURE(state, error, STATUS_INTERNAL, "not initialized");
    ENSURE(!str_equal(what, S("fail")), error, STATUS_NOT_FOUND, "there is no such \"thing\"");
    if (str_equal(what, S("quietly-fail"))) return STATUS_TOO_LARGE;
    *result = text;
    if (str_equal(what, S("nothing"))) *result = (struct str){0};
    if (str_equal(what, S("sleep"))) sleep_milliseconds(number);
    if (str_equal(what, S("bytes"))) *result = bytes_of(call->arena, number, true);
    return STATUS_OK;
}

int main(void)
{
    bool idles = !getenv("WIRE_NO_IDLE"), events = !getenv("WIRE_HTTP_ONLY"), requests = !getenv("WIRE_EVENTS_ONLY"),
         stops = !getenv("WIRE_NO_STOP");
    return lc_run(&(struct lc_function){
        .name = "wire",
        .prefix = "WIRE",
        .init = init,
        .http = requests ? http : NULL,
        .guard = guard,
        .event = events ? event : NULL,
        .before_idle = idles ? before_idle : NULL,
        .metrics = metrics,
        .stop = stops ? stop : NULL,
        .quick = getenv("WIRE_QUICK") != NULL,
    });
}
