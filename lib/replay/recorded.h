/* What edges' LANs asked for, as it was counted (demand.h), made a trace again that policies can be replayed on: each edge is a LAN of the
 * trace, with the quota that it really has. Requests of a bucket are spread evenly over its five minutes.
 *
 * Memory: at most about twice `most` requests, and some 200 bytes a pair of edge and package that was asked for there. Where more requests
 * were counted than `most`, each of the trace stands for `factor` of them: a policy's thresholds are to be divided by it. */
#ifndef REPLAY_RECORDED_H
#define REPLAY_RECORDED_H

#include "lib/policy/evaluate.h"
#include "lib/replay/trace.h"

struct recording {
    struct store *store;
    const struct registry *registry;
    const struct policy *policy; /* how far back */
    package_facts_fn *facts;     /* sizes; what is not published (any more) is left out */
    void *context;
    int64_t now;
    uint64_t most; /* requests */
    bool packages; /* where there are more, a sample of the packages is replayed, not one of the requests; and `counts` are left out */
};
struct recorded {
    struct trace trace;
    uint64_t *quotas; /* bytes, by LAN of the trace: for struct simulation */
    uint64_t factor;
    double
        share; /* of the packages that are replayed: chosen by a hash, and quotas are as much smaller (SHARDS, Waldspurger et al. 2015) */
    double asked; /* share of all requests that are for these: how far it is from `share` says how far the sample is from the whole */
    /* What each pair of edge and package was asked for in each of the evicting rule's windows in which it was, in ascending order; not
     * divided. */
    uint64_t *counts;
    size_t count_count;
};
/* In io.arena. STATUS_NOT_FOUND: no LAN of an edge asked for anything; STATUS_TOO_LARGE: for more bytes than a trace may (trace.h). */
enum status recorded_read(const struct recording *, struct io, struct recorded *, struct error *);

#endif
