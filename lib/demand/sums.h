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

struct demand_sums_question {
    struct demand_question spans;
    /* The instance that counts here. What it writes while the objects are read may be missing from the sums and be taken for written: it is
     * seen with the next ones. */
    struct demand *own;
    bool (*keeps)(void *context, struct str lan); /* whether a LAN's sums are kept */
    void *context;
};
/* Reads them into the part's arena. */
enum status demand_sums_read(const struct demand_part *, const struct demand_sums_question *, struct demand_sums *, struct error *);

/* What a LAN asks for. */
struct demand_pair {
    struct str lan, package;
    bool channels; /* the package's channels too */
};
/* Adds up its misses over the first `count` spans. */
void demand_sums_misses(const struct demand_sums *, struct arena *, const struct demand_pair *, uint64_t *misses, unsigned count);
/* What a LAN asks for. */
enum status demand_sums_each(const struct demand_sums *, struct str lan, demand_row_fn *, void *context, struct error *);
/* Misses that `own` has counted of a pair since, or had not written then. */
uint64_t demand_sums_missing(const struct demand_sums *, struct demand *own, struct str lan, struct str package);

#endif
