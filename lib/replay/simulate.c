#include "lib/replay/simulate.h"

#include "lib/replay/edge_internal.h"

struct replay {
    struct edge_run run;
    const struct simulation *how;
    struct edge_shop *shops; /* by LAN */
    bool *awake;             /* by LAN: an evaluation may change something */
    uint32_t awake_count;
    size_t next; /* request */
    int64_t evaluation;
    size_t point;
};

size_t simulated_point(const struct trace *trace, int64_t time)
{
    int64_t from = trace->requests[0].time, span = trace->requests[trace->count - 1].time - from + 1;
    return (size_t)((double)(time - from) / (double)span * SIMULATED_POINTS);
}

uint64_t simulated_quota(const struct trace *trace, uint32_t lan, double storage)
{
    return (uint64_t)((double)trace->working_set[lan] * storage);
}

/* --- evaluations */

static void wake(struct replay *replay, uint32_t lan, bool awake)
{
    replay->awake_count += (uint32_t)awake - (uint32_t)replay->awake[lan];
    replay->awake[lan] = awake;
}

/* No rule sees any count, and nothing is there or is to come. */
static bool is_idle(const struct edge_shop *shop, int64_t horizon)
{
    return shop->last < horizon && shop->wanted_count == 0 && shop->pending_count == 0;
}

/* A shop that was idle stays so until the next request. */
static void evaluate(struct replay *replay, int64_t now)
{
    int64_t horizon = policy_horizon(&replay->run.policy, now);
    for (uint32_t lan = 0; lan < replay->run.trace->lans; lan++) {
        struct edge_shop *shop = &replay->shops[lan];
        if (!replay->awake[lan]) continue;
        edge_evaluate(&replay->run, shop, now);
        wake(replay, lan, !is_idle(shop, horizon));
    }
}

/* Up to the moment; where all sleep, nothing is evaluated. */
static void evaluate_until(struct replay *replay, int64_t time)
{
    int64_t every = replay->how->every;
    for (; replay->evaluation <= time && replay->awake_count > 0; replay->evaluation += every) evaluate(replay, replay->evaluation);
    if (replay->evaluation <= time) replay->evaluation += (time - replay->evaluation) / every * every + every;
}

/* --- a request */

static double held_at(const struct replay *replay, int64_t now)
{
    const struct edge_run *run = &replay->run;
    double held = 0;
    if (run->link == 0) return (double)run->wanted_bytes;
    for (uint32_t i = 0; i < run->trace->pairs; i++)
        if (run->pairs[i].wanted && run->pairs[i].held_at <= now) held += (double)run->trace->sizes[run->trace->pair_objects[i]];
    return held;
}

static void end_points(struct replay *replay, size_t before, int64_t now)
{
    for (; replay->point < before; replay->point++) {
        replay->run.out->wanted[replay->point] = (double)replay->run.wanted_bytes;
        replay->run.out->held[replay->point] = held_at(replay, now);
    }
}

static void note_demand(struct replay *replay, const struct trace_request *request, uint64_t size)
{
    size_t point = simulated_point(replay->run.trace, request->time);
    end_points(replay, point, request->time);
    replay->run.out->demand[point] += (double)size;
}

/* A LAN's pairs stand in the order in which they are first asked for. */
static void note_asked(struct replay *replay, const struct trace_request *request)
{
    struct edge_shop *shop = &replay->shops[request->lan];
    shop->seen += shop->first + shop->seen == request->pair;
    shop->last = request->time;
    wake(replay, request->lan, true);
}

static void ask(struct replay *replay, const struct trace_request *request)
{
    struct edge_run *run = &replay->run;
    const struct edge_pair *pair = &run->pairs[request->pair];
    uint64_t size = run->trace->sizes[request->object];
    bool hit = pair->wanted && pair->held_at <= request->time;
    run->out->requests++;
    run->out->bytes += size;
    note_demand(replay, request, size);
    note_asked(replay, request);
    counts_add(&run->counts, request->pair, request->time, hit);
    if (hit) {
        run->out->hits++;
        run->out->bytes_hit += size;
    } else if (!pair->wanted) {
        edge_trigger(run, &replay->shops[request->lan], request->pair, request->time);
    }
}

/* --- the whole */

/* Decisions between packages of the same worth go by their names, which are the objects' numbers in digits: 0, 1, 10, 100, 101, …, 11,
 * …, 2. */
static const uint32_t *rank_objects(struct arena *arena, uint32_t objects)
{
    uint32_t *ranks = arena_array(arena, objects, sizeof *ranks);
    uint64_t number = 1;
    for (uint32_t rank = 1; rank < objects; rank++) {
        ranks[number] = rank;
        if (number * 10 < objects) {
            number *= 10;
            continue;
        }
        while (number % 10 == 9 || number + 1 >= objects) number /= 10;
        number++;
    }
    return ranks;
}

static void open_shops(struct replay *replay, struct arena *arena)
{
    const struct trace *trace = replay->run.trace;
    const struct simulation *how = replay->how;
    uint32_t *wanted = arena_array(arena, trace->pairs, sizeof *wanted), most = 0;
    replay->shops = arena_array(arena, trace->lans, sizeof *replay->shops);
    replay->awake = arena_array(arena, trace->lans, sizeof *replay->awake);
    for (uint32_t lan = 0; lan < trace->lans; lan++) {
        uint32_t first = trace->first_pairs[lan], count = trace->first_pairs[lan + 1] - first;
        uint64_t quota = how->quotas ? how->quotas[lan] : simulated_quota(trace, lan, how->storage);
        replay->shops[lan] = (struct edge_shop){.first = first, .wanted = wanted + first, .quota = quota};
        if (count > most) most = count;
    }
    replay->run.kept = arena_array(arena, most, sizeof *replay->run.kept);
    replay->run.newcomers = arena_array(arena, most, sizeof *replay->run.newcomers);
}

enum status replay_open(struct arena *arena, const struct trace *trace, const struct policy *policy, const struct simulation *how,
                        struct simulated *out, struct replay **opened, struct error *error)
{
    ENSURE(how->every >= BUCKET, error, STATUS_INVALID, "a policy is evaluated every five minutes at most");
    struct replay *replay = arena_new_of(arena, struct replay);
    int64_t start = trace->requests[0].time;
    *out = (struct simulated){0};
    *replay = (struct replay){
        .run = {.trace = trace, .policy = *policy, .link = how->link, .share = how->share > 0 ? how->share : 1, .out = out}, .how = how};
    replay->run.ranks = rank_objects(arena, trace->objects);
    replay->run.pairs = arena_array(arena, trace->pairs, sizeof *replay->run.pairs);
    counts_open(&replay->run.counts, arena, trace);
    counts_policy(&replay->run.counts, &replay->run.policy, start);
    open_shops(replay, arena);
    replay->evaluation = start - start % how->every + how->every;
    *opened = replay;
    return STATUS_OK;
}

void replay_until(struct replay *replay, int64_t end)
{
    const struct trace *trace = replay->run.trace;
    for (; replay->next < trace->count && trace->requests[replay->next].time < end; replay->next++) {
        evaluate_until(replay, trace->requests[replay->next].time);
        ask(replay, &trace->requests[replay->next]);
    }
    if (replay->next == trace->count) end_points(replay, SIMULATED_POINTS, trace->requests[trace->count - 1].time);
}

void replay_change(struct replay *replay, const struct policy *policy, int64_t now)
{
    evaluate_until(replay, now - 1);
    replay->run.policy = *policy;
    counts_policy(&replay->run.counts, &replay->run.policy, now);
}

enum status simulate_policy(const struct trace *trace, const struct policy *policy, const struct simulation *how, struct simulated *out,
                            struct error *error)
{
    struct arena *arena = arena_new();
    struct replay *replay;
    enum status status = replay_open(arena, trace, policy, how, out, &replay, error);
    if (status == STATUS_OK) replay_until(replay, INT64_MAX);
    arena_free(arena);
    return status;
}
