/* LANs that were counted by their callers' public addresses, and the edge that was registered with that egress since. */
#include <stdlib.h>

#include "lib/edges/registry_internal.h"

/* By what is looked up, then by edge. */
static int by_network(const void *a, const void *b)
{
    const struct registry_egress *one = a, *other = b;
    const struct network *x = &one->network, *y = &other->network;
    if (x->address.v6 != y->address.v6) return x->address.v6 ? 1 : -1;
    if (x->prefix != y->prefix) return x->prefix < y->prefix ? -1 : 1;
    int order = memcmp(x->address.bytes, y->address.bytes, sizeof x->address.bytes);
    if (order != 0 || !one->edge || !other->edge) return order ? order : (one->edge != NULL) - (other->edge != NULL);
    return str_compare(one->edge->id, other->edge->id);
}

void registry_index_egress(struct arena *arena, struct registry *registry)
{
    size_t most = 0;
    for (size_t i = 0; i < registry->edge_count; i++) most += registry->edges[i].egress_count;
    registry->egresses = arena_array(arena, most, sizeof *registry->egresses);
    registry->egress_count = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        for (size_t j = 0; edge->lan_count > 0 && j < edge->egress_count; j++)
            registry->egresses[registry->egress_count++] = (struct registry_egress){edge->egress[j], edge};
    }
    if (registry->egress_count > 0) qsort(registry->egresses, registry->egress_count, sizeof *registry->egresses, by_network);
}

/* The first that is not before the network, whatever the edge. */
static size_t first_egress(const struct registry *registry, const struct network *network)
{
    const struct registry_egress sought = {.network = *network};
    size_t low = 0, high = registry->egress_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_network(&registry->egresses[middle], &sought) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first of the edge's areas. */
static size_t first_area(const struct registry *registry, const struct edge *edge)
{
    size_t low = 0, high = registry->area_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (registry->areas[middle].edge < edge)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The edge's LAN of that network. */
static bool find_area(const struct registry *registry, const struct edge *edge, const struct network *network, struct str *own)
{
    for (size_t i = first_area(registry, edge); i < registry->area_count && registry->areas[i].edge == edge; i++)
        if (network_equal(&registry->areas[i].network, network)) return *own = registry->areas[i].lan, true;
    return false;
}

const struct edge *registry_edge_serving(const struct registry *registry, struct str lan, struct str *own)
{
    struct network caller, network;
    struct str ignored;
    bool has_network;
    const struct edge *edge = registry_edge_of(registry, lan);
    if (!own) own = &ignored;
    *own = lan;
    if (edge || registry->egress_count == 0 || !lan_parse_caller(lan, &caller, &network, &has_network)) return edge;
    for (unsigned prefix = caller.prefix + 1; prefix-- > 0;) {
        const struct network around = network_at(&caller.address, prefix);
        for (size_t i = first_egress(registry, &around); i < registry->egress_count; i++) {
            const struct registry_egress *egress = &registry->egresses[i];
            if (!network_equal(&egress->network, &around)) break;
            if (!has_network) return *own = registry_canonical(registry, egress->edge->lans[0]), egress->edge; /* as registry_find has it */
            if (find_area(registry, egress->edge, &network, own)) return egress->edge;
        }
    }
    return NULL;
}
