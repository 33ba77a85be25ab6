/* One HTTP exchange, once: libcurl handles kept in a pool so that connections are used again, and pulled, so that a body may be read
 * whole or as a stream. What to try again and what an answer means is decided above. */
#ifndef STORE_WIRE_INTERNAL
#define STORE_WIRE_INTERNAL

#include "base/buf.h"
#include "base/io.h"
#include "lib/store/common.h"
#include "lib/store/store_internal.h"

struct wire;
struct store_wait; /* wait_internal.h */

/* No I/O, no TLS set-up: those wait for the first call. `counters` outlive it. */
struct wire *wire_new(struct store_counters *counters);
void wire_free(struct wire *); /* when no call is open any more */

struct wire_request {
    const char *method; /* HEAD and GET without a body; with PUT, POST and DELETE `body` is sent, be it empty */
    struct str url;
    const struct store_pair *headers; /* "host" among them is left to libcurl */
    size_t header_count;
    struct str body;         /* stays valid until the answer has begun */
    bool direct;             /* never through a proxy: the endpoint is on this machine */
    struct store_wait *wait; /* NULL: nobody is told of it */
};

struct wire_call;
struct wire_answer {
    struct wire_call *call; /* from which the body is pulled; NULL: failed, or ended */
    int status;             /* HTTP's; 0 where there was none */
    struct str headers;     /* "Name: value\n" each, in the arena of wire_begin's io */
    uint64_t length;        /* of Content-Length; UINT64_MAX where it is not given */
    bool sent;              /* failed, but the request may have been carried out; or answered, but perhaps not for the first time */
    unsigned tries;         /* failed: so many tries in all make sense; 0: any number */
};

/* Sends the request and waits for the headers of the answer, whose call must be ended. On failure there is none to end, and
 * answer->sent and ->tries tell more than the status: STATUS_TIMEOUT or STATUS_UNAVAILABLE. */
enum status wire_begin(struct wire *, struct io, const struct wire_request *, struct wire_answer *, struct error *);
/* The next bytes of the body: 1 to capacity, 0 at its end, -1 with *error. */
ssize_t wire_pull(struct wire_call *, void *buffer, size_t capacity, struct deadline, struct error *);
/* Reads the body to its end into the empty `body`: STATUS_TOO_LARGE past its limit. */
enum status wire_read(const struct wire_answer *, struct deadline, struct buf *body, struct error *);
void wire_end(struct wire_call *);

/* The value of a header, trimmed; empty where there is none. `name` in any case. */
struct str wire_header(const struct wire_answer *, struct str name);

#endif
