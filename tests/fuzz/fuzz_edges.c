/* What operators register, and where queries say they are from: any text is refused with words, or says the same when it was written and
 * read again; no LAN's text breaks the lines of demand. */
#include <assert.h>

#include "lib/edges/registry.h"

static void check_lan(struct str lan)
{
    assert(lan.length > 0 && !str_has_control(lan) && str_find(lan, ' ') == lan.length);
}

static void check_edge(struct arena *arena, const struct edge *edge)
{
    struct edge again;
    struct error error;
    assert(str_is_id(edge->id) && edge->address.length > 0 && edge->network_count <= edge->lan_count);
    for (size_t i = 0; i < edge->lan_count; i++) check_lan(edge->lans[i]);
    struct str text = edge_format(arena, edge);
    assert(edge_parse(arena, text, &again, &error) == STATUS_OK);
    assert(str_equal(edge_format(arena, &again), text) && again.lan_count == edge->lan_count && again.quota == edge->quota);
}

/* A LAN that is known by its callers says who they are, and is in the part where their edge looks for it. */
static void check_callers(struct arena *arena, const struct network *network)
{
    struct network caller, behind;
    bool has_network;
    struct str lan = lan_format(arena, network_format(arena, network), network);
    assert(lan_parse_caller(lan, &caller, &behind, &has_network) && has_network);
    assert(network_equal(&caller, network) && network_equal(&behind, network));
    assert(network_part(network) == LAN_PARTS || network_part(network) == lan_part(lan));
}

static void check_written(struct arena *arena, const struct network *network)
{
    struct network again;
    struct str written = network_format(arena, network), lan = lan_format(arena, S(""), network);
    assert(network_parse(written, &again) && network_equal(network, &again));
    assert(network_contains(network, &network->address));
    check_lan(lan);
    assert(lan_part(lan) < LAN_PARTS);
    check_callers(arena, network);
}

static void check_network(struct arena *arena, struct str text)
{
    struct str mask = text, ip = str_cut(&mask, ' ');
    struct network network;
    struct address address;
    struct error error = {0};
    if (network_parse(text, &network)) check_written(arena, &network);
    if (network_of(ip, mask, &network, &error) != STATUS_OK) {
        assert(error.status == STATUS_INVALID && error.text[0]);
        return;
    }
    assert(address_parse(ip, &address) && network_contains(&network, &address));
    check_written(arena, &network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct arena *arena = arena_new();
    struct edge edge;
    struct lan_entry entry;
    struct error error = {0};
    if (edge_parse(arena, text, &edge, &error) == STATUS_OK)
        check_edge(arena, &edge);
    else
        assert(error.status == STATUS_INVALID && str_starts(str_of(error.text), S("edge")));
    if (lan_entry_parse(arena, text, &entry, &error) == STATUS_OK)
        check_lan(entry.lan);
    else
        assert(error.status == STATUS_INVALID && str_starts(str_of(error.text), S("lan")));
    check_network(arena, text);
    arena_free(arena);
    return 0;
}
