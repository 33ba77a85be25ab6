#include "lib/store/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "lib/store/common.h"

enum {
    FIRST_BUCKETS = 256,
    REFRESH_PATIENCE = 2 * CLOCK_SECOND, /* with an old value in hand nobody waits longer for a new one */
    REST = 5 * CLOCK_SECOND,             /* before a store that was out of reach is asked for the same again */
    CROWD = 4,                           /* so many wait for a load as long as it takes; what more come are sent away once it is slow, */
    CROWD_PATIENCE = 2 * CLOCK_SECOND    /* since each occupies a thread that could answer others */
};

/* A value and its readers. It knows neither its key nor the cache, so it may outlive both. */
struct cell {
    _Atomic size_t references; /* the entry's, and one for each arena that holds it */
    struct arena *arena;
    void *value;
};

/* What is known of a key. All fields are the lock's. */
struct entry {
    struct entry *chain;         /* of its bucket */
    struct entry *newer, *older; /* the order of use */
    size_t users;                /* threads that load it or wait for it */
    uint64_t hash;
    struct cell *cell;          /* NULL: none yet, or not found */
    bool missing;               /* not found, when it was loaded last */
    int64_t loaded, rest_until; /* by clock_aging */
    int64_t began;              /* the load that is under way, by clock_monotonic */
    int64_t as_of;              /* when the load of what is known now began, by the same clock */
    bool loading, linked;
    bool expired;        /* before its time, by cache_expire */
    enum status outcome; /* of the last load, for those who waited, and for whom it is still missing */
    struct error failure;
    uint64_t loads;
    size_t charge; /* bytes, as counted in the cache's */
    size_t key_length;
    char key[];
};

struct cache {
    struct cache_options options;
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    uint64_t seed;
    struct entry *newest, *oldest;
    struct cache_counts counts;
};

static void *must(void *memory)
{
    if (!memory) abort();
    return memory;
}

struct cache *cache_new(const struct cache_options *options)
{
    struct cache *cache = must(calloc(1, sizeof *cache));
    cache->options = *options;
    cache->bucket_count = FIRST_BUCKETS;
    cache->buckets = must(calloc(cache->bucket_count, sizeof(struct entry *)));
    cache->seed = store_random();
    pthread_mutex_init(&cache->lock, NULL);
    store_condition_init(&cache->loaded);
    return cache;
}

static void cell_release(void *context)
{
    struct cell *cell = context;
    if (atomic_fetch_sub_explicit(&cell->references, 1, memory_order_acq_rel) > 1) return;
    arena_free(cell->arena);
    free(cell);
}

static void free_if_unused(struct entry *entry)
{
    if (entry->linked || entry->users > 0) return;
    if (entry->cell) cell_release(entry->cell);
    free(entry);
}

/* --- the table and the order of use */

static struct entry **place_of(struct cache *cache, struct str key, uint64_t hash)
{
    struct entry **at = &cache->buckets[hash & (cache->bucket_count - 1)];
    while (*at && ((*at)->hash != hash || !str_equal(str_make((*at)->key, (*at)->key_length), key))) at = &(*at)->chain;
    return at;
}

static void grow(struct cache *cache)
{
    size_t count = cache->bucket_count * 2;
    struct entry **buckets = must(calloc(count, sizeof(struct entry *)));
    for (struct entry *entry = cache->newest; entry; entry = entry->older) {
        entry->chain = buckets[entry->hash & (count - 1)];
        buckets[entry->hash & (count - 1)] = entry;
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
}

static void order_remove(struct cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void order_push(struct cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void touch(struct cache *cache, struct entry *entry)
{
    if (cache->newest == entry) return;
    order_remove(cache, entry);
    order_push(cache, entry);
}

static struct entry *entry_new(struct cache *cache, struct str key, uint64_t hash)
{
    struct entry *entry = must(calloc(1, sizeof *entry + key.length));
    entry->hash = hash;
    entry->linked = true;
    entry->charge = sizeof *entry + key.length;
    entry->key_length = key.length;
    memcpy(entry->key, key.data, key.length);
    if (cache->counts.entries >= cache->bucket_count) grow(cache);
    struct entry **bucket = &cache->buckets[hash & (cache->bucket_count - 1)];
    entry->chain = *bucket;
    *bucket = entry;
    order_push(cache, entry);
    cache->counts.entries++;
    cache->counts.bytes += entry->charge;
    return entry;
}

/* Takes an entry out of the table; it stays with those who use it. */
static void unlink_entry(struct cache *cache, struct entry *entry)
{
    *place_of(cache, str_make(entry->key, entry->key_length), entry->hash) = entry->chain;
    order_remove(cache, entry);
    entry->linked = false;
    cache->counts.entries--;
    cache->counts.bytes -= entry->charge;
}

static void forget(struct cache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    free_if_unused(entry);
}

static void evict(struct cache *cache)
{
    struct entry *entry = cache->oldest;
    while (entry && cache->counts.bytes > cache->options.bytes) {
        struct entry *next = entry->newer;
        if (!entry->loading) forget(cache, entry);
        entry = next;
    }
}

static void recharge(struct cache *cache, struct entry *entry)
{
    size_t charge = sizeof *entry + entry->key_length;
    if (entry->cell) charge += sizeof *entry->cell + arena_size(entry->cell->arena);
    if (entry->linked) cache->counts.bytes += charge - entry->charge; /* modulo 2^64, as the sum is */
    entry->charge = charge;
}

void cache_free(struct cache *cache)
{
    if (!cache) return;
    while (cache->newest) forget(cache, cache->newest);
    pthread_cond_destroy(&cache->loaded);
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache);
}

void cache_drop(struct cache *cache, struct str key)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = *place_of(cache, key, store_hash(cache->seed, key));
    if (entry) forget(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

void cache_expire(struct cache *cache, struct str key)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = *place_of(cache, key, store_hash(cache->seed, key));
    if (entry) entry->expired = true;
    pthread_mutex_unlock(&cache->lock);
}

/* --- loading */

static bool is_fresh(const struct cache *cache, const struct entry *entry, int64_t asked)
{
    if (entry->expired || (!entry->cell && !entry->missing)) return false;
    if (asked > 0 && entry->as_of > asked) return true;
    int64_t life = entry->cell ? cache->options.life : cache->options.missing;
    return life == INT64_MAX || clock_aging() - entry->loaded < life;
}

/* Whether a value that is past its life may stand in for one that cannot be had. */
static bool may_serve(const struct cache *cache, const struct entry *entry, int64_t now)
{
    int64_t end;
    if (!entry->cell) return false;
    return __builtin_add_overflow(cache->options.life, cache->options.stale, &end) || now - entry->loaded < end;
}

static bool is_out_of_reach(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_THROTTLED;
}

static enum status hand_out(struct entry *entry, struct io io, const void **value, struct error *error)
{
    if (!entry->cell) {
        *error = entry->failure;
        return error->status;
    }
    atomic_fetch_add_explicit(&entry->cell->references, 1, memory_order_relaxed);
    arena_defer(io.arena, cell_release, entry->cell);
    *value = entry->cell->value;
    return STATUS_OK;
}

static struct cell *cell_new(struct arena *arena, void *value)
{
    struct cell *cell = must(malloc(sizeof *cell));
    *cell = (struct cell){1, arena, value};
    return cell;
}

/* What a load came to. Called with the lock; `arena` becomes the cell's, or is freed. */
static void settle(struct cache *cache, struct entry *entry, struct arena *arena, void *value, enum status status)
{
    int64_t now = clock_aging();
    bool is_known = status == STATUS_OK || status == STATUS_NOT_FOUND;
    struct cell *old = entry->cell;
    entry->loading = false;
    entry->outcome = status;
    entry->loads++;
    if (is_known) {
        entry->cell = status == STATUS_OK ? cell_new(arena, value) : NULL;
        entry->missing = status == STATUS_NOT_FOUND;
        if (old) cell_release(old);
    }
    if (is_known || status == STATUS_NOT_MODIFIED) {
        entry->loaded = now;
        entry->as_of = entry->began;
    }
    if (is_out_of_reach(status)) entry->rest_until = now + REST;
    if (status != STATUS_OK) arena_free(arena);
    recharge(cache, entry);
    pthread_cond_broadcast(&cache->loaded);
}

/* Called with the lock, and runs the load without it. Nobody else replaces the entry's cell meanwhile. */
static void load_entry(struct cache *cache, struct entry *entry, struct io io)
{
    struct cache_load load = {
        .io = {.arena = arena_new(), .deadline = io.deadline},
        .key = str_make(entry->key, entry->key_length),
        .previous = entry->cell ? entry->cell->value : NULL,
    };
    struct error failure = {0};
    void *value = NULL;
    bool expired = entry->expired;
    entry->loading = true;
    entry->began = clock_monotonic();
    entry->expired = false; /* who says so from now on does not mean what this load began before */
    *(entry->cell ? &cache->counts.refreshes : &cache->counts.misses) += 1;
    if (may_serve(cache, entry, clock_aging())) load.io.deadline = deadline_within(io.deadline, REFRESH_PATIENCE);
    pthread_mutex_unlock(&cache->lock);
    enum status status = cache->options.load(cache->options.context, &load, &value, &failure);
    if (status == STATUS_NOT_MODIFIED && !load.previous) status = error_set(&failure, STATUS_INTERNAL, "not modified, but never loaded");
    if (load.previous && is_out_of_reach(status))
        log_warn((struct log){0}, "the records of '" STR_FMT "' cannot be read again, the last ones stay in use for a while: %s",
                 STR_ARG(load.key), failure.text);
    failure.status = status;
    pthread_mutex_lock(&cache->lock);
    entry->failure = failure;
    bool is_settled = status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_NOT_MODIFIED;
    entry->expired = entry->expired || (expired && !is_settled);
    settle(cache, entry, load.io.arena, value, status);
}

/* Waits for the load that is under way: false where the deadline came first. */
static bool wait_for_load(struct cache *cache, const struct entry *entry, struct deadline deadline)
{
    uint64_t before = entry->loads;
    while (entry->loads == before && deadline_left(deadline) > 0) store_condition_wait(&cache->loaded, &cache->lock, deadline);
    return entry->loads != before;
}

/* The answer to a caller after a load, his own or one that he waited for. */
static enum status answer(struct cache *cache, struct entry *entry, struct io io, const void **value, struct error *error)
{
    enum status status = entry->outcome;
    if (status == STATUS_OK || status == STATUS_NOT_MODIFIED || status == STATUS_NOT_FOUND) return hand_out(entry, io, value, error);
    *error = entry->failure;
    if (!is_out_of_reach(status) || !may_serve(cache, entry, clock_aging())) return status;
    cache->counts.stale++;
    return hand_out(entry, io, value, error);
}

/* Waits for another's load, and gives its answer. */
static enum status wait_and_answer(struct cache *cache, struct entry *entry, struct io io, const void **value, struct error *error)
{
    struct str key = str_make(entry->key, entry->key_length);
    struct deadline deadline = io.deadline, slow = {entry->began + CROWD_PATIENCE};
    if (entry->users > 1 + CROWD && slow.at < deadline.at) deadline = slow;
    if (wait_for_load(cache, entry, deadline)) return answer(cache, entry, io, value, error);
    if (deadline_left(io.deadline) <= 0) return error_set(error, STATUS_TIMEOUT, "'" STR_FMT "' was not loaded in time", STR_ARG(key));
    cache->counts.refused++;
    return error_set(error, STATUS_THROTTLED, "'" STR_FMT "' takes long to load, and %d others wait for it already", STR_ARG(key), CROWD);
}

/* Called with the lock and a reference to the entry, which is not fresh. */
static enum status get_loaded(struct cache *cache, struct entry *entry, struct io io, const void **value, struct error *error)
{
    int64_t now = clock_aging();
    bool busy = entry->loading || now < entry->rest_until;
    if (busy && may_serve(cache, entry, now)) {
        cache->counts.stale++;
        return hand_out(entry, io, value, error);
    }
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "'" STR_FMT "' has to be loaded", STR_ARG(str_make(entry->key, entry->key_length)));
    if (entry->loading) return wait_and_answer(cache, entry, io, value, error);
    load_entry(cache, entry, io);
    return answer(cache, entry, io, value, error);
}

static enum status get(struct cache *cache, struct entry *entry, struct io io, const void **value, struct error *error)
{
    touch(cache, entry);
    if (is_fresh(cache, entry, io.asked)) {
        cache->counts.hits++;
        return hand_out(entry, io, value, error);
    }
    entry->users++;
    enum status status = get_loaded(cache, entry, io, value, error);
    bool is_empty = !entry->loading && !entry->cell && !entry->missing;
    if (entry->linked && is_empty) unlink_entry(cache, entry);
    evict(cache);
    entry->users--;
    free_if_unused(entry);
    return status;
}

enum status cache_get(struct cache *cache, struct io io, struct str key, const void **value, struct error *error)
{
    uint64_t hash = store_hash(cache->seed, key);
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = *place_of(cache, key, hash);
    if (!entry) entry = entry_new(cache, key, hash);
    enum status status = get(cache, entry, io, value, error);
    pthread_mutex_unlock(&cache->lock);
    return status;
}

struct cache_counts cache_counts(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct cache_counts counts = cache->counts;
    pthread_mutex_unlock(&cache->lock);
    return counts;
}
