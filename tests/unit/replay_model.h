/* The yardstick of lib/replay/simulate.h: the same replay, with decide_edge asked about every candidate each time. Slow. */
#ifndef TESTS_UNIT_REPLAY_MODEL_H
#define TESTS_UNIT_REPLAY_MODEL_H

#include "lib/policy/decide.h"
#include "lib/replay/simulate.h"

static const int64_t NEVER = INT64_MAX;

/* Requests for one object in one LAN, by bucket; what is older than the policy looks is forgotten. */
struct asked {
    int64_t bucket; /* ms */
    uint32_t misses, hits;
};
struct pair {
    struct asked *asked; /* a ring would do; few are ever long */
    uint32_t count, capacity, first;
    uint32_t object;
    bool wanted, pending;
    int64_t since, held_at;
};
struct shop {
    struct pair *pairs; /* those of the trace's LAN */
    uint32_t seen;      /* the first so many have been asked for so far */
    uint64_t quota, used;
    int64_t last;      /* when it was asked for something */
    int64_t link_free; /* when what is on its way has come */
};

struct run {
    struct arena *arena;
    const struct trace *trace;
    const struct policy *policy;
    const struct simulation *how;
    struct pair *pairs;
    struct shop *shops; /* by LAN */
    bool *awake;        /* by LAN: an evaluation may change something */
    int64_t horizon;    /* ms that the policy looks back */
    struct simulated *out;
    uint64_t wanted;
    size_t point;
};

/* --- counts */

static void make_place(struct run *run, struct pair *pair)
{
    if (pair->first + pair->count < pair->capacity) return;
    uint32_t capacity = pair->count * 2 < pair->capacity ? pair->capacity : pair->capacity ? pair->capacity * 2 : 4;
    struct asked *larger = pair->asked;
    if (capacity != pair->capacity) larger = arena_array(run->arena, capacity, sizeof *larger);
    if (pair->count > 0) memmove(larger, pair->asked + pair->first, pair->count * sizeof *larger);
    pair->asked = larger;
    pair->capacity = capacity;
    pair->first = 0;
}

static void count(struct run *run, struct pair *pair, int64_t time, bool hit)
{
    int64_t bucket = time - time % BUCKET;
    while (pair->count > 0 && pair->asked[pair->first].bucket < bucket - run->horizon) {
        pair->first++;
        pair->count--;
    }
    if (pair->count == 0 || pair->asked[pair->first + pair->count - 1].bucket != bucket) {
        make_place(run, pair);
        pair->asked[pair->first + pair->count++] = (struct asked){.bucket = bucket};
    }
    struct asked *last = &pair->asked[pair->first + pair->count - 1];
    ++*(hit ? &last->hits : &last->misses);
}

/* Windows do not overlap, and the newest comes first: so one way back through the counts does for all of them. */
static uint64_t *sums_of(struct arena *arena, const struct pair *pair, const struct span *spans, unsigned count, bool hits)
{
    uint64_t *sums = arena_array(arena, count, sizeof *sums);
    unsigned window = 0;
    for (uint32_t i = pair->count; i-- > 0;) {
        const struct asked *asked = &pair->asked[pair->first + i];
        while (window < count && asked->bucket < spans[window].from) window++;
        if (window == count) break;
        if (asked->bucket < spans[window].to) sums[window] += hits ? asked->hits : asked->misses;
    }
    return sums;
}

/* --- decisions */

struct moment {
    struct arena *arena; /* for what is needed until the next shop */
    int64_t now, horizon;
    struct span place[POLICY_WINDOWS_MAXIMUM + 1], evict[POLICY_WINDOWS_MAXIMUM + 1];
    unsigned places, evicts;
};

static struct moment moment_of(const struct policy *policy, struct arena *arena, int64_t now)
{
    struct moment moment = {.arena = arena, .now = now, .horizon = policy_horizon(policy, now)};
    moment.places = policy_place_spans(policy, now, moment.place);
    moment.evicts = policy_evict_spans(policy, now, moment.evict);
    return moment;
}

static struct candidate candidate_of(const struct run *run, const struct moment *moment, const struct pair *pair)
{
    char *name = arena_buffer(moment->arena, U64_DIGITS);
    return (struct candidate){
        .package = str_of_u64(name, pair->object),
        .size = run->trace->sizes[pair->object],
        .misses = sums_of(moment->arena, pair, moment->place, moment->places, false),
        .hits = sums_of(moment->arena, pair, moment->evict, moment->evicts, true),
        .wanted = pair->wanted,
        .pending = pair->pending,
        .since = pair->since,
        .there = pair->since,
    };
}

/* What is only marked (`pending`) takes up no room yet. */
static void take_off(struct run *run, struct shop *shop, struct pair *pair)
{
    bool marked = pair->pending && !pair->wanted;
    pair->wanted = pair->pending = false;
    if (marked) return;
    shop->used -= run->trace->sizes[pair->object];
    run->wanted -= run->trace->sizes[pair->object];
    run->out->evicted++;
}

/* One copy after the other comes over the edge's link. */
static int64_t arrival(const struct run *run, struct shop *shop, uint64_t size, int64_t now)
{
    if (run->how->link == 0) return now;
    if (shop->link_free < now) shop->link_free = now;
    double takes = (double)size * CLOCK_SECOND / (double)run->how->link;
    if (takes >= (double)NEVER || __builtin_add_overflow(shop->link_free, (int64_t)takes, &shop->link_free)) shop->link_free = NEVER;
    return shop->link_free;
}

static void put_on(struct run *run, struct shop *shop, struct pair *pair, int64_t now)
{
    uint64_t size = run->trace->sizes[pair->object];
    pair->wanted = true;
    pair->pending = false;
    pair->since = now;
    pair->held_at = arrival(run, shop, size, now);
    shop->used += size;
    run->wanted += size;
    if (__builtin_add_overflow(run->out->bytes_placed, size, &run->out->bytes_placed)) run->out->bytes_placed = UINT64_MAX;
    if (run->wanted > run->out->storage) run->out->storage = run->wanted;
}

/* What goes makes room for what comes. */
static void carry_out(struct run *run, struct shop *shop, struct pair **pairs, const struct candidate *candidates, size_t count,
                      int64_t now)
{
    for (size_t i = 0; i < count; i++)
        if (candidates[i].decision == DECISION_EVICT) take_off(run, shop, pairs[i]);
    for (size_t i = 0; i < count; i++)
        if (candidates[i].decision == DECISION_PLACE)
            put_on(run, shop, pairs[i], now);
        else if (candidates[i].decision == DECISION_MARK)
            pairs[i]->pending = true;
}

static void decide(struct run *run, struct shop *shop, const struct moment *moment, struct pair **pairs, size_t count, bool evict)
{
    const struct decide how = {.policy = run->policy,
                               .now = moment->now,
                               .quota = shop->quota,
                               .place = true,
                               .evict = evict,
                               .marks = evict && run->policy->trigger == TRIGGER_PENDING,
                               .asked = !evict};
    struct candidate *candidates = arena_array(moment->arena, count, sizeof *candidates);
    for (size_t i = 0; i < count; i++) candidates[i] = candidate_of(run, moment, pairs[i]);
    decide_edge(&how, moment->arena, candidates, count);
    carry_out(run, shop, pairs, candidates, count, moment->now);
}

/* All that the edge wants, and `also`. */
static size_t collect_wanted(struct shop *shop, struct pair *also, struct pair **out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < shop->seen; i++)
        if (shop->pairs[i].wanted && &shop->pairs[i] != also) out[count++] = &shop->pairs[i];
    out[count++] = also;
    return count;
}

/* P7, after a miss. Most misses pass no rule, and nothing else has to be looked at; where there is room neither. */
static void trigger(struct run *run, struct shop *shop, struct pair *pair, int64_t now)
{
    struct arena *arena = arena_new();
    const struct moment moment = moment_of(run->policy, arena, now);
    const uint64_t *misses = sums_of(arena, pair, moment.place, moment.places, false);
    uint64_t size = run->trace->sizes[pair->object];
    bool passes = pair->pending || policy_places(&run->policy->place, size, size <= shop->quota - shop->used, misses) != RULE_NONE;
    if (passes && run->policy->trigger == TRIGGER_PENDING && !pair->pending) {
        pair->pending = true;
    } else if (passes && size <= shop->quota - shop->used) {
        put_on(run, shop, pair, now);
    } else if (passes && size <= shop->quota) {
        struct pair **pairs = arena_array(arena, shop->seen, sizeof(struct pair *));
        pair->pending = false;
        decide(run, shop, &moment, pairs, collect_wanted(shop, pair, pairs), false);
    }
    arena_free(arena);
}

/* No rule sees any count, and nothing is there or is to come. */
static bool is_idle(const struct shop *shop, int64_t horizon)
{
    bool idle = shop->last < horizon;
    for (uint32_t i = 0; idle && i < shop->seen; i++) idle = !shop->pairs[i].wanted && !shop->pairs[i].pending;
    return idle;
}

/* Returns whether another evaluation may change something before the next request. */
static bool evaluate_shop(struct run *run, struct shop *shop, const struct moment *moment)
{
    struct pair **pairs = arena_array(moment->arena, shop->seen, sizeof(struct pair *));
    bool idle = is_idle(shop, moment->horizon);
    for (uint32_t i = 0; i < shop->seen; i++) pairs[i] = &shop->pairs[i];
    decide(run, shop, moment, pairs, shop->seen, true);
    return !idle || !is_idle(shop, moment->horizon);
}

static void evaluate(struct run *run, int64_t now)
{
    struct arena *arena = arena_new();
    const struct moment moment = moment_of(run->policy, arena, now);
    for (uint32_t lan = 0; lan < run->trace->lans; lan++) {
        if (!run->awake[lan]) continue;
        arena_reset(arena);
        run->awake[lan] = evaluate_shop(run, &run->shops[lan], &moment);
    }
    arena_free(arena);
}

/* --- a request */

static double held_at(const struct run *run, int64_t now)
{
    double held = 0;
    if (run->how->link == 0) return (double)run->wanted;
    for (uint32_t i = 0; i < run->trace->pairs; i++) {
        const struct pair *pair = &run->pairs[i];
        if (pair->wanted && pair->held_at <= now) held += (double)run->trace->sizes[pair->object];
    }
    return held;
}

static void end_points(struct run *run, size_t before, int64_t now)
{
    for (; run->point < before; run->point++) {
        run->out->wanted[run->point] = (double)run->wanted;
        run->out->held[run->point] = held_at(run, now);
    }
}

static void note_demand(struct run *run, const struct trace_request *request)
{
    size_t point = simulated_point(run->trace, request->time);
    end_points(run, point, request->time);
    run->out->demand[point] += (double)run->trace->sizes[request->object];
}

/* A LAN's pairs stand in the order in which they are first asked for. */
static void note_asked(struct run *run, const struct trace_request *request)
{
    struct shop *shop = &run->shops[request->lan];
    shop->seen += &shop->pairs[shop->seen] == &run->pairs[request->pair];
    shop->last = request->time;
    run->awake[request->lan] = true;
}

static void ask(struct run *run, const struct trace_request *request)
{
    struct shop *shop = &run->shops[request->lan];
    struct pair *pair = &run->pairs[request->pair];
    uint64_t size = run->trace->sizes[request->object];
    bool hit = pair->wanted && !pair->pending && pair->held_at <= request->time;
    run->out->requests++;
    run->out->bytes += size;
    note_demand(run, request);
    note_asked(run, request);
    count(run, pair, request->time, hit);
    if (hit) {
        run->out->hits++;
        run->out->bytes_hit += size;
    } else if (!pair->wanted) {
        trigger(run, shop, pair, request->time);
    }
}

static void open_shops(struct run *run)
{
    const struct simulation *how = run->how;
    const struct trace *trace = run->trace;
    run->pairs = arena_array(run->arena, trace->pairs, sizeof *run->pairs);
    run->shops = arena_array(run->arena, trace->lans, sizeof *run->shops);
    run->awake = arena_array(run->arena, trace->lans, sizeof *run->awake);
    for (uint32_t i = 0; i < trace->pairs; i++) run->pairs[i].object = trace->pair_objects[i];
    for (uint32_t lan = 0; lan < trace->lans; lan++) {
        run->shops[lan].pairs = run->pairs + trace->first_pairs[lan];
        run->shops[lan].quota = how->quotas ? how->quotas[lan] : simulated_quota(trace, lan, how->storage);
    }
}

static void model_policy(const struct trace *trace, const struct policy *policy, const struct simulation *how, struct simulated *out)
{
    struct run run = {.trace = trace, .policy = policy, .how = how, .out = out};
    int64_t start = trace->requests[0].time;
    *out = (struct simulated){0};
    run.arena = arena_new();
    run.horizon = start - policy_horizon(policy, start) + CLOCK_DAY + BUCKET;
    open_shops(&run);
    int64_t next = start - start % how->every + how->every;
    for (size_t i = 0; i < trace->count; i++) {
        for (; trace->requests[i].time >= next; next += how->every) evaluate(&run, next);
        ask(&run, &trace->requests[i]);
    }
    end_points(&run, SIMULATED_POINTS, trace->requests[trace->count - 1].time);
    arena_free(run.arena);
}

#endif
