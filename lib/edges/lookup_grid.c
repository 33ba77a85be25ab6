/* Edges by location: a quadtree, whose cells are the shards of a document. Each of the first digits of a key's hash halves latitude and
 * longitude. Behind them stands the hash of the edge's id, so that also many edges at one place are cut into shards. */
#include <math.h>

#include "base/hash.h"
#include "lib/edges/lookup_internal.h"

enum { LEVELS = 18, ID_BITS = 64 - 2 * LEVELS, KEY_DIGITS = 9 };
enum { CELLS_MAX = 128, QUEUE_MAX = 4 * CELLS_MAX };

static const double KM_A_DEGREE = 6371.0088 * 3.14159265358979323846 / 180;

static uint64_t part_of(double value, double range)
{
    double at = (value / range + 0.5) * (1 << LEVELS);
    return at < 0 ? 0 : at >= (1 << LEVELS) ? (1 << LEVELS) - 1 : (uint64_t)at;
}

static uint64_t cell_of(const struct location *location)
{
    uint64_t row = part_of(location->latitude, 180), column = part_of(location->longitude, 360), cell = 0;
    for (int bit = LEVELS - 1; bit >= 0; bit--) cell = cell << 2 | (row >> bit & 1) << 1 | (column >> bit & 1);
    return cell;
}

unsigned lookup_area_of(const struct location *location)
{
    return (unsigned)(cell_of(location) >> 2 * (LEVELS - LOOKUP_AREA_DEPTH));
}

struct str lookup_key_of_location(struct arena *arena, const struct location *location, struct str id)
{
    return arena_printf(arena, "%09llx " STR_FMT, (unsigned long long)cell_of(location), STR_ARG(id));
}

static uint64_t cell_of_key(struct str key)
{
    uint64_t cell = 0;
    str_hex_to_u64(str_first(key, KEY_DIGITS), &cell);
    return cell << ID_BITS;
}

static uint64_t hash_location(struct str key)
{
    return cell_of_key(key) | hash64(HASH64, str_from(key, KEY_DIGITS + 1)) >> (64 - ID_BITS);
}

struct shards lookup_shards(struct store *store, struct io io, enum lookup_document document, const struct lookup_settings *settings)
{
    static const char *const roots[] = {"lookup/keys/", "lookup/near/", "lookup/nodes/"};
    char digits[U64_DIGITS];
    return (struct shards){.store = store,
                           .io = io,
                           .root = arena_join(io.arena, str_of(roots[document]), str_of_u64(digits, settings->serial), S("/")),
                           .depth = document == LOOKUP_KEYS ? settings->depth : 0,
                           .hash = document == LOOKUP_KEYS ? NULL : hash_location};
}

/* --- looking */

struct cell {
    uint64_t hash; /* its first digits; zeros behind them */
    unsigned depth;
    double distance; /* no edge in it is nearer, in km */
};
struct found {
    struct edge edge;
    double distance;
};
struct search {
    const struct lookup_nearest *what;
    struct shards shards;
    struct cell queue[QUEUE_MAX];
    size_t queued, looked;
    struct found found[LOOKUP_LISTED_MAX];
    size_t count;
};

/* Along the meridian, and then along the parallel: no way that is longer leads out of the middle of a cell to its border. */
static double least_distance(const struct location *from, uint64_t hash, unsigned depth)
{
    struct location middle = {.known = true};
    unsigned levels = depth < LEVELS ? depth : LEVELS;
    double half_height = 90, half_width = 180;
    for (unsigned i = 0; i < levels; i++) {
        half_height /= 2;
        half_width /= 2;
        middle.latitude += hash >> (63 - 2 * i) & 1 ? half_height : -half_height;
        middle.longitude += hash >> (62 - 2 * i) & 1 ? half_width : -half_width;
    }
    double nearest_to_equator = fmax(0, fabs(middle.latitude) - half_height);
    double reach = half_height + half_width * cos(nearest_to_equator / 180 * 3.14159265358979323846);
    return location_distance(from, &middle) - reach * KM_A_DEGREE * 1.000001;
}

static bool is_used(const struct search *search, const struct cell *cell)
{
    const unsigned char *areas = search->what->settings->areas[search->what->document == LOOKUP_NODES];
    if (cell->depth > LOOKUP_AREA_DEPTH) return true;
    unsigned first = (unsigned)(cell->hash >> (64 - 2 * LOOKUP_AREA_DEPTH)), count = 1u << 2 * (LOOKUP_AREA_DEPTH - cell->depth);
    for (unsigned i = first; i < first + count; i++)
        if (areas[i / 8] >> i % 8 & 1) return true;
    return false;
}

static void queue(struct search *search, uint64_t hash, unsigned depth)
{
    struct cell cell = {hash, depth, depth > 0 ? least_distance(&search->what->from, hash, depth) : 0};
    if (search->queued < QUEUE_MAX && is_used(search, &cell)) search->queue[search->queued++] = cell;
}

static struct cell take_nearest(struct search *search)
{
    size_t best = 0;
    for (size_t i = 1; i < search->queued; i++)
        if (search->queue[i].distance < search->queue[best].distance) best = i;
    struct cell cell = search->queue[best];
    search->queue[best] = search->queue[--search->queued];
    return cell;
}

static void note(struct search *search, const struct edge *edge)
{
    double distance = location_distance(&search->what->from, &edge->location);
    size_t at = search->count, most = search->what->most;
    while (at > 0 && (distance < search->found[at - 1].distance ||
                      (distance == search->found[at - 1].distance && str_compare(edge->id, search->found[at - 1].edge.id) < 0)))
        at--;
    if (at == most) return;
    if (search->count < most) search->count++;
    memmove(&search->found[at + 1], &search->found[at], (search->count - at - 1) * sizeof *search->found);
    search->found[at] = (struct found){*edge, distance};
    search->found[at].edge.id = arena_copy(search->shards.io.arena, edge->id);
}

static bool parse_token(struct str token, struct edge *edge)
{
    struct location *location = &edge->location;
    location->known = true;
    if (!str_to_double(str_cut(&token, ','), &location->latitude)) return false;
    if (!str_to_double(str_cut(&token, ','), &location->longitude)) return false;
    edge->splices = token.length > 0;
    return true;
}

static void look_in(struct search *search, const struct cell *cell, struct str lines)
{
    struct str key, value;
    struct lookup_list list;
    while (shard_next(&lines, &key, &value)) {
        struct edge edge = {.id = str_from(key, KEY_DIGITS + 1)};
        uint64_t hash = cell->depth > LEVELS ? hash_location(key) : cell_of_key(key);
        bool is_inside = cell->depth == 0 || (hash ^ cell->hash) >> (64 - 2 * cell->depth) == 0;
        if (!is_inside || str_equal(edge.id, search->what->without)) continue;
        lookup_list_parse(value, &list);
        for (size_t i = 0; i < list.count; i++)
            if (parse_token(list.at[i], &edge)) note(search, &edge);
    }
}

static bool is_over(const struct search *search, const struct cell *cell)
{
    return search->count == search->what->most && cell->distance > search->found[search->count - 1].distance;
}

static enum status look(struct search *search, struct error *error)
{
    queue(search, 0, 0);
    while (search->queued > 0 && search->looked < CELLS_MAX) {
        const struct cell cell = take_nearest(search);
        if (is_over(search, &cell)) return STATUS_OK;
        struct shards_part part = {.hash = cell.hash, .depth = cell.depth};
        TRY(shards_part(&search->shards, &part, error));
        if (part.deeper) {
            for (uint64_t i = 0; i < 4; i++) queue(search, cell.hash | i << (62 - 2 * (cell.depth % 32)), cell.depth + 1);
            continue;
        }
        search->looked++;
        look_in(search, &cell, part.lines);
    }
    return STATUS_OK;
}

enum status lookup_nearest(const struct lookup_nearest *what, struct edge *edges, size_t *count, struct error *error)
{
    struct search *search = arena_new_of(what->lookup->io.arena, struct search);
    search->what = what;
    search->shards = lookup_shards(what->lookup->store, what->lookup->io, what->document, what->settings);
    search->shards.cache = what->lookup->shards;
    TRY(look(search, error));
    for (size_t i = 0; i < search->count; i++) edges[i] = search->found[i].edge;
    *count = search->count;
    return STATUS_OK;
}
