/* lambda-c: runs a C function on AWS Lambda, on Alibaba Function Compute, or on a plain port.
 *
 *     static enum status hello(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
 *     {
 *         response->body = lc_printf(call->arena, "hello " LC_FMT "\n", LC_ARG(request->path));
 *         return STATUS_OK;
 *     }
 *     int main(void) { return lc_run(&(struct lc_function){.name = "hello", .http = hello}); }
 */
#ifndef LAMBDA_C_LAMBDA_H
#define LAMBDA_C_LAMBDA_H

#include "base/types.h"

#define LC_VERSION "1.0.0"
const char *lc_version(void); /* of the library that runs, which may be newer than LC_VERSION */

/* Names compare without case. Values hold no CR, LF or NUL: lc_header_add drops a header that has one (and logs it). */
struct lc_header {
    struct str name, value;
};
struct lc_headers {
    struct lc_header *items;
    size_t count, capacity;
};
struct str lc_header_get(const struct lc_headers *, struct str name); /* the first one; {NULL, 0} where there is none */
/* All lines of that name as one list (RFC 9110 section 5.3), joined by ", "; {NULL, 0} where there is none. In the arena where there are
 * several. For fields that are lists: X-Forwarded-For, If-Match, Accept, … */
struct str lc_header_list(struct arena *, const struct lc_headers *, struct str name);
void lc_header_add(struct arena *, struct lc_headers *, struct str name, struct str value);

/* What Function Compute lends a function for one call (x-fc-access-key-*); empty on other hosts. */
struct lc_credentials {
    struct str access_key_id, secret_access_key, session_token;
};

/* One invocation; all it allocates dies with it. */
struct lc_call {
    struct arena *arena;
    const struct lc_function *function; /* the one that is called */
    struct str request_id, trace_id;
    int64_t arrived;          /* when the request came, by clock_monotonic */
    struct deadline deadline; /* the platform's, or 60 s on a port */
    struct log log;
    struct lc_credentials credentials;
    uint64_t body_limit;    /* the largest answer, in bytes, that this host can send; UINT64_MAX: any */
    bool no_wait;           /* this is the event loop: return STATUS_WOULD_BLOCK instead of waiting */
    void *context;          /* what lc_later was given, when the handler is called again; else NULL */
    struct lc_later *later; /* the host's */
};

/* For an `http` handler that waits for others, and should not hold a thread for it. It calls lc_later, has somebody call lc_resume once,
 * when there is something to go on with, and returns STATUS_OK. What it put into the response is forgotten; it is called again, for the
 * same request, with call->context set. lc_resume may come from any thread, also before the handler has returned; it does not wait. */
void lc_later(struct lc_call *, void *context);
void lc_resume(struct lc_call *);

struct lc_request {
    struct str method;         /* as sent: "GET" */
    struct str path;           /* as sent, percent-encoded, without the query; begins with '/' */
    struct str query;          /* as sent, without the '?'; empty where there is none */
    struct str client_address; /* of the peer, or what the platform's event says; an IP address without a port */
    struct str body;           /* decoded where the platform wraps it in base64 */
    struct lc_headers headers; /* cookies joined into one `cookie` header */
};

/* Either `body` or `stream`. The host adds Content-Length, Date, Connection. A body must live until the call's arena goes.
 * For HEAD the host sends the headers only: `body` empty and `length` telling what a GET would send is enough. A 304 takes its `length`
 * from there too; on a port one without it costs the connection, as it must not say "Content-Length: 0". */
struct lc_response {
    int status; /* 200 unless set */
    struct lc_headers headers;
    struct str body;
    struct stream stream; /* closed by the host, also when the client goes away */
    uint64_t length;      /* of the stream or, for HEAD and 304, of the absent body; LC_LENGTH_UNKNOWN: chunked */
};
#define LC_LENGTH_UNKNOWN UINT64_MAX

/* Answers with an error, application/problem+json (RFC 9457): the response is replaced. `type`: a stable word; NULL: that of the status
 * ("not-found" for 404). `detail` is for the client's eyes, and may be empty; what went wrong inside belongs in the log. `instance` is the
 * id of the request. A 404 may be kept for 5 s, nothing else at all; 503 and 504 ask to come back after a second. */
void lc_problem(const struct lc_call *, struct lc_response *, int status, const char *type, struct str detail);

/* A function. What `init` makes is handed to the others, which run on many threads at once: it is immutable or locked.
 *
 * `http` fills the response and returns STATUS_OK, whatever the HTTP status. Any other status but STATUS_WOULD_BLOCK is a fault of ours:
 * it is logged, and answered 500 (on AWS without HTTP: the Runtime API's error).
 * `event` takes what is not HTTP: schedules, notifications, direct invokes. Bytes in, bytes out, both in the call's arena. */
struct lc_function {
    const char *name;
    const char *version; /* what /healthz and the metrics report; may be NULL */
    const char *prefix;  /* of the settings: "PAKHUS" makes PAKHUS_THREADS, PAKHUS_LOG, PAKHUS_METRICS_SECRET; NULL: "LC" */
    enum status (*init)(void **state, struct error *);
    enum status (*http)(void *state, struct lc_call *, const struct lc_request *, struct lc_response *);
    /* Decides about a request from its head alone, before the body is taken in and before `http` is called: route, method, secret. True:
     * go on, with at most `*body_max` bytes of body (413 beyond; it comes in as the host's own limit). False: `response` is the answer.
     * It neither waits nor asks others: on a server it runs on the event loop. NULL: every request may go on. */
    bool (*guard)(void *state, struct lc_call *, const struct lc_request *, struct lc_response *, size_t *body_max);
    /* Whether calls would succeed at present, for GET /healthz?ready; may wait until call->deadline. NULL: yes. */
    enum status (*ready)(void *state, struct lc_call *, struct error *);
    enum status (*event)(void *state, struct lc_call *, struct str event, struct str *result, struct error *);
    /* Flushes what must not be lost, while calls may run. AWS: before each /next, as timers are frozen from then on. Servers: when they are
     * told to stop, and again where a call does not end, so that `stop` cannot be called. May be NULL. */
    void (*before_idle)(void *state);
    /* A server is told to stop: calls that wait for others (lc_later) are to end by then. May be NULL. */
    void (*hurry)(void *state, struct deadline);
    void (*metrics)(void *state, struct buf *out); /* Prometheus lines of its own; may be NULL */
    void (*stop)(void *state);                     /* flush and free, within the platform's grace; may be NULL */
    bool quick; /* `http` honours call->no_wait: it is tried on the event loop first, and again on a worker if it would block */
};

/* Where a port is opened by default. 9000 is left to MinIO, and to Function Compute, which wants it. */
#define LC_LISTEN_DEFAULT "127.0.0.1:8080"

/* Picks the host from the environment, and serves until it is told to stop. Returns the exit code of the process.
 *   AWS_LAMBDA_RUNTIME_API            → AWS Lambda
 *   FC_SERVER_PORT or FC_FUNCTION_NAME → Alibaba Function Compute
 *   otherwise                         → a port: LC_LISTEN, or LC_LISTEN_DEFAULT
 * A setting that is not there under the function's prefix is looked for under LC_. */
int lc_run(const struct lc_function *);

/* Several functions on one port. The longest `path` that is a prefix of the request's path, on a segment's border, wins. */
struct lc_mount {
    const char *path; /* "/packages"; NULL: no path, the function takes events only */
    const struct lc_function *function;
    bool operators; /* for whoever may see the metrics: on the admin listener, or with the admin secret; on no other listener without it */
};
struct lc_port_options {
    const char *listen; /* "127.0.0.1:8080", "[::]:80", ":0" */
    const char *admin;  /* where metrics and events are served: "127.0.0.1:9001", "unix:/run/me/admin.sock"; NULL: the setting ADMIN */
    const char *prefix; /* of the settings, as above */
    int threads;        /* workers; 0: the setting THREADS, or 16 */
    bool quiet;         /* no access log */
};
/* Serves until SIGTERM or SIGINT, then stops accepting, lets running calls end (at most 10 s), and calls every `stop`. Prints the address
 * it listens on. */
int lc_serve(const struct lc_port_options *, const struct lc_mount *, size_t count);

/* --- for functions that use nothing but this library */

/* For printf: printf(LC_FMT, LC_ARG(request->path)). */
#define LC_FMT    "%.*s"
#define LC_ARG(s) ((int)((s).length > INT32_MAX ? INT32_MAX : (s).length)), ((s).data ? (s).data : "")

/* Memory of the call's arena (call->arena), which goes when the answer is sent; zeroed, aligned for any type. A process without memory
 * ends with one line on stderr. */
void *lc_alloc(struct arena *, size_t size);
struct str lc_printf(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Calls `function(context)` when the arena goes: for what is not memory. */
void lc_defer(struct arena *, void (*function)(void *context), void *context);
/* For `metrics`. */
void lc_print(struct buf *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Fills *error and returns `status`: return lc_fail(error, STATUS_INVALID, "…"). */
enum status lc_fail(struct error *, enum status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A line of the log, with the ids of the call; `call` NULL: without. */
void lc_log(const struct lc_call *, enum log_level, const char *format, ...) __attribute__((format(printf, 3, 4)));
int64_t lc_time_left(const struct lc_call *); /* milliseconds until call->deadline, never negative */

#endif
