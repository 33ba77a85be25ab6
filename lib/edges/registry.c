/* What an operator registers, changes and removes. */
#include <stdlib.h>

#include "lib/edges/registry_internal.h"

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

static enum status check_codes(const struct registry *registry, const struct edge *edge, struct error *error)
{
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *other = &registry->edges[e];
        if (str_equal(other->id, edge->id)) continue;
        for (size_t i = 0; i < edge->lan_count; i++)
            ENSURE(!str_starts(edge->lans[i], S("@")) || !serves(other, edge->lans[i]), error, STATUS_INVALID,
                   "edge " STR_FMT " and edge " STR_FMT " both list the LAN " STR_FMT, STR_ARG(edge->id), STR_ARG(other->id),
                   STR_ARG(edge->lans[i]));
    }
    return STATUS_OK;
}

static bool overlap(const struct network *a, const struct network *b)
{
    const struct network *wide = a->prefix <= b->prefix ? a : b, *narrow = wide == a ? b : a;
    return network_contains(wide, &narrow->address);
}

static bool share_egress(const struct edge *a, const struct edge *b)
{
    for (size_t i = 0; i < a->egress_count; i++)
        for (size_t j = 0; j < b->egress_count; j++)
            if (overlap(&a->egress[i], &b->egress[j])) return true;
    return false;
}

/* Its text is the network and nothing else. */
static bool is_bare(const struct registry_area *area)
{
    return area->site.length == 0 && (area->code.length > 0 || area->edge->egress_count == 0);
}

static bool is_one_shop(const struct registry_area *a, const struct registry_area *b)
{
    if (a->site.length > 0 || b->site.length > 0) return str_equal(a->site, b->site);
    return (is_bare(a) && is_bare(b)) || share_egress(a->edge, b->edge);
}

static struct str area_format(struct arena *arena, const struct registry_area *area)
{
    struct str network = network_format(arena, &area->network);
    return area->code.length > 0 ? arena_join(arena, network, S(" of the LAN "), area->code) : network;
}

/* One device can't be in two LANs of one shop. */
static enum status check_area(struct arena *arena, const struct registry *registry, const struct registry_area *area, struct error *error)
{
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *other = &registry->areas[i];
        bool clash = other->edge != area->edge && overlap(&area->network, &other->network) && is_one_shop(area, other);
        ENSURE(!clash, error, STATUS_INVALID,
               "edge " STR_FMT " and edge " STR_FMT " overlap: " STR_FMT " and " STR_FMT
               "; give one of the two a site or an egress of its own",
               STR_ARG(area->edge->id), STR_ARG(other->edge->id), STR_ARG(area_format(arena, area)), STR_ARG(area_format(arena, other)));
    }
    return STATUS_OK;
}

/* The registry as it would be with the edge. */
static void take_edge(struct arena *arena, struct registry *registry, const struct edge *edge)
{
    const struct edge *known = registry->edges;
    size_t count = registry->edge_count;
    registry->edges = arena_array(arena, count + 1, sizeof *registry->edges);
    registry->edge_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!str_equal(known[i].id, edge->id)) registry->edges[registry->edge_count++] = known[i];
    registry->edges[registry->edge_count++] = *edge;
    qsort(registry->edges, registry->edge_count, sizeof *registry->edges, registry_by_edge_id);
    registry_complete(arena, registry);
}

/* As far as one can tell without asking it. Who only reads the register does not look so closely: it may be of some thousand edges. */
static enum status check_store(struct arena *arena, const struct edge *edge, struct error *error)
{
    struct store *opened;
    if (edge->store.length == 0) return STATUS_OK;
    if (store_open(edge_store_url(arena, edge).data, &opened, error) != STATUS_OK) {
        error_context(error, "edge.store");
        return error->status = STATUS_INVALID;
    }
    store_close(opened);
    return STATUS_OK;
}

enum status registry_put_edge(struct store *store, struct io io, const struct edge *edge, struct error *error)
{
    struct registry registry;
    TRY(check_store(io.arena, edge, error));
    TRY(registry_load(store, io, &registry, error));
    take_edge(io.arena, &registry, edge);
    TRY(check_codes(&registry, edge, error));
    for (size_t i = 0; i < registry.area_count; i++)
        if (str_equal(registry.areas[i].edge->id, edge->id)) TRY(check_area(io.arena, &registry, &registry.areas[i], error));
    return store_put(store, io, edge_entry_key(io.arena, edge->id), edge_format(io.arena, edge),
                     &(struct store_put){.content_type = "application/json"}, NULL, error);
}

static enum status no_edge(struct str id, struct error *error)
{
    return error_set(error, STATUS_NOT_FOUND, "there is no edge '" STR_FMT "'", STR_ARG(id));
}

enum status registry_get_edge(struct store *store, struct io io, struct str id, struct edge *edge, struct error *error)
{
    struct store_object object;
    ENSURE(str_is_id(id), error, STATUS_INVALID, "'" STR_FMT "' is no edge's id", STR_ARG(str_first(id, 200)));
    enum status status =
        store_get(store, io, edge_entry_key(io.arena, id), &(struct store_get){.limit = REGISTRY_ENTRY_LIMIT}, &object, error);
    if (status == STATUS_NOT_FOUND) return no_edge(id, error);
    TRY(status);
    return edge_parse(io.arena, object.body, edge, error);
}

/* Whoever mistypes an id is told so. (A GET, since the answer to a HEAD does not say what is wrong with the store.) */
static enum status remove_entry(struct store *store, struct io io, const char *what, struct str id, struct str key, struct error *error)
{
    struct store_object object;
    ENSURE(str_is_id(id), error, STATUS_INVALID, "'" STR_FMT "' is the id of no %s", STR_ARG(str_first(id, 200)), what);
    enum status status = store_get(store, io, key, &(struct store_get){.limit = REGISTRY_ENTRY_LIMIT}, &object, error);
    ENSURE(status != STATUS_NOT_FOUND, error, STATUS_NOT_FOUND, "there is no %s '" STR_FMT "'", what, STR_ARG(id));
    TRY(status);
    return store_remove(store, io, key, error);
}

enum status registry_remove_edge(struct store *store, struct io io, struct str id, struct error *error)
{
    return remove_entry(store, io, "edge", id, edge_entry_key(io.arena, id), error);
}

/* As take_edge. */
static void take_lan(struct arena *arena, struct registry *registry, const struct lan_entry *entry)
{
    const struct lan_entry *known = registry->lans;
    size_t count = registry->lan_count;
    registry->lans = arena_array(arena, count + 1, sizeof *registry->lans);
    registry->lan_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!str_equal(known[i].code, entry->code)) registry->lans[registry->lan_count++] = known[i];
    registry->lans[registry->lan_count++] = *entry;
    qsort(registry->lans, registry->lan_count, sizeof *registry->lans, registry_by_code);
    registry_complete(arena, registry);
}

enum status registry_put_lan(struct store *store, struct io io, struct str json, struct lan_entry *entry, struct error *error)
{
    struct registry registry;
    TRY(lan_entry_parse(io.arena, json, entry, error));
    TRY(registry_load(store, io, &registry, error));
    take_lan(io.arena, &registry, entry);
    for (size_t i = 0; i < registry.area_count; i++)
        if (str_equal(registry.areas[i].code, entry->code)) TRY(check_area(io.arena, &registry, &registry.areas[i], error));
    return store_put(store, io, arena_join(io.arena, S("lans/"), entry->code, S(".json")), json,
                     &(struct store_put){.content_type = "application/json"}, NULL, error);
}

enum status registry_remove_lan(struct store *store, struct io io, struct str code, struct error *error)
{
    return remove_entry(store, io, "LAN", code, arena_join(io.arena, S("lans/"), code, S(".json")), error);
}
