/* One simulated edge: what decide.h decides from all candidates at once, found by looking at those that may matter. */
#ifndef REPLAY_EDGE_INTERNAL_H
#define REPLAY_EDGE_INTERNAL_H

#include "lib/replay/counts_internal.h"
#include "lib/replay/simulate.h"

struct edge_pair {
    bool wanted, pending; /* pending ones are marked, and not wanted yet */
    uint32_t place;       /* in the edge's `wanted` */
    int64_t since, held_at;
};
struct edge_shop {
    uint32_t first, seen; /* its pairs begin there; the first so many have been asked for so far */
    uint32_t *wanted;     /* pairs, with room for all of the LAN */
    uint32_t wanted_count, pending_count;
    uint64_t quota, used;
    int64_t last;      /* when it was asked for something */
    int64_t link_free; /* when what is on its way has come */
};
struct edge_ranked {
    double worth;
    uint32_t rank, pair; /* rank: of the object's name, where worth is the same */
    bool placed;         /* of a newcomer */
};
struct edge_run {
    const struct trace *trace;
    struct policy policy;
    uint64_t link; /* bytes a second; 0: copying takes no time */
    double share;  /* of all packages that come over it */
    struct counts counts;
    const uint32_t *ranks; /* by object */
    struct edge_pair *pairs;
    struct edge_ranked *kept, *newcomers; /* scratch, with room for all pairs of a LAN */
    uint64_t wanted_bytes;
    struct simulated *out;
};

/* After a miss of something that is not wanted (P7). */
void edge_trigger(struct edge_run *, struct edge_shop *, uint32_t pair, int64_t now);
void edge_evaluate(struct edge_run *, struct edge_shop *, int64_t now);

#endif
