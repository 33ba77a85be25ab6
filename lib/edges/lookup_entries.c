/* What edges and LANs are found by. */
#include "lib/edges/lookup_internal.h"

struct str lookup_key(struct arena *arena, enum lookup_kind kind, struct str text)
{
    const char first[2] = {(char)kind, ' '};
    return arena_join(arena, str_make(first, sizeof first), text);
}

static void add(struct lookup_entries *entries, struct lookup_entry entry)
{
    entries->at = arena_grow(entries->arena, entries->at, entries->count, &entries->capacity, sizeof *entries->at);
    entries->at[entries->count++] = entry;
}

/* Of an edge. */
struct finding {
    struct lookup_entries *entries;
    const struct edge *edge;
    bool remove;
};

static void add_key(const struct finding *finding, enum lookup_kind kind, struct str text)
{
    add(finding->entries,
        (struct lookup_entry){LOOKUP_KEYS, lookup_key(finding->entries->arena, kind, text), finding->edge->id, finding->remove});
}

static void note_length(struct lookup_entries *entries, const struct network *network)
{
    if (entries->uses) entries->uses->networks[network->address.v6][network->prefix] = true;
}

static void add_lans(const struct finding *finding, const struct registry *registry)
{
    const struct edge *edge = finding->edge;
    struct lookup_entries *entries = finding->entries;
    for (size_t i = 0, network = 0; i < edge->lan_count; i++) {
        const struct lan_entry *entry = registry_listed_lan(registry, edge->lans[i]);
        if (str_starts(edge->lans[i], S("@"))) {
            add_key(finding, LOOKUP_CODE, str_from(edge->lans[i], 1));
            if (entry && entry->has_network) add_key(finding, LOOKUP_TEXT, entry->lan);
            continue;
        }
        const struct network *own = &edge->networks[network++];
        bool is_by_egress = edge->site.length == 0 && edge->egress_count > 0;
        note_length(entries, own);
        add_key(finding, is_by_egress ? LOOKUP_NETWORK : LOOKUP_TEXT, is_by_egress ? network_format(entries->arena, own) : edge->lans[i]);
    }
}

static void add_egresses(const struct finding *finding)
{
    const struct edge *edge = finding->edge;
    struct lookup_entries *entries = finding->entries;
    for (size_t i = 0; i < edge->egress_count; i++) {
        const struct network *egress = &edge->egress[i];
        if (entries->uses) entries->uses->egresses[egress->address.v6][egress->prefix] = true;
        add_key(finding, LOOKUP_EGRESS, network_format(entries->arena, egress));
    }
}

static void add_location(const struct finding *finding)
{
    const struct edge *edge = finding->edge;
    struct lookup_entries *entries = finding->entries;
    struct arena *arena = entries->arena;
    struct str key = lookup_key_of_location(arena, &edge->location, edge->id);
    struct str token = arena_printf(arena, "%.17g,%.17g%s", edge->location.latitude, edge->location.longitude, edge->splices ? ",s" : "");
    unsigned area = lookup_area_of(&edge->location);
    for (int nodes = 0; nodes <= (edge->lan_count == 0); nodes++) {
        if (entries->uses) entries->uses->areas[nodes][area / 8] |= (unsigned char)(1 << area % 8);
        add(entries, (struct lookup_entry){nodes ? LOOKUP_NODES : LOOKUP_NEAR, key, token, finding->remove});
    }
}

void lookup_entries_of_edge(struct lookup_entries *entries, const struct registry *registry, const struct edge *edge, bool remove)
{
    const struct finding finding = {entries, edge, remove};
    bool is_node = edge->lan_count == 0, located = edge->location.known;
    add_lans(&finding, registry);
    if (!is_node) add_egresses(&finding);
    if (!is_node && edge->site.length > 0) add_key(&finding, LOOKUP_SITE, edge->site);
    if (located) add_location(&finding);
    if (edge->region.length == 0) return;
    add_key(&finding, located ? LOOKUP_REGION_LOCATED : LOOKUP_REGION, edge->region);
    if (is_node) add_key(&finding, located ? LOOKUP_NODE_LOCATED : LOOKUP_NODE, edge->region);
}

void lookup_entries_of_lan(struct lookup_entries *entries, const struct lan_entry *lan, bool remove)
{
    if (!lan->has_network) return;
    note_length(entries, &lan->network);
    add(entries, (struct lookup_entry){LOOKUP_KEYS, lookup_key(entries->arena, LOOKUP_LAN, lan->lan), lan->code, remove});
}

int lookup_by_entry(const void *a, const void *b)
{
    const struct lookup_entry *one = a, *other = b;
    if (one->document != other->document) return one->document < other->document ? -1 : 1;
    int order = str_compare(one->key, other->key);
    if (order == 0) order = str_compare(one->token, other->token);
    return order ? order : other->remove - one->remove;
}
