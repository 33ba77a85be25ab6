#include "lc_access_log.h"
#include "lc_headers.h"
#include "lc_server.h"

enum { CALL_TIME = 60 * 1000, CLIENT_CLOSED = 499 };

/* --- the request */

/* 16 digits that tell one process from another, and the number of the request. */
static struct str next_request_id(struct lc_server *server, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    char *id = arena_buffer(arena, 24);
    for (int i = 0; i < 16; i++) id[i] = digits[server->id_prefix >> (60 - 4 * i) & 15];
    for (int i = 0; i < 8; i++) id[16 + i] = digits[number >> (28 - 4 * i) & 15];
    return str_make(id, 24);
}

/* A target is "/path?query", or from some proxies "http://host/path?query" (RFC 9112 section 3.2). */
static struct str without_origin(struct str target)
{
    if (str_starts(target, S("/"))) return target;
    size_t scheme = str_find_str(target, S("://"));
    if (scheme == target.length) return target;
    struct str rest = str_from(target, scheme + 3);
    size_t slash = str_find(rest, '/');
    return slash < rest.length ? str_from(rest, slash) : S("/");
}

static void split_target(struct lc_exchange *x, struct str target)
{
    if (!lc_target_is_sound(target)) x->malformed = true;
    target = without_origin(target);
    x->request.path = str_cut(&target, '?');
    x->request.query = target;
    if (!str_starts(x->request.path, S("/"))) x->malformed = true;
}

/* Of a call that waited: a worker goes on with it. */
static void wake(struct lc_later *later)
{
    struct lc_exchange *x = (struct lc_exchange *)((char *)later - offsetof(struct lc_exchange, later));
    lc_workers_push(&x->server->workers, &x->job);
}

struct lc_exchange *lc_exchange_begin(struct lc_loop *loop, struct MHD_Connection *connection, struct lc_peer *peer, const char *target)
{
    struct lc_exchange *x = lc_exchange_take();
    struct arena *arena = x->call.arena;
    int64_t started = lc_microseconds(), arrived = started / 1000;
    *x = (struct lc_exchange){
        .call = {.arena = arena, .arrived = arrived, .deadline = {arrived + CALL_TIME}, .body_limit = UINT64_MAX, .later = &x->later},
        .later.wake = wake,
        .server = loop->server,
        .loop = loop,
        .connection = connection,
        .peer = peer,
        .started = started,
    };
    x->call.request_id = x->call.log.request_id = next_request_id(loop->server, arena);
    memcpy(x->address, peer->text, sizeof x->address);
    x->request.client_address = str_of(x->address);
    x->target = str_of(target);
    split_target(x, arena_copy(arena, x->target));
    return x;
}

/* RFC 9110 section 5.5: those behind a value are no part of it. A CR would be. */
static struct str without_blanks(struct str value)
{
    while (value.length > 0 && (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t')) value.length--;
    return value;
}

/* Headers are copied, as a stream may outlive the connection they came on. */
static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length, const char *value,
                                  size_t value_length)
{
    (void)kind;
    struct lc_exchange *x = context;
    if (x->head.start) lc_head_field(&x->head, str_make(name, name_length), str_make(value, value_length));
    char *copy = arena_buffer(x->call.arena, name_length + value_length);
    memcpy(copy, name, name_length);
    if (value_length > 0) memcpy(copy + name_length, value, value_length);
    struct str copied = str_make(copy, name_length);
    struct str trimmed = without_blanks(str_make(copy + name_length, value_length));
    if (!lc_header_receive(x->call.arena, &x->request.headers, copied, trimmed, x->server->options.from_fc)) x->malformed = true;
    return MHD_YES;
}

static size_t head_length(struct lc_exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

void lc_exchange_read_head(struct lc_exchange *x, const char *method, const char *version)
{
    struct lc_framing framing;
    x->head_seen = true;
    x->request.method = arena_copy(x->call.arena, str_of(method));
    if (!lc_loop_library_is_strict()) lc_head_begin(&x->head, method, x->target.data, x->target.length, version);
    MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, add_header, x);
    lc_headers_join_cookies(x->call.arena, &x->request.headers);
    if (x->head.start && !lc_head_ends_at(&x->head, head_length(x))) x->malformed = true;
    if (!lc_framing_read(&x->request.headers, str_of(version), &framing)) x->malformed = true;
    x->chunked = framing.chunked;
    x->length = framing.length;
}

/* --- the answer */

static ssize_t read_nothing(void *context, uint64_t position, char *buffer, size_t capacity)
{
    (void)context;
    (void)position;
    (void)buffer;
    (void)capacity;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* Headers that tell a length without its bytes: an answer to HEAD, or 304. */
static struct MHD_Response *reply_without_body(uint64_t length)
{
    return MHD_create_response_from_callback(length == LC_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : length, 1, read_nothing, NULL, NULL);
}

/* A 304 must not say "Content-Length: 0" of something that is not empty (RFC 9110 section 8.6). Where no length is known, the
 * one way to have libmicrohttpd leave it out costs the connection. */
static struct MHD_Response *reply_not_modified(const struct lc_response *response)
{
    if (response->length > 0 && response->length != LC_LENGTH_UNKNOWN) return reply_without_body(response->length);
    struct MHD_Response *reply = reply_without_body(LC_LENGTH_UNKNOWN);
    if (reply) MHD_set_response_options(reply, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return reply;
}

static struct MHD_Response *reply_of_bytes(struct str body)
{
    return MHD_create_response_from_buffer(body.length, (void *)(uintptr_t)(body.data ? body.data : ""), MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *reply_of(struct lc_exchange *x)
{
    struct lc_response *response = &x->response;
    bool head = str_equal(x->request.method, S("HEAD"));
    bool bodyless = head || response->status == 204 || response->status == 304;
    if (bodyless) stream_close(&response->stream);
    if (response->status == 304) return reply_not_modified(response);
    if (response->status == 204) return reply_of_bytes((struct str){0});
    if (head) return reply_without_body(response->body.length > 0 ? response->body.length : response->length);
    if (!response->stream.read) return reply_of_bytes(response->body);
    x->flow = lc_flow_new(x);
    return lc_flow_reply(x->flow);
}

/* libmicrohttpd wants its strings with a NUL behind them, and copies them. */
static void add_reply_header(struct lc_exchange *x, const struct lc_header *header)
{
    char text[2048];
    size_t needed = header->name.length + header->value.length + 2;
    char *name = needed <= sizeof text ? text : arena_buffer(x->call.arena, needed);
    char *value = name + header->name.length + 1;
    if (header->value.length == 0 || lc_header_is_hosts(header->name)) return; /* it has no way to send an empty value */
    memcpy(name, header->name.data, header->name.length);
    name[header->name.length] = 0;
    memcpy(value, header->value.data, header->value.length);
    value[header->value.length] = 0;
    MHD_add_response_header(x->reply, name, value);
}

void lc_exchange_reply(struct lc_exchange *x)
{
    x->reply = reply_of(x);
    if (!x->reply) return;
    for (size_t i = 0; i < x->response.headers.count; i++) add_reply_header(x, &x->response.headers.items[i]);
    if (x->server->draining) MHD_add_response_header(x->reply, "Connection", "close");
    if (x->flow) lc_flow_start(x->flow); /* from here on the call's arena belongs to a worker */
}

enum MHD_Result lc_exchange_send(struct lc_exchange *x)
{
    if (!x->reply) return MHD_NO;
    lc_peer_send(&x->loop->peers, x->peer);
    enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)x->response.status, x->reply);
    MHD_destroy_response(x->reply);
    x->reply = NULL;
    return result;
}

/* --- the end */

static uint64_t bytes_sent(const struct lc_exchange *x)
{
    bool head = str_equal(x->request.method, S("HEAD"));
    if (x->flow) return x->sent;
    return head || x->response.status == 204 || x->response.status == 304 ? 0 : x->response.body.length;
}

static void write_access_log(const struct lc_exchange *x, int64_t microseconds, bool aborted)
{
    struct lc_access access = {
        .log = x->call.log,
        .method = x->request.method,
        .path = x->request.path,
        .status = x->response.status ? x->response.status : CLIENT_CLOSED,
        .bytes = bytes_sent(x),
        .microseconds = microseconds,
        .aborted = aborted,
    };
    lc_access_log(&access);
}

void lc_exchange_end(struct lc_exchange *x, bool aborted)
{
    int64_t microseconds = lc_microseconds() - x->started;
    if (x->suspended) atomic_fetch_sub(&x->server->suspended, 1);
    if (x->body_charged > 0) atomic_fetch_sub(&x->server->body_bytes, x->body_charged);
    if (x->reply) MHD_destroy_response(x->reply);
    x->reply = NULL;
    if (x->instance) lc_metrics_count(&x->instance->metrics, x->response.status, microseconds);
    if (!x->server->options.quiet) write_access_log(x, microseconds, aborted || x->failed);
    if (x->flow) {
        lc_flow_end(x->flow);
        return;
    }
    if (x->instance) lc_instance_leave(x->instance);
    if (x->dispatched) atomic_fetch_sub(&x->server->answering, 1);
    lc_exchange_keep(x);
}
