/* A table of numbers by the hash of their keys, which are elsewhere: who looks says whether a number's key is the one that is sought. */
#ifndef EDGES_TABLE_INTERNAL_H
#define EDGES_TABLE_INTERNAL_H

#include "base/arena.h"

static const uint32_t TABLE_NONE = UINT32_MAX;

struct table {
    uint64_t *slots; /* the hash's upper half, then the number + 1; 0: free. NULL: nothing is in it */
    size_t mask;     /* slots − 1, a power of two less one */
};
typedef bool table_same_fn(const void *context, uint32_t number, const void *key);

/* Room for `most` numbers. */
struct table table_new(struct arena *, size_t most);
/* A number of that key; TABLE_NONE: there is none. */
uint32_t table_find(const struct table *, uint64_t hash, table_same_fn *, const void *context, const void *key);
/* After table_find has found none. */
void table_put(struct table *, uint64_t hash, uint32_t number);

#endif
