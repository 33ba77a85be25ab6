/* Sums by (LAN, package) in a hash table, for the files of demand.h that read. */
#ifndef DEMAND_CELLS_H
#define DEMAND_CELLS_H

#include "lib/demand/text.h"

/* `width` counters a pair, in the arena; names are copied. */
struct cells {
    struct arena *arena;
    size_t width;
    struct cells_pair {
        struct str lan, package;
        uint64_t *counts; /* width of them */
    } * pairs;
    size_t count, capacity;
    uint32_t *slots;
    size_t slot_count;
    struct str last_lan; /* as copied: lines of one LAN follow each other */
};
uint64_t *cells_of(struct cells *, struct str lan, struct str package);
/* By LAN and package. */
void cells_sort(struct cells *);
static inline void cells_add(uint64_t *counter, uint64_t amount)
{
    if (__builtin_add_overflow(*counter, amount, counter)) *counter = UINT64_MAX;
}

/* The live objects of a day and part, by key; those of hours outside `within` are passed over. */
struct live_keys {
    struct str *items;
    size_t count;
};
enum status demand_list_live(const struct demand_part *, int64_t day, struct span within, struct live_keys *, struct error *);
/* <hour>/<part>/<instance> of a live object's key. */
struct str demand_live_name(struct str key);

#endif
