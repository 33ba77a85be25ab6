/* What stands against registering an edge or a LAN. */
#include "lib/edges/registry_internal.h"

/* As far as one can tell without asking it. Who only reads the register does not look so closely: it may be of some thousand edges. */
enum status registry_check_store(struct arena *arena, const struct edge *edge, struct error *error)
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

/* Another edge that is known by that text of a LAN. */
static const struct edge *find_other(const struct registry *registry, const struct edge *edge, struct str lan)
{
    for (size_t i = registry_first_served(registry, lan); i < registry->served_count; i++) {
        if (!str_equal(registry->served[i].lan, lan)) break;
        if (!str_equal(registry->served[i].edge->id, edge->id)) return registry->served[i].edge;
    }
    return NULL;
}

enum status registry_check_codes(const struct registry *registry, const struct edge *edge, struct error *error)
{
    for (size_t i = 0; i < edge->lan_count; i++) {
        const struct edge *other = str_starts(edge->lans[i], S("@")) ? find_other(registry, edge, edge->lans[i]) : NULL;
        ENSURE(!other, error, STATUS_INVALID, "edge " STR_FMT " and edge " STR_FMT " both list the LAN " STR_FMT, STR_ARG(edge->id),
               STR_ARG(other->id), STR_ARG(edge->lans[i]));
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

bool registry_is_bare(const struct registry_area *area)
{
    return area->site.length == 0 && (area->code.length > 0 || area->edge->egress_count == 0);
}

static bool is_one_shop(const struct registry_area *a, const struct registry_area *b)
{
    if (a->site.length > 0 || b->site.length > 0) return str_equal(a->site, b->site);
    return (registry_is_bare(a) && registry_is_bare(b)) || share_egress(a->edge, b->edge);
}

static struct str area_format(struct arena *arena, const struct registry_area *area)
{
    struct str network = network_format(arena, &area->network);
    return area->code.length > 0 ? arena_join(arena, network, S(" of the LAN "), area->code) : network;
}

bool registry_areas_clash(const struct registry_area *a, const struct registry_area *b)
{
    return a->edge != b->edge && overlap(&a->network, &b->network) && is_one_shop(a, b);
}

/* One device can't be in two LANs of one shop. */
enum status registry_check_area(struct arena *arena, const struct registry *registry, const struct registry_area *area, struct error *error)
{
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *other = &registry->areas[i];
        ENSURE(!registry_areas_clash(area, other), error, STATUS_INVALID,
               "edge " STR_FMT " and edge " STR_FMT " overlap: " STR_FMT " and " STR_FMT
               "; give one of the two a site or an egress of its own",
               STR_ARG(area->edge->id), STR_ARG(other->edge->id), STR_ARG(area_format(arena, area)), STR_ARG(area_format(arena, other)));
    }
    return STATUS_OK;
}
