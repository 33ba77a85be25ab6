/* Requests for each pair of a trace, summed over a policy's windows while time goes on.
 *
 * A pair's requests stand in cells of one bucket each, in order of time; the cells are the same for every policy, and are made once for a
 * trace. What differs is which requests were hits. A pair with many cells keeps, for each window, the sum and the cells where the window
 * begins and ends: they only move forward, so that each cell enters and leaves a window once. A pair with few cells is summed each time. */
#ifndef REPLAY_COUNTS_INTERNAL_H
#define REPLAY_COUNTS_INTERNAL_H

#include "lib/policy/decide.h"
#include "lib/replay/trace.h"

struct counts_cell {
    uint32_t misses, hits;
};
/* One rule's windows at the present moment. */
struct counts_windows {
    struct window window;
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    unsigned count;
    double time; /* decide_window_time */
};
struct counts_track {
    uint32_t sum, from, to; /* cells [from, to) are in the window */
};
struct counts_pair {
    uint32_t end;               /* its cells so far end here */
    unsigned version;           /* of the windows that the numbers below are of */
    int64_t until;              /* ms; they hold for moments before */
    struct counts_track *track; /* by window, the placing rule's first; NULL: it has few cells */
    double misses, hits;        /* over all windows of each rule, weighted */
};
struct counts {
    struct arena *arena;
    const struct trace *trace;
    const uint32_t *first_cells; /* by pair, and one more */
    const int64_t *buckets;      /* by cell, ms */
    struct counts_cell *cells;
    struct counts_pair *pairs;
    struct counts_windows place, evict;
    unsigned version;
    int64_t bucket; /* that the windows are of, ms */
};

/* In the arena; the trace outlives it. */
void counts_open(struct counts *, struct arena *, const struct trace *);
/* Windows of another policy from now on; the policy outlives its use here. */
void counts_policy(struct counts *, const struct policy *, int64_t now);
/* Time goes on, never back. */
void counts_move(struct counts *, const struct policy *, int64_t now);
void counts_add(struct counts *, uint32_t pair, int64_t time, bool hit);

/* Sums over the placing rule's windows, of misses, then over those of the evicting one, of hits. */
void counts_sums(struct counts *, uint32_t pair, uint64_t sums[POLICY_SPANS_MAXIMUM]);
/* Requests a millisecond, as decide.h ranks candidates. */
double counts_worth(struct counts *, uint32_t pair);
/* Whether any of its requests is in a window of the placing rule. */
bool counts_is_asked(const struct counts *, uint32_t pair);

#endif
