/* What is found from the edges and LANs as they are read. */
#include <stdlib.h>

#include "lib/edges/nearness_internal.h"
#include "lib/edges/registry_index_internal.h"

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
