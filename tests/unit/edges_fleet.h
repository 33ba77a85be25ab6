/* Random fleets of few networks, sites and places, so that all kinds of coincidence occur, and questions about them. */
#ifndef TESTS_UNIT_EDGES_FLEET_H
#define TESTS_UNIT_EDGES_FLEET_H

#include "base/random.h"
#include "lib/edges/registry_internal.h"
#include "tests/unit/unit.h"

#ifndef EDGES_MAX
#define EDGES_MAX 40
#endif
enum { LANS_MAX = 8 };

struct fleet {
    struct arena *arena;
    uint64_t random;
    struct registry registry;
    struct error error;
};

/* --- random fleets */

static inline unsigned below(struct fleet *fleet, unsigned count)
{
    return (unsigned)(random_next(&fleet->random) % count);
}

static inline const char *one_of(struct fleet *fleet, const char *const *texts, unsigned count)
{
    return texts[below(fleet, count)];
}
#define ONE_OF(fleet, texts) one_of((fleet), (texts), sizeof(texts) / sizeof *(texts))

static const char *const networks[] = {"192.168.0.0/24",  "192.168.0.0/16", "192.168.1.0/24", "10.0.0.0/8",    "10.1.0.0/16",
                                       "198.51.100.0/24", "203.0.113.0/28", "fd00::/64",      "2001:db8::/32", "0.0.0.0/0"};
static const char *const egresses[] = {"203.0.113.0/24", "203.0.113.7/32", "203.0.113.0/28", "198.51.100.0/24", "0.0.0.0/0",
                                       "2001:db8::/32",  "2001:db8::/64",  "10.1.0.0/16",    "192.168.0.0/24"};
static const char *const addresses[] = {
    "192.168.0.7", "192.168.1.9",   "10.1.2.3", "10.9.9.9", "203.0.113.7", "203.0.113.20", "198.51.100.4", "fd00::5", "2001:db8::1",
    "8.8.8.8",     "2001:db8:1::1", "x",        ""};
static const char *const masks[] = {"24", "16", "8", "28", "32", "64", "0"};
static const char *const sites[] = {"", "", "", "shop", "mall"};
static const char *const regions[] = {"", "", "east", "west"};
static const char *const places[] = {
    "",        "",         "[90,0]",    "[90,180]",   "[-90,7]", "[31.2,121.5]", "[31.2,121.5]", "[31.2,121.4]",
    "[0,180]", "[0,-180]", "[0,179.9]", "[0,-179.9]", "[10,0]",  "[-10,0]",      "[10,90]"};

static inline struct str list_of(struct fleet *fleet, const char *const *texts, unsigned count, unsigned most, bool with_codes)
{
    struct str list = S("");
    for (unsigned i = below(fleet, most + 1); i > 0; i--) {
        struct str code = arena_printf(fleet->arena, "L%u", below(fleet, LANS_MAX + 2));
        struct str text = with_codes && below(fleet, 4) == 0 ? code : str_of(one_of(fleet, texts, count));
        list = arena_printf(fleet->arena, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(list), list.length ? "," : "", STR_ARG(text));
    }
    return list;
}

static inline struct str location_of(struct fleet *fleet)
{
    const char *place = ONE_OF(fleet, places);
    if (below(fleet, 3) == 0)
        return arena_printf(fleet->arena, ",\"location\":[%.3f,%.3f]", random_fraction(&fleet->random) * 180 - 90,
                            random_fraction(&fleet->random) * 360 - 180);
    return place[0] ? arena_printf(fleet->arena, ",\"location\":%s", place) : S("");
}

static inline void add_edge(struct fleet *fleet, unsigned number)
{
    struct registry *registry = &fleet->registry;
    struct str lans = list_of(fleet, networks, sizeof networks / sizeof *networks, 3, true);
    struct str egress = list_of(fleet, egresses, sizeof egresses / sizeof *egresses, 2, false), location = location_of(fleet);
    struct str json =
        arena_printf(fleet->arena,
                     "{\"edge\":\"e%02u\",\"address\":\"a\",\"store\":\"pull\",\"site\":\"%s\",\"region\":\"%s\",\"lans\":[" STR_FMT
                     "],\"egress\":[" STR_FMT "]" STR_FMT "}",
                     number, ONE_OF(fleet, sites), ONE_OF(fleet, regions), STR_ARG(lans), STR_ARG(egress), STR_ARG(location));
    assert_ok(edge_parse(fleet->arena, json, &registry->edges[registry->edge_count++], &fleet->error), &fleet->error);
}

static inline void add_lan(struct fleet *fleet, unsigned number)
{
    struct registry *registry = &fleet->registry;
    struct str network = below(fleet, 2) ? arena_printf(fleet->arena, ",\"network\":\"%s\"", ONE_OF(fleet, networks)) : S("");
    struct str location = location_of(fleet);
    struct str json = arena_printf(fleet->arena, "{\"code\":\"L%u\",\"site\":\"%s\",\"region\":\"%s\"" STR_FMT STR_FMT "}", number,
                                   ONE_OF(fleet, sites), ONE_OF(fleet, regions), STR_ARG(network), STR_ARG(location));
    assert_ok(lan_entry_parse(fleet->arena, json, &registry->lans[registry->lan_count++], &fleet->error), &fleet->error);
}

/* One that lists so much that no table has all of it. */
static inline void make_wide(struct fleet *fleet, struct edge *edge)
{
    enum { WIDE = 40 };
    struct str lans = S("\"192.168.0.0/24\""), egress = S("\"203.0.113.7/32\"");
    for (unsigned i = 1; i < WIDE; i++) {
        lans = arena_printf(fleet->arena, STR_FMT ",\"10.1.%u.0/24\"", STR_ARG(lans), i);
        egress = arena_printf(fleet->arena, STR_FMT ",\"198.51.100.%u/32\"", STR_ARG(egress), i);
    }
    struct str json = arena_printf(
        fleet->arena, "{\"edge\":\"" STR_FMT "\",\"address\":\"a\",\"store\":\"pull\",\"lans\":[" STR_FMT "],\"egress\":[" STR_FMT "]}",
        STR_ARG(edge->id), STR_ARG(lans), STR_ARG(egress));
    assert_ok(edge_parse(fleet->arena, json, edge, &fleet->error), &fleet->error);
}

static inline void make_fleet(struct fleet *fleet, uint64_t seed)
{
    *fleet = (struct fleet){.arena = arena_new(), .random = seed};
    fleet->registry.edges = arena_array(fleet->arena, EDGES_MAX, sizeof *fleet->registry.edges);
    fleet->registry.lans = arena_array(fleet->arena, LANS_MAX, sizeof *fleet->registry.lans);
    unsigned edges = below(fleet, 10) == 0 ? 0 : below(fleet, EDGES_MAX), lans = below(fleet, LANS_MAX);
    for (unsigned i = 0; i < edges; i++) add_edge(fleet, i);
    for (unsigned i = 0; i < lans; i++) add_lan(fleet, i);
    if (edges > 0 && below(fleet, 4) == 0) make_wide(fleet, &fleet->registry.edges[below(fleet, edges)]);
    registry_complete(fleet->arena, &fleet->registry);
}

static inline struct whereabouts random_whereabouts(struct fleet *fleet)
{
    struct network network;
    struct error ignored;
    struct whereabouts where = {
        .site = str_of(ONE_OF(fleet, sites)), .caller = str_of(ONE_OF(fleet, addresses)), .region = str_of(ONE_OF(fleet, regions))};
    if (below(fleet, 3) == 0) return where;
    where.ip = str_of(ONE_OF(fleet, addresses));
    where.mask = str_of(ONE_OF(fleet, masks));
    if (network_of(where.ip, where.mask, &network, &ignored) != STATUS_OK) where.ip = where.mask = S("");
    return where;
}

#endif
