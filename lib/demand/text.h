/* Demand as it stands in the store, for the files of demand.h.
 *
 *     pakhus-demand 1
 *     F 09/11/3f0c…              of a day only: this live object is in it (<hour>/<part>/<instance>)
 *     L shop-7@192.168.0.0/24
 *     P APP1/2.0 0:3+17 5:+2     buckets of five minutes since the hour or the day began: hits + misses; a zero may be left out
 */
#ifndef DEMAND_TEXT_H
#define DEMAND_TEXT_H

#include "base/buf.h"
#include "lib/demand/demand.h"

enum { HOUR_BUCKETS = 12, DAY_BUCKETS = 288, DEMAND_OBJECT_LIMIT = 256 << 20 };

/* What a LAN asked for in a bucket. */
struct demand_bucket {
    struct str lan, package; /* slices of the text */
    unsigned bucket;
    uint64_t hits, misses;
};
struct demand_reader {
    void (*cell)(void *context, const struct demand_bucket *);
    void (*folded)(void *context, struct str name); /* may be NULL */
    void *context;
    unsigned buckets; /* of the text: a higher number is no bucket */
};
/* Allocates nothing. False where the text is no demand: then some of its lines may have been handed on. */
bool demand_text_read(struct str text, const struct demand_reader *);

void demand_text_begin(struct buf *);
void demand_text_lan(struct buf *, struct str lan);
void demand_text_package(struct buf *, struct str package);
void demand_text_cell(struct buf *, unsigned bucket, uint64_t hits, uint64_t misses);

/* `2026-11-25`; the day that a text names, by its beginning in ms. */
struct str demand_day(struct arena *, int64_t moment);
bool demand_day_parse(struct str, int64_t *begin);
struct str demand_live_key(struct arena *, int64_t hour, unsigned part, struct str instance);
struct str demand_day_key(struct arena *, int64_t day, unsigned part);

#endif
