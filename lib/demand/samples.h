/* What calibrate compares decisions with (P16): a sample of the queries, and of what devices said of their downloads afterwards.
 *
 *     samples/<day>/<hour>/<instance>    of one instance and hour (UTC), rewritten as it grows
 *
 *     samples 1 2026-11-22 10 8f3a6c0d51e2b794
 *     queries 90210 below 01a4c02b9d3f5e66                                     how many there were, and what hashes were kept
 *     results 1204 below ffffffffffffffff
 *     q 8f3a6c0d51e2b794-2f 2026-11-22T10:03:07Z Y shop-7@192.168.0.0/24 APP1/2.0       Y hit, N miss, n miss without an edge (P4, P5)
 *     r 77b0c9a0be21d5f0-4e1 2026-11-22T10:05:00Z edge APP1/2.0
 *
 * Those whose ids have the lowest hashes are kept, of queries and of results alike (coordinated bottom-k: Cohen & Kaplan 2007), so that
 * whichever instance hears of a download keeps it if the query was kept. A flood of results makes the sample smaller, not wrong. A sample
 * is statistics: what an instance has not written when it is killed is lost. */
#ifndef DEMAND_SAMPLES_H
#define DEMAND_SAMPLES_H

#include "lib/store/store.h"

enum sample_placed { SAMPLE_HIT, SAMPLE_MISS, SAMPLE_NO_EDGE };
enum sample_source { SAMPLE_EDGE, SAMPLE_NEARBY, SAMPLE_ORIGIN, SAMPLE_OTHER };
/* "edge", "nearby", "origin", "other". */
bool sample_source_parse(struct str, enum sample_source *);

/* A query. */
struct sample {
    struct str id, lan, package;
    int64_t time; /* ms */
    enum sample_placed placed;
    /* When it is read: */
    bool downloaded; /* it was said within the horizon */
    enum sample_source source;
};

/* --- writing; thread-safe, and bounded whatever comes. */
struct samples;
struct samples *samples_new(struct str instance, uint32_t most); /* of queries and of results, an hour */
void samples_free(struct samples *);

/* A new id for a query: [0-9a-f-], at most 40 characters. */
enum { SAMPLE_ID_LONGEST = 64 };
struct str samples_new_id(struct samples *, struct arena *);
void samples_query(struct samples *, const struct sample *);
/* A second result of the same query is passed over. `package` may be empty. */
void samples_result(struct samples *, struct str id, int64_t time, enum sample_source, struct str package);
bool samples_are_dirty(struct samples *);
enum status samples_flush(struct samples *, struct store *, struct io, struct error *);

/* --- reading */
enum { SAMPLE_SKEW = 5 * CLOCK_MINUTE }; /* clocks of two machines differ by less */
struct sample_set {
    struct sample *items; /* by time */
    size_t count;
    double share;     /* of all queries that these are; 1: all of them */
    uint64_t queries; /* how many there were, sampled or not: the S of P16 */
};
struct samples_question {
    int64_t from, to; /* [from, to) in ms: when the queries came */
    int64_t horizon;  /* ms after a query, in which a download counts that was told of */
    size_t most;      /* samples */
};
/* Those that were kept everywhere. In io.arena. What makes no sense is logged and left out. */
enum status samples_read(struct store *, struct io, const struct samples_question *, struct sample_set *, struct error *);
/* Removes the days that ended before: evaluate does, as far as no policy looks back. */
enum status samples_drop(struct store *, struct io, int64_t before, struct error *);

#endif
