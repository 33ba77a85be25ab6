/* What a policy, and what caches in its place, would have made of a trace: each LAN has an edge of its own. */
#ifndef REPLAY_SIMULATE_H
#define REPLAY_SIMULATE_H

#include "lib/policy/policy.h"
#include "lib/replay/trace.h"

enum { SIMULATED_POINTS = 200 };

/* How a simulated edge fared; shares are of all requests. */
struct simulated {
    uint64_t requests, hits;
    uint64_t bytes, bytes_hit; /* asked for; served from the edge */
    uint64_t bytes_placed;     /* brought to edges; stops at UINT64_MAX */
    uint64_t storage;          /* bytes on all edges together, at the most */
    uint64_t evicted;          /* packages */
    /* Over time, SIMULATED_POINTS equal spans: bytes asked for in each, and bytes wanted and held at the end of it. */
    double demand[SIMULATED_POINTS], wanted[SIMULATED_POINTS], held[SIMULATED_POINTS];
};

struct simulation {
    double storage;         /* each edge's quota, as a share of its LAN's working set */
    const uint64_t *quotas; /* by LAN, in bytes, in place of `storage`; NULL: there are none */
    int64_t every;          /* ms between evaluations; five minutes or more, or STATUS_INVALID */
    uint64_t link;          /* bytes a second that come to an edge; 0: copying takes no time */
    double share;           /* of all packages, where the trace is a sample of them; 0: it is none. The link serves the others, too */
};
/* Evaluated on time, and at each miss as its trigger says: what is placed at a miss serves from the next request on, when it has come
 * (`pending`: it is marked, and placed at the next request for it). Decides as decide_edge does, but looks only at packages that may
 * matter: some 300 bytes a pair of LAN and object, and 16 a request. */
enum status simulate_policy(const struct trace *, const struct policy *, const struct simulation *, struct simulated *, struct error *);

/* The same step by step. `out` grows as the replay goes on; trace, `how` and `out` outlive it. */
struct replay;
enum status replay_open(struct arena *, const struct trace *, const struct policy *, const struct simulation *how, struct simulated *out,
                        struct replay **, struct error *);
/* All requests before `end` (ms). */
void replay_until(struct replay *, int64_t end);
/* Another policy holds from `now` (ms) on, which is no earlier than the last replay_until. */
void replay_change(struct replay *, const struct policy *, int64_t now);

/* Caches of the same size, written anew. `admit`: what is asked for the n-th time comes in; 1: at once. */
enum simulated_cache { CACHE_LRU, CACHE_FIFO, CACHE_LFU };
const char *simulated_cache_name(enum simulated_cache);
void simulate_cache(const struct trace *, enum simulated_cache, unsigned admit, double storage, struct simulated *);

/* For both: which of the points a moment belongs to. */
size_t simulated_point(const struct trace *, int64_t time);
/* An edge's quota in bytes. */
uint64_t simulated_quota(const struct trace *, uint32_t lan, double storage);

#endif
