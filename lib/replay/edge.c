#include "lib/replay/edge_internal.h"

#include <stdlib.h>

static const int64_t NEVER = INT64_MAX;

static uint64_t size_of(const struct edge_run *run, uint32_t pair)
{
    return run->trace->sizes[run->trace->pair_objects[pair]];
}

/* --- what comes and goes */

static int64_t later(int64_t now, double ms)
{
    int64_t sum;
    return ms >= (double)NEVER || __builtin_add_overflow(now, (int64_t)ms, &sum) ? NEVER : sum;
}

/* One copy after the other comes over the edge's link. One of a sample stands for several: it keeps the link for all of them, but has come
 * when it has come itself. */
static int64_t arrival(const struct edge_run *run, struct edge_shop *shop, uint64_t size, int64_t now)
{
    if (run->link == 0) return now;
    int64_t begin = shop->link_free < now ? now : shop->link_free;
    double takes = (double)size * CLOCK_SECOND / (double)run->link;
    shop->link_free = later(begin, takes / run->share);
    return later(begin, takes);
}

static void set_pending(struct edge_run *run, struct edge_shop *shop, uint32_t pair, bool pending)
{
    shop->pending_count += (uint32_t)pending - (uint32_t)run->pairs[pair].pending;
    run->pairs[pair].pending = pending;
}

static void put_on(struct edge_run *run, struct edge_shop *shop, uint32_t pair, int64_t now)
{
    uint64_t size = size_of(run, pair);
    struct edge_pair *of = &run->pairs[pair];
    set_pending(run, shop, pair, false);
    of->wanted = true;
    of->since = now;
    of->held_at = arrival(run, shop, size, now);
    of->place = shop->wanted_count;
    shop->wanted[shop->wanted_count++] = pair;
    shop->used += size;
    run->wanted_bytes += size;
    if (__builtin_add_overflow(run->out->bytes_placed, size, &run->out->bytes_placed)) run->out->bytes_placed = UINT64_MAX;
    if (run->wanted_bytes > run->out->storage) run->out->storage = run->wanted_bytes;
}

static void take_off(struct edge_run *run, struct edge_shop *shop, uint32_t pair)
{
    uint64_t size = size_of(run, pair);
    uint32_t place = run->pairs[pair].place, last = shop->wanted[--shop->wanted_count];
    run->pairs[pair].wanted = false;
    shop->wanted[place] = last;
    run->pairs[last].place = place;
    shop->used -= size;
    run->wanted_bytes -= size;
    run->out->evicted++;
}

/* --- ranks */

static struct edge_ranked ranked(struct edge_run *run, uint32_t pair)
{
    return (struct edge_ranked){
        .worth = counts_worth(&run->counts, pair), .rank = run->ranks[run->trace->pair_objects[pair]], .pair = pair};
}

static bool goes_before(const struct edge_ranked *one, const struct edge_ranked *other)
{
    return one->worth != other->worth ? one->worth < other->worth : one->rank < other->rank;
}

static int by_worth(const void *a, const void *b)
{
    return goes_before(a, b) ? -1 : 1;
}

static double bytes_served(const struct edge_run *run, const struct edge_ranked *ranked)
{
    return ranked->worth * (double)size_of(run, ranked->pair);
}

/* What may have to go for others. */
static uint32_t collect_kept(struct edge_run *run, const struct edge_shop *shop, int64_t now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < shop->wanted_count; i++)
        if (run->pairs[shop->wanted[i]].since <= now - run->policy.evict.grace) run->kept[count++] = ranked(run, shop->wanted[i]);
    return count;
}

static void sift_down(struct edge_ranked *heap, uint32_t count, uint32_t at)
{
    struct edge_ranked moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < count && goes_before(&heap[child + 1], &heap[child])) child++;
        if (child >= count || !goes_before(&heap[child], &moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The least worth of a heap goes behind its end. */
static struct edge_ranked *pop(struct edge_ranked *heap, uint32_t *count)
{
    struct edge_ranked least = heap[0];
    heap[0] = heap[--*count];
    sift_down(heap, *count, 0);
    heap[*count] = least;
    return &heap[*count];
}

/* --- a miss */

/* Few have to go for one newcomer: a heap gives them in their order. Those that go end up behind the heap. */
static void displace(struct edge_run *run, struct edge_shop *shop, uint32_t pair, int64_t now)
{
    const struct edge_ranked newcomer = ranked(run, pair);
    double worth = bytes_served(run, &newcomer), lost = 0;
    uint64_t size = size_of(run, pair), free = shop->quota - shop->used;
    uint32_t all = collect_kept(run, shop, now), count = all;
    for (uint32_t i = count / 2; i-- > 0;) sift_down(run->kept, count, i);
    while (free < size) {
        if (count == 0) return;
        const struct edge_ranked *least = pop(run->kept, &count);
        lost += bytes_served(run, least);
        free += size_of(run, least->pair);
        if (lost * run->policy.place.displace >= worth) return;
    }
    for (uint32_t i = all; i-- > count;) take_off(run, shop, run->kept[i].pair);
    put_on(run, shop, pair, now);
}

/* Most misses pass no rule, and nothing else has to be looked at; where there is room neither. */
void edge_trigger(struct edge_run *run, struct edge_shop *shop, uint32_t pair, int64_t now)
{
    uint64_t sums[POLICY_SPANS_MAXIMUM], size = size_of(run, pair);
    bool fits = size <= shop->quota - shop->used, was_pending = run->pairs[pair].pending;
    counts_move(&run->counts, &run->policy, now);
    counts_sums(&run->counts, pair, sums);
    bool passes = policy_places(&run->policy.place, size, fits, sums) != RULE_NONE;
    if (!passes && !was_pending) return;
    if (run->policy.trigger == TRIGGER_PENDING && !was_pending) return set_pending(run, shop, pair, true);
    if (fits) return put_on(run, shop, pair, now);
    if (size > shop->quota) return;
    set_pending(run, shop, pair, false);
    if (passes) displace(run, shop, pair, now);
}

/* --- an evaluation */

/* Behind the kept ones' scratch nobody looks: those that go are collected there. */
static uint32_t collect_fading(struct edge_run *run, const struct edge_shop *shop, int64_t now)
{
    uint64_t sums[POLICY_SPANS_MAXIMUM];
    const struct policy_evict *rule = &run->policy.evict;
    uint32_t count = 0;
    if (rule->t3 == 0) return 0; /* no count is below it */
    for (uint32_t i = 0; i < shop->wanted_count; i++) {
        uint32_t pair = shop->wanted[i];
        counts_sums(&run->counts, pair, sums);
        const uint64_t *hits = sums + run->counts.place.count;
        if (policy_evicts(rule, hits, run->counts.evict.spans, run->pairs[pair].since, now) != RULE_NONE) run->kept[count++].pair = pair;
    }
    return count;
}

/* A mark (P7) that no rule would make any more goes with what is evicted. */
static void ask_mark(struct edge_run *run, struct edge_shop *shop, uint32_t pair, const uint64_t *sums)
{
    if (policy_places(&run->policy.place, size_of(run, pair), true, sums) == RULE_NONE) set_pending(run, shop, pair, false);
}

/* Nothing passes a rule that nobody asked for in any window. */
static uint32_t collect_newcomers(struct edge_run *run, struct edge_shop *shop, uint64_t room)
{
    uint64_t sums[POLICY_SPANS_MAXIMUM];
    uint32_t count = 0;
    for (uint32_t pair = shop->first; pair < shop->first + shop->seen; pair++) {
        const struct edge_pair *of = &run->pairs[pair];
        if (of->wanted || (!of->pending && !counts_is_asked(&run->counts, pair))) continue;
        uint64_t size = size_of(run, pair);
        counts_sums(&run->counts, pair, sums);
        if (policy_places(&run->policy.place, size, room >= size, sums) == RULE_NONE)
            ask_mark(run, shop, pair, sums);
        else if (run->policy.trigger != TRIGGER_PENDING)
            run->newcomers[count++] = ranked(run, pair);
        else if (size <= shop->quota)
            set_pending(run, shop, pair, true);
    }
    return count;
}

/* Room that newcomers share at an evaluation. */
struct edge_room {
    uint64_t free;
    uint32_t from, count; /* of run->kept, the least worth first: those before `from` go */
    bool collected;
};

static void collect_room(struct edge_run *run, const struct edge_shop *shop, struct edge_room *room, int64_t now)
{
    if (room->collected) return;
    room->count = collect_kept(run, shop, now);
    if (room->count > 0) qsort(run->kept, room->count, sizeof *run->kept, by_worth);
    room->collected = true;
}

/* What passes only as long as there is room drives nobody out. */
static bool may_displace(struct edge_run *run, uint32_t pair)
{
    uint64_t sums[POLICY_SPANS_MAXIMUM];
    counts_sums(&run->counts, pair, sums);
    return policy_places(&run->policy.place, size_of(run, pair), false, sums) != RULE_NONE;
}

static void find_room(struct edge_run *run, const struct edge_shop *shop, struct edge_room *room, struct edge_ranked *newcomer, int64_t now)
{
    uint64_t size = size_of(run, newcomer->pair), freed = 0;
    double lost = 0, displace = run->policy.place.displace < 1 ? 1 : run->policy.place.displace;
    uint32_t taken = room->from;
    if (size > shop->quota) return;
    if (size > room->free) {
        if (!may_displace(run, newcomer->pair)) return;
        collect_room(run, shop, room, now);
    }
    for (; room->free + freed < size; taken++) {
        if (taken == room->count) return;
        lost += bytes_served(run, &run->kept[taken]);
        freed += size_of(run, run->kept[taken].pair);
        if (lost * displace >= bytes_served(run, newcomer)) return;
    }
    room->from = taken;
    room->free += freed;
    room->free -= size;
    newcomer->placed = true;
}

static int by_pair(const void *a, const void *b)
{
    uint32_t one = ((const struct edge_ranked *)a)->pair, other = ((const struct edge_ranked *)b)->pair;
    return one < other ? -1 : one > other;
}

/* The most worth first; copies come in the order of the pairs. */
static void share_room(struct edge_run *run, struct edge_shop *shop, uint32_t count, int64_t now)
{
    struct edge_room room = {.free = shop->quota - shop->used};
    if (count == 0) return;
    qsort(run->newcomers, count, sizeof *run->newcomers, by_worth);
    for (uint32_t i = count; i-- > 0;) find_room(run, shop, &room, &run->newcomers[i], now);
    for (uint32_t i = 0; i < room.from; i++) take_off(run, shop, run->kept[i].pair);
    qsort(run->newcomers, count, sizeof *run->newcomers, by_pair);
    for (uint32_t i = 0; i < count; i++)
        if (run->newcomers[i].placed) put_on(run, shop, run->newcomers[i].pair, now);
}

void edge_evaluate(struct edge_run *run, struct edge_shop *shop, int64_t now)
{
    uint64_t room = shop->quota - shop->used; /* before anything goes */
    counts_move(&run->counts, &run->policy, now);
    uint32_t fading = collect_fading(run, shop, now), count = collect_newcomers(run, shop, room);
    for (uint32_t i = 0; i < fading; i++) take_off(run, shop, run->kept[i].pair);
    share_room(run, shop, count, now);
}
