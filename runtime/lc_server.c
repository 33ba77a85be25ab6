#include "lc_server.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lc_problem.h"

enum { MOST_WAITING = 1024, MOST_LOOPS = 8, BACKLOG = 4096, MOST_DESCRIPTORS = 65536, KEPT_DESCRIPTORS = 128, ABORT_GRACE = 2000 };

static const struct log no_request;

/* --- one request */

static enum MHD_Result send_reply(struct lc_exchange *x)
{
    if (!x->reply) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)x->response.status, x->reply);
    MHD_destroy_response(x->reply);
    x->reply = NULL;
    return result;
}

static enum MHD_Result answer(struct lc_exchange *x)
{
    lc_exchange_reply(x);
    return send_reply(x);
}

static void run_work(struct lc_job *job)
{
    struct lc_exchange *x = (struct lc_exchange *)((char *)job - offsetof(struct lc_exchange, job));
    x->work(x);
    lc_exchange_reply(x);
    x->worked = true;
    MHD_resume_connection(x->connection); /* from here on it is the loop's again */
}

static enum MHD_Result hand_to_worker(struct lc_exchange *x)
{
    struct lc_server *server = x->server;
    if (atomic_load(&server->workers.waiting) >= MOST_WAITING) {
        lc_problem(&x->call, &x->response, 503, "too many requests are waiting");
        lc_header_add(x->call.arena, &x->response.headers, S("Retry-After"), S("1"));
        return answer(x);
    }
    x->job.run = run_work;
    x->suspended = true;
    atomic_fetch_add(&server->suspended, 1);
    MHD_suspend_connection(x->connection);
    lc_workers_push(&server->workers, &x->job);
    return MHD_YES;
}

static bool done_on_loop(struct lc_exchange *x)
{
    x->call.no_wait = true;
    bool done = x->work(x) == STATUS_OK;
    x->call.no_wait = false;
    return done;
}

static enum MHD_Result dispatch(struct lc_exchange *x)
{
    x->dispatched = true;
    atomic_fetch_add(&x->server->answering, 1);
    if (x->refusal)
        lc_problem(&x->call, &x->response, x->refusal, NULL);
    else
        x->server->options.route(x);
    if (x->instance && !lc_instance_enter(x->instance)) {
        x->instance = NULL;
        x->work = NULL;
        lc_problem(&x->call, &x->response, 503, "the function has been stopped");
    }
    if (!x->work || (x->quick && done_on_loop(x))) return answer(x);
    return hand_to_worker(x);
}

/* --- what libmicrohttpd calls, all on the loop */

static struct lc_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct lc_peer *peer = calloc(1, sizeof *peer);
    if (!peer || !address || !address->client_addr) return peer;
    lc_address_host(address->client_addr, peer->text);
    peer->is_loopback = lc_address_is_loopback(address->client_addr);
    return peer;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **peer, enum MHD_ConnectionNotificationCode what)
{
    (void)context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *peer = peer_of(connection);
        return;
    }
    free(*peer);
    *peer = NULL;
}

static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info && info->socket_context ? lc_exchange_begin(context, connection, info->socket_context, target) : NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *length, void **exchange)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    struct lc_exchange *x = *exchange;
    if (!x) return MHD_NO;
    if (!x->head_seen) {
        enum MHD_Result result = lc_exchange_read_head(x, method);
        return x->refusal ? dispatch(x) : result;
    }
    if (*length > 0) return lc_exchange_read_body(x, data, length);
    if (!x->worked) return dispatch(x);
    x->suspended = false;
    atomic_fetch_sub(&x->server->suspended, 1);
    return send_reply(x);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange, enum MHD_RequestTerminationCode how)
{
    (void)context;
    (void)connection;
    if (*exchange) lc_exchange_end(*exchange, how != MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *exchange = NULL;
}

/* Paths and queries are handed on as they were sent. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static void on_message(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[512];
    if (!log_enabled(LOG_DEBUG)) return;
    int length = vsnprintf(text, sizeof text, format, arguments);
    log_debug(no_request, "libmicrohttpd: " STR_FMT, STR_ARG(str_trim(str_make(text, length < 0 ? 0 : strlen(text)))));
}

/* --- the server */

enum status lc_server_listen(struct str text, int *listening, struct error *error)
{
    struct lc_address address;
    TRY(lc_address_parse(text, &address, error));
    const struct sockaddr *where = (const struct sockaddr *)&address.storage;
    int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return error_errno(error, errno, "cannot open a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, where, address.length) != 0 || listen(fd, BACKLOG) != 0) {
        int number = errno;
        close(fd);
        return error_errno(error, number, "cannot listen on " STR_FMT, STR_ARG(text));
    }
    *listening = fd;
    return STATUS_OK;
}

/* Each connection takes a descriptor; some are left for what functions open. */
static unsigned connection_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
    rlim_t wanted = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    }
    rlim_t usable = limit.rlim_cur < MOST_DESCRIPTORS ? limit.rlim_cur : MOST_DESCRIPTORS;
    return usable > 2 * KEPT_DESCRIPTORS ? (unsigned)usable - KEPT_DESCRIPTORS : KEPT_DESCRIPTORS;
}

/* Half of the processors, so that the workers have the others. */
static unsigned loops(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) / 2 : 1;
    return (unsigned)(count < 1 ? 1 : count > MOST_LOOPS ? MOST_LOOPS : count);
}

static struct MHD_Daemon *start_daemon(struct lc_server *server)
{
    unsigned count = loops();
    struct MHD_OptionItem pool[] = {{count > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)count, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
                            MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,                          /* first, for what the others say */
                            MHD_OPTION_LISTEN_SOCKET, server->options.socket,                      /**/
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server,                  /**/
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,                     /**/
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,                       /**/
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,                     /**/
                            MHD_OPTION_CONNECTION_LIMIT, connection_limit(),                       /**/
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)server->options.idle_timeout, /**/
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->options.head_memory,       /**/
                            MHD_OPTION_STRICT_FOR_CLIENT, 1,                                       /**/
                            MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

enum status lc_server_start(struct lc_server *server, const struct lc_server_options *options, struct error *error)
{
    *server = (struct lc_server){.options = *options, .arena = arena_new()};
    if (getrandom(&server->id_prefix, sizeof server->id_prefix, 0) < 0) server->id_prefix = (uint64_t)clock_now();
    TRY(lc_workers_start(&server->workers, server->arena, options->threads, error));
    server->daemon = start_daemon(server);
    if (server->daemon) return STATUS_OK;
    lc_workers_end(&server->workers);
    arena_free(server->arena);
    return error_set(error, STATUS_UNAVAILABLE, "the HTTP server could not be started");
}

/* True when the counter has come down to 0 in time. */
static bool await_none(const _Atomic int *counter, int64_t milliseconds)
{
    struct deadline until = deadline_in(milliseconds);
    while (atomic_load(counter) > 0 && deadline_left(until) > 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    return atomic_load(counter) == 0;
}

bool lc_server_stop(struct lc_server *server, int64_t grace)
{
    server->draining = true;
    MHD_socket socket = MHD_quiesce_daemon(server->daemon);
    if (socket != MHD_INVALID_SOCKET) close(socket);
    if (!await_none(&server->answering, grace))
        log_warn(no_request, "some requests did not end in %lld ms and are cut off", (long long)grace);
    server->aborting = true;
    if (!await_none(&server->suspended, ABORT_GRACE)) return false; /* libmicrohttpd cannot be stopped while a worker holds a connection */
    MHD_stop_daemon(server->daemon);
    lc_exchange_free_spare();
    lc_workers_end(&server->workers);
    arena_free(server->arena);
    return true;
}
