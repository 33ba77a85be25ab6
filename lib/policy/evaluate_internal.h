/* Between evaluate.c (whose demand, which decision) and evaluate_write.c (what becomes of decisions). */
#ifndef POLICY_EVALUATE_INTERNAL_H
#define POLICY_EVALUATE_INTERNAL_H

#include "base/buf.h"
#include "lib/policy/evaluate.h"

/* One run. Spans: the placing rule's, then the evicting rule's. */
struct job {
    const struct evaluation *how;
    struct io io;
    struct span spans[POLICY_SPANS_MAXIMUM];
    unsigned places, evicts,
        counts; /* how many of each; columns of a pair's counts: misses of the first, hits of the second, their misses */
    bool place, evict;
    const struct triggering *trigger; /* NULL: of the whole */
    struct triggered *triggered;
    struct evaluation_result *result;
    struct buf lines;   /* of decisions */
    struct cells sizes; /* of packages that were asked about: whether it is published, and its size */
};

/* A line for the audit, and for who listens. */
void job_tell(struct job *, struct str edge, const struct candidate *);
/* Lines that were told become an object; none, nothing. */
enum status job_write_lines(struct job *, struct error *);
/* Decisions become what is wanted. */
enum status job_apply(struct job *, const struct edge *, const struct candidate *, size_t count, struct error *);
/* P12: once a day for a LAN and a package. */
enum status job_alert(struct job *, const struct candidate *, struct error *);

#endif
