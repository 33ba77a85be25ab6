/* A thread that drives one libmicrohttpd daemon, and all that libmicrohttpd calls, which is on that thread.
 *
 * The daemon does not wait by itself: 0.9.75 asks epoll again, with the same patience, when it was given as many events as it has room
 * for, and so may sleep on 128 requests until a 129th comes. Here it is asked to run only when there is something to do. A resumed
 * connection is something to do that its epoll descriptor need not show (it may have been read away in the round before): so whoever
 * resumes one also writes to `wake_fd`. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lc_access_log.h"
#include "lc_server.h"

enum { STACK = 1024 * 1024 };

static const struct log no_request;

/* libmicrohttpd 1.0 answers each question in the same place. */
static struct lc_peer *open_peer(struct lc_loop *loop, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return lc_peer_open(&loop->peers, info ? info->connect_fd : -1, address);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **peer, enum MHD_ConnectionNotificationCode what)
{
    struct lc_loop *loop = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *peer = open_peer(loop, connection);
        return;
    }
    lc_peer_close(&loop->peers, *peer);
    *peer = NULL;
}

static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct lc_peer *peer = info ? info->socket_context : NULL;
    if (!peer || !target) return NULL;
    return peer->exchange = lc_exchange_begin(context, connection, peer, target);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *length, void **exchange)
{
    (void)context;
    (void)connection;
    (void)url;
    struct lc_exchange *x = *exchange;
    if (!x) return MHD_NO;
    if (!x->head_seen) {
        lc_exchange_read_head(x, method, version);
        return lc_exchange_admit(x);
    }
    if (*length > 0) return lc_exchange_read_body(x, data, length);
    if (!x->worked) return lc_exchange_dispatch(x);
    x->suspended = false;
    atomic_fetch_sub(&x->server->suspended, 1);
    return lc_exchange_send(x);
}

/* Of an answer that libmicrohttpd made by itself; 0: there was none. */
static int status_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info ? (int)info->http_status : 0;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange, enum MHD_RequestTerminationCode how)
{
    struct lc_loop *loop = context;
    struct lc_exchange *x = *exchange;
    if (!x) return;
    if (x->response.status == 0) x->response.status = status_of(connection);
    x->peer->exchange = NULL;
    lc_peer_wait(&loop->peers, x->peer);
    lc_exchange_end(x, how != MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *exchange = NULL;
}

/* Paths and queries are handed on as they were sent. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static bool has_whole_head(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL;
}

/* libmicrohttpd 0.9 answers a wrong Content-Length by itself, and sends the head of that answer twice. This is its log's line about it,
 * from just before: the request is the only one whose head is there and not yet read by us. We answer first, and nothing can follow. */
static void answer_wrong_length(struct lc_loop *loop, bool too_large)
{
    for (struct lc_peer *peer = loop->peers.waiting.newest; peer; peer = peer->older) {
        struct lc_exchange *x = peer->exchange;
        if (!x || x->head_seen || !has_whole_head(x->connection)) continue;
        lc_exchange_break_off(x, too_large ? 413 : 400, too_large ? lc_body_too_large : "the Content-Length is not a number");
        shutdown(peer->fd, SHUT_WR);
        return;
    }
}

static void on_message(void *context, const char *format, va_list arguments)
{
    char text[512];
    if (!lc_loop_library_is_strict() && strstr(format, "Content-Length' header"))
        answer_wrong_length(context, strstr(format, "Too large") != NULL);
    if (!log_enabled(LOG_DEBUG)) return;
    int length = vsnprintf(text, sizeof text, format, arguments);
    log_debug(no_request, "libmicrohttpd: " STR_FMT, STR_ARG(str_trim(str_make(text, length < 0 ? 0 : strlen(text)))));
}

/* --- the thread */

/* Where 0.9 is strict it refuses what we refuse better: with an answer, and one only. */
static struct MHD_Daemon *start_daemon(struct lc_loop *loop, unsigned connection_limit)
{
    const struct lc_server_options *options = &loop->server->options;
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, NULL,
                            MHD_OPTION_EXTERNAL_LOGGER, on_message, loop,                   /* first, for what the others say */
                            MHD_OPTION_LISTEN_SOCKET, loop->socket,                         /**/
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, loop,             /**/
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,              /**/
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,                /**/
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,              /**/
                            MHD_OPTION_CONNECTION_LIMIT, connection_limit,                  /**/
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->idle_timeout, /**/
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->head_memory,       /**/
                            MHD_OPTION_STRICT_FOR_CLIENT, lc_loop_library_is_strict() ? 1 : 0, MHD_OPTION_END);
}

/* Milliseconds until there is something to do though nothing happens. */
static int patience(const struct lc_loop *loop)
{
    MHD_UNSIGNED_LONG_LONG until_timeout;
    int until_tended = lc_peers_patience(&loop->peers);
    if (MHD_get_timeout(loop->daemon, &until_timeout) != MHD_YES) return until_tended;
    return until_timeout < (unsigned)until_tended ? (int)until_timeout : until_tended;
}

/* At its limit libmicrohttpd accepts nobody until it is run again after a connection has ended. */
static bool run_daemon(struct lc_loop *loop)
{
    bool full = loop->peers.count >= loop->peers.limit;
    if (MHD_run(loop->daemon) != MHD_YES) return false;
    return !full || loop->peers.count >= loop->peers.limit || MHD_run(loop->daemon) == MHD_YES;
}

/* False when the loop is to end. */
static bool read_news(struct lc_loop *loop)
{
    eventfd_t unused;
    struct lc_server *server = loop->server;
    eventfd_read(loop->wake_fd, &unused);
    if (server->draining && !loop->quiesced) {
        loop->quiesced = true;
        MHD_quiesce_daemon(loop->daemon);
        atomic_fetch_sub(&server->accepting, 1);
    }
    return !server->ending;
}

static void tend(struct lc_loop *loop, int64_t *tended)
{
    int64_t now = clock_monotonic();
    if (now - *tended < lc_peers_patience(&loop->peers)) return;
    *tended = now;
    lc_peers_tend(&loop->peers, loop->quiesced ? -1 : loop->socket);
}

static void *run(void *context)
{
    struct lc_loop *loop = context;
    int64_t tended = 0;
    struct pollfd pollers[] = {{.fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
                               {.fd = loop->wake_fd, .events = POLLIN},
                               {.fd = loop->peers.linger_fd, .events = POLLIN}};
    lc_access_log_batch();
    do {
        lc_access_log_flush();
        poll(pollers, 3, patience(loop));
        if (pollers[1].revents && !read_news(loop)) break;
        if (pollers[2].revents) lc_peers_drain(&loop->peers);
        tend(loop, &tended);
    } while (run_daemon(loop));
    MHD_stop_daemon(loop->daemon);
    lc_peers_close(&loop->peers);
    lc_access_log_flush();
    return NULL;
}

enum status lc_loop_start(struct lc_loop *loop, struct lc_server *server, bool admin, unsigned connection_limit, struct error *error)
{
    pthread_attr_t attributes;
    int listening = admin ? server->options.admin_socket : server->options.socket;
    *loop = (struct lc_loop){.server = server, .socket = listening, .admin = admin, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (loop->wake_fd < 0) return error_errno(error, errno, "eventfd");
    TRY(lc_peers_open(&loop->peers, connection_limit, error));
    loop->daemon = start_daemon(loop, connection_limit);
    ENSURE(loop->daemon, error, STATUS_UNAVAILABLE, "the HTTP server could not be started");
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int number = pthread_create(&loop->thread, &attributes, run, loop);
    pthread_attr_destroy(&attributes);
    if (number != 0) return error_errno(error, number, "cannot start a thread");
    atomic_fetch_add(&server->accepting, 1);
    return STATUS_OK;
}

void lc_loop_join(struct lc_loop *loop)
{
    pthread_join(loop->thread, NULL);
    lc_shared_free(loop);
    close(loop->wake_fd);
}
