/* Shards, as their readers and their writers see them. */
#ifndef STORE_SHARD_INTERNAL
#define STORE_SHARD_INTERNAL

#include "lib/store/shard.h"

uint64_t shard_hash(struct str key);
static inline uint64_t shards_hash(const struct shards *shards, struct str key)
{
    return shards->hash ? shards->hash(key) : shard_hash(key);
}
/* The digits of a shard's name. */
static inline uint64_t shard_prefix(uint64_t hash, unsigned depth)
{
    return depth ? hash >> (64 - 2 * depth) : 0;
}
/* The prefix of the generations of the shard of that depth that this hash belongs to. */
struct str shard_row(struct arena *, struct str root, unsigned depth, uint64_t hash);

/* `key` is for words only. STATUS_CORRUPT. The lines are a part of the body. */
enum status shard_parse(struct str key, struct str body, struct shard *, struct error *);
struct str shard_format(struct arena *, unsigned split, struct str lines);

/* The shard that has, or would have, the entries of this hash. */
struct shard_place {
    unsigned depth;
    const struct shard *leaf;   /* generation 0: it is not there yet */
    const struct shard *frozen; /* of which it is made then; NULL: of nothing */
};
enum status shards_locate(const struct shards *, uint64_t hash, struct shard_place *, struct error *);

#endif
