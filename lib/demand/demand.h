/* Demand: what devices ask for and what they download.
 *
 *     demand.h                counts per LAN and package: written by query, summed for a policy (below)
 *     samples.h, downloads.h  a sample of the queries, and which of them were followed by a download, as access logs tell
 *
 * This module knows which edges and LANs there are (lib/edges), not what follows from demand (lib/policy).
 *
 * What each LAN asks for: hits and misses per (LAN, package, five minutes). Every instance writes objects of its own, so that none contend
 * for a key:
 *
 *     demand/live/<day>/<hour>/<part>/<instance>    this instance's counts of that hour (UTC), cumulative, rewritten at each flush
 *     demand/days/<day>/<part>                      the day folded, with the list of the live objects that were folded in
 *
 * Both are text that a person can read (text.h says how a line looks). An hour's object is not written later than an hour after its
 * end: what comes later is counted when it comes. So a day that is over for two hours can be folded, and a live object that a day's list
 * names counts no more. */
#ifndef DEMAND_DEMAND_H
#define DEMAND_DEMAND_H

#include "lib/demand/span.h"
#include "lib/store/store.h"

/* --- counting, in an instance of query. Thread-safe; never waits for the store but in demand_flush. */
struct demand;
struct demand_options {
    struct str instance;  /* an id that no other process ever had; empty: a random one */
    uint32_t known_most;  /* (LAN, package) pairs that are counted one by one: of registered LANs */
    uint32_t others_most; /* pairs of LANs that nobody registered: Space-Saving (Metwally et al. 2005), so that what is asked most is
                             counted, and junk takes no memory */
};
struct demand *demand_new(const struct demand_options *);
void demand_free(struct demand *); /* without writing */

struct demand_request {
    struct str lan;
    bool registered;    /* the LAN is */
    struct str package; /* one of the catalogue's: app/version, app/version/channel or app/from..to */
    bool hit;
};
void demand_count(struct demand *, const struct demand_request *, int64_t now);
/* Writes what has changed. Several callers at once share one write: when it returns STATUS_OK all that the caller counted before is in the
 * store. What can't be written stays for the next time. */
enum status demand_flush(struct demand *, struct store *, struct io, struct error *);
bool demand_is_dirty(struct demand *);
/* Misses of a pair that were counted here in the last hours, how many of them are in the store, and how many are of buckets from `since`
 * (ms) on: for a trigger (P7). */
struct demand_misses {
    uint64_t counted, written, recent;
};
struct demand_misses demand_misses(struct demand *, struct str lan, struct str package, int64_t since);
struct str demand_instance(const struct demand *);
struct demand_counts {
    uint64_t counted, pairs, others, displaced, flushes;
};
struct demand_counts demand_counts(struct demand *); /* for /metrics */

/* --- reading. */

/* The demand of a part, and how it is asked for. */
struct demand_part {
    struct store *store;
    struct io io;
    unsigned part;
};

/* Sums over spans. */
/* For every (LAN, package) of a part that was asked for in one of the spans; `lan` and `package` live for the call only. misses[i] and
 * hits[i] are sums over spans[i]; they stop at UINT64_MAX. */
struct demand_row {
    struct str lan, package;
    const uint64_t *misses, *hits;
};
typedef enum status demand_row_fn(void *context, const struct demand_row *, struct error *);
struct demand_question {
    const struct span *spans; /* may overlap; whole buckets */
    unsigned span_count;
};
/* Memory: a few hundred bytes per pair of the part; objects are read as streams. An object that can't be read whole is an error; one whose
 * lines make no sense is logged and left out. */
enum status demand_sum(const struct demand_part *, const struct demand_question *, demand_row_fn *, void *context, struct error *);

/* What a part was asked for on a day (its beginning, UTC), cell by cell: by LAN, package and bucket. Memory: some tens of bytes a cell. */
struct demand_cell {
    struct str lan, package; /* live for the call only */
    int64_t bucket;          /* its beginning, ms */
    uint64_t hits, misses;
};
typedef enum status demand_cell_fn(void *context, const struct demand_cell *, struct error *);
enum status demand_each_cell(const struct demand_part *, int64_t day, demand_cell_fn *, void *context, struct error *);

/* Folds the days of a part that are over, and removes what was folded. May be cut off anywhere and run again, also twice at once. Days that
 * ended before `horizon` are passed by: demand_drop removes them, of all parts, folded or not. */
enum status demand_fold(const struct demand_part *, int64_t horizon, int64_t now, struct error *);
enum status demand_drop(struct store *, struct io, int64_t horizon, struct error *);

#endif
