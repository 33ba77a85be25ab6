/* LRU, FIFO and LFU, with admission at the n-th request, to compare with. */
#include "lib/replay/simulate.h"

enum { NOWHERE = UINT32_MAX };

/* One cache: its pairs in a heap, of which the first goes first. By what they are ordered is all that tells the three apart. */
struct entry {
    uint32_t asked, position; /* requests ever; in the heap */
    uint64_t frequency, time; /* since it came in */
};
struct cache {
    enum simulated_cache kind;
    struct entry *entries; /* by pair; of all caches */
    uint32_t *heap;        /* with room for all pairs of the LAN */
    uint32_t count;
    uint64_t quota, used, clock;
};

const char *simulated_cache_name(enum simulated_cache kind)
{
    static const char *const names[] = {"LRU", "FIFO", "LFU"};
    return names[kind];
}

static bool goes_before(const struct cache *cache, uint32_t a, uint32_t b)
{
    const struct entry *one = &cache->entries[a], *other = &cache->entries[b];
    if (cache->kind == CACHE_LFU && one->frequency != other->frequency) return one->frequency < other->frequency;
    return one->time < other->time;
}

static void put_at(struct cache *cache, uint32_t position, uint32_t pair)
{
    cache->heap[position] = pair;
    cache->entries[pair].position = position;
}

static void sift_up(struct cache *cache, uint32_t position, uint32_t pair)
{
    while (position > 0 && goes_before(cache, pair, cache->heap[(position - 1) / 2])) {
        put_at(cache, position, cache->heap[(position - 1) / 2]);
        position = (position - 1) / 2;
    }
    put_at(cache, position, pair);
}

static void sift_down(struct cache *cache, uint32_t position, uint32_t pair)
{
    for (;;) {
        uint32_t child = 2 * position + 1;
        if (child + 1 < cache->count && goes_before(cache, cache->heap[child + 1], cache->heap[child])) child++;
        if (child >= cache->count || !goes_before(cache, cache->heap[child], pair)) break;
        put_at(cache, position, cache->heap[child]);
        position = child;
    }
    put_at(cache, position, pair);
}

static uint32_t remove_first(struct cache *cache)
{
    uint32_t first = cache->heap[0], last = cache->heap[--cache->count];
    if (cache->count > 0) sift_down(cache, 0, last);
    cache->entries[first].position = NOWHERE;
    return first;
}

static void touch(struct cache *cache, uint32_t pair)
{
    struct entry *entry = &cache->entries[pair];
    entry->frequency++;
    if (cache->kind != CACHE_FIFO) entry->time = cache->clock;
    sift_down(cache, entry->position, pair);
}

static void bring_in(struct cache *cache, const struct trace *trace, uint32_t pair, struct simulated *out)
{
    uint64_t size = trace->sizes[trace->pair_objects[pair]];
    while (cache->used + size > cache->quota) {
        cache->used -= trace->sizes[trace->pair_objects[remove_first(cache)]];
        out->evicted++;
    }
    cache->entries[pair].frequency = 1;
    cache->entries[pair].time = cache->clock;
    cache->used += size;
    out->bytes_placed += size;
    sift_up(cache, cache->count++, pair);
}

static void ask(struct cache *cache, const struct trace *trace, const struct trace_request *request, unsigned admit, struct simulated *out)
{
    struct entry *entry = &cache->entries[request->pair];
    uint64_t size = trace->sizes[request->object];
    cache->clock++;
    out->requests++;
    out->bytes += size;
    out->demand[simulated_point(trace, request->time)] += (double)size;
    if (entry->position != NOWHERE) {
        out->hits++;
        out->bytes_hit += size;
        touch(cache, request->pair);
    } else if (++entry->asked >= admit && size <= cache->quota) {
        bring_in(cache, trace, request->pair, out);
    }
}

static struct cache *make_caches(struct arena *arena, const struct trace *trace, enum simulated_cache kind, double storage)
{
    struct cache *caches = arena_array(arena, trace->lans, sizeof *caches);
    struct entry *entries = arena_array(arena, trace->pairs, sizeof *entries);
    uint32_t *heaps = arena_array(arena, trace->pairs, sizeof *heaps);
    for (uint32_t i = 0; i < trace->pairs; i++) entries[i].position = NOWHERE;
    for (uint32_t lan = 0; lan < trace->lans; lan++)
        caches[lan] = (struct cache){
            .kind = kind, .entries = entries, .heap = heaps + trace->first_pairs[lan], .quota = simulated_quota(trace, lan, storage)};
    return caches;
}

void simulate_cache(const struct trace *trace, enum simulated_cache kind, unsigned admit, double storage, struct simulated *out)
{
    struct arena *own = arena_new();
    struct cache *caches = make_caches(own, trace, kind, storage);
    uint64_t held = 0;
    *out = (struct simulated){0};
    for (size_t i = 0; i < trace->count; i++) {
        struct cache *cache = &caches[trace->requests[i].lan];
        held -= cache->used;
        ask(cache, trace, &trace->requests[i], admit, out);
        held += cache->used;
        if (held > out->storage) out->storage = held;
        size_t point = simulated_point(trace, trace->requests[i].time);
        out->wanted[point] = out->held[point] = (double)held;
    }
    arena_free(own);
}
