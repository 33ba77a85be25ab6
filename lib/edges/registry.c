#include <stdlib.h>

#include "base/log.h"
#include "lib/edges/nearness_internal.h"
#include "lib/edges/registry_index_internal.h"

enum { ENTRIES_MOST = 200000, ENTRY_LIMIT = 1 << 20 };

/* --- loading */

struct registry_source {
    struct str key, etag, text;
};
struct sources {
    struct arena *arena;
    struct registry_source *items;
    size_t count, capacity;
};

static bool note_source(void *context, const struct store_object *object)
{
    struct sources *sources = context;
    if (!str_ends(object->key, S(".json"))) return true;
    sources->items = arena_grow(sources->arena, sources->items, sources->count, &sources->capacity, sizeof *sources->items);
    sources->items[sources->count++] =
        (struct registry_source){arena_copy(sources->arena, object->key), arena_copy(sources->arena, object->etag), {NULL, 0}};
    return sources->count < ENTRIES_MOST;
}

static int by_key(const void *a, const void *b)
{
    return str_compare(((const struct registry_source *)a)->key, ((const struct registry_source *)b)->key);
}

/* One that was removed since it was listed has no text. */
static enum status read_source(struct store *store, struct io io, struct registry_source *source, struct error *error)
{
    struct store_object object;
    enum status status = store_get(store, io, source->key, &(struct store_get){.limit = ENTRY_LIMIT}, &object, error);
    if (status == STATUS_OK) *source = (struct registry_source){source->key, arena_copy(io.arena, object.etag), object.body};
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Lists the objects under the prefix, and reads those that `known` has not; *changed: there are others than those. */
static enum status read_sources(struct store *store, struct io io, struct str prefix, const struct registry_source *known,
                                size_t known_count, struct sources *sources, bool *changed, struct error *error)
{
    *sources = (struct sources){.arena = io.arena};
    TRY(store_list(store, io, prefix, 0, note_source, sources, error));
    if (sources->count != known_count) *changed = true;
    for (size_t i = 0; i < sources->count; i++) {
        struct registry_source *source = &sources->items[i];
        const struct registry_source *same = known_count > 0 ? bsearch(source, known, known_count, sizeof *known, by_key) : NULL;
        if (same && str_equal(same->etag, source->etag)) {
            source->text = arena_copy(io.arena, same->text);
            continue;
        }
        *changed = true;
        TRY(read_source(store, io, source, error));
    }
    return STATUS_OK;
}

/* What can't be read is told of, and passed over: one bad entry stops nobody. */
static void pass_over(struct str key, const struct error *error)
{
    log_warn((struct log){0}, STR_FMT " is skipped: %s", STR_ARG(key), error->text);
}

static void parse_edges(struct arena *arena, struct registry *registry)
{
    struct error why;
    registry->edges = arena_array(arena, registry->edge_source_count, sizeof *registry->edges);
    for (size_t i = 0; i < registry->edge_source_count; i++) {
        const struct registry_source *source = &registry->edge_sources[i];
        if (!source->text.data) continue;
        if (edge_parse(arena, source->text, &registry->edges[registry->edge_count], &why) == STATUS_OK)
            registry->edge_count++;
        else
            pass_over(source->key, &why);
    }
    if (registry->edge_count > 0) qsort(registry->edges, registry->edge_count, sizeof *registry->edges, registry_by_edge_id);
}

static void parse_lans(struct arena *arena, struct registry *registry)
{
    struct error why;
    registry->lans = arena_array(arena, registry->lan_source_count, sizeof *registry->lans);
    for (size_t i = 0; i < registry->lan_source_count; i++) {
        const struct registry_source *source = &registry->lan_sources[i];
        if (!source->text.data) continue;
        if (lan_entry_parse(arena, source->text, &registry->lans[registry->lan_count], &why) == STATUS_OK)
            registry->lan_count++;
        else
            pass_over(source->key, &why);
    }
    if (registry->lan_count > 0) qsort(registry->lans, registry->lan_count, sizeof *registry->lans, registry_by_code);
}

/* By code where two have one text, so that every load finds the same. */
static int by_text(const void *a, const void *b)
{
    const struct lan_entry *one = *(const struct lan_entry *const *)a, *other = *(const struct lan_entry *const *)b;
    int order = str_compare(one->lan, other->lan);
    return order ? order : str_compare(one->code, other->code);
}

static void index_texts(struct arena *arena, struct registry *registry)
{
    registry->lans_by_text = arena_array(arena, registry->lan_count, sizeof *registry->lans_by_text);
    for (size_t i = 0; i < registry->lan_count; i++) registry->lans_by_text[i] = &registry->lans[i];
    if (registry->lan_count > 0) qsort(registry->lans_by_text, registry->lan_count, sizeof *registry->lans_by_text, by_text);
}

static void index_nodes(struct arena *arena, struct registry *registry)
{
    registry->nodes = arena_array(arena, registry->edge_count, sizeof *registry->nodes);
    registry->node_count = 0;
    for (size_t i = 0; i < registry->edge_count; i++)
        if (registry->edges[i].lan_count == 0) registry->nodes[registry->node_count++] = &registry->edges[i];
}

static void index_lans(struct arena *arena, struct registry *registry)
{
    size_t most = 0;
    for (size_t e = 0; e < registry->edge_count; e++) most += registry->edges[e].lan_count;
    registry->served_count = 0;
    registry->served = arena_array(arena, 2 * most + registry->node_count, sizeof *registry->served);
    for (size_t i = 0; i < registry->node_count; i++)
        registry->served[registry->served_count++] = (struct registry_served){registry->nodes[i]->home, registry->nodes[i]};
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *edge = &registry->edges[e];
        for (size_t i = 0; i < edge->lan_count; i++) {
            const struct lan_entry *entry = registry_listed_lan(registry, edge->lans[i]);
            registry->served[registry->served_count++] = (struct registry_served){edge->lans[i], edge};
            if (entry && !str_equal(entry->lan, edge->lans[i]))
                registry->served[registry->served_count++] = (struct registry_served){entry->lan, edge};
        }
    }
    if (registry->served_count > 0) qsort(registry->served, registry->served_count, sizeof *registry->served, registry_by_lan);
}

/* Its own networks in their order: they stand among the codes in that of its LANs. */
static void note_own_areas(struct registry *registry, const struct edge *edge)
{
    for (size_t i = 0, network = 0; i < edge->lan_count; i++)
        if (!str_starts(edge->lans[i], S("@")))
            registry->areas[registry->area_count++] =
                (struct registry_area){edge, S(""), edge->site, edge->networks[network++], edge->lans[i]};
}

static void index_areas(struct arena *arena, struct registry *registry)
{
    size_t most = 0;
    for (size_t e = 0; e < registry->edge_count; e++) most += registry->edges[e].lan_count;
    registry->area_count = 0;
    registry->areas = arena_array(arena, most, sizeof *registry->areas);
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *edge = &registry->edges[e];
        note_own_areas(registry, edge);
        for (size_t i = 0; i < edge->lan_count; i++) {
            const struct lan_entry *entry = registry_listed_lan(registry, edge->lans[i]);
            if (entry && entry->has_network)
                registry->areas[registry->area_count++] =
                    (struct registry_area){edge, entry->code, entry->site, entry->network, entry->lan};
        }
    }
}

static void index_nearness(struct arena *arena, struct registry *registry)
{
    const struct edge **all = arena_array(arena, registry->edge_count, sizeof *all);
    for (size_t i = 0; i < registry->edge_count; i++) all[i] = &registry->edges[i];
    registry->near = nearness_new(arena, all, registry->edge_count);
    registry->near_nodes = nearness_new(arena, registry->nodes, registry->node_count);
}

void registry_complete(struct arena *arena, struct registry *registry)
{
    index_texts(arena, registry);
    index_nodes(arena, registry);
    index_lans(arena, registry);
    index_areas(arena, registry);
    registry_index_all(arena, registry);
    index_nearness(arena, registry);
}

enum status registry_refresh(struct store *store, struct io io, const struct registry *known, struct registry *out, struct error *error)
{
    static const struct registry nothing;
    struct registry registry = {0};
    struct sources edges, lans;
    bool changed = !known;
    if (!known) known = &nothing;
    TRY(read_sources(store, io, S("edges/"), known->edge_sources, known->edge_source_count, &edges, &changed, error));
    TRY(read_sources(store, io, S("lans/"), known->lan_sources, known->lan_source_count, &lans, &changed, error));
    if (!changed) return error_set(error, STATUS_NOT_MODIFIED, "no edge and no LAN has changed");
    registry.edge_sources = edges.items;
    registry.edge_source_count = edges.count;
    registry.lan_sources = lans.items;
    registry.lan_source_count = lans.count;
    parse_edges(io.arena, &registry);
    parse_lans(io.arena, &registry);
    registry_complete(io.arena, &registry);
    *out = registry;
    return STATUS_OK;
}

enum status registry_load(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    return registry_refresh(store, io, NULL, registry, error);
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
    enum status status = store_get(store, io, edge_entry_key(io.arena, id), &(struct store_get){.limit = ENTRY_LIMIT}, &object, error);
    if (status == STATUS_NOT_FOUND) return no_edge(id, error);
    TRY(status);
    return edge_parse(io.arena, object.body, edge, error);
}

/* Whoever mistypes an id is told so. (A GET, since the answer to a HEAD does not say what is wrong with the store.) */
static enum status remove_entry(struct store *store, struct io io, const char *what, struct str id, struct str key, struct error *error)
{
    struct store_object object;
    ENSURE(str_is_id(id), error, STATUS_INVALID, "'" STR_FMT "' is the id of no %s", STR_ARG(str_first(id, 200)), what);
    enum status status = store_get(store, io, key, &(struct store_get){.limit = ENTRY_LIMIT}, &object, error);
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
