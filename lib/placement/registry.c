#include "lib/placement/registry.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"

enum { EDGES_MOST = 200000, ENTRY_LIMIT = 1 << 20 };

/* --- loading */

struct keys {
    struct arena *arena;
    struct str *items;
    size_t count, capacity;
};

static bool note_key(void *context, const struct store_object *object)
{
    struct keys *keys = context;
    if (!str_ends(object->key, S(".json"))) return true;
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity ? keys->capacity * 2 : 64;
        struct str *larger = arena_array(keys->arena, capacity, sizeof *larger);
        if (keys->count > 0) memcpy(larger, keys->items, keys->count * sizeof *larger);
        keys->items = larger;
        keys->capacity = capacity;
    }
    keys->items[keys->count++] = arena_copy(keys->arena, object->key);
    return keys->count < EDGES_MOST;
}

static enum status list_keys(struct store *store, struct io io, struct str prefix, struct keys *keys, struct error *error)
{
    *keys = (struct keys){.arena = io.arena};
    return store_list(store, io, prefix, 0, note_key, keys, error);
}

/* One that was removed meanwhile is not there; one that can't be read is told of, and passed over: one bad entry stops nobody. */
static enum status get_entry(struct store *store, struct io io, struct str key, struct str *text, bool *found, struct error *error)
{
    struct store_object object;
    enum status status = store_get(store, io, key, &(struct store_get){.limit = ENTRY_LIMIT}, &object, error);
    *found = status == STATUS_OK;
    if (*found) *text = object.body;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void pass_over(struct str key, const struct error *error)
{
    log_warn((struct log){0}, "%.*s is passed over: %s", STR_ARG(key), error->text);
}

static enum status load_edges(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    struct keys keys;
    struct str text;
    struct error why;
    bool found;
    TRY(list_keys(store, io, S("edges/"), &keys, error));
    registry->edges = arena_array(io.arena, keys.count, sizeof *registry->edges);
    for (size_t i = 0; i < keys.count; i++) {
        struct edge *edge = &registry->edges[registry->edge_count];
        TRY(get_entry(store, io, keys.items[i], &text, &found, error));
        if (!found) continue;
        if (edge_parse(io.arena, text, edge, &why) == STATUS_OK)
            registry->edge_count++;
        else
            pass_over(keys.items[i], &why);
    }
    return STATUS_OK;
}

static enum status load_lans(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    struct keys keys;
    struct str text;
    struct error why;
    bool found;
    TRY(list_keys(store, io, S("lans/"), &keys, error));
    registry->lans = arena_array(io.arena, keys.count, sizeof *registry->lans);
    for (size_t i = 0; i < keys.count; i++) {
        TRY(get_entry(store, io, keys.items[i], &text, &found, error));
        if (!found) continue;
        if (lan_entry_parse(io.arena, text, &registry->lans[registry->lan_count], &why) == STATUS_OK)
            registry->lan_count++;
        else
            pass_over(keys.items[i], &why);
    }
    return STATUS_OK;
}

enum status registry_load(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    *registry = (struct registry){0};
    TRY(load_edges(store, io, registry, error));
    return load_lans(store, io, registry, error);
}

/* --- registering */

static struct str edge_entry_key(struct arena *arena, struct str id)
{
    return arena_join(arena, S("edges/"), id, S(".json"));
}

static bool serves(const struct edge *edge, struct str lan)
{
    for (size_t i = 0; i < edge->lan_count; i++)
        if (str_equal(edge->lans[i], lan)) return true;
    return false;
}

static enum status check_overlap(const struct registry *registry, const struct edge *edge, struct error *error)
{
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *other = &registry->edges[e];
        if (str_equal(other->id, edge->id)) continue;
        for (size_t i = 0; i < edge->lan_count; i++)
            ENSURE(!serves(other, edge->lans[i]), error, STATUS_INVALID,
                   "edge " STR_FMT " serves the LAN " STR_FMT " already: give one of the two a site or an egress of its own",
                   STR_ARG(other->id), STR_ARG(edge->lans[i]));
    }
    return STATUS_OK;
}

enum status registry_put_edge(struct store *store, struct io io, const struct edge *edge, struct error *error)
{
    struct registry registry;
    TRY(registry_load(store, io, &registry, error));
    TRY(check_overlap(&registry, edge, error));
    return store_put(store, io, edge_entry_key(io.arena, edge->id), edge_format(io.arena, edge),
                     &(struct store_put){.content_type = "application/json"}, NULL, error);
}

enum status registry_remove_edge(struct store *store, struct io io, struct str id, struct error *error)
{
    struct store_object object;
    ENSURE(str_is_id(id), error, STATUS_INVALID, "'" STR_FMT "' is no edge's id", STR_ARG(str_first(id, 200)));
    struct str key = edge_entry_key(io.arena, id);
    if (store_head(store, io, key, &object, error) == STATUS_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, "there is no edge '" STR_FMT "'", STR_ARG(id));
    return store_remove(store, io, key, error);
}

enum status registry_put_lan(struct store *store, struct io io, struct str json, struct lan_entry *entry, struct error *error)
{
    TRY(lan_entry_parse(io.arena, json, entry, error));
    return store_put(store, io, arena_join(io.arena, S("lans/"), entry->code, S(".json")), json,
                     &(struct store_put){.content_type = "application/json"}, NULL, error);
}

enum status registry_remove_lan(struct store *store, struct io io, struct str code, struct error *error)
{
    ENSURE(str_is_id(code), error, STATUS_INVALID, "'" STR_FMT "' is no LAN's code", STR_ARG(str_first(code, 200)));
    return store_remove(store, io, arena_join(io.arena, S("lans/"), code, S(".json")), error);
}

/* --- finding */

const struct edge *registry_edge(const struct registry *registry, struct str id)
{
    for (size_t i = 0; i < registry->edge_count; i++)
        if (str_equal(registry->edges[i].id, id)) return &registry->edges[i];
    return NULL;
}

const struct edge *registry_edge_of(const struct registry *registry, struct str lan)
{
    for (size_t i = 0; i < registry->edge_count; i++)
        if (serves(&registry->edges[i], lan)) return &registry->edges[i];
    return NULL;
}

static const struct lan_entry *lan_by_code(const struct registry *registry, struct str code)
{
    for (size_t i = 0; i < registry->lan_count; i++)
        if (str_equal(registry->lans[i].code, code)) return &registry->lans[i];
    return NULL;
}

static const struct lan_entry *lan_by_text(const struct registry *registry, struct str lan)
{
    for (size_t i = 0; i < registry->lan_count; i++)
        if (str_equal(registry->lans[i].lan, lan)) return &registry->lans[i];
    return NULL;
}

static bool is_caller(const struct edge *edge, const struct address *caller)
{
    for (size_t i = 0; i < edge->egress_count; i++)
        if (network_contains(&edge->egress[i], caller)) return true;
    return false;
}

static bool has_network(const struct edge *edge, const struct network *network)
{
    for (size_t i = 0; i < edge->network_count; i++)
        if (network_equal(&edge->networks[i], network)) return true;
    return false;
}

/* The edge that serves the network and lists the caller; else, with an empty site, the only one that serves it; else none. */
static const struct edge *edge_by_network(const struct registry *registry, const struct network *network, struct str caller)
{
    const struct edge *only = NULL;
    struct address address;
    size_t count = 0;
    bool has_caller = address_parse(caller, &address);
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        if (!has_network(edge, network)) continue;
        if (has_caller && is_caller(edge, &address)) return edge;
        if (edge->site.length > 0) continue;
        only = edge;
        count++;
    }
    return count == 1 ? only : NULL;
}

/* The site of an edge that lists the caller, also where that edge serves another network of the shop's. */
static struct str identity_by_caller(const struct registry *registry, struct arena *arena, struct str caller)
{
    struct address address;
    if (!address_parse(caller, &address)) return (struct str){NULL, 0};
    for (size_t i = 0; i < registry->edge_count; i++)
        if (is_caller(&registry->edges[i], &address)) return edge_identity(arena, &registry->edges[i]);
    return (struct str){NULL, 0};
}

static void place_at(const struct registry *registry, struct str lan, struct place *place)
{
    const struct lan_entry *entry = lan_by_text(registry, lan);
    place->lan = lan;
    if (!place->edge) place->edge = registry_edge_of(registry, lan);
    if (!place->edge && entry) place->edge = registry_edge_of(registry, entry->lan);
    place->registered = place->edge || entry;
    if (entry) place->location = entry->location;
    if (entry && entry->region.length > 0) place->region = entry->region;
    if (!place->edge) return;
    if (place->edge->location.known) place->location = place->edge->location;
    if (place->edge->region.length > 0) place->region = place->edge->region;
}

enum status registry_find(const struct registry *registry, struct arena *arena, const struct whereabouts *where, struct place *place,
                          struct error *error)
{
    struct network network;
    *place = (struct place){.region = where->region};
    if (where->code.length > 0) {
        const struct lan_entry *entry = lan_by_code(registry, where->code);
        struct str bare = arena_join(arena, S("@"), where->code);
        place->edge = registry_edge_of(registry, bare); /* an edge may list the code of a LAN that has a network too */
        ENSURE(entry || place->edge, error, STATUS_INVALID, "there is no LAN with the code '" STR_FMT "'", STR_ARG(where->code));
        place_at(registry, entry ? entry->lan : bare, place);
        return STATUS_OK;
    }
    if (where->ip.length == 0 && where->mask.length == 0) return STATUS_OK;
    TRY(network_of(where->ip, where->mask, &network, error));
    struct str identity = where->site;
    if (identity.length == 0) {
        place->edge = edge_by_network(registry, &network, where->caller);
        identity = place->edge ? edge_identity(arena, place->edge) : identity_by_caller(registry, arena, where->caller);
    }
    place_at(registry, lan_format(arena, identity, &network), place);
    return STATUS_OK;
}

/* --- nearness */

double location_distance(const struct location *a, const struct location *b)
{
    static const double radians = 3.14159265358979323846 / 180, earth = 6371.0088;
    double dlat = (b->latitude - a->latitude) * radians, dlon = (b->longitude - a->longitude) * radians;
    double h = sin(dlat / 2) * sin(dlat / 2) + cos(a->latitude * radians) * cos(b->latitude * radians) * sin(dlon / 2) * sin(dlon / 2);
    return 2 * earth * asin(sqrt(h > 1 ? 1 : h));
}

struct near {
    const struct edge *edge;
    double distance;
};

static double distance_to(const struct place *place, const struct edge *edge)
{
    static const double same_region = 1e6, elsewhere = 1e7; /* further than any distance on earth */
    if (place->location.known && edge->location.known) return location_distance(&place->location, &edge->location);
    return place->region.length > 0 && str_equal(place->region, edge->region) ? same_region : elsewhere;
}

static int by_distance(const void *a, const void *b)
{
    const struct near *one = a, *other = b;
    if (one->distance != other->distance) return one->distance < other->distance ? -1 : 1;
    return str_compare(one->edge->id, other->edge->id);
}

size_t registry_nearest(const struct registry *registry, struct arena *arena, const struct place *place, const struct edge **edges,
                        size_t most)
{
    static const double beyond = 1e7;
    struct near *all = arena_array(arena, registry->edge_count, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        double distance = distance_to(place, edge);
        if (edge != place->edge && distance < beyond) all[count++] = (struct near){edge, distance};
    }
    if (count > 0) qsort(all, count, sizeof *all, by_distance);
    if (count > most) count = most;
    for (size_t i = 0; i < count; i++) edges[i] = all[i].edge;
    return count;
}
