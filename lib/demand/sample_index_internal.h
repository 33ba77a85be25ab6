/* Sampled queries, to be found by what is known of a download: the rules are in downloads.h. */
#ifndef DEMAND_SAMPLE_INDEX_INTERNAL_H
#define DEMAND_SAMPLE_INDEX_INTERNAL_H

#include "lib/demand/samples.h"
#include "lib/edges/registry.h"

struct sample_index;
/* Of a set that outlives it; in the arena. `horizon`: ms after a query in which a download is its own. */
struct sample_index *sample_index_new(struct arena *, const struct registry *, const struct sample_set *, int64_t horizon);

/* The packages that were asked for, each once, in byte order: a download's `package` is a place among them. */
const struct str *sample_index_packages(const struct sample_index *, size_t *count);

struct download {
    uint32_t package;
    int64_t time;            /* ms */
    struct str lan;          /* of the device; empty: not known */
    const struct edge *edge; /* whose LAN it is in, where `lan` is not known; NULL: not known either */
};
/* Gives the download to a query, which is downloaded then. False where there is none that is free. */
bool sample_index_take(struct sample_index *, const struct download *);

#endif
