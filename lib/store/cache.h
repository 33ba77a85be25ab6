/* A cache of small objects that were loaded from the store and parsed: each is built in an arena of its own, shared by its readers,
 * immutable, and freed when the last reader's arena is.
 *
 * One load at a time per key: others wait, or get the old value while it is being refreshed. Four wait as long as they may; of a load that
 * takes over two seconds the rest get STATUS_THROTTLED, so that a crowd that asks for one slow thing leaves threads for others. A value
 * that is past its life is asked for again, unless the request came before the value was read (io.asked): so a crowd shares one read of
 * what has no life, and each sees what was stored before it asked. If the store cannot be reached the old value serves on (logged), for
 * at most `stale` ms. "Not found" is remembered too, for `missing` ms. */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include "base/io.h"

struct cache;

/* A value that is to be built. */
struct cache_load {
    struct io io; /* its arena is the value's */
    struct str key;
    const void *previous; /* the value that is past its life; NULL: there is none */
};

/* Builds the value in the load's arena, which the cache then owns. STATUS_NOT_MODIFIED keeps the previous one. Its errors reach the caller
 * of cache_get. */
typedef enum status cache_load_fn(void *context, const struct cache_load *, void **value, struct error *);

struct cache_options {
    int64_t life;    /* ms before a value is asked for again; INT64_MAX: immutable */
    int64_t stale;   /* ms past `life` that a value may serve while the store is out of reach */
    int64_t missing; /* ms that a STATUS_NOT_FOUND is remembered */
    size_t bytes;    /* the most memory its values may take; the least recently used go first */
    cache_load_fn *load;
    void *context;
};

struct cache *cache_new(const struct cache_options *);
void cache_free(struct cache *);

/* The value stays valid until io.arena is freed or reset. With io.no_wait: STATUS_WOULD_BLOCK where it would have to be loaded. */
enum status cache_get(struct cache *, struct io, struct str key, const void **value, struct error *);
/* Forgets a key: the next cache_get loads it. */
void cache_drop(struct cache *, struct str key);
/* Its life is over: the next cache_get asks for it again, and what is known serves on meanwhile, and where the store cannot be reached. */
void cache_expire(struct cache *, struct str key);

struct cache_counts {
    uint64_t hits, misses, refreshes, stale, refused, entries, bytes;
};
struct cache_counts cache_counts(struct cache *);

#endif
