/* Recorded or made-up demand: who asked for what when. Memory grows with requests (24 bytes each) and with pairs of LAN and object that
 * come together, never with LANs times objects. All that make one return STATUS_TOO_LARGE where its requests ask for over INT64_MAX bytes.
 */
#ifndef REPLAY_TRACE_H
#define REPLAY_TRACE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct trace_request {
    int64_t time; /* ms; never less than that of the one before */
    uint32_t lan, object;
    uint32_t pair; /* of the two; who builds a trace leaves it to trace_finish */
};
struct trace {
    struct trace_request *requests;
    size_t count;
    uint64_t *sizes; /* bytes, by object */
    uint32_t objects, lans;
    /* LANs and objects that come together in a request: those of a LAN side by side, in the order in which it first asks for them. */
    uint32_t pairs;
    uint32_t *pair_objects; /* by pair */
    uint32_t *first_pairs;  /* by LAN, and one more: a LAN's pairs end where those of the next one begin */
    uint64_t bytes;         /* of all requests; no more than INT64_MAX */
    uint64_t *working_set;  /* bytes, by LAN: of all objects that it asks for, once */
};

/* libCacheSim's CSV: time, id, size and, where there is a fourth column, LAN. Fields are parted by commas, blanks around them are no part
 * of them, and a quoted one may have commas (RFC 4180, on one line); in a line without a comma they are parted by blanks. `unit`: ms, above
 * 0, that one step of the time column stands for; a time may have a fraction, which counts in whole ms, rounded down, and none is below 0.
 * A byte order mark, empty lines and, before the first request, lines that begin with '#' and one heading, quoted or not, which begins with
 * a letter, are passed over. An object is as large as it ever was. STATUS_INVALID names the line.
 *
 * At most `most` requests are kept: objects are chosen by a hash of their names, half of them again and again until their requests are
 * so few (SHARDS with a fixed size: Waldspurger et al. 2015). Working sets, and quotas that are shares of them, are of these objects. */
struct trace_sample {
    size_t most;  /* SIZE_MAX: all */
    double share; /* out: of all objects that were kept; 1: all */
    double asked; /* out: of all requests; how far it is from `share` says how far the sample may be from the whole */
};
enum status trace_read(struct arena *, FILE *, int64_t unit, struct trace_sample *, struct trace *, struct error *);
/* Of a made-up week, whose LANs are alike: whole LANs are left out, so that each edge that is left is as it was. Where the first LAN alone
 * has more requests, a sample of its packages is taken: the one that trace_read takes of it once trace_write wrote it. */
enum status trace_thin(struct arena *, struct trace_sample *, struct trace *, struct error *);

/* The same as CSV, with a LAN for every request; objects and LANs are written as their numbers, so that what is read again is the very
 * trace. STATUS_INVALID where a time is no whole number of `unit`s (ms). */
enum status trace_write(const struct trace *, FILE *, int64_t unit, struct error *);

/* A week of an app store in `lans` shops: Zipf popularity that differs a little from shop to shop, more in the evening than at night, new
 * versions that everybody wants at once on some evenings, patches beside them; times are whole seconds. The same seed makes the same week.
 */
struct trace_recipe {
    uint64_t seed;
    uint32_t lans, apps;
    uint64_t requests;
};
enum status trace_make(struct arena *, const struct trace_recipe *, struct trace *, struct error *);

/* For who builds one: puts the requests in their order, numbers their pairs, and sums up `bytes` and `working_set`. */
enum status trace_finish(struct arena *, struct trace *, struct error *);

#endif
