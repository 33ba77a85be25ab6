/* What an operator registers, changes and removes. */
#include <stdlib.h>

#include "base/log.h"
#include "lib/edges/claims_internal.h"
#include "lib/edges/lookup_internal.h"
#include "lib/edges/registry_load_internal.h"
#include "lib/store/many.h"

static struct str edge_entry_key(struct arena *arena, struct str id)
{
    return arena_join(arena, S("edges/"), id, S(".json"));
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

static enum status put_edge(struct store *store, struct io io, const struct edge *edge, struct store_object *object, struct error *error)
{
    return store_put(store, io, edge_entry_key(io.arena, edge->id), edge_format(io.arena, edge),
                     &(struct store_put){.content_type = "application/json"}, object, error);
}

/* --- the look-up document */

/* It is derived, and can be made again: what was asked for is done. */
static void repair_lookup(struct store *store, struct io io, const struct registry *registry)
{
    struct error why;
    size_t changed;
    if (registry->edge_count + registry->lan_count < LOOKUP_MIN) return;
    if (lookup_repair(store, io, registry, &changed, &why) != STATUS_OK)
        log_warn((struct log){0}, "the look-up document was not made, so that queries read all edges: %s", why.text);
}

/* After the objects were written. Another writer may have replaced the same ones meanwhile, and removed what this one relies on, or the
 * other way round: what they need is looked at again, and mostly there. */
static enum status try_to_finish(struct lookup_change *change, struct str edge, struct error *error)
{
    size_t removed;
    struct registry now;
    const struct lookup lookup = {.store = change->store, .io = change->io};
    TRY(lookup_finish(change, &removed, error));
    change->before.count = 0;
    if (removed > 0 && edge.length > 0) {
        TRY(lookup_edge(&lookup, edge, &now, error));
        lookup_note_edge(change, NULL, &now, edge);
    }
    return lookup_prepare(change, error);
}

/* What is asked for is done by then; entries too many cost time only. */
static void finish_lookup(struct lookup_change *change, struct str edge)
{
    struct error why;
    if (try_to_finish(change, edge, &why) != STATUS_OK)
        log_warn((struct log){0}, "the look-up document has entries too many until it is repaired: %s", why.text);
}

/* --- an edge */

static enum status check_edge(struct arena *arena, const struct registry *registry, const struct edge *edge, struct error *error)
{
    TRY(registry_check_codes(registry, edge, error));
    for (size_t i = 0; i < registry->area_count; i++)
        if (str_equal(registry->areas[i].edge->id, edge->id)) TRY(registry_check_area(arena, registry, &registry->areas[i], error));
    return STATUS_OK;
}

static enum status replace_edge(struct lookup_change *change, const struct registry *before, const struct registry *after,
                                const struct edge *edge, struct error *error)
{
    lookup_note_edge(change, before, after, edge->id);
    TRY(lookup_prepare(change, error));
    TRY(put_edge(change->store, change->io, edge, NULL, error));
    finish_lookup(change, edge->id);
    return STATUS_OK;
}

enum status registry_put_edge(struct store *store, struct io io, const struct edge *edge, struct error *error)
{
    struct registry before, after;
    struct lookup_change change;
    TRY(registry_check_store(io.arena, edge, error));
    TRY(registry_load(store, io, &before, error));
    registry_keep_summary(store, io, &before);
    after = before;
    take_edge(io.arena, &after, edge);
    TRY(check_edge(io.arena, &after, edge, error));
    enum status status = lookup_begin(&change, store, io, error);
    if (status == STATUS_OK) status = replace_edge(&change, &before, &after, edge, error);
    bool is_new = change.settings.generation == 0;
    lookup_end(&change);
    if (status == STATUS_OK && is_new) repair_lookup(store, io, &after);
    return status;
}

/* --- many edges */

struct batch {
    struct store *store;
    const struct registry_batch *what;
    struct edge *sorted;
    struct registry whole;       /* as it is with all of them */
    const struct edge **changed; /* those that are to be written */
    struct registry_source *written;
    size_t changed_count;
};

static enum status sort_batch(struct arena *arena, struct batch *batch, struct error *error)
{
    size_t count = batch->what->count;
    batch->sorted = arena_array(arena, count, sizeof *batch->sorted);
    if (count > 0) memcpy(batch->sorted, batch->what->edges, count * sizeof *batch->sorted);
    if (count > 0) qsort(batch->sorted, count, sizeof *batch->sorted, registry_by_edge_id);
    for (size_t i = 1; i < count; i++)
        ENSURE(!str_equal(batch->sorted[i - 1].id, batch->sorted[i].id), error, STATUS_INVALID,
               "edge " STR_FMT " is there twice: leave one of the two out", STR_ARG(batch->sorted[i].id));
    return STATUS_OK;
}

static const struct edge *find_in_batch(const struct batch *batch, struct str id)
{
    const struct edge sought = {.id = id};
    size_t count = batch->what->count;
    return count > 0 ? bsearch(&sought, batch->sorted, count, sizeof sought, registry_by_edge_id) : NULL;
}

/* The registry as it would be with all of them. */
static void take_batch(struct arena *arena, struct batch *batch)
{
    struct registry *registry = &batch->whole;
    *registry = *batch->what->known;
    const struct edge *known = registry->edges;
    size_t count = registry->edge_count;
    registry->edges = arena_array(arena, count + batch->what->count, sizeof *registry->edges);
    registry->edge_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!find_in_batch(batch, known[i].id)) registry->edges[registry->edge_count++] = known[i];
    for (size_t i = 0; i < batch->what->count; i++) registry->edges[registry->edge_count++] = batch->sorted[i];
    if (registry->edge_count > 0) qsort(registry->edges, registry->edge_count, sizeof *registry->edges, registry_by_edge_id);
    registry_complete(arena, registry);
}

static enum status check_batch(struct arena *arena, struct batch *batch, struct error *error)
{
    struct registry *whole = &batch->whole;
    take_batch(arena, batch);
    const struct claims *claims = claims_new(arena, whole);
    for (size_t i = 0; i < batch->what->count; i++) {
        TRY(registry_check_store(arena, &batch->sorted[i], error));
        TRY(registry_check_codes(whole, &batch->sorted[i], error));
    }
    for (size_t i = 0; i < whole->area_count; i++) {
        const struct registry_area *area = &whole->areas[i];
        if (find_in_batch(batch, area->edge->id) && claims_may_clash(claims, area)) TRY(registry_check_area(arena, whole, area, error));
    }
    return STATUS_OK;
}

/* What stands there already, by a run that was cut off or long since, is not written again. */
static void choose_changed(struct arena *arena, struct batch *batch)
{
    struct arena *scratch = arena_new();
    batch->changed = arena_array(arena, batch->what->count, sizeof(const struct edge *));
    for (size_t i = 0; i < batch->what->count; i++) {
        const struct edge *edge = &batch->sorted[i], *known = registry_edge(batch->what->known, edge->id);
        bool same = known && str_equal(edge_format(scratch, known), edge_format(scratch, edge));
        if (!same) batch->changed[batch->changed_count++] = edge;
        arena_reset(scratch);
    }
    arena_free(scratch);
}

static int by_id_of(const void *id, const void *edge)
{
    return str_compare(*(const struct str *)id, (*(const struct edge *const *)edge)->id);
}

static bool find_changed(const struct batch *batch, struct str id)
{
    return batch->changed_count > 0 && bsearch(&id, batch->changed, batch->changed_count, sizeof *batch->changed, by_id_of);
}

static enum status put_number(void *context, struct io io, size_t number, struct error *error)
{
    const struct batch *batch = context;
    struct store_object object;
    TRY(put_edge(batch->store, io, batch->changed[number], &object, error));
    batch->written[number] = (struct registry_source){.name = batch->changed[number]->id, .etag = registry_hash_etag(object.etag)};
    return STATUS_OK;
}

/* Of those that were there and are as they were, and those that were written. */
static void keep_batch(struct arena *arena, const struct batch *batch, struct io io)
{
    struct registry registry = batch->whole;
    const struct registry_sources *known = &batch->what->known->edge_sources;
    struct registry_sources sources = {.at = arena_array(arena, known->count + batch->changed_count, sizeof *sources.at)};
    for (size_t i = 0; i < known->count; i++)
        if (!find_changed(batch, known->at[i].name)) sources.at[sources.count++] = known->at[i];
    for (size_t i = 0; i < batch->changed_count; i++) sources.at[sources.count++] = batch->written[i];
    sources.read = known->read + batch->changed_count;
    registry.edge_sources = sources;
    registry_keep_summary(batch->store, io, &registry);
}

static enum status put_changed(struct arena *arena, struct batch *batch, struct lookup_change *change, struct io io, struct error *error)
{
    const int64_t span = deadline_left(io.deadline);
    for (size_t i = 0; i < batch->changed_count; i++) lookup_note_edge(change, batch->what->known, &batch->whole, batch->changed[i]->id);
    TRY(lookup_prepare(change, error));
    io = io_anew(io, span);
    batch->written = arena_array(arena, batch->changed_count, sizeof *batch->written);
    const struct store_many many = {.count = batch->changed_count,
                                    .each = put_number,
                                    .context = batch,
                                    .progress = batch->what->progress,
                                    .progress_context = batch->what->context};
    TRY(store_many(&many, io, error));
    finish_lookup(change, S(""));
    keep_batch(arena, batch, io_anew(io, span));
    return STATUS_OK;
}

static enum status put_batch(struct arena *arena, struct batch *batch, struct io io, struct error *error)
{
    struct lookup_change change;
    const int64_t span = deadline_left(io.deadline);
    TRY(sort_batch(arena, batch, error));
    TRY(check_batch(arena, batch, error));
    choose_changed(arena, batch);
    enum status status = lookup_begin(&change, batch->store, io, error);
    if (status == STATUS_OK) status = put_changed(arena, batch, &change, io_anew(io, span), error);
    bool is_new = change.settings.generation == 0;
    lookup_end(&change);
    if (status == STATUS_OK && is_new) repair_lookup(batch->store, io_anew(io, span), &batch->whole);
    return status;
}

enum status registry_put_edges(struct store *store, struct io io, const struct registry_batch *what, size_t *written, struct error *error)
{
    struct batch batch = {.store = store, .what = what};
    struct arena *arena = arena_new();
    enum status status = put_batch(arena, &batch, io, error);
    *written = batch.changed_count;
    arena_free(arena);
    return status;
}

/* --- one of them */

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

/* The registry as it is, where the look-up document has to follow what becomes of it; else it is left empty. */
static enum status load_for(struct lookup_change *change, struct registry *registry, struct error *error)
{
    *registry = (struct registry){0};
    if (change->settings.generation == 0) return STATUS_OK;
    struct io io = change->io;
    return registry_load(change->store, io, registry, error);
}

static enum status remove_edge(struct lookup_change *change, struct str id, struct error *error)
{
    struct registry before;
    TRY(load_for(change, &before, error));
    lookup_note_edge(change, &before, NULL, id);
    TRY(remove_entry(change->store, change->io, "edge", id, edge_entry_key(change->arena, id), error));
    finish_lookup(change, id);
    return STATUS_OK;
}

enum status registry_remove_edge(struct store *store, struct io io, struct str id, struct error *error)
{
    struct lookup_change change;
    enum status status = lookup_begin(&change, store, io, error);
    if (status == STATUS_OK) status = remove_edge(&change, id, error);
    lookup_end(&change);
    return status;
}

/* As take_edge; NULL for an entry that is gone. */
static void take_lan(struct arena *arena, struct registry *registry, struct str code, const struct lan_entry *entry)
{
    const struct lan_entry *known = registry->lans;
    size_t count = registry->lan_count;
    registry->lans = arena_array(arena, count + 1, sizeof *registry->lans);
    registry->lan_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!str_equal(known[i].code, code)) registry->lans[registry->lan_count++] = known[i];
    if (entry) registry->lans[registry->lan_count++] = *entry;
    if (registry->lan_count > 0) qsort(registry->lans, registry->lan_count, sizeof *registry->lans, registry_by_code);
    registry_complete(arena, registry);
}

static struct str lan_entry_key(struct arena *arena, struct str code)
{
    return arena_join(arena, S("lans/"), code, S(".json"));
}

static enum status put_lan(struct lookup_change *change, struct io io, struct str json, struct str code, struct error *error)
{
    TRY(lookup_prepare(change, error));
    TRY(store_put(change->store, io, lan_entry_key(io.arena, code), json, &(struct store_put){.content_type = "application/json"}, NULL,
                  error));
    finish_lookup(change, S(""));
    return STATUS_OK;
}

enum status registry_put_lan(struct store *store, struct io io, struct str json, struct lan_entry *entry, struct error *error)
{
    struct registry before, after;
    struct lookup_change change;
    TRY(lan_entry_parse(io.arena, json, entry, error));
    TRY(registry_load(store, io, &before, error));
    registry_keep_summary(store, io, &before);
    after = before;
    take_lan(io.arena, &after, entry->code, entry);
    for (size_t i = 0; i < after.area_count; i++)
        if (str_equal(after.areas[i].code, entry->code)) TRY(registry_check_area(io.arena, &after, &after.areas[i], error));
    enum status status = lookup_begin(&change, store, io, error);
    lookup_note_lan(&change, &before, &after, entry->code);
    if (status == STATUS_OK) status = put_lan(&change, io, json, entry->code, error);
    bool is_new = change.settings.generation == 0;
    lookup_end(&change);
    if (status == STATUS_OK && is_new) repair_lookup(store, io, &after);
    return status;
}

static enum status remove_lan(struct lookup_change *change, struct str code, struct error *error)
{
    struct registry before, after;
    TRY(load_for(change, &before, error));
    after = before;
    take_lan(change->arena, &after, code, NULL);
    lookup_note_lan(change, &before, &after, code);
    TRY(remove_entry(change->store, change->io, "LAN", code, lan_entry_key(change->arena, code), error));
    finish_lookup(change, S(""));
    return STATUS_OK;
}

enum status registry_remove_lan(struct store *store, struct io io, struct str code, struct error *error)
{
    struct lookup_change change;
    enum status status = lookup_begin(&change, store, io, error);
    if (status == STATUS_OK) status = remove_lan(&change, code, error);
    lookup_end(&change);
    return status;
}
