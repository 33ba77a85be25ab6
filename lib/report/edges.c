#include <math.h>
#include <stdlib.h>

#include "lib/report/report_internal.h"

/* The map: one edge a cell where the fleet is small, else cells of the first size at which there are few enough. */
enum { CELLS_MOST = 2000 };
static const double FIRST_CELL = 0.001, LAST_CELL = 180; /* degrees */

struct spot {
    double latitude, longitude; /* the cell's south-western corner, in cells */
    const struct edge *edge;
};

static int by_cell(const void *left, const void *right)
{
    const struct spot *a = left, *b = right;
    if (a->latitude != b->latitude) return a->latitude < b->latitude ? -1 : 1;
    if (a->longitude != b->longitude) return a->longitude < b->longitude ? -1 : 1;
    return str_compare(a->edge->id, b->edge->id);
}

static bool same_cell(const struct spot *a, const struct spot *b)
{
    return a->latitude == b->latitude && a->longitude == b->longitude;
}

static size_t place(const struct registry *registry, double cell, struct spot *spots)
{
    size_t count = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        if (!edge->location.known) continue;
        spots[count++] = (struct spot){floor(edge->location.latitude / cell), floor(edge->location.longitude / cell), edge};
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

static void put_cell(struct json_writer *json, const struct spot *first, size_t count, double cell)
{
    json_open_object(json, NULL);
    json_put_real(json, "latitude", (first->latitude + 0.5) * cell, 8);
    json_put_real(json, "longitude", (first->longitude + 0.5) * cell, 8);
    json_put_number(json, "edges", count);
    json_put_text(json, "first", first->edge->id);
    json_close(json);
}

static void put_cells(struct json_writer *json, const struct spot *spots, size_t count, double cell)
{
    json_open_array(json, "map");
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && same_cell(&spots[i], &spots[next]);) next++;
        put_cell(json, &spots[i], next - i, cell);
    }
    json_close(json);
}

enum status report_put_edges(struct collecting *at, struct error *error)
{
    const struct registry *registry = &at->registry;
    struct spot *spots = arena_array(at->io.arena, registry->edge_count, sizeof *spots);
    double cell = FIRST_CELL;
    size_t located = place(registry, cell, spots);
    (void)error;
    while (cells_in(spots, located) > CELLS_MOST && cell < LAST_CELL) place(registry, cell *= 2, spots);
    json_open_object(&at->json, "edges");
    json_put_number(&at->json, "count", registry->edge_count);
    json_put_number(&at->json, "located", located);
    json_put_number(&at->json, "without_lans", registry->node_count);
    json_put_number(&at->json, "lans", registry->lan_count);
    json_put_real(&at->json, "cell", cell, 8);
    put_cells(&at->json, spots, located, cell);
    json_close(&at->json);
    return STATUS_OK;
}
