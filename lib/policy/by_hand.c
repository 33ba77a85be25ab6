#include "lib/policy/by_hand.h"

#include <inttypes.h>

#include "lib/policy/evaluate_internal.h"

enum { LINE_MAX_BYTES = 1 << 16 };

struct hand_change {
    const struct by_hand *how;
    struct str name;
    const struct package_facts *facts;
};

/* Before the change: one that nobody can explain is worse than one said twice. */
static enum status tell(const struct by_hand *how, struct io io, struct str name, enum decision_kind kind, uint64_t size,
                        struct error *error)
{
    const struct evaluation evaluation = {.store = how->store, .now = how->now};
    const struct candidate candidate = {.package = name, .size = size, .decision = kind, .rule = RULE_HAND};
    struct job job = {.how = &evaluation, .io = io, .lines = buf_in(io.arena, LINE_MAX_BYTES)};
    job_tell(&job, how->edge->id, &candidate);
    return job_write_lines(&job, error);
}

/* --- placing */

static enum status check_room(const struct hand_change *change, const struct wanted *wanted, struct error *error)
{
    uint64_t by_hand = 0, quota = change->how->edge->quota, size = change->facts->size;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct wanted_package *item = &wanted->items[i];
        if (item->reason == RULE_HAND && !str_equal(item->package, change->name)) by_hand += item->size;
    }
    ENSURE(by_hand <= quota && size <= quota - by_hand, error, STATUS_INVALID,
           "edge " STR_FMT " has no room for " STR_FMT ": it has %" PRIu64 " bytes, its quota is %" PRIu64
           ", and what was placed by hand takes %" PRIu64 "; drop one of these, or raise the quota",
           STR_ARG(change->how->edge->id), STR_ARG(change->name), size, quota, by_hand);
    return STATUS_OK;
}

/* `since` is new also where a rule had placed it: an eviction that was decided before does not apply. */
static enum status put_on(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    const struct hand_change *change = context;
    struct wanted_package *items = arena_array(arena, wanted->count + 1, sizeof *items);
    size_t count = 0;
    TRY(check_room(change, wanted, error));
    for (size_t i = 0; i < wanted->count; i++)
        if (!str_equal(wanted->items[i].package, change->name)) items[count++] = wanted->items[i];
    items[count++] = (struct wanted_package){.package = change->name,
                                             .since = change->how->now,
                                             .reason = RULE_HAND,
                                             .size = change->facts->size,
                                             .sha256 = change->facts->sha256};
    wanted->items = items;
    wanted->count = count;
    return STATUS_OK;
}

enum status placement_place(const struct by_hand *how, struct io io, const struct package_facts *facts, struct error *error)
{
    struct hand_change change = {how, package_name_format(io.arena, &how->package), facts};
    struct wanted wanted;
    TRY(wanted_load(how->store, io, how->edge->id, 0, &wanted, error));
    const struct wanted_package *known = wanted_find(&wanted, change.name);
    if (known && known->reason == RULE_HAND) return STATUS_OK;
    TRY(check_room(&change, &wanted, error));
    TRY(tell(how, io, change.name, DECISION_PLACE, facts->size, error));
    return wanted_update(how->store, io, how->edge->id, put_on, &change, &wanted, error);
}

/* --- dropping */

static enum status take_off(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    const struct hand_change *change = context;
    size_t count = 0;
    (void)arena;
    for (size_t i = 0; i < wanted->count; i++)
        if (!str_equal(wanted->items[i].package, change->name)) wanted->items[count++] = wanted->items[i];
    if (count == wanted->count) return error_set(error, STATUS_NOT_MODIFIED, "it is not wanted there");
    wanted->count = count;
    return STATUS_OK;
}

enum status placement_drop(const struct by_hand *how, struct io io, struct error *error)
{
    struct hand_change change = {.how = how, .name = package_name_format(io.arena, &how->package)};
    struct wanted wanted;
    TRY(wanted_load(how->store, io, how->edge->id, 0, &wanted, error));
    const struct wanted_package *known = wanted_find(&wanted, change.name);
    ENSURE(known, error, STATUS_NOT_FOUND, "edge " STR_FMT ": " STR_FMT " is not wanted there", STR_ARG(how->edge->id),
           STR_ARG(change.name));
    TRY(tell(how, io, change.name, DECISION_EVICT, known->size, error));
    return wanted_update(how->store, io, how->edge->id, take_off, &change, &wanted, error);
}
