/* Windows (P8) and the rules that look at their counts (P9–P11, P14, P15). */
#include "lib/policy/policy.h"

static int64_t floor_to(int64_t moment, int64_t step)
{
    int64_t rest = moment % step;
    return moment - (rest < 0 ? rest + step : rest);
}

static int64_t bucket_end(int64_t now)
{
    return floor_to(now, BUCKET) + BUCKET;
}

/* Midnight in the zone, at or before the moment. */
static int64_t midnight(int64_t moment, int64_t zone)
{
    return floor_to(moment + zone, CLOCK_DAY) - zone;
}

static struct span last_span(int64_t last, int64_t now, unsigned index)
{
    int64_t from = floor_to(now, BUCKET) - last;
    if (index == 0) return (struct span){from, bucket_end(now)};
    return (struct span){from - index * last, from - (index - 1) * last};
}

/* From the latest time of day `from` until now, to the end of now's bucket; the earlier ones are whole days. */
static struct span since_span(int64_t from, int64_t zone, int64_t now, unsigned index)
{
    int64_t begin = midnight(now, zone) + from;
    if (begin > now) begin -= CLOCK_DAY;
    int64_t before = index * (int64_t)CLOCK_DAY;
    return (struct span){begin - before, index == 0 ? bucket_end(now) : begin - before + CLOCK_DAY};
}

/* Empty before the date. */
static struct span date_span(int64_t date, int64_t zone, int64_t now)
{
    int64_t begin = date - zone, end = bucket_end(now);
    if (end <= begin) return (struct span){begin, begin};
    return (struct span){end - begin > WINDOW_LONGEST ? end - WINDOW_LONGEST : begin, end};
}

/* The slots of all days are one row: index 0 is the latest that has begun. */
static struct span slot_span(const struct window *window, int64_t zone, int64_t now, unsigned index)
{
    int64_t day = midnight(now, zone), slots = window->slots > 1 ? (int64_t)window->slots : 1, latest = slots - 1; /* at least one */
    while (latest >= 0 && day + window->begins[latest] > now) latest--;
    int64_t wanted = latest - (int64_t)index, days = floor_to(wanted, slots) / slots;
    int64_t begin = day + days * CLOCK_DAY + window->begins[wanted - days * slots];
    return (struct span){begin, begin + window->length};
}

struct span window_span(const struct window *window, int64_t zone, int64_t now, unsigned index)
{
    switch (window->kind) {
    case WINDOW_SINCE: return since_span(window->from, zone, now, index);
    case WINDOW_DATE: return date_span(window->from, zone, now);
    case WINDOW_SLOT: return slot_span(window, zone, now, index);
    default: return last_span(window->last, now, index);
    }
}

/* A window that is not over may count as over a threshold, never as under it. The last so many hours are always over. */
static bool window_is_over(const struct window *window, const struct span *span, int64_t now)
{
    return window->kind == WINDOW_LAST || span->to <= now;
}

static unsigned spans_of(const struct window *window, unsigned of, bool include_current, int64_t zone, int64_t now, struct span *spans)
{
    unsigned count = window->kind == WINDOW_DATE ? 1 : of + (include_current ? 0 : 1);
    for (unsigned i = 0; i < count; i++) spans[i] = window_span(window, zone, now, i);
    return count;
}

unsigned policy_place_spans(const struct policy *policy, int64_t now, struct span spans[POLICY_WINDOWS_MAXIMUM + 1])
{
    const struct policy_place *place = &policy->place;
    return spans_of(&place->window, place->of, place->include_current, policy->zone, now, spans);
}

unsigned policy_evict_spans(const struct policy *policy, int64_t now, struct span spans[POLICY_WINDOWS_MAXIMUM + 1])
{
    const struct policy_evict *evict = &policy->evict;
    return spans_of(&evict->window, evict->of, evict->include_current, policy->zone, now, spans);
}

unsigned policy_spans(const struct policy *policy, int64_t now, struct span spans[POLICY_SPANS_MAXIMUM], unsigned *places)
{
    *places = policy_place_spans(policy, now, spans);
    return *places + policy_evict_spans(policy, now, spans + *places);
}

int64_t policy_horizon(const struct policy *policy, int64_t now)
{
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1] = {0};
    int64_t place = spans[policy_place_spans(policy, now, spans) - 1].from;
    int64_t evict = spans[policy_evict_spans(policy, now, spans) - 1].from;
    int64_t earliest = place < evict ? place : evict, back = now - now % BUCKET - POLICY_AUTO_BACK;
    return policy->automatic.on && back < earliest ? back : earliest;
}

/* (windows) / (of) ≥ confidence, as the worked tables have it; a share that is written with nine digits may fall just short. */
bool policy_is_confident(unsigned windows, unsigned of, double confidence)
{
    return windows / (double)of >= confidence - 1e-9;
}

static uint64_t t1_of(const struct policy_place *place, uint64_t size, bool room)
{
    bool is_small = place->small_size > 0 && size <= place->small_size && place->small_t1 < place->t1;
    uint64_t t1 = is_small ? place->small_t1 : place->t1;
    return room && place->has_room_t1 && place->room_t1 < t1 ? place->room_t1 : t1;
}

enum policy_rule policy_places(const struct policy_place *place, uint64_t size, bool room, const uint64_t *counts)
{
    if (counts[0] > t1_of(place, size, room)) return RULE_T1;
    if (place->window.kind == WINDOW_DATE) return RULE_NONE;
    const uint64_t *windows = counts + (place->include_current ? 0 : 1);
    unsigned above = 0;
    for (unsigned i = 0; i < place->of; i++) above += windows[i] > place->t2;
    if (place->confidence > 0) return policy_is_confident(above, place->of, place->confidence) ? RULE_CONFIDENCE : RULE_NONE;
    return above >= place->m ? RULE_M_OF_M : RULE_NONE;
}

enum policy_rule policy_evicts(const struct policy_evict *evict, const uint64_t *counts, const struct span *spans, int64_t since,
                               int64_t now)
{
    unsigned first = evict->include_current ? 0 : 1, under = 0;
    for (unsigned i = first; i < first + evict->of; i++) {
        bool speaks = spans[i].from >= since && window_is_over(&evict->window, &spans[i], now);
        under += speaks && counts[i] < evict->t3;
    }
    if (evict->confidence > 0) return policy_is_confident(under, evict->of, evict->confidence) ? RULE_CONFIDENCE : RULE_NONE;
    return under >= evict->n ? RULE_M_OF_M : RULE_NONE;
}
