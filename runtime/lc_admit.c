/* A request between its head and its body. Who answers it is decided from the head alone, so that a body that nobody wants takes no
 * memory.
 *
 * Before the end of a request, libmicrohttpd 0.9.75 takes an answer only right after the head, and closes the connection behind it. So a
 * short body of a request that is refused is read and dropped, which keeps the connection; and a body that turns out to be too large while
 * it is read is answered here. */
#include <sys/socket.h>

#include "lc_headers.h"
#include "lc_server.h"

static const char bodies_too_many[] = "too many large requests at once";

enum { DROPPED_MAX = 64 * 1024, HEAD_MAX = 16 * 1024 };

static bool has_body(const struct lc_exchange *x)
{
    return x->chunked || x->length > 0;
}

static bool expects_continue(const struct lc_exchange *x)
{
    return str_equal_nocase(lc_header_get(&x->request.headers, S("expect")), S("100-continue"));
}

/* A client that waits for "100 Continue" gets the final answer instead. */
static bool is_worth_dropping(const struct lc_exchange *x)
{
    return (x->chunked || x->length <= DROPPED_MAX) && !expects_continue(x);
}

static bool charge(struct lc_exchange *x, uint64_t bytes)
{
    struct lc_server *server = x->server;
    x->body_charged += bytes;
    return atomic_fetch_add(&server->body_bytes, bytes) + bytes <= server->body_bytes_max;
}

static void refuse(struct lc_exchange *x, int status, const char *why)
{
    x->work = NULL;
    lc_problem(&x->call, &x->response, status, NULL, str_of(why));
}

/* --- the head */

static void ask_guard(struct lc_exchange *x)
{
    if (!lc_instance_is_ready(x->instance)) return; /* Function Compute initialises it on a worker */
    x->unguarded = false;
    if (lc_instance_guard(x->instance, &x->call, &x->request, &x->response, &x->body_max)) return;
    x->work = NULL;
    if (x->server->options.refused) x->server->options.refused(x);
}

static void decide(struct lc_exchange *x)
{
    x->server->options.route(x);
    if (!x->instance) return;
    if (!lc_instance_enter(x->instance)) {
        x->instance = NULL;
        refuse(x, 503, "the function has been stopped");
    } else if (x->unguarded) {
        ask_guard(x);
    }
}

/* False: it is refused. */
static bool make_room(struct lc_exchange *x)
{
    if (x->body_max > LC_REQUEST_BODY_LIMIT) x->body_max = LC_REQUEST_BODY_LIMIT;
    if (x->length > x->body_max) {
        refuse(x, 413, lc_body_too_large);
    } else if (!charge(x, x->length)) {
        refuse(x, 503, bodies_too_many);
    } else {
        x->body = buf_in(x->call.arena, x->body_max);
        buf_room(&x->body, x->length);
    }
    return x->work != NULL;
}

/* Before the whole of its request has come. */
static enum MHD_Result answer_early(struct lc_exchange *x)
{
    x->peer->lingers = true;
    return lc_exchange_dispatch(x);
}

enum MHD_Result lc_exchange_admit(struct lc_exchange *x)
{
    if (x->malformed) {
        refuse(x, 400, "the request is malformed");
        return answer_early(x);
    }
    decide(x);
    if (!has_body(x) || (x->work && make_room(x))) return MHD_YES;
    if (!is_worth_dropping(x)) return answer_early(x);
    x->drops = true;
    return MHD_YES;
}

/* --- the body */

static struct str head_of(const struct lc_exchange *x)
{
    const struct lc_response *response = &x->response;
    struct buf head = buf_in(x->call.arena, HEAD_MAX);
    buf_printf(&head, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n", response->status,
               MHD_get_reason_phrase_for((unsigned)response->status), response->body.length);
    for (size_t i = 0; i < response->headers.count; i++) {
        struct lc_header header = response->headers.items[i];
        if (!lc_header_is_hosts(header.name)) buf_printf(&head, STR_FMT ": " STR_FMT "\r\n", STR_ARG(header.name), STR_ARG(header.value));
    }
    buf_add(&head, S("\r\n"));
    return buf_str(&head);
}

static void send_past_library(struct lc_exchange *x)
{
    struct str body = x->response.body, head = head_of(x);
    struct iovec parts[] = {{(void *)(uintptr_t)head.data, head.length}, {(void *)(uintptr_t)body.data, body.length}};
    sendmsg(x->peer->fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 2}, MSG_NOSIGNAL | MSG_DONTWAIT);
    x->peer->lingers = true;
}

void lc_exchange_break_off(struct lc_exchange *x, int status, const char *why)
{
    refuse(x, status, why);
    send_past_library(x);
}

/* Only chunks can exceed what the head announced. False: the answer has been sent. */
static bool take(struct lc_exchange *x, struct str data)
{
    if (x->drops && x->received > DROPPED_MAX) return send_past_library(x), false;
    if (x->drops) return true;
    if (x->received > x->body_max) return lc_exchange_break_off(x, 413, lc_body_too_large), false;
    if (x->chunked && !charge(x, 2 * data.length)) return lc_exchange_break_off(x, 503, bodies_too_many), false; /* a buffer doubles */
    buf_add(&x->body, data);
    x->request.body = buf_str(&x->body);
    return true;
}

enum MHD_Result lc_exchange_read_body(struct lc_exchange *x, const char *data, size_t *length)
{
    struct str piece = str_make(data, *length);
    x->received += *length;
    *length = 0;
    lc_peer_wait(&x->loop->peers, x->peer);
    return take(x, piece) ? MHD_YES : MHD_NO;
}
