#include "lib/store/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"

enum { FIRST_BUCKETS = 64, RETRY_AFTER = CLOCK_SECOND };

/* What was built, shared by the cache and its readers. */
struct value {
    struct arena *arena;
    void *object; /* NULL: it is not there, and `error` says so */
    struct error error;
    struct cache *cache;
    int references;
    size_t size;
};

struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* by last use */
    struct value *value;         /* NULL until the first load has ended */
    int64_t fresh_until;         /* monotonic */
    int64_t usable_until;
    bool loading, dropped;
    uint64_t hash;
    size_t length;
    char key[];
};

struct cache {
    struct cache_options options;
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    struct entry **buckets;
    size_t bucket_count;
    struct entry *newest, *oldest;
    struct cache_counts counts;
};

/* --- values; the lock is held */

static void release(struct value *value)
{
    if (!value || --value->references > 0) return;
    value->cache->counts.bytes -= value->size;
    arena_free(value->arena);
    free(value);
}

static void release_by_reader(void *context)
{
    struct value *value = context;
    struct cache *cache = value->cache;
    pthread_mutex_lock(&cache->lock);
    release(value);
    pthread_mutex_unlock(&cache->lock);
}

static enum status hand_out(struct value *value, struct arena *reader, const void **object, struct error *error)
{
    if (!value->object) return *error = value->error, value->error.status;
    value->references++;
    arena_defer(reader, release_by_reader, value);
    *object = value->object;
    return STATUS_OK;
}

/* --- the table; the lock is held */

/* FNV-1a: keys are short, and nobody outside chooses them freely. */
static uint64_t hash_of(struct str key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.length; i++) hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(1099511628211);
    return hash;
}

static void unlink_use(struct cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(struct cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    if (cache->newest) cache->newest->newer = entry;
    cache->newest = entry;
    if (!cache->oldest) cache->oldest = entry;
}

static struct entry *find(struct cache *cache, struct str key, uint64_t hash)
{
    struct entry *entry = cache->buckets[hash % cache->bucket_count];
    while (entry && (entry->hash != hash || !str_equal(str_make(entry->key, entry->length), key))) entry = entry->next;
    return entry;
}

static void *must_calloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) abort();
    return memory;
}

static void grow(struct cache *cache)
{
    size_t count = cache->bucket_count * 2;
    struct entry **buckets = must_calloc(count, sizeof *buckets);
    for (struct entry *entry = cache->newest; entry; entry = entry->older) {
        entry->next = buckets[entry->hash % count];
        buckets[entry->hash % count] = entry;
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
}

static struct entry *add(struct cache *cache, struct str key, uint64_t hash)
{
    if (cache->counts.entries >= cache->bucket_count) grow(cache);
    struct entry *entry = must_calloc(1, sizeof *entry + key.length);
    struct entry **bucket = &cache->buckets[hash % cache->bucket_count];
    entry->hash = hash;
    entry->length = key.length;
    memcpy(entry->key, key.data, key.length);
    entry->next = *bucket;
    *bucket = entry;
    link_newest(cache, entry);
    cache->counts.entries++;
    return entry;
}

static void remove_entry(struct cache *cache, struct entry *entry)
{
    struct entry **at = &cache->buckets[entry->hash % cache->bucket_count];
    while (*at != entry) at = &(*at)->next;
    *at = entry->next;
    unlink_use(cache, entry);
    release(entry->value);
    cache->counts.entries--;
    free(entry);
}

static void make_room(struct cache *cache, const struct entry *keep)
{
    for (struct entry *entry = cache->oldest; entry && cache->counts.bytes > cache->options.bytes;) {
        struct entry *newer = entry->newer;
        if (entry != keep && !entry->loading) remove_entry(cache, entry);
        entry = newer;
    }
}

/* --- loading */

static int64_t later(int64_t now, int64_t span)
{
    int64_t at;
    return __builtin_add_overflow(now, span, &at) ? INT64_MAX : at;
}

static struct value *value_new(struct cache *cache)
{
    struct value *value = must_calloc(1, sizeof *value);
    value->arena = arena_new();
    value->cache = cache;
    value->references = 1;
    return value;
}

static void live(struct cache *cache, struct entry *entry, int64_t life)
{
    int64_t now = clock_monotonic();
    entry->fresh_until = entry->dropped ? now : later(now, life);
    entry->usable_until = entry->dropped ? now : later(later(now, life), cache->options.stale);
    entry->dropped = false;
}

static void keep_new(struct cache *cache, struct entry *entry, struct value *value, int64_t life)
{
    release(entry->value);
    entry->value = value;
    value->size = arena_size(value->arena) + sizeof *value + sizeof *entry + entry->length;
    cache->counts.bytes += value->size;
    live(cache, entry, life);
    make_room(cache, entry);
}

/* The store is out of reach, or out of order: what we have serves on, and the store is left in peace for a second. */
static bool serve_stale(struct cache *cache, struct entry *entry, const struct error *error)
{
    bool usable = entry->value && entry->value->object && clock_monotonic() < entry->usable_until;
    if (!usable) return false;
    entry->fresh_until = later(clock_monotonic(), RETRY_AFTER);
    cache->counts.stale++;
    log_warn((struct log){0}, "%.*s: what is known serves on: %s", (int)entry->length, entry->key, error->text);
    return true;
}

/* Takes over the new value, or gives it up. Returns what the caller gets; the entry's value is what it is then handed. */
static enum status settle(struct cache *cache, struct entry *entry, struct value *value, enum status status)
{
    if (status == STATUS_OK) return keep_new(cache, entry, value, cache->options.life), STATUS_OK;
    if (status == STATUS_NOT_FOUND && cache->options.missing > 0) {
        value->object = NULL;
        return keep_new(cache, entry, value, cache->options.missing), STATUS_OK;
    }
    bool same = status == STATUS_NOT_MODIFIED && entry->value;
    if (same) live(cache, entry, cache->options.life);
    same = same || (status != STATUS_NOT_FOUND && serve_stale(cache, entry, &value->error));
    return same ? STATUS_OK : status;
}

/* The lock is held, and given up while the store is asked. */
static enum status load(struct cache *cache, struct entry *entry, struct io io, const void **object, struct error *error)
{
    struct value *value = value_new(cache), *previous = entry->value;
    const void *known = previous ? previous->object : NULL;
    struct io own = {.arena = value->arena, .deadline = io.deadline};
    entry->loading = true;
    if (previous) previous->references++;
    cache->counts.misses += !previous;
    cache->counts.refreshes += previous != NULL;
    pthread_mutex_unlock(&cache->lock);
    enum status status =
        cache->options.load(cache->options.context, own, str_make(entry->key, entry->length), known, &value->object, &value->error);
    pthread_mutex_lock(&cache->lock);
    entry->loading = false;
    pthread_cond_broadcast(&cache->loaded);
    status = settle(cache, entry, value, status);
    if (status == STATUS_OK)
        status = hand_out(entry->value, io.arena, object, error);
    else
        *error = value->error;
    if (entry->value != value) release(value);
    release(previous);
    if (!entry->value) remove_entry(cache, entry);
    return status;
}

static bool wait_for_load(struct cache *cache, struct deadline deadline)
{
    struct timespec until;
    int64_t left = deadline_left(deadline);
    if (left > CLOCK_DAY) left = CLOCK_DAY;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left / CLOCK_SECOND;
    until.tv_nsec += left % CLOCK_SECOND * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&cache->loaded, &cache->lock, &until) == 0;
}

static enum status get_locked(struct cache *cache, struct io io, struct str key, const void **object, struct error *error)
{
    uint64_t hash = hash_of(key);
    for (;;) {
        struct entry *entry = find(cache, key, hash);
        int64_t now = clock_monotonic();
        bool fresh = entry && entry->value && now < entry->fresh_until;
        bool old = entry && entry->value && entry->loading && now < entry->usable_until;
        if (fresh || old) {
            unlink_use(cache, entry);
            link_newest(cache, entry);
            cache->counts.hits++;
            return hand_out(entry->value, io.arena, object, error);
        }
        ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "'" STR_FMT "' is not in the cache", STR_ARG(key));
        if (!entry || !entry->loading) return load(cache, entry ? entry : add(cache, key, hash), io, object, error);
        ENSURE(wait_for_load(cache, io.deadline), error, STATUS_TIMEOUT, "'" STR_FMT "' was not loaded in time", STR_ARG(key));
    }
}

enum status cache_get(struct cache *cache, struct io io, struct str key, const void **object, struct error *error)
{
    pthread_mutex_lock(&cache->lock);
    enum status status = get_locked(cache, io, key, object, error);
    pthread_mutex_unlock(&cache->lock);
    return status;
}

void cache_drop(struct cache *cache, struct str key)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key, hash_of(key));
    if (entry && entry->loading)
        entry->dropped = true;
    else if (entry)
        remove_entry(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

void cache_expire(struct cache *cache, struct str key)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key, hash_of(key));
    if (entry) entry->fresh_until = 0;
    pthread_mutex_unlock(&cache->lock);
}

struct cache_counts cache_counts(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct cache_counts counts = cache->counts;
    pthread_mutex_unlock(&cache->lock);
    return counts;
}

struct cache *cache_new(const struct cache_options *options)
{
    pthread_condattr_t attributes;
    struct cache *cache = must_calloc(1, sizeof *cache);
    cache->options = *options;
    cache->bucket_count = FIRST_BUCKETS;
    cache->buckets = must_calloc(FIRST_BUCKETS, sizeof *cache->buckets);
    pthread_mutex_init(&cache->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cache->loaded, &attributes);
    pthread_condattr_destroy(&attributes);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (!cache) return;
    while (cache->oldest) remove_entry(cache, cache->oldest);
    pthread_cond_destroy(&cache->loaded);
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache);
}
