/* HTTP on a socket, by libmicrohttpd: what the port and Function Compute have in common.
 *
 * One or more loops, each a thread, read and write; they never wait for anything else. A host's `route` says, on the loop, who answers a
 * request. What may wait is worked on by a pool of threads, while its connection is suspended; a `quick` function is tried on the loop
 * first.
 *
 *   loop:    head → route, guard ─┬→ body ─┬─ answered at once ──────────────────→ send
 *                                 │        └─ suspend → queue          resume ─→ send
 *   worker:                       │                       └→ work → reply ┘
 *                                 └→ refused: a short body is read and dropped, before a longer one the connection ends
 *
 * A call that waits for others (lc_later) is with neither meanwhile; when it is resumed it is queued for a worker.
 */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include <microhttpd.h>

#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lc_address.h"
#include "lc_framing.h"
#include "lc_instance.h"
#include "lc_later.h"
#include "lc_peers.h"
#include "lc_workers.h"

struct lc_server;
struct lc_exchange;
struct lc_flow;

/* Fills the response. STATUS_WOULD_BLOCK only where call.no_wait. */
typedef enum status lc_work(struct lc_exchange *);

/* A request and its answer. */
struct lc_exchange {
    /* for hosts */
    struct lc_call call;
    struct lc_request request;
    struct lc_response response;
    struct lc_instance *instance; /* set by `route` where a function answers: the exchange counts as one of its calls */
    lc_work *work;                /* set by `route`; NULL: the response is there already */
    size_t body_max;              /* set by `route`, with `work`: bytes of body that are taken in; 0 as it comes */
    bool unguarded;               /* set by `route` where a function's `http` answers: its guard has still to be asked */
    bool quick;                   /* `work` may be tried on the loop */
    bool announced;               /* Function Compute: the start of this call has been logged */
    struct lc_server *server;

    /* the server's */
    struct lc_loop *loop;
    struct lc_job job;
    struct lc_later later;
    struct lc_peer *peer; /* while it is the loop's */
    struct MHD_Connection *connection;
    struct MHD_Response *reply;
    struct lc_flow *flow; /* of response.stream */
    struct buf body;
    uint64_t body_charged; /* to the server's body_bytes */
    struct str target;     /* in libmicrohttpd's memory, until the head has been read */
    struct lc_head head;
    uint64_t length;   /* Content-Length; 0 where there is none */
    int64_t started;   /* microseconds */
    uint64_t received; /* of the body */
    uint64_t sent;     /* of a stream */
    bool chunked;      /* the body comes in chunks */
    bool malformed;    /* to be refused, as readers could disagree on it */
    bool drops;        /* the answer is decided, and the body is read to its end and dropped */
    bool head_seen, dispatched, worked, suspended, failed;
    char address[LC_ADDRESS_TEXT];
    struct lc_exchange *next; /* among those that wait to be used again */
};

struct lc_server_options {
    int socket;         /* listening; the server closes it, also where it cannot start */
    int admin_socket;   /* of the admin listener, likewise; -1: there is none */
    int threads;        /* workers */
    size_t head_memory; /* bytes for a request's head and its answer's, together; libmicrohttpd clears all of it for each request */
    int idle_timeout;   /* seconds until a connection on which nothing happens is closed */
    bool quiet;         /* no access log */
    bool from_fc;       /* x-fc-* headers come from the platform */
    void (*route)(struct lc_exchange *);   /* from the head alone: no body is there yet */
    void (*refused)(struct lc_exchange *); /* the function's guard has answered; may be NULL */
    void *context;                         /* the host's: server->options.context */
    struct lc_instance *instances;
    size_t instance_count;
    struct str admin_secret; /* empty: admin requests are taken on the admin listener only, see lc_admin.h */
};

enum { LC_SHARED_COUNT = 64 };
struct lc_loop {
    struct lc_server *server;
    int socket; /* where it listens */
    bool admin; /* it is the admin listener's */
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int wake_fd; /* an eventfd: a connection was resumed, or there is news in `draining` or `ending` */
    bool quiesced;
    struct lc_peers peers;
    struct lc_shared *shared[LC_SHARED_COUNT]; /* lc_shared.c */
};

struct lc_server {
    struct lc_server_options options;
    struct lc_loop *loops;
    int loop_count;
    struct lc_workers workers;
    struct arena *arena;
    uint64_t id_prefix;
    _Atomic uint64_t requests;
    uint64_t body_bytes_max;     /* of all requests together */
    _Atomic uint64_t body_bytes; /* of requests, in memory now */
    _Atomic int answering;       /* requests that have come whole and are not answered whole */
    _Atomic int suspended;       /* connections that wait for a worker */
    _Atomic int accepting;       /* loops that still take connections */
    _Atomic int64_t calls_end;   /* deadline of every call, by clock_monotonic: it comes closer when the server is to stop */
    _Atomic bool draining;       /* connections are closed after their answer */
    _Atomic bool aborting;       /* streams are cut off */
    _Atomic bool ending;         /* loops end */
};

enum status lc_server_listen(struct str address, int *socket, struct error *);
enum status lc_server_start(struct lc_server *, const struct lc_server_options *, struct error *);

/* Stops accepting, lets what runs end for at most `grace` milliseconds, and ends all threads. False where calls still run: then
 * nothing is freed, and the process can only exit. */
bool lc_server_stop(struct lc_server *, int64_t grace);

/* Serves until SIGTERM or SIGINT, which the caller has blocked, and then stops the server and every instance. */
void lc_server_run(struct lc_server *);

/* /healthz and /metrics. False where the request is for neither. */
bool lc_server_route_own(struct lc_exchange *);
/* Answers 405. `methods` is what Allow says, such as "GET, HEAD". */
void lc_server_refuse_method(struct lc_exchange *, const char *methods);

/* The work of a function's `http`. */
enum status lc_server_http(struct lc_exchange *);
/* The work of its `event`: the body is the event, the result is JSON; an error is answered with `error_status`. */
enum status lc_server_event(struct lc_exchange *, int error_status);

/* --- between the server's own files */

enum { LC_REQUEST_BODY_LIMIT = 32 * 1024 * 1024 };

/* lc_loop.c */
enum status lc_loop_start(struct lc_loop *, struct lc_server *, bool admin, unsigned connection_limit, struct error *);
void lc_loop_join(struct lc_loop *);

/* lc_wake.c */
void lc_loop_wake(struct lc_loop *);
void lc_loop_resume(struct lc_exchange *); /* from here on the exchange is the loop's again */
bool lc_loop_library_is_strict(void);      /* libmicrohttpd checks the bytes of a head itself: 1.0 and later */

/* lc_admit.c */
enum MHD_Result lc_exchange_admit(struct lc_exchange *);                                       /* its head is there */
enum MHD_Result lc_exchange_read_body(struct lc_exchange *, const char *data, size_t *length); /* takes all of it */
/* Answers past libmicrohttpd, which has sent nothing of its own for this request; then the connection can only end. */
void lc_exchange_break_off(struct lc_exchange *, int status, const char *why);

/* lc_dispatch.c */
enum MHD_Result lc_exchange_dispatch(struct lc_exchange *);

/* lc_shared.c: on the loop, with an answer that is there */
enum MHD_Result lc_shared_send(struct lc_exchange *);
void lc_shared_free(struct lc_loop *);

/* lc_exchange.c */
struct lc_exchange *lc_exchange_begin(struct lc_loop *, struct MHD_Connection *, struct lc_peer *, const char *target);
void lc_exchange_read_head(struct lc_exchange *, const char *method, const char *version);
void lc_exchange_reply(struct lc_exchange *);           /* makes `reply` out of `response` */
enum MHD_Result lc_exchange_send(struct lc_exchange *); /* hands the reply to libmicrohttpd */
/* The answer is complete, or its client gone. */
void lc_exchange_end(struct lc_exchange *, bool aborted);

/* lc_spare.c */
struct lc_exchange *lc_exchange_take(void); /* with an empty arena, and nothing else in it */
void lc_exchange_keep(struct lc_exchange *);
void lc_exchange_free(struct lc_exchange *);

/* lc_flow.c: a stream on its way from a worker, who reads it, to the loop, which sends it */
struct lc_flow *lc_flow_new(struct lc_exchange *);
struct MHD_Response *lc_flow_reply(struct lc_flow *);
void lc_flow_start(struct lc_flow *);
void lc_flow_end(struct lc_flow *); /* closes the stream on a worker, and frees the exchange with it */

#endif
