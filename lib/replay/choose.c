#include "lib/replay/choose.h"

#include "base/random.h"

enum { DRAWS = 400, FEW_DAYS = 3, STRETCHES_MAX = 4096 };
static const double SURE = 0.9;

/* --- replays */

static void add_stretch(struct tally *row, const struct simulated *now, const struct simulated *before)
{
    *row = (struct tally){.requests = (double)(now->requests - before->requests),
                          .hits = (double)(now->hits - before->hits),
                          .bytes = (double)(now->bytes - before->bytes),
                          .bytes_hit = (double)(now->bytes_hit - before->bytes_hit),
                          .bytes_placed = (double)(now->bytes_placed - before->bytes_placed)};
}

static enum status replay_setting(struct tallies *tallies, unsigned setting, struct error *error)
{
    struct arena *arena = arena_new();
    struct policy policy = *tallies->policy;
    struct simulated *out = &tallies->results[setting], before = {0};
    struct replay *replay;
    auto_apply(tallies->settings[setting], &policy);
    enum status status = replay_open(arena, tallies->trace, &policy, tallies->how, out, &replay, error);
    for (size_t i = 0; status == STATUS_OK && i < tallies->stretches; i++) {
        before = *out;
        replay_until(replay, i + 1 < tallies->stretches ? tallies->from + (int64_t)(i + 1) * tallies->length : INT64_MAX);
        add_stretch(&tallies->rows[setting][i], out, &before);
    }
    arena_free(arena);
    return status;
}

enum status tallies_make(struct tallies *tallies, struct arena *arena, struct error *error)
{
    const struct trace *trace = tallies->trace;
    int64_t from = trace->requests[0].time, span = trace->requests[trace->count - 1].time - from + 1;
    ENSURE(span <= STRETCHES_MAX * (int64_t)CLOCK_DAY, error, STATUS_INVALID,
           "the requests span %lld days, and at most %d can be replayed by auto: is the unit of their times right?",
           (long long)(span / CLOCK_DAY), STRETCHES_MAX);
    int64_t length = span >= FEW_DAYS * (int64_t)CLOCK_DAY ? CLOCK_DAY : CLOCK_HOUR;
    tallies->from = from;
    tallies->length = length;
    int64_t stretches = span / length + (span % length > 0);
    tallies->stretches = stretches < STRETCHES_MAX ? (size_t)stretches : STRETCHES_MAX; /* the last one has what is left */
    tallies->count = auto_settings(tallies->settings);
    for (unsigned i = 0; i < tallies->count; i++) {
        tallies->rows[i] = arena_array(arena, tallies->stretches, sizeof(struct tally));
        TRY(replay_setting(tallies, i, error));
    }
    return STATUS_OK;
}

/* --- value */

static void add(struct tally *sum, const struct tally *row)
{
    sum->requests += row->requests;
    sum->hits += row->hits;
    sum->bytes += row->bytes;
    sum->bytes_hit += row->bytes_hit;
    sum->bytes_placed += row->bytes_placed;
}

static double value_of(const struct policy_auto *how, const struct tally *sum)
{
    if (sum->bytes <= 0 || sum->requests <= 0) return 0;
    double served = how->goal == AUTO_REQUESTS ? sum->hits / sum->requests : sum->bytes_hit / sum->bytes;
    return served - how->placed_byte * sum->bytes_placed / sum->bytes;
}

static double tallies_value(const struct tallies *tallies, unsigned setting, size_t first, size_t end)
{
    struct tally sum = {0};
    for (size_t i = first; i < end; i++) add(&sum, &tallies->rows[setting][i]);
    return value_of(&tallies->policy->automatic, &sum);
}

/* The same draws for both, so that what is compared is the same demand. */
static double sureness(const struct tallies *tallies, unsigned one, unsigned other, size_t first, size_t end)
{
    const struct policy_auto *how = &tallies->policy->automatic;
    uint64_t random = 1;
    unsigned better = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        struct tally sum = {0}, against = {0};
        for (size_t i = first; i < end; i++) {
            size_t drawn = first + (size_t)(random_next(&random) % (end - first));
            add(&sum, &tallies->rows[one][drawn]);
            add(&against, &tallies->rows[other][drawn]);
        }
        better += value_of(how, &sum) > value_of(how, &against);
    }
    return (double)better / DRAWS;
}

static unsigned index_of(const struct tallies *tallies, struct auto_setting setting)
{
    unsigned i = 0;
    while (i + 1 < tallies->count && memcmp(&tallies->settings[i], &setting, sizeof setting) != 0) i++;
    return i;
}

static unsigned steps_of(const struct policy *policy, int64_t recorded)
{
    return policy->automatic.since > 0 || recorded < CLOCK_DAY ? 1 : (unsigned)(recorded / CLOCK_DAY);
}

void choose(const struct tallies *tallies, const struct policy *policy, int64_t now, struct choice *choice)
{
    struct auto_setting present = {0};
    size_t end = (size_t)((now - tallies->from) / tallies->length), back = (size_t)(POLICY_AUTO_BACK / tallies->length);
    if (end > tallies->stretches) end = tallies->stretches;
    size_t first = end > back ? end - back : 0;
    auto_find(policy, &present);
    unsigned in_force = index_of(tallies, present), best = in_force, steps = steps_of(policy, (int64_t)(end - first) * tallies->length);
    double value = tallies_value(tallies, in_force, first, end);
    *choice = (struct choice){.present = value};
    for (unsigned i = 0; i < tallies->count; i++) {
        double other = tallies_value(tallies, i, first, end);
        if (other > value && auto_steps(tallies->settings[i], present) <= steps) best = i, value = other;
    }
    choice->value = value;
    choice->setting = tallies->settings[best];
    if (best != in_force && end > first + 1) choice->sure = sureness(tallies, best, in_force, first, end);
    choice->moves = choice->sure >= SURE;
}

/* --- where to begin */

static uint64_t smallest_quota(const struct trace *trace, const struct simulation *how)
{
    uint64_t quota = UINT64_MAX;
    for (uint32_t lan = 0; lan < trace->lans; lan++) {
        uint64_t own = how->quotas ? how->quotas[lan] : simulated_quota(trace, lan, how->storage);
        if (own < quota) quota = own;
    }
    return how->share > 0 && quota != UINT64_MAX ? (uint64_t)((double)quota / how->share) : quota;
}

static uint64_t average_size(const struct trace *trace)
{
    double all = 0;
    for (uint32_t i = 0; i < trace->objects; i++) all += (double)trace->sizes[i];
    return trace->objects > 0 ? (uint64_t)(all / trace->objects) : 0;
}

void choice_begin(const struct trace *trace, const struct simulation *how, struct policy *policy)
{
    uint64_t package = average_size(trace), quota = smallest_quota(trace, how);
    char room[64] = "the edges have no quota";
    auto_apply(auto_start(package, quota, how->link), policy);
    if (quota != UINT64_MAX) snprintf(room, sizeof room, "the smallest edge holds %llu", (unsigned long long)quota);
    snprintf(policy->automatic.why, sizeof policy->automatic.why, "packages have %llu bytes on average, and %s",
             (unsigned long long)package, room);
}

/* --- day by day */

void choice_explain(const struct choice *choice, int64_t now, struct policy *policy)
{
    struct policy_auto *automatic = &policy->automatic;
    auto_apply(choice->setting, policy);
    automatic->since = now;
    snprintf(automatic->why, sizeof automatic->why,
             "value %.4f in the replay, %.4f with the setting before; better in %.0f %% of the draws", choice->value, choice->present,
             choice->sure * 100);
}

static void decide_day(const struct tallies *tallies, int64_t now, struct policy *policy, struct replay *replay)
{
    struct choice choice;
    choose(tallies, policy, now, &choice);
    if (!choice.moves) return;
    choice_explain(&choice, now, policy);
    replay_change(replay, policy, now);
}

enum status simulate_auto(const struct tallies *tallies, struct policy *last, struct simulated *out, struct error *error)
{
    struct arena *arena = arena_new();
    struct replay *replay;
    int64_t end = tallies->trace->requests[tallies->trace->count - 1].time, now = tallies->from + CLOCK_DAY;
    *last = *tallies->policy;
    if (last->automatic.since == 0) choice_begin(tallies->trace, tallies->how, last);
    enum status status = replay_open(arena, tallies->trace, last, tallies->how, out, &replay, error);
    for (; status == STATUS_OK && now <= end; now += CLOCK_DAY) {
        replay_until(replay, now);
        decide_day(tallies, now, last, replay);
    }
    if (status == STATUS_OK) replay_until(replay, INT64_MAX);
    arena_free(arena);
    return status;
}
