#include "lib/demand/cells.h"

#include <stdlib.h>

#include "base/hash.h"

enum { FIRST = 1024 };
enum { NONE = UINT32_MAX };

static size_t hash_of(struct str lan, struct str package)
{
    uint64_t hash = hash64(hash64(HASH64, package), lan);
    return (size_t)(hash ^ hash >> 32);
}

static size_t slot_of(const struct cells *cells, struct str lan, struct str package)
{
    size_t at = hash_of(lan, package) & (cells->slot_count - 1);
    for (; cells->slots[at] != NONE; at = (at + 1) & (cells->slot_count - 1)) {
        const struct cells_pair *pair = &cells->pairs[cells->slots[at]];
        if (str_equal(pair->package, package) && str_equal(pair->lan, lan)) break;
    }
    return at;
}

static void grow(struct cells *cells)
{
    size_t capacity = cells->capacity ? cells->capacity * 2 : FIRST;
    struct cells_pair *larger = arena_buffer(cells->arena, capacity * sizeof *larger);
    if (cells->count > 0) memcpy(larger, cells->pairs, cells->count * sizeof *larger);
    cells->pairs = larger;
    cells->capacity = capacity;
    cells->slot_count = capacity * 2;
    cells->slots = arena_buffer(cells->arena, cells->slot_count * sizeof *cells->slots);
    for (size_t i = 0; i < cells->slot_count; i++) cells->slots[i] = NONE;
    for (size_t i = 0; i < cells->count; i++) cells->slots[slot_of(cells, larger[i].lan, larger[i].package)] = (uint32_t)i;
}

uint64_t *cells_of(struct cells *cells, struct str lan, struct str package)
{
    if (cells->count == cells->capacity) grow(cells);
    size_t at = slot_of(cells, lan, package);
    if (cells->slots[at] != NONE) return cells->pairs[cells->slots[at]].counts;
    if (!str_equal(cells->last_lan, lan)) cells->last_lan = arena_copy(cells->arena, lan);
    struct cells_pair *pair = &cells->pairs[cells->count];
    *pair =
        (struct cells_pair){cells->last_lan, arena_copy(cells->arena, package), arena_array(cells->arena, cells->width, sizeof(uint64_t))};
    cells->slots[at] = (uint32_t)cells->count++;
    return pair->counts;
}

static int by_name(const void *a, const void *b)
{
    const struct cells_pair *one = a, *other = b;
    int lans = str_compare(one->lan, other->lan);
    return lans ? lans : str_compare(one->package, other->package);
}

void cells_sort(struct cells *cells)
{
    if (cells->count > 0) qsort(cells->pairs, cells->count, sizeof *cells->pairs, by_name);
    cells->slot_count = 0; /* of no use any more */
}

/* --- keys */

struct listing {
    struct arena *arena;
    int64_t day;
    struct span within;
    unsigned part;
    struct live_keys *keys;
    size_t capacity;
};

struct str demand_live_name(struct str key)
{
    return str_from(key, S("demand/live/2026-11-25/").length);
}

static bool note(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct live_keys *keys = listing->keys;
    struct str rest = demand_live_name(object->key), hour_text = str_cut(&rest, '/'), part_text = str_cut(&rest, '/');
    uint64_t hour, part;
    if (!str_to_u64(hour_text, &hour) || hour > 23 || !str_to_u64(part_text, &part) || part != listing->part) return true;
    int64_t begin = listing->day + (int64_t)hour * CLOCK_HOUR;
    if (begin >= listing->within.to || begin + CLOCK_HOUR <= listing->within.from) return true;
    keys->items = arena_grow(listing->arena, keys->items, keys->count, &listing->capacity, sizeof *keys->items);
    keys->items[keys->count++] = arena_copy(listing->arena, object->key);
    return true;
}

enum status demand_list_live(const struct demand_part *part, int64_t day, struct span within, struct live_keys *keys, struct error *error)
{
    struct arena *arena = part->io.arena;
    struct listing listing = {.arena = arena, .day = day, .within = within, .part = part->part, .keys = keys};
    struct str prefix = arena_join(arena, S("demand/live/"), demand_day(arena, day), S("/"));
    *keys = (struct live_keys){0};
    return store_list(part->store, part->io, prefix, 0, note, &listing, error);
}
