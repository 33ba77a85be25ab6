#include <math.h>
#include <stdlib.h>

#include "lib/report/report_internal.h"

/* The map: one edge a cell where the fleet is small, else cells of the first size at which there are few enough. */
enum { CELLS_MOST = 1500, EDGES_MOST = 500, LIST_BYTES = 160 << 10 };
static const double FIRST_CELL = 0.001, LAST_CELL = 180; /* degrees */

struct fleet {
    const struct report_edge *edges;
    size_t count;
    uint64_t by_status[EDGE_STATUSES];
    uint64_t held_packages, held_bytes, waiting_packages, waiting_bytes;
};

struct spot {
    double latitude, longitude; /* the cell's south-western corner, in cells */
    const struct report_edge *edge;
};

static struct fleet add_up(const struct report_edge *edges, size_t count)
{
    struct fleet fleet = {.edges = edges, .count = count};
    for (size_t i = 0; i < count; i++) {
        fleet.by_status[edges[i].status]++;
        fleet.held_packages += edges[i].held_packages;
        fleet.held_bytes += edges[i].held_bytes;
        fleet.waiting_packages += edges[i].waiting_packages;
        fleet.waiting_bytes += edges[i].waiting_bytes;
    }
    return fleet;
}

/* --- the map */

static int by_cell(const void *left, const void *right)
{
    const struct spot *a = left, *b = right;
    if (a->latitude != b->latitude) return a->latitude < b->latitude ? -1 : 1;
    if (a->longitude != b->longitude) return a->longitude < b->longitude ? -1 : 1;
    return str_compare(a->edge->edge->id, b->edge->edge->id);
}

static bool same_cell(const struct spot *a, const struct spot *b)
{
    return a->latitude == b->latitude && a->longitude == b->longitude;
}

static size_t place(const struct fleet *fleet, double cell, struct spot *spots)
{
    size_t count = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        const struct location *location = &fleet->edges[i].edge->location;
        if (!location->known) continue;
        spots[count++] = (struct spot){floor(location->latitude / cell), floor(location->longitude / cell), &fleet->edges[i]};
    }
    if (count > 0) qsort(spots, count, sizeof *spots, by_cell);
    return count;
}

static size_t cells_in(const struct spot *spots, size_t count)
{
    size_t cells = 0;
    for (size_t i = 0; i < count; i++) cells += i == 0 || !same_cell(&spots[i - 1], &spots[i]);
    return cells;
}

/* A cell of several edges tells how many need a look; one edge alone has its name and status. */
static void put_cell(struct json_writer *json, const struct spot *first, size_t count, double cell)
{
    uint64_t by_status[EDGE_STATUSES] = {0};
    for (size_t i = 0; i < count; i++) by_status[first[i].edge->status]++;
    json_open_object(json, NULL);
    json_put_real(json, "latitude", (first->latitude + 0.5) * cell, 8);
    json_put_real(json, "longitude", (first->longitude + 0.5) * cell, 8);
    json_put_number(json, "edges", count);
    if (count == 1) json_put_text(json, "edge", first->edge->edge->id);
    for (enum report_edge_status i = EDGE_SILENT; i <= EDGE_WAITING; i++)
        if (by_status[i] > 0) json_put_number(json, report_edge_status_name(i), by_status[i]);
    json_close(json);
}

static void put_map(struct collecting *at, const struct fleet *fleet)
{
    struct spot *spots = arena_array(at->io.arena, fleet->count, sizeof *spots);
    double cell = FIRST_CELL;
    size_t located = place(fleet, cell, spots);
    while (cells_in(spots, located) > CELLS_MOST && cell < LAST_CELL) place(fleet, cell *= 2, spots);
    json_put_number(&at->json, "located", located);
    json_put_real(&at->json, "cell", cell, 8);
    json_open_array(&at->json, "map");
    for (size_t i = 0, next; i < located; i = next) {
        for (next = i + 1; next < located && same_cell(&spots[i], &spots[next]);) next++;
        put_cell(&at->json, &spots[i], next - i, cell);
    }
    json_close(&at->json);
}

/* --- one by one */

static int by_status(const void *left, const void *right)
{
    const struct report_edge *a = left, *b = right;
    if (a->status != b->status) return a->status < b->status ? -1 : 1;
    return str_compare(a->edge->id, b->edge->id);
}

static void put_edge(struct json_writer *json, const struct report_edge *edge)
{
    bool is_read = edge->status != EDGE_UNREAD;
    json_open_object(json, NULL);
    json_put_text(json, "edge", edge->edge->id);
    json_put_word(json, "status", report_edge_status_name(edge->status));
    if (is_read) {
        json_put_number(json, "held", edge->held_packages);
        json_put_number(json, "held_bytes", edge->held_bytes);
        json_put_number(json, "waiting", edge->waiting_packages);
        json_put_number(json, "waiting_bytes", edge->waiting_bytes);
    }
    json_put_number_or_null(json, "quota", edge->edge->quota != UINT64_MAX, edge->edge->quota);
    bool is_heard = edge->held.key.length > 0;
    json_put_text_or_null(json, "heard", is_heard ? clock_format_time(json->out->arena, edge->held.modified) : S(""));
    json_close(json);
}

static void put_shown(struct collecting *at, struct report_edge *edges, size_t count)
{
    if (count > 0) qsort(edges, count, sizeof *edges, by_status);
    struct report_list list = report_list_open(at, "shown", EDGES_MOST, LIST_BYTES);
    for (size_t i = 0; i < count && report_list_takes_one(&list); i++) put_edge(&at->json, &edges[i]);
    json_close(&at->json);
}

static void put_totals(struct json_writer *json, const struct registry *registry, const struct fleet *fleet)
{
    json_put_number(json, "count", fleet->count);
    json_put_number(json, "without_lans", registry->node_count);
    json_put_number(json, "lans", registry->lan_count);
    json_open_object(json, "statuses");
    for (enum report_edge_status i = 0; i < EDGE_STATUSES; i++) json_put_number(json, report_edge_status_name(i), fleet->by_status[i]);
    json_close(json);
    json_put_number(json, "held", fleet->held_packages);
    json_put_number(json, "held_bytes", fleet->held_bytes);
    json_put_number(json, "waiting", fleet->waiting_packages);
    json_put_number(json, "waiting_bytes", fleet->waiting_bytes);
}

enum status report_put_edges(struct collecting *at, struct error *error)
{
    struct report_edge *edges;
    TRY(report_load_edges(at, &edges, error));
    struct fleet fleet = add_up(edges, at->registry.edge_count);
    json_open_object(&at->json, "edges");
    put_totals(&at->json, &at->registry, &fleet);
    put_map(at, &fleet);
    put_shown(at, edges, fleet.count);
    json_close(&at->json);
    return STATUS_OK;
}
