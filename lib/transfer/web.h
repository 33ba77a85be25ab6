/* One GET by http(s), whole or a range, over connections that are used again. Redirects are followed. */
#ifndef TRANSFER_WEB_H
#define TRANSFER_WEB_H

#include "base/buf.h"
#include "base/io.h"

struct web;
struct web *web_new(struct arena *); /* for one thread; ends with the arena */

/* What the headers say. Text lives until the next web_get. */
struct web_answer {
    int status; /* 200 or 206 where a body is handed on */
    /* The ETag or, where there is none, the Last-Modified, of the first answer in a row of redirects that has one: who redirects to
     * storage knows what the bytes are. */
    struct str validator;
    uint64_t offset, total; /* of the body's first byte; of the whole thing, UINT64_MAX: not said */
    int64_t retry_after;    /* ms; 0: not said */
};

struct web_get {
    struct str url;
    uint64_t offset, length; /* length 0: no range is asked for */
    /* Once, when the headers of a 200 or 206 are there; then the body, in pieces. Another status than STATUS_OK ends the exchange, and
     * is returned. */
    enum status (*head)(void *context, const struct web_answer *, struct error *);
    enum status (*body)(void *context, struct str bytes, struct error *);
    void *context;
};

/* STATUS_NOT_FOUND (404, 410), STATUS_DENIED (401, 403), STATUS_THROTTLED (429), STATUS_INVALID (other 4xx), STATUS_UNAVAILABLE (5xx, no
 * connection, broken off), STATUS_TIMEOUT (half a minute without a byte, or the deadline). `answer` may be NULL. */
enum status web_get(struct web *, const struct web_get *, struct deadline, struct web_answer *answer, struct error *);
/* A small body into the arena; STATUS_TOO_LARGE past `limit`. */
enum status web_get_text(struct web *, struct io, struct str url, size_t limit, struct str *text, struct error *);

#endif
