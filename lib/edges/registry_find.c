/* Which LAN a query comes from, and which edges are near. */
#include "lib/edges/nearness_internal.h"
#include "lib/edges/registry_index_internal.h"

static const struct lan_entry *lan_by_text(const struct registry *registry, struct str lan)
{
    size_t low = 0, high = registry->lan_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(registry->lans_by_text[middle]->lan, lan) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < registry->lan_count && str_equal(registry->lans_by_text[low]->lan, lan) ? registry->lans_by_text[low] : NULL;
}

/* Where the network is served by an edge that lists the caller; else, with an empty site, by the only one that serves it; else NULL. Every
 * shop uses 192.168.0.0/24: who is seen to come from elsewhere is in none of an edge that says where its own come from. */
static const struct registry_area *area_by_network(const struct registry *registry, const struct network *network, struct str caller)
{
    struct address address;
    bool has_caller = address_parse(caller, &address), elsewhere = has_caller && address_is_public(&address);
    const struct registry_area *listed = has_caller ? registry_area_of_caller(registry, network, &address) : NULL;
    return listed ? listed : registry_only_area(registry, network, elsewhere);
}

/* The site of an edge that lists the caller, also where that edge serves another network of the shop's. */
static struct str identity_by_caller(const struct registry *registry, struct arena *arena, struct str caller)
{
    struct address address;
    const struct edge *edge = address_parse(caller, &address) ? registry_edge_of_caller(registry, &address) : NULL;
    return edge ? edge_identity(arena, edge) : (struct str){NULL, 0};
}

/* Every shop uses 192.168.0.0/24. A network of public addresses that the caller is in is one in the world, whoever of it calls. */
static struct str identity_of_caller(struct arena *arena, struct str caller, const struct network *network)
{
    struct address address;
    bool is_seen = address_parse(caller, &address) && address_is_public(&address) && !network_contains(network, &address);
    if (!is_seen) return (struct str){NULL, 0};
    const struct network shop = network_of_caller(&address);
    return network_format(arena, &shop);
}

static void place_at(const struct registry *registry, struct str lan, struct place *place)
{
    const struct lan_entry *entry = lan_by_text(registry, lan);
    place->lan = lan;
    if (!place->edge) place->edge = registry_edge_of(registry, lan);
    place->registered = place->edge || entry;
    if (entry) place->location = entry->location;
    if (entry && entry->region.length > 0) place->region = entry->region;
    if (!place->edge) return;
    if (place->edge->location.known) place->location = place->edge->location;
    if (place->edge->region.length > 0) place->region = place->edge->region;
}

struct str registry_canonical(const struct registry *registry, struct str lan)
{
    const struct lan_entry *entry = registry_listed_lan(registry, lan);
    return entry ? entry->lan : lan;
}

static enum status find_by_code(const struct registry *registry, struct arena *arena, struct str code, struct place *place,
                                struct error *error)
{
    struct str bare = arena_join(arena, S("@"), code);
    place->edge = registry_edge_of(registry, bare); /* an edge may list the code of a LAN that has a network too */
    ENSURE(registry_lan(registry, code) || place->edge, error, STATUS_INVALID, "there is no LAN with the code '" STR_FMT "'",
           STR_ARG(code));
    place_at(registry, registry_canonical(registry, bare), place);
    return STATUS_OK;
}

void registry_place(const struct registry *registry, struct str lan, struct place *place)
{
    *place = (struct place){0};
    place_at(registry, lan, place);
}

/* Of the edges of the site (where none is given, of those that list the caller) the one that the caller is in, or the first; else the only
 * edge of which the caller is in a LAN of an empty site. */
static const struct edge *edge_by_caller(const struct registry *registry, struct str site, const struct address *caller)
{
    const struct edge *edge = NULL;
    if (site.length > 0) {
        if (caller) edge = registry_edge_of_site_around(registry, site, caller);
        return edge ? edge : registry_edge_of_site(registry, site);
    }
    if (!caller) return NULL;
    edge = registry_edge_around_caller(registry, caller);
    if (!edge) edge = registry_edge_of_caller(registry, caller);
    return edge ? edge : registry_only_edge_around(registry, caller);
}

/* A query that says no address: all that share the caller's public address are one LAN where no edge is known to serve it. */
static void find_by_caller(const struct registry *registry, struct arena *arena, const struct whereabouts *where, struct place *place)
{
    struct address address;
    const struct address *caller = address_parse(where->caller, &address) ? &address : NULL;
    const struct edge *edge = place->edge = edge_by_caller(registry, where->site, caller);
    const struct registry_area *around = edge && caller ? registry_area_around(registry, edge, caller) : NULL;
    if (around) {
        place_at(registry, around->lan, place);
    } else if (edge) {
        place_at(registry, registry_canonical(registry, edge->lans[0]), place);
    } else if (caller) {
        const struct network alone = network_of_caller(caller);
        place_at(registry, lan_format(arena, where->site, &alone), place);
    }
}

/* --- nearness */

static const struct edge *nearest_node(const struct registry *registry, const struct place *place)
{
    const struct edge *nearest = NULL;
    nearness_find(registry->near_nodes, place, &nearest, 1);
    return nearest;
}

size_t registry_nearest(const struct registry *registry, const struct place *place, const struct edge **edges, size_t most)
{
    struct place own = *place;
    if (place->edge) own.edge = registry_edge(registry, place->edge->id);
    return nearness_find(registry->near, &own, edges, most);
}

/* --- what a query says */

static enum status find_lan(const struct registry *registry, struct arena *arena, const struct whereabouts *where, struct place *place,
                            struct error *error)
{
    struct network network;
    if (where->code.length > 0) return find_by_code(registry, arena, where->code, place, error);
    if (where->ip.length == 0 && where->mask.length == 0) return find_by_caller(registry, arena, where, place), STATUS_OK;
    TRY(network_of(where->ip, where->mask, &network, error));
    struct str identity = where->site;
    const struct registry_area *area = identity.length == 0 ? area_by_network(registry, &network, where->caller) : NULL;
    if (area) {
        place->edge = area->edge;
        return place_at(registry, area->lan, place), STATUS_OK;
    }
    if (identity.length == 0) identity = identity_by_caller(registry, arena, where->caller);
    if (identity.length == 0) identity = identity_of_caller(arena, where->caller, &network);
    place_at(registry, lan_format(arena, identity, &network), place);
    return STATUS_OK;
}

enum status registry_find(const struct registry *registry, struct arena *arena, const struct whereabouts *where, struct place *place,
                          struct error *error)
{
    *place = (struct place){.region = where->region};
    TRY(find_lan(registry, arena, where, place, error));
    if (!place->edge && place->lan.length > 0) place->node = nearest_node(registry, place);
    return STATUS_OK;
}
