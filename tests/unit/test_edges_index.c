/* What the register finds by its tables is what one would find by walking all edges: random fleets of few networks, sites and places, so
 * that all kinds of coincidence occur. */
#include <math.h>

#include "lib/edges/claims_internal.h"
#include "tests/unit/edges_fleet.h"

enum { FLEETS = 300, QUESTIONS = 60 };

/* --- the same by walking all */

static bool is_caller(const struct edge *edge, const struct address *caller)
{
    for (size_t i = 0; i < edge->egress_count; i++)
        if (network_contains(&edge->egress[i], caller)) return true;
    return false;
}

static const struct registry_area *walk_area_by_network(const struct registry *registry, const struct network *network, struct str caller)
{
    const struct registry_area *only = NULL;
    struct address address;
    size_t edges = 0;
    bool has_caller = address_parse(caller, &address), elsewhere = has_caller && address_is_public(&address);
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *area = &registry->areas[i];
        if (!network_equal(&area->network, network)) continue;
        if (has_caller && is_caller(area->edge, &address)) return area;
        if (area->site.length > 0 || (elsewhere && area->edge->egress_count > 0)) continue;
        if (only && only->edge == area->edge) continue;
        only = area;
        edges++;
    }
    return edges == 1 ? only : NULL;
}

static const struct registry_area *walk_area_around(const struct registry *registry, const struct edge *edge, const struct address *caller)
{
    for (size_t i = 0; i < registry->area_count; i++)
        if (registry->areas[i].edge == edge && network_contains(&registry->areas[i].network, caller)) return &registry->areas[i];
    return NULL;
}

static const struct edge *walk_edge_around(const struct registry *registry, const struct address *caller)
{
    const struct edge *only = NULL;
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *area = &registry->areas[i];
        if (area->site.length > 0 || !network_contains(&area->network, caller)) continue;
        if (only && only != area->edge) return NULL;
        only = area->edge;
    }
    return only;
}

static const struct edge *walk_edge_by_caller(const struct registry *registry, struct str site, const struct address *caller)
{
    const struct edge *first = NULL;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        bool meant = site.length > 0 ? str_equal(edge->site, site) : caller && is_caller(edge, caller);
        if (edge->lan_count == 0 || !meant) continue;
        if (caller && walk_area_around(registry, edge, caller)) return edge;
        if (!first) first = edge;
    }
    return first || site.length > 0 || !caller ? first : walk_edge_around(registry, caller);
}

static const struct edge *walk_served(const struct registry *registry, struct str lan)
{
    for (size_t i = 0; i < registry->served_count; i++)
        if (str_equal(registry->served[i].lan, lan)) return registry->served[i].edge;
    return NULL;
}

/* The edge that a query belongs to, and its LAN; lan.data NULL: as what follows from no edge. */
static const struct edge *walk_find(const struct registry *registry, const struct whereabouts *where, struct str *lan)
{
    struct network network;
    struct error ignored;
    struct address address;
    const struct address *caller = address_parse(where->caller, &address) ? &address : NULL;
    *lan = (struct str){NULL, 0};
    if (where->ip.length > 0) {
        assert_ok(network_of(where->ip, where->mask, &network, &ignored), &ignored);
        const struct registry_area *area = where->site.length == 0 ? walk_area_by_network(registry, &network, where->caller) : NULL;
        if (area) *lan = area->lan;
        return area ? area->edge : NULL;
    }
    const struct edge *edge = walk_edge_by_caller(registry, where->site, caller);
    const struct registry_area *around = edge && caller ? walk_area_around(registry, edge, caller) : NULL;
    if (edge) *lan = around ? around->lan : registry_canonical(registry, edge->lans[0]);
    return edge;
}

static struct str walk_identity(const struct registry *registry, struct arena *arena, const struct address *caller)
{
    for (size_t i = 0; i < registry->edge_count; i++)
        if (registry->edges[i].lan_count > 0 && is_caller(&registry->edges[i], caller)) return edge_identity(arena, &registry->edges[i]);
    return S("");
}

static double walk_distance(const struct place *place, const struct edge *edge)
{
    if (place->location.known && edge->location.known) return location_distance(&place->location, &edge->location);
    return place->region.length > 0 && str_equal(place->region, edge->region) ? 1e6 : 1e7;
}

static size_t walk_nearest(const struct place *place, const struct edge *const *all, size_t count, const struct edge **edges, size_t most)
{
    size_t found = 0;
    while (found < most) {
        const struct edge *best = NULL;
        for (size_t i = 0; i < count; i++) {
            bool taken = all[i] == place->edge || walk_distance(place, all[i]) >= 1e7;
            for (size_t j = 0; j < found && !taken; j++) taken = edges[j] == all[i];
            if (!taken && (!best || walk_distance(place, all[i]) < walk_distance(place, best))) best = all[i];
        }
        if (!best) break;
        edges[found++] = best;
    }
    return found;
}

static const struct edge *walk_serving(const struct registry *registry, struct str lan, struct str *own)
{
    struct network caller, network;
    bool has_network;
    const struct edge *edge = walk_served(registry, lan);
    *own = lan;
    if (edge || !lan_parse_caller(lan, &caller, &network, &has_network)) return edge;
    for (unsigned prefix = caller.prefix + 1; prefix-- > 0;) {
        const struct network around = network_at(&caller.address, prefix);
        for (size_t i = 0; i < registry->edge_count; i++) {
            edge = &registry->edges[i];
            bool is_seen = false;
            for (size_t j = 0; j < edge->egress_count; j++) is_seen = is_seen || network_equal(&edge->egress[j], &around);
            if (!is_seen || edge->lan_count == 0) continue;
            if (!has_network) return *own = registry_canonical(registry, edge->lans[0]), edge;
            for (size_t j = 0; j < registry->area_count; j++)
                if (registry->areas[j].edge == edge && network_equal(&registry->areas[j].network, &network))
                    return *own = registry->areas[j].lan, edge;
        }
    }
    return NULL;
}

/* --- questions */

static struct str id_of(const struct edge *edge)
{
    return edge ? edge->id : S("none");
}

static void ask_where(struct fleet *fleet)
{
    const struct registry *registry = &fleet->registry;
    const struct whereabouts where = random_whereabouts(fleet);
    struct place place;
    struct str lan;
    struct address caller;
    assert_ok(registry_find(registry, fleet->arena, &where, &place, &fleet->error), &fleet->error);
    const struct edge *edge = walk_find(registry, &where, &lan);
    if (edge) assert_str(place.lan, lan);
    if (!edge && place.lan.length > 0) edge = walk_served(registry, place.lan);
    assert_str(id_of(place.edge), id_of(edge));
    bool by_caller = !lan.data && where.ip.length > 0 && where.site.length == 0 && address_parse(where.caller, &caller);
    struct str identity = by_caller ? walk_identity(registry, fleet->arena, &caller) : S("");
    if (identity.length > 0) assert_true(str_starts(place.lan, arena_join(fleet->arena, identity, S("@"))));
    const struct edge *node = NULL;
    if (!edge && place.lan.length > 0) walk_nearest(&place, registry->nodes, registry->node_count, &node, 1);
    assert_str(id_of(place.node), id_of(node));
}

static void ask_nearest(struct fleet *fleet)
{
    const struct registry *registry = &fleet->registry;
    const struct edge *all[EDGES_MAX] = {NULL}, *wanted[NEAREST_MOST], *got[NEAREST_MOST];
    struct place place = {.region = str_of(ONE_OF(fleet, regions)), .location.known = below(fleet, 4) > 0};
    for (size_t i = 0; i < registry->edge_count; i++) all[i] = &registry->edges[i];
    if (registry->edge_count > 0 && below(fleet, 2)) place.edge = all[below(fleet, (unsigned)registry->edge_count)];
    if (place.edge && place.edge->location.known) place.location = place.edge->location;
    if (!place.edge && below(fleet, 2)) place.location.latitude = 90, place.location.longitude = 12;
    size_t most = below(fleet, NEAREST_MOST) + 1, count = walk_nearest(&place, all, registry->edge_count, wanted, most);
    assert_int_equal(registry_nearest(registry, &place, got, most), count);
    for (size_t i = 0; i < count; i++) assert_str(got[i]->id, wanted[i]->id);
}

static void ask_serving(struct fleet *fleet)
{
    const struct registry *registry = &fleet->registry;
    struct str first = str_of(below(fleet, 2) ? ONE_OF(fleet, egresses) : ONE_OF(fleet, sites)), network = str_of(ONE_OF(fleet, networks));
    struct str lan = below(fleet, 4) == 0 || first.length == 0 ? network : arena_join(fleet->arena, first, S("@"), network), own, wanted;
    const struct edge *edge = registry_edge_serving(registry, lan, &own);
    assert_str(id_of(edge), id_of(walk_serving(registry, lan, &wanted)));
    assert_str(own, wanted);
}

/* Of all areas: whether another edge claims the same devices. One with so much that it is walked may always clash. */
static unsigned ask_claims(struct fleet *fleet)
{
    const struct registry *registry = &fleet->registry;
    const struct claims *claims = claims_new(fleet->arena, registry);
    unsigned clashes = 0;
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *area = &registry->areas[i];
        bool clash = false, walked = area->edge->lan_count * area->edge->egress_count > 1024;
        for (size_t j = 0; j < registry->area_count && !clash; j++) clash = registry_areas_clash(area, &registry->areas[j]);
        assert_int_equal(claims_may_clash(claims, area), clash || walked);
        clashes += clash;
    }
    return clashes;
}

static void what_is_claimed_twice_is_found(void **state)
{
    unsigned clashes = 0, areas = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= FLEETS; seed++) {
        struct fleet fleet;
        make_fleet(&fleet, seed);
        clashes += ask_claims(&fleet);
        areas += (unsigned)fleet.registry.area_count;
        arena_free(fleet.arena);
    }
    assert_true(clashes > 100 && clashes < areas - 100); /* both occur */
}

static void what_is_looked_up_is_what_is_found_by_walking(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= FLEETS; seed++) {
        struct fleet fleet;
        make_fleet(&fleet, seed);
        for (int i = 0; i < QUESTIONS; i++) {
            ask_where(&fleet);
            ask_nearest(&fleet);
            ask_serving(&fleet);
        }
        arena_free(fleet.arena);
    }
}

/* A city of thousands, many of them at one place, and a few around the poles and the date line. */
static void the_nearest_of_many_are_found(void **state)
{
    enum { MANY = 3000 };
    (void)state;
    struct fleet fleet = {.arena = arena_new(), .random = 7};
    struct edge *edges = arena_array(fleet.arena, MANY, sizeof *edges);
    const struct edge **all = arena_array(fleet.arena, MANY, sizeof *all), *wanted[NEAREST_MOST], *got[NEAREST_MOST];
    for (unsigned i = 0; i < MANY; i++) {
        double spread = i % 3 == 0 ? 0 : i % 3 == 1 ? 0.5 : 179;
        double latitude = 31.2 + (random_fraction(&fleet.random) - 0.5) * spread, longitude = 121.5 + (i % 7) * spread / 7;
        if (longitude > 180) longitude -= 360;
        edges[i] = (struct edge){.id = arena_printf(fleet.arena, "e%04u", i), .location = {true, fmax(-90, fmin(90, latitude)), longitude}};
        all[i] = &edges[i];
    }
    fleet.registry = (struct registry){.edges = edges, .edge_count = MANY};
    registry_complete(fleet.arena, &fleet.registry);
    for (unsigned i = 0; i < 100; i++) {
        struct place place = {.location = {true, random_fraction(&fleet.random) * 180 - 90, random_fraction(&fleet.random) * 360 - 180}};
        if (i % 2 == 0) place.edge = all[i * 7], place.location = place.edge->location;
        size_t count = walk_nearest(&place, all, MANY, wanted, 5);
        assert_int_equal(registry_nearest(&fleet.registry, &place, got, 5), count);
        for (size_t j = 0; j < count; j++) assert_str(got[j]->id, wanted[j]->id);
    }
    arena_free(fleet.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_looked_up_is_what_is_found_by_walking),
        cmocka_unit_test(what_is_claimed_twice_is_found),
        cmocka_unit_test(the_nearest_of_many_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
