#include "lib/edges/registry_index_internal.h"

#include "base/hash.h"
#include "lib/edges/table_internal.h"

/* PAIRS_MOST: of an edge with more networks times egresses no pair is in the table; such edges are walked. */
enum { PAIRS_MOST = 1024 };

struct only {
    const struct registry_area *area; /* the first; NULL: there is none */
    bool several;                     /* edges */
};
struct by_network {
    const struct registry_area *first; /* of whatever site */
    struct only any, open;
};
/* An egress of an edge, or that with one of its areas. */
struct pair {
    uint32_t number; /* of the edge or the area */
    uint32_t egress; /* its number at the edge */
};

struct registry_index {
    struct by_network *networks;
    struct pair *area_pairs, *edge_pairs;
    size_t network_capacity;
    uint32_t network_count, area_pair_count, edge_pair_count;
    struct table by_network, by_area_pair, by_edge_pair, by_site, by_site_network;
    struct prefixes areas, egresses;
    const struct edge **wide;
    size_t wide_count;
};

static void note_prefix(struct prefixes *prefixes, const struct network *network)
{
    prefixes->known[network->address.v6][network->prefix] = true;
}

static void list_prefixes(struct prefixes *prefixes)
{
    for (int v6 = 0; v6 < 2; v6++)
        for (unsigned length = 0; length < PREFIXES; length++)
            if (prefixes->known[v6][length]) prefixes->lengths[v6][prefixes->count[v6]++] = (unsigned char)length;
}

static uint64_t hash_network(uint64_t hash, const struct network *network)
{
    const unsigned char kind[2] = {network->address.v6, (unsigned char)network->prefix};
    return hash64(hash64(hash, str_make(kind, sizeof kind)), str_make(network->address.bytes, network->address.v6 ? 16 : 4));
}

static uint64_t hash_pair(const struct network *network, const struct network *egress)
{
    return hash_network(hash_network(HASH64, network), egress);
}

/* --- whether a number in a table is of the key */

struct pair_key {
    const struct network *network, *egress;
};
struct site_key {
    struct str site;
    const struct network *network;
};

static bool same_network(const void *context, uint32_t number, const void *key)
{
    const struct registry *registry = context;
    return network_equal(&registry->index->networks[number].first->network, key);
}

static bool same_area_pair(const void *context, uint32_t number, const void *key)
{
    const struct registry *registry = context;
    const struct pair *pair = &registry->index->area_pairs[number];
    const struct registry_area *area = &registry->areas[pair->number];
    const struct pair_key *sought = key;
    return network_equal(&area->network, sought->network) && network_equal(&area->edge->egress[pair->egress], sought->egress);
}

static bool same_edge_pair(const void *context, uint32_t number, const void *key)
{
    const struct registry *registry = context;
    const struct pair *pair = &registry->index->edge_pairs[number];
    return network_equal(&registry->edges[pair->number].egress[pair->egress], key);
}

static bool same_site(const void *context, uint32_t number, const void *key)
{
    const struct registry *registry = context;
    return str_equal(registry->edges[number].site, *(const struct str *)key);
}

static bool same_site_network(const void *context, uint32_t number, const void *key)
{
    const struct registry *registry = context;
    const struct registry_area *area = &registry->areas[number];
    const struct site_key *sought = key;
    return str_equal(area->edge->site, sought->site) && network_equal(&area->network, sought->network);
}

/* --- building: what comes first is what is found */

static void note_only(struct only *only, const struct registry_area *area)
{
    if (!only->area) only->area = area;
    if (only->area->edge != area->edge) only->several = true;
}

static void add_network(struct arena *arena, const struct registry *registry, const struct registry_area *area)
{
    struct registry_index *index = registry->index;
    uint64_t hash = hash_network(HASH64, &area->network);
    uint32_t number = table_find(&index->by_network, hash, same_network, registry, &area->network);
    if (number == TABLE_NONE) {
        index->networks = arena_grow(arena, index->networks, index->network_count, &index->network_capacity, sizeof *index->networks);
        number = index->network_count++;
        index->networks[number].first = area;
        table_put(&index->by_network, hash, number);
    }
    note_prefix(&index->areas, &area->network);
    if (area->site.length > 0) return;
    note_only(&index->networks[number].any, area);
    if (area->edge->egress_count == 0) note_only(&index->networks[number].open, area);
}

static void add_site_network(const struct registry *registry, struct registry_index *index, const struct registry_area *area)
{
    const struct site_key key = {area->edge->site, &area->network};
    uint64_t hash = hash_network(hash64(HASH64, key.site), key.network);
    if (key.site.length == 0 || table_find(&index->by_site_network, hash, same_site_network, registry, &key) != TABLE_NONE) return;
    table_put(&index->by_site_network, hash, (uint32_t)(area - registry->areas));
}

static void add_area_pairs(const struct registry *registry, struct registry_index *index, const struct registry_area *area)
{
    for (uint32_t i = 0; i < area->edge->egress_count; i++) {
        const struct pair_key key = {&area->network, &area->edge->egress[i]};
        uint64_t hash = hash_pair(key.network, key.egress);
        if (table_find(&index->by_area_pair, hash, same_area_pair, registry, &key) != TABLE_NONE) continue;
        index->area_pairs[index->area_pair_count] = (struct pair){(uint32_t)(area - registry->areas), i};
        table_put(&index->by_area_pair, hash, index->area_pair_count++);
    }
}

static void add_edge(const struct registry *registry, struct registry_index *index, const struct edge *edge)
{
    uint64_t hash = hash64(HASH64, edge->site);
    if (edge->site.length > 0 && table_find(&index->by_site, hash, same_site, registry, &edge->site) == TABLE_NONE)
        table_put(&index->by_site, hash, (uint32_t)(edge - registry->edges));
    for (uint32_t i = 0; i < edge->egress_count; i++) {
        hash = hash_network(HASH64, &edge->egress[i]);
        note_prefix(&index->egresses, &edge->egress[i]);
        if (table_find(&index->by_edge_pair, hash, same_edge_pair, registry, &edge->egress[i]) != TABLE_NONE) continue;
        index->edge_pairs[index->edge_pair_count] = (struct pair){(uint32_t)(edge - registry->edges), i};
        table_put(&index->by_edge_pair, hash, index->edge_pair_count++);
    }
}

size_t registry_first_area(const struct registry *registry, const struct edge *edge)
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

static size_t count_areas(const struct registry *registry, const struct edge *edge)
{
    size_t first = registry_first_area(registry, edge), count = 0;
    while (first + count < registry->area_count && registry->areas[first + count].edge == edge) count++;
    return count;
}

static bool is_wide(const struct edge *edge, size_t areas)
{
    return areas * edge->egress_count > PAIRS_MOST;
}

static void make_room(struct arena *arena, const struct registry *registry, struct registry_index *index)
{
    size_t area_pairs = 0, edge_pairs = 0, wide = 0, sited = 0, sited_areas = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        size_t areas = count_areas(registry, &registry->edges[i]), egresses = registry->edges[i].egress_count;
        bool walked = is_wide(&registry->edges[i], areas);
        wide += walked;
        area_pairs += walked ? 0 : areas * egresses;
        edge_pairs += egresses;
        sited += registry->edges[i].site.length > 0;
        sited_areas += registry->edges[i].site.length > 0 ? areas : 0;
    }
    index->area_pairs = arena_array(arena, area_pairs, sizeof *index->area_pairs);
    index->edge_pairs = arena_array(arena, edge_pairs, sizeof *index->edge_pairs);
    index->wide = arena_array(arena, wide, sizeof *index->wide);
    index->by_network = table_new(arena, registry->area_count);
    index->by_area_pair = table_new(arena, area_pairs);
    index->by_edge_pair = table_new(arena, edge_pairs);
    index->by_site = table_new(arena, sited);
    index->by_site_network = table_new(arena, sited_areas);
}

void registry_index_all(struct arena *arena, struct registry *registry)
{
    struct registry_index *index = registry->index = arena_new_of(arena, struct registry_index);
    make_room(arena, registry, index);
    size_t at = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        size_t count = count_areas(registry, edge);
        bool wide = is_wide(edge, count);
        if (wide) index->wide[index->wide_count++] = edge;
        if (edge->lan_count > 0) add_edge(registry, index, edge);
        for (size_t end = at + count; at < end; at++) {
            add_network(arena, registry, &registry->areas[at]);
            add_site_network(registry, index, &registry->areas[at]);
            if (!wide) add_area_pairs(registry, index, &registry->areas[at]);
        }
    }
    list_prefixes(&index->areas);
    list_prefixes(&index->egresses);
}

const struct prefixes *registry_prefixes_of_areas(const struct registry *registry)
{
    return &registry->index->areas;
}

const struct prefixes *registry_prefixes_of_egresses(const struct registry *registry)
{
    return &registry->index->egresses;
}

size_t registry_wide_edges(const struct registry *registry, const struct edge *const **edges)
{
    *edges = registry->index->wide;
    return registry->index->wide_count;
}

/* --- looking up */

const struct registry_area *registry_area_around(const struct registry *registry, const struct edge *edge, const struct address *address)
{
    for (size_t i = registry_first_area(registry, edge); i < registry->area_count && registry->areas[i].edge == edge; i++)
        if (network_contains(&registry->areas[i].network, address)) return &registry->areas[i];
    return NULL;
}

static const struct registry_area *area_of_edge(const struct registry *registry, const struct edge *edge, const struct network *network)
{
    for (size_t i = registry_first_area(registry, edge); i < registry->area_count && registry->areas[i].edge == edge; i++)
        if (network_equal(&registry->areas[i].network, network)) return &registry->areas[i];
    return NULL;
}

static const struct by_network *find_network(const struct registry *registry, const struct network *network)
{
    const struct registry_index *index = registry->index;
    uint32_t number = table_find(&index->by_network, hash_network(HASH64, network), same_network, registry, network);
    return number == TABLE_NONE ? NULL : &index->networks[number];
}

const struct registry_area *registry_only_area(const struct registry *registry, const struct network *network, bool open)
{
    const struct by_network *found = find_network(registry, network);
    if (!found) return NULL;
    const struct only *only = open ? &found->open : &found->any;
    return only->several ? NULL : only->area;
}

const struct edge *registry_only_edge_around(const struct registry *registry, const struct address *address)
{
    const struct prefixes *prefixes = &registry->index->areas;
    const struct edge *edge = NULL;
    for (unsigned i = 0; i < prefixes->count[address->v6]; i++) {
        const struct network network = network_at(address, prefixes->lengths[address->v6][i]);
        const struct by_network *found = find_network(registry, &network);
        if (!found || !found->any.area) continue;
        if (found->any.several || (edge && edge != found->any.area->edge)) return NULL;
        edge = found->any.area->edge;
    }
    return edge;
}

/* The earlier of two; NULL is later than all. */
static const struct registry_area *first_of(const struct registry_area *a, const struct registry_area *b)
{
    return !a || (b && b < a) ? b : a;
}

static const struct registry_area *find_pair(const struct registry *registry, const struct network *network, const struct network *egress)
{
    const struct registry_index *index = registry->index;
    const struct pair_key key = {network, egress};
    uint32_t number = table_find(&index->by_area_pair, hash_pair(network, egress), same_area_pair, registry, &key);
    return number == TABLE_NONE ? NULL : &registry->areas[index->area_pairs[number].number];
}

static bool has_egress(const struct edge *edge, const struct network *egress)
{
    for (size_t i = 0; i < edge->egress_count; i++)
        if (network_equal(&edge->egress[i], egress)) return true;
    return false;
}

const struct registry_area *registry_area_of_egress(const struct registry *registry, const struct network *network,
                                                    const struct network *egress)
{
    const struct registry_index *index = registry->index;
    if (!index->egresses.known[egress->address.v6][egress->prefix]) return NULL;
    const struct registry_area *found = find_pair(registry, network, egress);
    for (size_t i = 0; i < index->wide_count; i++)
        if (has_egress(index->wide[i], egress)) found = first_of(found, area_of_edge(registry, index->wide[i], network));
    return found;
}

const struct registry_area *registry_area_of_caller(const struct registry *registry, const struct network *network,
                                                    const struct address *caller)
{
    const struct prefixes *prefixes = &registry->index->egresses;
    const struct registry_area *found = NULL;
    for (unsigned i = 0; i < prefixes->count[caller->v6]; i++) {
        const struct network egress = network_at(caller, prefixes->lengths[caller->v6][i]);
        found = first_of(found, registry_area_of_egress(registry, network, &egress));
    }
    return found;
}

const struct edge *registry_edge_of_egress(const struct registry *registry, const struct network *egress)
{
    const struct registry_index *index = registry->index;
    if (!index->egresses.known[egress->address.v6][egress->prefix]) return NULL;
    uint32_t number = table_find(&index->by_edge_pair, hash_network(HASH64, egress), same_edge_pair, registry, egress);
    return number == TABLE_NONE ? NULL : &registry->edges[index->edge_pairs[number].number];
}

const struct edge *registry_edge_of_caller(const struct registry *registry, const struct address *caller)
{
    const struct prefixes *prefixes = &registry->index->egresses;
    const struct edge *first = NULL;
    for (unsigned i = 0; i < prefixes->count[caller->v6]; i++) {
        const struct network egress = network_at(caller, prefixes->lengths[caller->v6][i]);
        const struct edge *edge = registry_edge_of_egress(registry, &egress);
        if (edge && (!first || edge < first)) first = edge;
    }
    return first;
}

const struct edge *registry_edge_around_caller(const struct registry *registry, const struct address *caller)
{
    const struct prefixes *prefixes = &registry->index->areas;
    const struct registry_area *found = NULL;
    for (unsigned i = 0; i < prefixes->count[caller->v6]; i++) {
        const struct network network = network_at(caller, prefixes->lengths[caller->v6][i]);
        if (find_network(registry, &network)) found = first_of(found, registry_area_of_caller(registry, &network, caller));
    }
    return found ? found->edge : NULL;
}

const struct edge *registry_edge_of_site(const struct registry *registry, struct str site)
{
    uint32_t number = table_find(&registry->index->by_site, hash64(HASH64, site), same_site, registry, &site);
    return number == TABLE_NONE ? NULL : &registry->edges[number];
}

const struct edge *registry_edge_of_site_around(const struct registry *registry, struct str site, const struct address *address)
{
    const struct prefixes *prefixes = &registry->index->areas;
    const struct registry_area *found = NULL;
    for (unsigned i = 0; i < prefixes->count[address->v6]; i++) {
        const struct network network = network_at(address, prefixes->lengths[address->v6][i]);
        const struct site_key key = {site, &network};
        uint64_t hash = hash_network(hash64(HASH64, site), &network);
        uint32_t number = table_find(&registry->index->by_site_network, hash, same_site_network, registry, &key);
        if (number != TABLE_NONE) found = first_of(found, &registry->areas[number]);
    }
    return found ? found->edge : NULL;
}
