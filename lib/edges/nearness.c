/* The edges' locations are points on a sphere in space, where neither the poles nor the date line are anything special. They are sorted
 * along a curve that keeps neighbours together, and halves of halves of that order have a box around them: a half whose box is further
 * than what was found already is not looked at. Shops of one city, or at one point, are no harder than others. */
#include "lib/edges/nearness_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "lib/edges/table_internal.h"

enum { AXES = 3, AXIS_BITS = 21, LEAF = 8 };

static const double RADIANS = 3.14159265358979323846 / 180, EARTH = 6371.0088; /* km */
static const double ROUNDED = 1e-9; /* of a sphere of radius 1: far more than what rounding does to a distance */

double location_distance(const struct location *a, const struct location *b)
{
    double dlat = (b->latitude - a->latitude) * RADIANS, dlon = (b->longitude - a->longitude) * RADIANS;
    double h = sin(dlat / 2) * sin(dlat / 2) + cos(a->latitude * RADIANS) * cos(b->latitude * RADIANS) * sin(dlon / 2) * sin(dlon / 2);
    return 2 * EARTH * asin(sqrt(h > 1 ? 1 : h));
}

struct point {
    double at[AXES];
};
struct box {
    double low[AXES], high[AXES];
};
/* All edges at one location, by id. */
struct spot {
    const struct edge *const *edges;
    struct point point;
    uint32_t count;
};
struct located {
    uint64_t order;
    const struct edge *edge;
};

struct nearness {
    const struct edge *const *edges; /* by id */
    size_t count;
    const struct edge **by_place; /* those whose location is known */
    struct spot *spots;
    size_t spot_count;
    struct box *boxes; /* of the whole; of the halves of number n: 2n + 1 and 2n + 2 */
    struct table regions;
    uint32_t *next; /* of an edge: the next one, plus one, of its region; 0: none */
};

/* --- building */

static struct point point_of(const struct location *location)
{
    double latitude = location->latitude * RADIANS, longitude = location->longitude * RADIANS;
    return (struct point){{cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)}};
}

/* The bits of the three axes in turn. */
static uint64_t order_of(const struct location *location)
{
    const struct point point = point_of(location);
    uint64_t order = 0;
    for (int bit = AXIS_BITS - 1; bit >= 0; bit--)
        for (int axis = 0; axis < AXES; axis++) {
            uint64_t place = (uint64_t)((point.at[axis] + 1) / 2 * ((1 << AXIS_BITS) - 1));
            order = order << 1 | (place >> bit & 1);
        }
    return order;
}

static int compare_locations(const struct location *a, const struct location *b)
{
    if (a->latitude != b->latitude) return a->latitude < b->latitude ? -1 : 1;
    return a->longitude < b->longitude ? -1 : a->longitude > b->longitude;
}

static int by_place(const void *a, const void *b)
{
    const struct located *one = a, *other = b;
    if (one->order != other->order) return one->order < other->order ? -1 : 1;
    int order = compare_locations(&one->edge->location, &other->edge->location);
    return order ? order : str_compare(one->edge->id, other->edge->id);
}

static size_t sort_by_place(struct arena *arena, struct nearness *nearness)
{
    struct arena *scratch = arena_new();
    struct located *located = arena_array(scratch, nearness->count, sizeof *located);
    size_t count = 0;
    for (size_t i = 0; i < nearness->count; i++)
        if (nearness->edges[i]->location.known)
            located[count++] = (struct located){order_of(&nearness->edges[i]->location), nearness->edges[i]};
    if (count > 0) qsort(located, count, sizeof *located, by_place);
    nearness->by_place = arena_array(arena, count, sizeof *nearness->by_place);
    for (size_t i = 0; i < count; i++) nearness->by_place[i] = located[i].edge;
    arena_free(scratch);
    return count;
}

static void find_spots(struct arena *arena, struct nearness *nearness, size_t count)
{
    nearness->spots = arena_array(arena, count, sizeof *nearness->spots);
    for (size_t i = 0; i < count; i++) {
        const struct edge *const *edges = &nearness->by_place[i];
        bool same = i > 0 && compare_locations(&edges[-1]->location, &edges[0]->location) == 0;
        if (!same) nearness->spots[nearness->spot_count++] = (struct spot){.edges = edges, .point = point_of(&edges[0]->location)};
        nearness->spots[nearness->spot_count - 1].count++;
    }
}

static void box_add(struct box *box, const struct box *other)
{
    for (int axis = 0; axis < AXES; axis++) {
        box->low[axis] = fmin(box->low[axis], other->low[axis]);
        box->high[axis] = fmax(box->high[axis], other->high[axis]);
    }
}

static size_t box_count(size_t spots)
{
    return spots <= LEAF ? 1 : 2 * box_count((spots + 1) / 2) + 1;
}

static const struct box *make_boxes(struct nearness *nearness, size_t number, size_t from, size_t to)
{
    struct box *box = &nearness->boxes[number];
    size_t middle = from + (to - from + 1) / 2;
    *box = (struct box){{HUGE_VAL, HUGE_VAL, HUGE_VAL}, {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL}};
    if (to - from > LEAF) {
        box_add(box, make_boxes(nearness, 2 * number + 1, from, middle));
        box_add(box, make_boxes(nearness, 2 * number + 2, middle, to));
        return box;
    }
    for (size_t i = from; i < to; i++) {
        const struct point *point = &nearness->spots[i].point;
        struct box alone;
        memcpy(alone.low, point->at, sizeof alone.low);
        memcpy(alone.high, point->at, sizeof alone.high);
        box_add(box, &alone);
    }
    return box;
}

static bool is_of_region(const void *context, uint32_t number, const void *region)
{
    const struct nearness *nearness = context;
    return str_equal(nearness->edges[number]->region, *(const struct str *)region);
}

/* The table has the first of each region, which leads to the others by id. */
static void link_regions(struct arena *arena, struct nearness *nearness)
{
    size_t named = 0;
    for (size_t i = 0; i < nearness->count; i++) named += nearness->edges[i]->region.length > 0;
    if (named == 0) return;
    uint32_t *last = arena_array(arena, nearness->count, sizeof *last); /* of a region's first: its last so far */
    nearness->next = arena_array(arena, nearness->count, sizeof *nearness->next);
    nearness->regions = table_new(arena, named);
    for (uint32_t i = 0; i < nearness->count; i++) {
        struct str region = nearness->edges[i]->region;
        uint64_t hash = hash64(HASH64, region);
        if (region.length == 0) continue;
        uint32_t first = table_find(&nearness->regions, hash, is_of_region, nearness, &region);
        if (first == TABLE_NONE) {
            table_put(&nearness->regions, hash, i);
            first = i;
        } else {
            nearness->next[last[first]] = i + 1;
        }
        last[first] = i;
    }
}

struct nearness *nearness_new(struct arena *arena, const struct edge *const *edges, size_t count)
{
    struct nearness *nearness = arena_new_of(arena, struct nearness);
    *nearness = (struct nearness){.edges = edges, .count = count};
    find_spots(arena, nearness, sort_by_place(arena, nearness));
    nearness->boxes = arena_array(arena, box_count(nearness->spot_count), sizeof *nearness->boxes);
    make_boxes(nearness, 0, 0, nearness->spot_count);
    link_regions(arena, nearness);
    return nearness;
}

/* --- looking */

struct near {
    const struct edge *edge;
    double distance;
};
struct search {
    const struct nearness *nearness;
    const struct place *place;
    struct point from;
    const struct edge **edges; /* found so far, nearest first */
    double *distances;
    size_t count, most;
    double furthest; /* along the straight line between points of the sphere; what is further is not looked at */
};

static bool is_before(double distance, const struct edge *edge, double than_distance, const struct edge *than)
{
    return distance != than_distance ? distance < than_distance : str_compare(edge->id, than->id) < 0;
}

/* False: it is further than all that are wanted, and there is no room for it. */
static bool take(struct search *search, const struct edge *edge, double distance)
{
    size_t at = search->count;
    while (at > 0 && is_before(distance, edge, search->distances[at - 1], search->edges[at - 1])) at--;
    if (at == search->most) return false;
    if (search->count < search->most) search->count++;
    size_t moved = search->count - at - 1;
    memmove(&search->edges[at + 1], &search->edges[at], moved * sizeof *search->edges);
    memmove(&search->distances[at + 1], &search->distances[at], moved * sizeof *search->distances);
    search->edges[at] = edge;
    search->distances[at] = distance;
    if (search->count == search->most) search->furthest = 2 * sin(search->distances[search->most - 1] / (2 * EARTH)) + ROUNDED;
    return true;
}

static void look_at_spot(struct search *search, const struct spot *spot)
{
    double sum = 0;
    for (int axis = 0; axis < AXES; axis++) {
        double off = spot->point.at[axis] - search->from.at[axis];
        sum += off * off;
    }
    if (sqrt(sum) > search->furthest) return;
    double distance = location_distance(&search->place->location, &spot->edges[0]->location);
    bool wanted = true;
    for (uint32_t i = 0; wanted && i < spot->count; i++)
        if (spot->edges[i] != search->place->edge) wanted = take(search, spot->edges[i], distance);
}

static double distance_to_box(const struct search *search, size_t number)
{
    const struct box *box = &search->nearness->boxes[number];
    double sum = 0;
    for (int axis = 0; axis < AXES; axis++) {
        double off = fmax(fmax(box->low[axis] - search->from.at[axis], search->from.at[axis] - box->high[axis]), 0);
        sum += off * off;
    }
    return sqrt(sum);
}

static void look_in(struct search *search, size_t number, size_t from, size_t to)
{
    size_t middle = from + (to - from + 1) / 2, halves[2] = {2 * number + 1, 2 * number + 2};
    if (to - from <= LEAF) {
        for (size_t i = from; i < to; i++) look_at_spot(search, &search->nearness->spots[i]);
        return;
    }
    double distances[2] = {distance_to_box(search, halves[0]), distance_to_box(search, halves[1])};
    int nearer = distances[1] < distances[0];
    for (int i = 0; i < 2; i++) {
        int half = i ^ nearer;
        if (distances[half] > search->furthest) continue;
        look_in(search, halves[half], half ? middle : from, half ? to : middle);
    }
}

/* Behind those of which both locations are known; by id. */
static void look_in_region(struct search *search)
{
    const struct nearness *nearness = search->nearness;
    struct str region = search->place->region;
    uint32_t number = table_find(&nearness->regions, hash64(HASH64, region), is_of_region, nearness, &region);
    for (uint32_t i = number == TABLE_NONE ? 0 : number + 1; i > 0 && search->count < search->most; i = nearness->next[i - 1]) {
        const struct edge *edge = nearness->edges[i - 1];
        bool was_found = search->place->location.known && edge->location.known;
        if (!was_found && edge != search->place->edge) search->edges[search->count++] = edge;
    }
}

size_t nearness_find(const struct nearness *nearness, const struct place *place, const struct edge **edges, size_t most)
{
    double distances[NEAREST_MOST];
    if (most > NEAREST_MOST) most = NEAREST_MOST;
    struct search search = {nearness, place, .edges = edges, .distances = distances, .most = most, .furthest = HUGE_VAL};
    if (most == 0) return 0;
    if (place->location.known) {
        search.from = point_of(&place->location);
        look_in(&search, 0, 0, nearness->spot_count);
    }
    if (place->region.length > 0) look_in_region(&search);
    return search.count;
}
