/* Two areas of different edges clash where their networks overlap and they are of one site or, without a site, both stand for themselves or
 * their edges' egresses overlap too. Of two networks that overlap one contains the other. So each area is noted under all pairs of
 * (a network around its own, a network around its egress) whose prefix lengths occur at all: two that clash are both noted under the pair
 * of the shorter prefixes, which is one's own network, and one's own egress. */
#include "lib/edges/claims_internal.h"

#include "base/hash.h"
#include "lib/edges/registry_index_internal.h"
#include "lib/edges/table_internal.h"

/* What of a pair is a claim's own, and not a network around it. */
enum { NETWORK_OWN = 1, EGRESS_OWN = 2, KINDS = 4 };

/* The claims under one pair: two of different edges, of each kind; each claim is also of the kinds that ask for less. */
struct group {
    uint64_t hash; /* stands for the pair */
    const struct registry_area *areas[KINDS][2];
};
struct claims {
    struct arena *arena;
    const struct registry *registry;
    struct group *groups;
    size_t count, capacity;
    struct table table;
};

/* A network with a site or an egress, or neither. */
struct claim {
    struct str site;
    const struct network *network;
    const struct network *egress; /* NULL: none */
};

static bool same_group(const void *context, uint32_t number, const void *key)
{
    const struct claims *claims = context;
    return claims->groups[number].hash == *(const uint64_t *)key;
}

static uint64_t hash_network(uint64_t hash, const struct network *network)
{
    const unsigned char kind[2] = {network->address.v6, (unsigned char)network->prefix};
    return hash64(hash64(hash, str_make(kind, sizeof kind)), str_make(network->address.bytes, sizeof network->address.bytes));
}

/* The group under that many bits of both. */
static uint64_t hash_of(const struct claim *claim, unsigned network_bits, unsigned egress_bits)
{
    const struct network network = network_at(&claim->network->address, network_bits);
    uint64_t hash = hash_network(hash64(HASH64, claim->site), &network);
    if (!claim->egress) return hash;
    const struct network egress = network_at(&claim->egress->address, egress_bits);
    return hash_network(hash, &egress);
}

/* Calls `each` for every pair around the claim until it returns false. */
struct visit {
    struct claims *claims;
    const struct registry_area *area;
    bool (*each)(const struct visit *, uint64_t hash, unsigned kind);
};

static bool visit_egresses(const struct visit *visit, const struct claim *claim, unsigned bits)
{
    const struct prefixes *prefixes = registry_prefixes_of_egresses(visit->claims->registry);
    unsigned kind = bits == claim->network->prefix ? NETWORK_OWN : 0;
    if (!claim->egress) return visit->each(visit, hash_of(claim, bits, 0), kind | EGRESS_OWN);
    bool v6 = claim->egress->address.v6;
    for (unsigned i = 0; i < prefixes->count[v6] && prefixes->lengths[v6][i] <= claim->egress->prefix; i++) {
        unsigned length = prefixes->lengths[v6][i], own = length == claim->egress->prefix ? EGRESS_OWN : 0;
        if (!visit->each(visit, hash_of(claim, bits, length), kind | own)) return false;
    }
    return true;
}

static bool visit_claim(const struct visit *visit, const struct claim *claim)
{
    const struct prefixes *prefixes = registry_prefixes_of_areas(visit->claims->registry);
    bool v6 = claim->network->address.v6;
    for (unsigned i = 0; i < prefixes->count[v6] && prefixes->lengths[v6][i] <= claim->network->prefix; i++)
        if (!visit_egresses(visit, claim, prefixes->lengths[v6][i])) return false;
    return true;
}

static bool visit_area(const struct visit *visit)
{
    const struct registry_area *area = visit->area;
    struct claim claim = {area->site, &area->network, NULL};
    if ((area->site.length > 0 || registry_is_bare(area)) && !visit_claim(visit, &claim)) return false;
    for (size_t i = 0; area->site.length == 0 && i < area->edge->egress_count; i++) {
        claim.egress = &area->edge->egress[i];
        if (!visit_claim(visit, &claim)) return false;
    }
    return true;
}

static void note(const struct registry_area *pair[2], const struct registry_area *area)
{
    if (!pair[0])
        pair[0] = area;
    else if (!pair[1] && pair[0]->edge != area->edge)
        pair[1] = area;
}

static void grow(struct claims *claims)
{
    claims->groups = arena_grow(claims->arena, claims->groups, claims->count, &claims->capacity, sizeof *claims->groups);
    if (claims->count < claims->table.mask / 2) return;
    claims->table = table_new(claims->arena, 2 * claims->count + 8);
    for (size_t i = 0; i < claims->count; i++) table_put(&claims->table, claims->groups[i].hash, (uint32_t)i);
}

static bool add(const struct visit *visit, uint64_t hash, unsigned kind)
{
    struct claims *claims = visit->claims;
    uint32_t number = table_find(&claims->table, hash, same_group, claims, &hash);
    if (number == TABLE_NONE) {
        grow(claims);
        number = (uint32_t)claims->count++;
        claims->groups[number].hash = hash;
        table_put(&claims->table, hash, number);
    }
    for (unsigned each = 0; each < KINDS; each++)
        if ((each & ~kind) == 0) note(claims->groups[number].areas[each], visit->area);
    return true;
}

/* One of the two is the owner of each part: what the area itself is not, the other must be. */
static bool is_free(const struct visit *visit, uint64_t hash, unsigned kind)
{
    const struct claims *claims = visit->claims;
    uint32_t number = table_find(&claims->table, hash, same_group, claims, &hash);
    if (number == TABLE_NONE) return true;
    const struct registry_area *const *others = claims->groups[number].areas[(NETWORK_OWN | EGRESS_OWN) & ~kind];
    return !(others[0] && others[0]->edge != visit->area->edge) && !(others[1] && others[1]->edge != visit->area->edge);
}

static bool is_wide(const struct registry *registry, const struct edge *edge)
{
    const struct edge *const *wide;
    size_t count = registry_wide_edges(registry, &wide);
    for (size_t i = 0; i < count; i++)
        if (wide[i] == edge) return true;
    return false;
}

/* What is noted of no wide edge is asked of each. */
static bool may_clash_with_wide(const struct registry *registry, const struct registry_area *area)
{
    const struct edge *const *wide;
    size_t count = registry_wide_edges(registry, &wide);
    for (size_t i = 0; i < count; i++)
        for (size_t at = registry_first_area(registry, wide[i]); at < registry->area_count && registry->areas[at].edge == wide[i]; at++)
            if (registry_areas_clash(area, &registry->areas[at])) return true;
    return false;
}

struct claims *claims_new(struct arena *arena, const struct registry *registry)
{
    struct claims *claims = arena_new_of(arena, struct claims);
    *claims = (struct claims){.arena = arena, .registry = registry, .table = table_new(arena, registry->area_count)};
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct visit visit = {claims, &registry->areas[i], add};
        if (!is_wide(registry, registry->areas[i].edge)) visit_area(&visit);
    }
    return claims;
}

bool claims_may_clash(const struct claims *claims, const struct registry_area *area)
{
    const struct visit visit = {(struct claims *)(uintptr_t)claims, area, is_free};
    if (is_wide(claims->registry, area->edge)) return true;
    return !visit_area(&visit) || may_clash_with_wide(claims->registry, area);
}
