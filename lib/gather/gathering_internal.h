/* What the pool's thread knows of requests, between its own files. */
#ifndef GATHER_GATHERING_INTERNAL_H
#define GATHER_GATHERING_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/gather/crew_internal.h"
#include "lib/gather/pool.h"
#include "lib/gather/usual_internal.h"

enum { GATHERING_BUCKETS = 1024 };

/* One resource of a request. */
struct fetch {
    struct waiting waiting; /* first, so that the queue's is the fetch */
    struct gathering *of;
    uint32_t index;
    uint32_t attempts;     /* begun so far */
    uint32_t running;      /* of them */
    uint32_t crashes;      /* of them */
    bool ended;            /* has its outcome */
    struct origin *origin; /* while an attempt runs */
    uint64_t origin_hash, resource_hash;
    int64_t hedge_at; /* INT64_MAX: not any more, or not at all */
};

/* A request under its id. */
struct gathering {
    struct gathering *chain;           /* in its bucket; or in the inbox */
    struct gathering *next, *previous; /* among all */
    struct gather_request *request;
    struct arena *arena;
    unsigned char id[REQUEST_ID];
    struct fetch *fetches;
    size_t left; /* resources without an outcome */
    uint64_t bytes;
};

struct gather_pool {
    struct crew crew;
    struct queue queue;
    struct usual *usual;
    struct gathering *buckets[GATHERING_BUCKETS], *all;
    uint64_t seed;            /* of hashes */
    unsigned char secret[32]; /* of ids */
    uint32_t savings;         /* what second requests may still cost */
    int64_t due;              /* when there is something to do that nobody announces */
    char packet[MESSAGE_LONGEST];

    /* shared with other threads */
    pthread_t thread;
    int epoll, wake_fd;
    pthread_mutex_t lock;
    struct gathering *inbox; /* the lock's; the last one first */
    _Atomic bool ending;
    _Atomic int64_t latest; /* gather_pool_hurry's, by clock_monotonic; 0: none */
    struct {
        _Atomic uint64_t requests, fetches, hedges, crashes, hangs, workers;
    } counts;
    _Atomic size_t under_way; /* requests */
};

static inline void gathering_be_due(struct gather_pool *pool, int64_t at)
{
    if (at < pool->due) pool->due = at;
}

static inline void gathering_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Everything that it lacks waits for a worker. */
void gathering_admit(struct gather_pool *, struct gathering *);
/* The time is up: what has no outcome gets one. */
void gathering_expire(struct gather_pool *, struct gathering *);
/* An attempt is over: what its worker reported, or NULL: it died. The body's descriptor (-1: none) is closed. */
void gathering_file(struct gather_pool *, const struct worker *, const struct report *, int body, int64_t now);

#endif
