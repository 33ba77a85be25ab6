/* A document of many entries, cut into shards by a hash of the entry's key. One entry is read, or changed, by reading or writing one small
 * object, however many entries there are. Only put-if-absent is relied on: each shard is a versioned document (generation.h).
 *
 *     <root>s/<n>       depth 0: the only shard of a small document
 *     <root>s2/<n>      depth 1: one of 4; the digit is the first one, in base 4, of the hash of its keys
 *     <root>s20/<n>     depth 2: one of 16, and so on to depth 24
 *
 * The body is text. Its first line has the format, the depth of the children (0: none), the bytes behind that line and their FNV-1a hash.
 * Then comes a line for each entry, sorted by key:
 *
 *     shard 1 0 49 9c1f6f4c4e4c2f0a
 *     huawei<TAB>{"channel":"huawei"}
 *     xiaomi<TAB>{"channel":"xiaomi"}
 *
 * A shard that has become too large is split in two steps, and whoever finds one that was begun may go on with it:
 *
 *  1. The writer puts a generation that names the depth of the children and has the entries as they were. This shard is frozen: no later
 *     generation follows.
 *  2. Each child is made by the first writer that has an entry for it: its first generation has the frozen entries that belong there, with
 *     that writer's change. Until then, readers take those entries from the frozen shard.
 *
 * So each entry is in one place at any time. A kill between any two requests leaves a document that reads as before or as after, and a
 * change of one entry puts two objects at most. A frozen shard is never removed, since children may be missing. */
#ifndef STORE_SHARD_H
#define STORE_SHARD_H

#include "lib/store/cache.h"
#include "lib/store/generation.h"

enum {
    SHARD_KEY_MAX = 256,          /* bytes of a key: any but control characters */
    SHARD_ENTRY_MAX = 64 * 1024,  /* bytes of a key and its value */
    SHARD_SPLIT_AT = 32 * 1024,   /* bytes of entries above which a shard is split */
    SHARD_LINES_MAX = 256 * 1024, /* bytes of entries in a shard that cannot be split any more */
    SHARD_DEPTH_MAX = 24
};

struct shards {
    struct store *store;
    struct io io;
    struct str root;     /* ends in '/' */
    unsigned depth;      /* where a search begins: the depth of most shards. Another value costs requests, but finds the same */
    struct cache *cache; /* of shards, loaded by shard_load; NULL: the store is asked each time */
    uint64_t (*hash)(struct str key); /* NULL: of the whole key. Keys that are to stand together share its first digits */
};

/* One generation of a shard. */
struct shard {
    uint64_t generation; /* 0: there is none */
    unsigned split;      /* the depth of the children, of a frozen shard; 0: this is no frozen one */
    struct str lines;
};

/* Loads the shard whose generations have the key as their prefix: the `load` of a cache (cache.h), with the store as its context. A shard
 * that is not there has generation 0. STATUS_CORRUPT: damaged, with its key. */
enum status shard_load(void *store, const struct cache_load *, void **shard, struct error *);

/* All entries whose hash begins with the same digits. */
struct shards_part {
    uint64_t hash; /* zeros behind the first `depth` digits */
    unsigned depth;
    struct str lines; /* out: the entries, and maybe others */
    bool deeper;      /* out: they are in several shards instead */
};
enum status shards_part(const struct shards *, struct shards_part *, struct error *);
/* The next line of entries: false at the end, or where it is none. */
bool shard_next(struct str *lines, struct str *key, struct str *value);

/* The value of an entry; STATUS_NOT_FOUND where there is none. It lives as long as io.arena. STATUS_CORRUPT: the shard is damaged; entries
 * in other shards can still be read. */
enum status shards_find(const struct shards *, struct str key, struct str *value, struct error *);
/* What shards.cache knows of this key may be out of date: the next shards_find asks the store. */
void shards_expire(const struct shards *, struct str key);

/* Calls `each` for every entry whose key begins with `prefix` (empty: all), sorted within a shard only, until it returns another status
 * than STATUS_OK. Key and value live for that call. Entries that are changed meanwhile are seen before or after their change. io.deadline
 * bounds each request. */
typedef enum status shard_each_fn(void *context, struct str key, struct str value, struct error *);
enum status shards_each(const struct shards *, struct str prefix, shard_each_fn *, void *context, struct error *);

/* An entry to be changed. */
struct shard_entry {
    struct str key;
    size_t tag;    /* for the caller; of two entries with one key the one with the larger tag counts */
    uint64_t hash; /* set by shards_update */
};

struct shards_change {
    struct shard_entry *entries; /* are sorted anew */
    size_t count;
    /* Replaces the value of an entry, which has data NULL where there is none yet, by the new one: a line of at least one byte, or data
     * NULL to remove the entry. Called again where another writer was faster, and from several threads at once; the arena is for the value.
     */
    enum status (*change)(void *context, struct arena *, const struct shard_entry *, struct str *value, struct error *);
    void *context;
    /* May be NULL. Called after each shard, by one thread at a time. */
    void (*progress)(void *context, size_t entries_done);
    void *progress_context;
};
struct shards_result {
    size_t written; /* entries that were added, changed or removed */
    unsigned depth; /* of the deepest shard that was met: what shards.depth should be from now on, if it is greater */
};
/* Changes entries, safely with several writers. Many entries are grouped, so that each shard is written once, by several threads. It is not
 * atomic: on failure some shards are written, and doing all again completes it (shards in which nothing changes are read only). io.deadline
 * bounds each shard. STATUS_INVALID: a key or a value that cannot be an entry. STATUS_TOO_LARGE: an entry, or a shard that cannot be split.
 */
enum status shards_update(const struct shards *, const struct shards_change *, struct shards_result *, struct error *);

/* Removes all shards. Nobody may use them any more. io.deadline bounds each request. */
enum status shards_remove(const struct shards *, struct error *);

#endif
