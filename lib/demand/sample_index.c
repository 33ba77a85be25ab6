#include "lib/demand/sample_index_internal.h"

#include <stdlib.h>

/* Places by group and time. A group is a package with a LAN, with an edge, or alone. */
struct order {
    struct place_in_order {
        uint64_t group;
        int64_t time;
        struct sample *sample;
        uint32_t free; /* the last place up to this one whose sample may be free, from 1 on; 0: none (union-find) */
    } * places;
    size_t count;
};

enum likeness { SAME_LAN, SAME_EDGE, SAME_PACKAGE, LIKENESSES };

struct sample_index {
    struct arena *arena;
    const struct registry *registry;
    const struct sample_set *set;
    int64_t horizon;
    struct str *packages, *lans;
    size_t package_count, lan_count;
    struct order told[LIKENESSES], untold[LIKENESSES];
    bool *taken; /* by sample */
};

/* --- names → numbers */

static int by_bytes(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static size_t sort_names(struct str *names, size_t count)
{
    size_t kept = 0;
    if (count > 0) qsort(names, count, sizeof *names, by_bytes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !str_equal(names[kept - 1], names[i])) names[kept++] = names[i];
    return kept;
}

/* From 1 on; 0: there is none. */
static uint32_t number_of(const struct str *names, size_t count, struct str name)
{
    const struct str *found = count > 0 ? bsearch(&name, names, count, sizeof name, by_bytes) : NULL;
    return found ? (uint32_t)(found - names) + 1 : 0;
}

static void number_names(struct sample_index *index)
{
    const struct sample_set *set = index->set;
    index->packages = arena_array(index->arena, set->count, sizeof *index->packages);
    index->lans = arena_array(index->arena, set->count, sizeof *index->lans);
    for (size_t i = 0; i < set->count; i++) {
        index->packages[i] = set->items[i].package;
        index->lans[i] = set->items[i].lan;
    }
    index->package_count = sort_names(index->packages, set->count);
    index->lan_count = sort_names(index->lans, set->count);
}

static uint64_t group_of(const struct sample_index *index, enum likeness likeness, uint32_t package, struct str lan,
                         const struct edge *edge)
{
    uint64_t group = (uint64_t)package << 32;
    if (likeness == SAME_LAN) group |= number_of(index->lans, index->lan_count, lan);
    if (likeness == SAME_EDGE && edge) group |= (uint64_t)(edge - index->registry->edges) + 1;
    return group;
}

/* --- orders */

static int by_group_and_time(const void *a, const void *b)
{
    const struct place_in_order *one = a, *other = b;
    if (one->group != other->group) return one->group < other->group ? -1 : 1;
    return one->time < other->time ? -1 : one->time > other->time;
}

static void add(struct sample_index *index, struct order orders[LIKENESSES], struct sample *sample)
{
    uint32_t package = number_of(index->packages, index->package_count, sample->package) - 1;
    const struct edge *edge = registry_edge_serving(index->registry, sample->lan, NULL);
    for (int i = 0; i < LIKENESSES; i++) {
        uint64_t group = group_of(index, (enum likeness)i, package, sample->lan, edge);
        orders[i].places[orders[i].count++] = (struct place_in_order){.group = group, .time = sample->time, .sample = sample};
    }
}

static void make_orders(struct sample_index *index, struct order orders[LIKENESSES], bool told)
{
    const struct sample_set *set = index->set;
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) count += set->items[i].downloaded == told;
    for (int i = 0; i < LIKENESSES; i++) orders[i].places = arena_array(index->arena, count, sizeof *orders[i].places);
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].downloaded == told) add(index, orders, &set->items[i]);
    for (int i = 0; i < LIKENESSES; i++) {
        if (count > 0) qsort(orders[i].places, count, sizeof *orders[i].places, by_group_and_time);
        for (size_t place = 0; place < count; place++) orders[i].places[place].free = (uint32_t)place + 1;
    }
}

struct sample_index *sample_index_new(struct arena *arena, const struct registry *registry, const struct sample_set *set, int64_t horizon)
{
    struct sample_index *index = arena_new_of(arena, struct sample_index);
    *index = (struct sample_index){.arena = arena, .registry = registry, .set = set, .horizon = horizon};
    index->taken = arena_array(arena, set->count, sizeof *index->taken);
    number_names(index);
    make_orders(index, index->told, true);
    make_orders(index, index->untold, false);
    return index;
}

const struct str *sample_index_packages(const struct sample_index *index, size_t *count)
{
    *count = index->package_count;
    return index->packages;
}

/* --- finding */

static bool *taken_of(const struct sample_index *index, const struct order *order, size_t place)
{
    return &index->taken[order->places[place - 1].sample - index->set->items];
}

/* The last place up to this one that is free; on the way the places learn it. */
static size_t free_place(const struct sample_index *index, struct order *order, size_t place)
{
    size_t found = place;
    while (found > 0) {
        size_t next = order->places[found - 1].free;
        if (next == found && *taken_of(index, order, found)) next = found - 1;
        if (next == found) break;
        found = next;
    }
    while (place > found) {
        size_t next = order->places[place - 1].free;
        order->places[place - 1].free = (uint32_t)found;
        place = next < place ? next : place - 1;
    }
    return found;
}

/* How many places come before or at the moment in the group. */
static size_t places_until(const struct order *order, uint64_t group, int64_t time)
{
    size_t low = 0, high = order->count;
    const struct place_in_order wanted = {.group = group, .time = time};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_group_and_time(&order->places[middle], &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool take(struct sample_index *index, struct order *order, uint64_t group, int64_t from, int64_t until)
{
    size_t place = free_place(index, order, places_until(order, group, until));
    if (place == 0 || order->places[place - 1].group != group || order->places[place - 1].time < from) return false;
    struct sample *sample = order->places[place - 1].sample;
    *taken_of(index, order, place) = true;
    if (!sample->downloaded) sample->source = SAMPLE_OTHER;
    sample->downloaded = true;
    return true;
}

bool sample_index_take(struct sample_index *index, const struct download *download)
{
    enum likeness likeness = download->lan.length > 0 ? SAME_LAN : download->edge ? SAME_EDGE : SAME_PACKAGE;
    uint64_t group = group_of(index, likeness, download->package, download->lan, download->edge);
    /* Logs have whole seconds: a query of the same one was before. */
    const int64_t from = download->time - index->horizon, until[] = {download->time + CLOCK_SECOND - 1, download->time + SAMPLE_SKEW};
    if (likeness == SAME_LAN && (uint32_t)group == 0) return false; /* a LAN that asked for nothing */
    for (size_t i = 0; i < sizeof until / sizeof *until; i++)
        if (take(index, &index->told[likeness], group, from, until[i]) || take(index, &index->untold[likeness], group, from, until[i]))
            return true;
    return false;
}
