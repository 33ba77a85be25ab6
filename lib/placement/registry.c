#include "lib/placement/registry.h"

#include <stdlib.h>

#include "base/log.h"

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
    log_warn((struct log){0}, STR_FMT " is passed over: %s", STR_ARG(key), error->text);
}

static int by_edge_id(const void *a, const void *b)
{
    return str_compare(((const struct edge *)a)->id, ((const struct edge *)b)->id);
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
    if (registry->edge_count > 0) qsort(registry->edges, registry->edge_count, sizeof *registry->edges, by_edge_id);
}

static int by_code(const void *a, const void *b)
{
    return str_compare(((const struct lan_entry *)a)->code, ((const struct lan_entry *)b)->code);
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
    if (registry->lan_count > 0) qsort(registry->lans, registry->lan_count, sizeof *registry->lans, by_code);
}

static int by_lan(const void *a, const void *b)
{
    const struct registry_served *one = a, *other = b;
    return str_compare(one->lan, other->lan);
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

static void index_lans(struct arena *arena, struct registry *registry)
{
    size_t most = 0;
    for (size_t e = 0; e < registry->edge_count; e++) most += registry->edges[e].lan_count;
    registry->served = arena_array(arena, 2 * most, sizeof *registry->served);
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *edge = &registry->edges[e];
        for (size_t i = 0; i < edge->lan_count; i++) {
            const struct lan_entry *entry = str_starts(edge->lans[i], S("@")) ? registry_lan(registry, str_from(edge->lans[i], 1)) : NULL;
            registry->served[registry->served_count++] = (struct registry_served){edge->lans[i], edge};
            if (entry && !str_equal(entry->lan, edge->lans[i]))
                registry->served[registry->served_count++] = (struct registry_served){entry->lan, edge};
        }
    }
    if (registry->served_count > 0) qsort(registry->served, registry->served_count, sizeof *registry->served, by_lan);
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
    index_texts(io.arena, &registry);
    index_lans(io.arena, &registry);
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

static bool overlap(const struct network *a, const struct network *b)
{
    const struct network *wide = a->prefix <= b->prefix ? a : b, *narrow = wide == a ? b : a;
    return network_contains(wide, &narrow->address);
}

/* One device can't be in two LANs of one shop. */
static enum status check_networks(struct arena *arena, const struct edge *edge, const struct edge *other, struct error *error)
{
    if (!str_equal(edge_identity(arena, edge), edge_identity(arena, other))) return STATUS_OK;
    for (size_t i = 0; i < edge->network_count; i++)
        for (size_t j = 0; j < other->network_count; j++)
            ENSURE(!overlap(&edge->networks[i], &other->networks[j]), error, STATUS_INVALID,
                   "edge " STR_FMT " and edge " STR_FMT " overlap: " STR_FMT " and " STR_FMT
                   "; give one of the two a site or an egress of its own",
                   STR_ARG(edge->id), STR_ARG(other->id), STR_ARG(network_format(arena, &edge->networks[i])),
                   STR_ARG(network_format(arena, &other->networks[j])));
    return STATUS_OK;
}

static enum status check_overlap(struct arena *arena, const struct registry *registry, const struct edge *edge, struct error *error)
{
    for (size_t e = 0; e < registry->edge_count; e++) {
        const struct edge *other = &registry->edges[e];
        if (str_equal(other->id, edge->id)) continue;
        TRY(check_networks(arena, edge, other, error));
        for (size_t i = 0; i < edge->lan_count; i++)
            ENSURE(!serves(other, edge->lans[i]), error, STATUS_INVALID, "edge " STR_FMT " and edge " STR_FMT " both list the LAN " STR_FMT,
                   STR_ARG(edge->id), STR_ARG(other->id), STR_ARG(edge->lans[i]));
    }
    return STATUS_OK;
}

enum status registry_put_edge(struct store *store, struct io io, const struct edge *edge, struct error *error)
{
    struct registry registry;
    TRY(registry_load(store, io, &registry, error));
    TRY(check_overlap(io.arena, &registry, edge, error));
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

enum status registry_put_lan(struct store *store, struct io io, struct str json, struct lan_entry *entry, struct error *error)
{
    TRY(lan_entry_parse(io.arena, json, entry, error));
    return store_put(store, io, arena_join(io.arena, S("lans/"), entry->code, S(".json")), json,
                     &(struct store_put){.content_type = "application/json"}, NULL, error);
}

enum status registry_remove_lan(struct store *store, struct io io, struct str code, struct error *error)
{
    return remove_entry(store, io, "LAN", code, arena_join(io.arena, S("lans/"), code, S(".json")), error);
}

/* --- by id, code, LAN */

const struct edge *registry_edge(const struct registry *registry, struct str id)
{
    const struct edge sought = {.id = id};
    return registry->edge_count > 0 ? bsearch(&sought, registry->edges, registry->edge_count, sizeof sought, by_edge_id) : NULL;
}

const struct edge *registry_edge_of(const struct registry *registry, struct str lan)
{
    const struct registry_served sought = {.lan = lan};
    const struct registry_served *found =
        registry->served_count > 0 ? bsearch(&sought, registry->served, registry->served_count, sizeof sought, by_lan) : NULL;
    return found ? found->edge : NULL;
}

const struct lan_entry *registry_lan(const struct registry *registry, struct str code)
{
    const struct lan_entry sought = {.code = code};
    return registry->lan_count > 0 ? bsearch(&sought, registry->lans, registry->lan_count, sizeof sought, by_code) : NULL;
}
