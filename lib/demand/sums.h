/* Sums of a part that are kept in memory, since every miss asks for them (P7). Immutable. */
#ifndef DEMAND_SUMS_H
#define DEMAND_SUMS_H

#include "lib/demand/cells.h"

struct demand_sums {
    unsigned span_count;
    int64_t since; /* the first span begins then */
    /* By LAN and package: misses of each span, then hits of each, then the misses that `own` had written. */
    struct cells cells;
};

/* Reads them into io.arena, of the LANs that `keeps` says yes to. `own`: the instance that counts here; what it writes while the objects
 * are read may be missing from the sums and be taken for written: it is seen with the next ones. */
typedef bool demand_lan_fn(void *context, struct str lan);
enum status demand_sums_read(struct store *, struct io, const struct demand_question *, struct demand *own, demand_lan_fn *keeps,
                             void *context, struct demand_sums *, struct error *);
/* Adds up the misses of a package, and of its channels where `channels` says so, over the first `count` spans. */
void demand_sums_misses(const struct demand_sums *, struct arena *, struct str lan, struct str package, bool channels, uint64_t *misses,
                        unsigned count);
/* What a LAN asks for. */
enum status demand_sums_each(const struct demand_sums *, struct str lan, demand_row_fn *, void *context, struct error *);
/* Misses that `own` has counted of a pair since, or had not written then. */
uint64_t demand_sums_missing(const struct demand_sums *, struct demand *own, struct str lan, struct str package);

#endif
