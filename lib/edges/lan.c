#include "lib/edges/lan.h"

#include <arpa/inet.h>

#include "base/hash.h"

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

static unsigned bits_of(const struct address *address)
{
    return address->v6 ? V6_BITS : V4_BITS;
}

/* ::ffff:a.b.c.d is a.b.c.d. */
static void unmap(struct address *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (!address->v6 || memcmp(address->bytes, mapped, sizeof mapped) != 0) return;
    struct address v4 = {0};
    memcpy(v4.bytes, address->bytes + sizeof mapped, 4);
    *address = v4;
}

static bool parse_unmapped(struct str text, struct address *address)
{
    char z[INET6_ADDRSTRLEN];
    struct address parsed = {.v6 = str_find(text, ':') < text.length};
    if (text.length == 0 || text.length >= sizeof z || str_find(text, 0) < text.length) return false;
    memcpy(z, text.data, text.length);
    z[text.length] = 0;
    if (inet_pton(parsed.v6 ? AF_INET6 : AF_INET, z, parsed.bytes) != 1) return false;
    *address = parsed;
    return true;
}

bool address_parse(struct str text, struct address *address)
{
    if (!parse_unmapped(text, address)) return false;
    unmap(address);
    return true;
}

static void mask(struct address *address, unsigned prefix)
{
    unsigned bytes = bits_of(address) / 8;
    for (unsigned i = 0; i < bytes; i++) {
        unsigned kept = prefix >= (i + 1) * 8 ? 8 : prefix > i * 8 ? prefix - i * 8 : 0;
        address->bytes[i] &= (unsigned char)(0xff00 >> kept);
    }
}

/* A prefix that was said of the IPv6 form is that of the IPv4 one, 96 bits shorter. */
static bool make_network(struct address address, uint64_t prefix, struct network *network)
{
    struct address plain = address;
    if (prefix > bits_of(&address)) return false;
    unmap(&plain);
    if (plain.v6 != address.v6) {
        if (prefix < MAPPED_BITS) return false;
        prefix -= MAPPED_BITS;
    }
    mask(&plain, (unsigned)prefix);
    *network = (struct network){plain, (unsigned)prefix};
    return true;
}

bool network_parse(struct str text, struct network *network)
{
    struct str rest = text, ip = str_cut(&rest, '/');
    struct address address;
    uint64_t prefix;
    if (!parse_unmapped(ip, &address) || !str_to_u64(rest, &prefix)) return false;
    return make_network(address, prefix, network);
}

/* 255.255.255.0 → 24: ones, then zeros. */
static bool prefix_of_dotted(const struct address *dotted, uint64_t *prefix)
{
    const unsigned char *b = dotted->bytes;
    uint32_t bits = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    uint32_t zeros = ~bits;
    if (zeros & (zeros + 1)) return false;
    *prefix = 0;
    for (; bits; bits <<= 1) ++*prefix;
    return true;
}

/* The mask of an IPv4-mapped address is the IPv4 one's, or a prefix length of the IPv6 form. */
enum status network_of(struct str ip, struct str text, struct network *network, struct error *error)
{
    struct address address, plain, dotted;
    uint64_t prefix;
    ENSURE(parse_unmapped(ip, &address), error, STATUS_INVALID, "'ip' must be an IPv4 or IPv6 address");
    plain = address;
    unmap(&plain);
    bool mapped = plain.v6 != address.v6;
    if (!str_to_u64(text, &prefix)) {
        ENSURE(!plain.v6, error, STATUS_INVALID, "'mask' of an IPv6 address must be a prefix length from 0 to 128");
        ENSURE(parse_unmapped(text, &dotted) && !dotted.v6, error, STATUS_INVALID,
               "'mask' must be a mask such as 255.255.255.0 or a prefix length such as 24");
        ENSURE(prefix_of_dotted(&dotted, &prefix), error, STATUS_INVALID, "'mask' has holes: its ones must come before its zeros");
    }
    bool right = make_network(prefix <= V4_BITS ? plain : address, prefix, network);
    ENSURE(right, error, STATUS_INVALID, "'mask' must be at most %u%s for this address", bits_of(&plain),
           mapped ? ", or from 96 to 128," : "");
    return STATUS_OK;
}

struct network network_at(const struct address *address, unsigned prefix)
{
    struct network network = {*address, prefix};
    mask(&network.address, prefix);
    return network;
}

bool network_contains(const struct network *network, const struct address *address)
{
    if (network->address.v6 != address->v6) return false;
    struct address masked = *address;
    mask(&masked, network->prefix);
    return memcmp(masked.bytes, network->address.bytes, sizeof masked.bytes) == 0;
}

bool network_equal(const struct network *a, const struct network *b)
{
    return a->prefix == b->prefix && network_contains(a, &b->address);
}

struct network network_of_caller(const struct address *caller)
{
    return network_at(caller, caller->v6 ? 64 : V4_BITS);
}

bool address_is_public(const struct address *address)
{
    static const struct network others[] = {
        {{{10}, false}, 8},         {{{172, 16}, false}, 12},  {{{192, 168}, false}, 16}, {{{100, 64}, false}, 10},
        {{{127}, false}, 8},        {{{169, 254}, false}, 16}, {{{0}, false}, 8},         {{{0xfc}, true}, 7},
        {{{0xfe, 0x80}, true}, 10}, {{{0}, true}, 127}, /* ::1, and :: */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (network_contains(&others[i], address)) return false;
    return true;
}

struct str network_format(struct arena *arena, const struct network *network)
{
    char z[INET6_ADDRSTRLEN], digits[U64_DIGITS];
    inet_ntop(network->address.v6 ? AF_INET6 : AF_INET, network->address.bytes, z, sizeof z);
    return arena_join(arena, str_of(z), S("/"), str_of_u64(digits, network->prefix));
}

struct str lan_format(struct arena *arena, struct str site, const struct network *network)
{
    struct str text = network_format(arena, network);
    return site.length == 0 ? text : arena_join(arena, site, S("@"), text);
}

bool lan_parse_caller(struct str lan, struct network *caller, struct network *network, bool *has_network)
{
    struct str rest = lan, first = str_cut(&rest, '@');
    *has_network = rest.data != NULL;
    if (!network_parse(first, caller)) return false;
    return *has_network ? network_parse(rest, network) : address_is_public(&caller->address);
}

/* Part of what is stored: it never changes. */
static unsigned part_of(struct str text)
{
    uint32_t hash = hash32(HASH32, text);
    return (hash ^ hash >> 16) % LAN_PARTS;
}

enum { V4_GROUP = 16, V6_GROUP = 32 }; /* bits */

static unsigned group_bits(const struct network *network)
{
    return network->address.v6 ? V6_GROUP : V4_GROUP;
}

static unsigned group_of(const struct network *network)
{
    return part_of(str_make((const char *)network->address.bytes, group_bits(network) / 8));
}

unsigned network_part(const struct network *network)
{
    return network->prefix < group_bits(network) ? LAN_PARTS : group_of(network);
}

/* By the beginning of the address, so that an edge finds what was counted of its callers before it was registered. */
unsigned lan_part(struct str lan)
{
    struct network caller, network;
    bool has_network;
    return lan_parse_caller(lan, &caller, &network, &has_network) ? group_of(&caller) : part_of(lan);
}
