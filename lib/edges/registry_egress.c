/* LANs that were counted by their callers' public addresses, and the edge that was registered with that egress since. */
#include "lib/edges/registry_index_internal.h"

/* *own: how it is counted now. */
static const struct edge *edge_behind(const struct registry *registry, const struct network *egress, const struct network *network,
                                      struct str *own)
{
    const struct registry_area *area = network ? registry_area_of_egress(registry, network, egress) : NULL;
    const struct edge *edge = network ? NULL : registry_edge_of_egress(registry, egress);
    if (area) return *own = area->lan, area->edge;
    if (edge) *own = registry_canonical(registry, edge->lans[0]); /* as registry_find has it */
    return edge;
}

const struct edge *registry_edge_serving(const struct registry *registry, struct str lan, struct str *own)
{
    struct network caller, network;
    struct str ignored;
    bool has_network;
    const struct edge *edge = registry_edge_of(registry, lan);
    if (!own) own = &ignored;
    *own = lan;
    if (edge || !registry->index || !lan_parse_caller(lan, &caller, &network, &has_network)) return edge;
    for (unsigned prefix = caller.prefix + 1; !edge && prefix-- > 0;) {
        const struct network egress = network_at(&caller.address, prefix);
        edge = edge_behind(registry, &egress, has_network ? &network : NULL, own);
    }
    return edge;
}
