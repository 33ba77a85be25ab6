#include "lib/policy/decide.h"

#include <stdlib.h>

const char *decision_name(enum decision_kind kind)
{
    static const char *const names[] = {"none", "place", "keep", "evict", "alert", "no-room", "mark"};
    return names[kind];
}

/* Both rules' windows at one moment. */
struct view {
    const struct decide *how;
    struct span place[POLICY_WINDOWS_MAXIMUM + 1], evict[POLICY_WINDOWS_MAXIMUM + 1];
    unsigned places, evicts;
    uint64_t room; /* bytes that nothing takes up */
};

double decide_window_requests(const uint64_t *counts, unsigned count)
{
    double requests = 0, weight = 1;
    for (unsigned i = 0; i < count; i++) {
        requests += weight * (double)counts[i];
        weight /= 2;
    }
    return requests;
}

double decide_window_time(const struct span *spans, unsigned count, int64_t now)
{
    double time = 0, weight = 1;
    for (unsigned i = 0; i < count; i++) {
        int64_t end = spans[i].to < now + BUCKET ? spans[i].to : now + BUCKET;
        time += weight * (double)(end - spans[i].from);
        weight /= 2;
    }
    return time;
}

static double rate_of(const uint64_t *counts, const struct span *spans, unsigned count, int64_t now)
{
    double time = decide_window_time(spans, count, now);
    return time > 0 ? decide_window_requests(counts, count) / time : 0;
}

static double worth_of(const struct view *view, const struct candidate *candidate)
{
    return rate_of(candidate->misses, view->place, view->places, view->how->now) +
           rate_of(candidate->hits, view->evict, view->evicts, view->how->now);
}

static bool is_new(const struct view *view, const struct candidate *candidate)
{
    return candidate->since > view->how->now - view->how->policy->evict.grace;
}

/* --- the rules, one candidate at a time */

/* P14: an edge cannot have hits of what it has not got yet. */
static enum policy_rule evicts(const struct view *view, const struct candidate *candidate)
{
    const struct policy_evict *rule = &view->how->policy->evict;
    uint64_t counts[POLICY_WINDOWS_MAXIMUM + 1];
    if (!candidate->awaited) return policy_evicts(rule, candidate->hits, view->evict, candidate->there, view->how->now);
    for (unsigned i = 0; i < view->evicts; i++)
        if (__builtin_add_overflow(candidate->hits[i], candidate->awaited[i], &counts[i])) counts[i] = UINT64_MAX;
    return policy_evicts(rule, counts, view->evict, candidate->there, view->how->now);
}

static void ask_eviction(const struct view *view, struct candidate *candidate)
{
    enum policy_rule rule = RULE_NONE;
    if (view->how->evict) rule = evicts(view, candidate);
    candidate->decision = rule == RULE_NONE ? DECISION_KEEP : DECISION_EVICT;
    candidate->rule = rule;
}

/* A mark stays one until a query asks for it. */
static enum decision_kind mark(const struct view *view, const struct candidate *candidate)
{
    if (candidate->pending) return DECISION_KEEP;
    return candidate->size <= view->how->quota ? DECISION_MARK : DECISION_NO_ROOM;
}

/* DECISION_PLACE so far: whether there is room is asked later. */
static void ask_placement(const struct view *view, struct candidate *candidate)
{
    enum policy_rule rule = RULE_NONE;
    if (view->how->place)
        rule = policy_places(&view->how->policy->place, candidate->size, view->room >= candidate->size, candidate->misses);
    if (rule == RULE_NONE && candidate->granted) rule = RULE_TRIGGER;
    candidate->decision = rule == RULE_NONE ? DECISION_NONE : DECISION_PLACE;
    candidate->rule = rule;
    if (candidate->decision == DECISION_PLACE && view->how->marks) candidate->decision = mark(view, candidate);
}

/* A mark (P7) that no rule would make any more goes with what is evicted. */
static void ask_mark(const struct view *view, struct candidate *candidate)
{
    bool stands = policy_places(&view->how->policy->place, candidate->size, true, candidate->misses) != RULE_NONE;
    candidate->decision = view->how->evict && !stands ? DECISION_EVICT : DECISION_KEEP;
    if (candidate->decision == DECISION_EVICT) candidate->rule = RULE_FADED;
}

static void ask(const struct view *view, struct candidate *candidate)
{
    candidate->worth = worth_of(view, candidate);
    if (candidate->by_hand)
        candidate->decision = DECISION_KEEP, candidate->rule = RULE_HAND;
    else if (candidate->wanted && !candidate->pending)
        ask_eviction(view, candidate);
    else
        ask_placement(view, candidate);
    if (candidate->pending && candidate->decision == DECISION_NONE) ask_mark(view, candidate);
}

/* --- room */

static int by_worth(const void *a, const void *b)
{
    const struct candidate *one = *(struct candidate *const *)a, *other = *(struct candidate *const *)b;
    if (one->worth != other->worth) return one->worth < other->worth ? -1 : 1;
    return str_compare(one->package, other->package); /* any order, but always the same */
}

struct room {
    struct candidate **placed; /* what may have to go, the least worth first */
    size_t count;
    uint64_t used;
};

static double bytes_served(const struct candidate *candidate)
{
    return candidate->worth * (double)candidate->size;
}

/* Takes the least worth until there is room for the newcomer; false, and nothing is taken, where it serves too little for that. */
static bool make_room(struct room *room, const struct candidate *newcomer, uint64_t quota, double displace)
{
    uint64_t freed = 0, free = quota - room->used;
    double lost = 0;
    size_t taken = 0;
    for (; free + freed < newcomer->size; taken++) {
        if (taken == room->count) return false;
        const struct candidate *least = room->placed[taken];
        lost += bytes_served(least);
        freed += least->size;
        if (lost * displace >= bytes_served(newcomer)) return false;
    }
    for (size_t i = 0; i < taken; i++) {
        room->placed[i]->decision = DECISION_EVICT;
        room->placed[i]->rule = RULE_ROOM;
    }
    room->placed += taken;
    room->count -= taken;
    room->used -= freed;
    return true;
}

/* What passes only as long as there is room drives nobody out. */
static bool may_displace(const struct view *view, const struct candidate *newcomer)
{
    return policy_places(&view->how->policy->place, newcomer->size, false, newcomer->misses) != RULE_NONE;
}

static void find_room(const struct view *view, struct candidate *newcomer, struct room *room)
{
    uint64_t quota = view->how->quota;
    double displace = view->how->policy->place.displace;
    if (!view->how->asked && displace < 1) displace = 1;
    bool over = room->used > quota; /* the quota was made smaller: nothing comes until enough has gone */
    bool fits = !over && newcomer->size <= quota - room->used;
    if (newcomer->size > quota || over || (!fits && !may_displace(view, newcomer)) || !make_room(room, newcomer, quota, displace)) {
        newcomer->decision = DECISION_NO_ROOM;
        return;
    }
    room->used += newcomer->size;
}

/* What a person placed goes for nobody. */
static void spare_by_hand(struct room *room)
{
    size_t movable = 0;
    for (size_t i = 0; i < room->count; i++)
        if (!room->placed[i]->by_hand) room->placed[movable++] = room->placed[i];
    room->count = movable;
}

/* Where the quota was made smaller, or a person placed something, the least worth go, new or not. */
static void shrink(struct room *room, uint64_t quota)
{
    while (room->used > quota && room->count > 0) {
        struct candidate *least = room->placed[0];
        least->decision = DECISION_EVICT;
        least->rule = RULE_ROOM;
        room->used -= least->size;
        room->placed++;
        room->count--;
    }
}

static size_t collect(struct candidate *candidates, size_t count, enum decision_kind kind, struct candidate **out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (candidates[i].decision == kind && !(kind == DECISION_KEEP && candidates[i].pending)) out[found++] = &candidates[i];
    if (found > 0) qsort(out, found, sizeof *out, by_worth);
    return found;
}

static void share_room(const struct view *view, struct arena *arena, struct candidate *candidates, size_t count)
{
    struct candidate **newcomers = arena_array(arena, count, sizeof *newcomers), **kept = arena_array(arena, count, sizeof *kept);
    size_t new_count = collect(candidates, count, DECISION_PLACE, newcomers);
    struct room room = {.placed = kept, .count = collect(candidates, count, DECISION_KEEP, kept)};
    for (size_t i = 0; i < room.count; i++)
        if (__builtin_add_overflow(room.used, kept[i]->size, &room.used)) room.used = UINT64_MAX;
    spare_by_hand(&room);
    shrink(&room, view->how->quota);
    size_t movable = 0;
    for (size_t i = 0; i < room.count; i++)
        if (!is_new(view, room.placed[i])) room.placed[movable++] = room.placed[i];
    room.count = movable;
    for (size_t i = new_count; i-- > 0;) find_room(view, newcomers[i], &room);
}

void decide_edge(const struct decide *how, struct arena *arena, struct candidate *candidates, size_t count)
{
    struct view view = {.how = how};
    view.places = policy_place_spans(how->policy, how->now, view.place);
    view.evicts = policy_evict_spans(how->policy, how->now, view.evict);
    view.room = how->quota;
    for (size_t i = 0; i < count; i++)
        if (candidates[i].wanted && !candidates[i].pending) view.room -= candidates[i].size < view.room ? candidates[i].size : view.room;
    for (size_t i = 0; i < count; i++) ask(&view, &candidates[i]);
    share_room(&view, arena, candidates, count);
}
