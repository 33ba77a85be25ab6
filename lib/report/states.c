#include "lib/edges/state.h"

#include <stdlib.h>

#include "base/log.h"
#include "lib/report/report_internal.h"
#include "lib/store/many.h"

static const char *const names[EDGE_STATUSES] = {"silent", "full", "waiting", "holding", "empty", "unread"};

/* Silent: what was wanted has waited for so long, and in that time nobody wrote what the edge holds. */
enum { SILENT_AFTER = CLOCK_DAY };

const char *report_edge_status_name(enum report_edge_status status)
{
    return names[status];
}

/* --- which rows there are */

struct listing {
    struct arena *arena;
    const struct registry *registry;
    struct report_edge *edges;
    size_t prefix; /* bytes of "wanted/" */
    bool is_held;
};

/* <prefix>/<edge>/<n>: the first key of an edge is that of the newest generation. Rows of edges that are registered no more stay, and are
 * passed over. */
static bool note_row(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct str rest = str_from(object->key, listing->prefix), id = str_cut(&rest, '/');
    const struct edge *edge = rest.data ? registry_edge(listing->registry, id) : NULL;
    if (!edge) return true;
    struct report_edge *found = &listing->edges[edge - listing->registry->edges];
    struct report_row *row = listing->is_held ? &found->held : &found->wanted;
    if (row->key.length == 0) *row = (struct report_row){arena_copy(listing->arena, object->key), object->modified};
    return true;
}

static enum status list_rows(struct collecting *at, struct report_edge *edges, bool is_held, struct error *error)
{
    struct str prefix = is_held ? S("held/") : S("wanted/");
    struct listing listing = {at->io.arena, &at->registry, edges, prefix.length, is_held};
    return store_list(at->question->store, at->io, prefix, 0, note_row, &listing, error);
}

/* --- what they say */

struct reading {
    struct collecting *at;
    struct report_edge **order;
    struct deadline end;
};

static void add_held(struct report_edge *edge, const struct held *held)
{
    for (size_t i = 0; i < held->count; i++) {
        edge->held_packages += held->items[i].state == HELD_HERE;
        edge->held_bytes += held->items[i].size;
    }
}

/* Returns since when the one that has waited longest does; INT64_MAX: none waits. What is only marked waits for a query, not for us. */
static int64_t add_waiting(struct report_edge *edge, const struct wanted *wanted, const struct held *held)
{
    int64_t since = INT64_MAX;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct wanted_package *package = &wanted->items[i];
        if (package->pending || held_find(held, package->package)) continue;
        edge->waiting_packages++;
        if (!held_find_any(held, package->package)) edge->waiting_bytes += package->size;
        if (package->since < since) since = package->since;
    }
    return since;
}

/* Over nine tenths of its quota are taken, or will be. */
static bool is_full(const struct report_edge *edge)
{
    uint64_t quota = edge->edge->quota, taken = edge->held_bytes + edge->waiting_bytes;
    return quota != UINT64_MAX && taken > 0 && taken > quota - quota / 10;
}

static void judge(struct report_edge *edge, const struct wanted *wanted, const struct held *held, int64_t now)
{
    add_held(edge, held);
    int64_t since = add_waiting(edge, wanted, held), heard = edge->held.key.length > 0 ? edge->held.modified : 0;
    bool waits = edge->waiting_packages > 0;
    edge->status = edge->held_packages > 0 ? EDGE_HOLDING : EDGE_EMPTY;
    if (waits) edge->status = EDGE_WAITING;
    if (is_full(edge)) edge->status = EDGE_FULL;
    if (waits && since < now - SILENT_AFTER && heard < now - SILENT_AFTER) edge->status = EDGE_SILENT;
}

static enum status get_row(const struct reading *reading, struct io io, const struct report_row *row, struct str *body, struct error *error)
{
    struct store_object object;
    *body = (struct str){NULL, 0};
    if (row->key.length == 0) return STATUS_OK;
    TRY(store_get(reading->at->question->store, io, row->key, NULL, &object, error));
    *body = object.body;
    return STATUS_OK;
}

static enum status read_rows(const struct reading *reading, struct io io, struct report_edge *edge, struct error *error)
{
    struct wanted wanted = {0};
    struct held held = {0};
    struct str body;
    TRY(get_row(reading, io, &edge->wanted, &body, error));
    if (body.length > 0) TRY(wanted_parse(io.arena, body, &wanted, error));
    TRY(get_row(reading, io, &edge->held, &body, error));
    if (body.length > 0) TRY(held_parse(io.arena, body, &held, error));
    judge(edge, &wanted, &held, reading->at->question->now);
    return STATUS_OK;
}

/* One that can't be read, or not in time, is shown as unread. */
static enum status read_edge(void *context, struct io io, size_t number, struct error *error)
{
    const struct reading *reading = context;
    struct report_edge *edge = reading->order[number];
    io.deadline = reading->end;
    if (deadline_left(reading->end) > 0 && read_rows(reading, io, edge, error) != STATUS_OK && deadline_left(reading->end) > 0)
        log_warn((struct log){0}, "edge=" STR_FMT " is not read for the report: %s", STR_ARG(edge->edge->id), error->text);
    return STATUS_OK;
}

/* Where time is short, first those about which there may be something to say: what is wanted was written last. */
static int by_interest(const void *left, const void *right)
{
    const struct report_edge *a = *(struct report_edge *const *)left, *b = *(struct report_edge *const *)right;
    bool a_is_behind = a->wanted.modified > a->held.modified, b_is_behind = b->wanted.modified > b->held.modified;
    if (a_is_behind != b_is_behind) return a_is_behind ? -1 : 1;
    return str_compare(a->edge->id, b->edge->id);
}

enum status report_load_edges(struct collecting *at, struct report_edge **out, struct error *error)
{
    size_t count = at->registry.edge_count, unread = 0;
    struct report_edge *edges = arena_array(at->io.arena, count, sizeof *edges);
    struct report_edge **order = arena_array(at->io.arena, count, sizeof(struct report_edge *));
    for (size_t i = 0; i < count; i++) edges[i] = (struct report_edge){.edge = &at->registry.edges[i], .status = EDGE_EMPTY};
    TRY(list_rows(at, edges, false, error));
    TRY(list_rows(at, edges, true, error));
    for (size_t i = 0; i < count; i++) {
        if (edges[i].wanted.key.length == 0 && edges[i].held.key.length == 0) continue;
        edges[i].status = EDGE_UNREAD;
        order[unread++] = &edges[i];
    }
    if (unread > 0) qsort(order, unread, sizeof *order, by_interest);
    struct reading reading = {at, order, deadline_within(at->io.deadline, at->question->edges_time)};
    *out = edges;
    return store_many(&(struct store_many){.count = unread, .each = read_edge, .context = &reading}, at->io, error);
}
