/* The front of the workers: one thread that takes requests, hands out what is to be fetched, files what comes under its request (G3), and
 * says when all is there or the time is up (G4, G5). It never waits for a worker. */
#ifndef GATHER_POOL_H
#define GATHER_POOL_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "lib/gather/gather.h"

struct gather_pool;

struct gather_pool_options {
    size_t workers; /* processes at most */
    size_t ready;   /* of them made at start, and kept */
    /* Ids are signed with it: equal ones in all processes that answer one client. Copied. */
    struct str secret;
};
/* The program's main must begin as lib/gather/worker.h says. Returns before there are workers. */
enum status gather_pool_open(const struct gather_pool_options *, struct gather_pool **, struct error *);
void gather_pool_close(struct gather_pool *); /* when no request is under way */

enum { GATHER_ID = 32 };

struct gather_request {
    const struct gather_resource *resources;
    size_t count;
    struct deadline deadline;
    uint64_t resource_limit, total_limit;                       /* bytes of one body, and of all */
    bool named;                                                 /* every host is allowed by its name, as in scenes */
    bool hedge;                                                 /* ask a second time for what takes longer than it usually does */
    struct str allow;                                           /* as allow_parse reads it */
    struct str access_key_id, secret_access_key, session_token; /* for the store; empty: the environment's */
    /* Every resource has an outcome; at the latest a moment after the deadline. Called on the pool's thread, which must not wait. */
    void (*done)(struct gather_request *);
    void *context;

    /* Filled by the pool. */
    char id[GATHER_ID + 1]; /* unique */
    struct gather_outcome *outcomes;
};

/* Whether a pool with this secret gave that id. In constant time. */
bool gather_pool_gave(const struct gather_pool *, struct str id);

/* From many threads at once. The request, and all that it points to, stays as it is until it is done; the arena, which the outcomes live
 * in, is the pool's until then. `allow` and the credentials have at most 48 KiB, or all is refused. */
void gather_pool_submit(struct gather_pool *, struct arena *, struct gather_request *);

/* Requests that are under way end by then, with what has arrived. From any thread; the last call counts. */
void gather_pool_hurry(struct gather_pool *, struct deadline);

/* So many requests are under way that another one should rather come back later. */
bool gather_pool_is_full(const struct gather_pool *);

/* Prometheus lines. */
void gather_pool_metrics(struct gather_pool *, struct buf *out);

#endif
