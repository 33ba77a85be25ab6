/* A simulated node's cache: which version of each thing it holds, bounded by bytes, the longest unused thrown out first. Things are
 * numbered; their sizes are the caller's. */
#ifndef FLEET_LRU_INTERNAL_H
#define FLEET_LRU_INTERNAL_H

#include "base/arena.h"

struct lru_copy {
    uint32_t version;
    int64_t fetched, fresh_until; /* ms */
    uint32_t older, newer;        /* in the order of use */
    bool held;
};
struct lru {
    struct lru_copy *copies; /* one to a thing */
    const uint32_t *size;
    uint64_t used, capacity; /* bytes */
    uint32_t oldest, newest;
};

struct lru lru_new(struct arena *, const uint32_t *size, uint32_t things, uint64_t capacity);
/* NULL: not held. What is found counts as used. */
struct lru_copy *lru_find(struct lru *, uint32_t thing);
/* Puts it in, or in the place of what is held of it. What is larger than the cache is not kept. */
void lru_put(struct lru *, uint32_t thing, uint32_t version, int64_t fetched, int64_t fresh_until);
void lru_drop(struct lru *, uint32_t thing);

#endif
