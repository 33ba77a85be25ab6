/* Edges, registered LANs, addresses and masks: any text is refused with words, or says the same when it is written and read again. */
#include <assert.h>

#include "lib/placement/registry.h"

static void check_edge(struct arena *arena, struct str text)
{
    struct edge edge, again;
    struct error error = {0};
    enum status status = edge_parse(arena, text, &edge, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && str_starts(str_of(error.text), S("edge"))));
    if (status != STATUS_OK) return;
    struct str written = edge_format(arena, &edge);
    assert(edge_parse(arena, written, &again, &error) == STATUS_OK);
    assert(str_equal(edge_format(arena, &again), written));
    assert(again.lan_count == edge.lan_count && again.quota == edge.quota);
}

static void check_entry(struct arena *arena, struct str text)
{
    struct lan_entry entry;
    struct error error = {0};
    enum status status = lan_entry_parse(arena, text, &entry, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && str_starts(str_of(error.text), S("lan"))));
}

static void check_network(struct arena *arena, struct str text)
{
    struct network network, again;
    struct str mask = text, ip = str_cut(&mask, ' ');
    struct error error = {0};
    if (network_parse(text, &network)) {
        assert(network_parse(network_format(arena, &network), &again) && network_equal(&network, &again));
        assert(network_contains(&network, &network.address));
    }
    enum status status = network_of(ip, mask, &network, &error);
    assert(status == STATUS_OK || (status == STATUS_INVALID && error.text[0]));
    if (status != STATUS_OK) return;
    struct address address;
    assert(address_parse(ip, &address) && network_contains(&network, &address));
    assert(lan_part(lan_format(arena, S("site"), &network)) < LAN_PARTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = str_make(data, size);
    check_edge(arena, text);
    check_entry(arena, text);
    check_network(arena, text);
    arena_free(arena);
    return 0;
}
