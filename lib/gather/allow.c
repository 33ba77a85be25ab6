#include "lib/gather/allow.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* An address as 16 bytes: IPv4 ones as ::ffff:a.b.c.d. */
struct address {
    unsigned char bytes[16];
    uint16_t port;
};

enum { V4_OFFSET = 96, WHOLE = 128 };

struct allow_entry {
    struct str name; /* "example.com", ".example.com" for all below it, "" for every host; data NULL: an address */
    struct address address;
    unsigned bits; /* of the address that count */
    uint16_t port; /* 0: any */
};

static bool is_within(const unsigned char address[16], const unsigned char network[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, network, whole) != 0) return false;
    return rest == 0 || (address[whole] ^ network[whole]) >> (8 - rest) == 0;
}

/* --- public addresses */

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};

/* IANA's registry of special addresses, what is not globally reachable in it, and multicast and class E. */
static const struct {
    unsigned char network[4];
    unsigned bits;
} special_v4[] = {
    {{0, 0, 0, 0}, 8},     {{10, 0, 0, 0}, 8},      {{100, 64, 0, 0}, 10},  {{127, 0, 0, 0}, 8},    {{169, 254, 0, 0}, 16},
    {{172, 16, 0, 0}, 12}, {{192, 0, 0, 0}, 24},    {{192, 0, 2, 0}, 24},   {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16},
    {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24}, {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};
/* Inside 2000::/3: protocol assignments and Teredo, documentation, 6to4, documentation. */
static const struct {
    unsigned char network[16];
    unsigned bits;
} special_v6[] = {{{0x20, 0x01, 0x00}, 23}, {{0x20, 0x01, 0x0d, 0xb8}, 32}, {{0x20, 0x02}, 16}, {{0x3f, 0xff, 0x00}, 20}};

static bool is_public_v4(const unsigned char bytes[4])
{
    unsigned char address[16] = {0}, network[16] = {0};
    memcpy(address, bytes, 4);
    for (size_t i = 0; i < sizeof special_v4 / sizeof *special_v4; i++) {
        memcpy(network, special_v4[i].network, 4);
        if (is_within(address, network, special_v4[i].bits)) return false;
    }
    return true;
}

static bool is_public(const struct address *address)
{
    const unsigned char *bytes = address->bytes;
    if (memcmp(bytes, mapped, sizeof mapped) == 0 || memcmp(bytes, nat64, sizeof nat64) == 0) return is_public_v4(bytes + 12);
    if (bytes[0] >> 5 != 1) return false;
    for (size_t i = 0; i < sizeof special_v6 / sizeof *special_v6; i++)
        if (is_within(bytes, special_v6[i].network, special_v6[i].bits)) return false;
    return true;
}

/* False for families that are neither. */
static bool read_sockaddr(const struct sockaddr *where, struct address *address)
{
    memset(address, 0, sizeof *address);
    if (where->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, where, sizeof v4);
        memcpy(address->bytes, mapped, sizeof mapped);
        memcpy(address->bytes + sizeof mapped, &v4.sin_addr, 4);
        address->port = ntohs(v4.sin_port);
        return true;
    }
    if (where->sa_family != AF_INET6) return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, where, sizeof v6);
    memcpy(address->bytes, &v6.sin6_addr, 16);
    address->port = ntohs(v6.sin6_port);
    return true;
}

/* --- the list */

/* "10.0.0.1" or "fd00::1", without brackets. */
static bool parse_address(struct str text, unsigned char bytes[16], bool *is_v4)
{
    char z[INET6_ADDRSTRLEN];
    if (text.length == 0 || text.length >= sizeof z) return false;
    memcpy(z, text.data, text.length);
    z[text.length] = 0;
    memcpy(bytes, mapped, sizeof mapped);
    *is_v4 = inet_pton(AF_INET, z, bytes + sizeof mapped) == 1;
    return *is_v4 || inet_pton(AF_INET6, z, bytes) == 1;
}

/* "…/8": the bits behind a network's address. */
static bool parse_bits(struct str text, bool is_v4, unsigned *bits)
{
    uint64_t number;
    unsigned offset = is_v4 ? V4_OFFSET : 0;
    *bits = WHOLE;
    if (!text.data) return true;
    if (!str_to_u64(text, &number) || number > WHOLE - offset) return false;
    *bits = offset + (unsigned)number;
    return true;
}

static bool is_name(struct str text)
{
    if (text.length == 0 || text.length > 253 || text.data[0] == '-') return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!fits) return false;
    }
    return true;
}

/* "*.example.com" is kept as ".example.com", "*" as "". */
static bool parse_name(struct str text, struct allow_entry *entry)
{
    bool wild = str_starts(text, S("*"));
    entry->name = wild ? str_from(text, 1) : text;
    if (wild && entry->name.length == 0) return true;
    bool below = entry->name.length > 1 && entry->name.data[0] == '.';
    return is_name(entry->name) && below == wild;
}

/* Takes ":8080" off the end of what is no bare IPv6 address. */
static bool take_port(struct str *text, uint16_t *port)
{
    uint64_t number;
    size_t colon = str_find_last(*text, ':'), bracket = str_find_last(*text, ']');
    bool bracketed = str_starts(*text, S("["));
    bool has_port = colon < text->length && (bracketed ? bracket < colon : str_find(*text, ':') == colon);
    *port = 0;
    if (!has_port) return true;
    if (!str_to_u64(str_from(*text, colon + 1), &number) || number < 1 || number > 65535) return false;
    *port = (uint16_t)number;
    *text = str_first(*text, colon);
    return true;
}

static bool parse_network(struct str text, struct allow_entry *entry)
{
    bool is_v4;
    struct str bits = text, host = str_cut(&bits, '/');
    if (str_starts(host, S("[")) && str_ends(host, S("]"))) host = str_make(host.data + 1, host.length - 2);
    return parse_address(host, entry->address.bytes, &is_v4) && parse_bits(bits, is_v4, &entry->bits);
}

static void add(struct allow *allow, const struct allow_entry *entry)
{
    allow->entries[allow->count++] = *entry;
    if (!entry->name.data) allow->has_addresses = true;
}

static void add_localhost(struct allow *allow, uint16_t port)
{
    struct allow_entry v4 = {.bits = V4_OFFSET + 8, .port = port}, v6 = {.bits = WHOLE, .port = port};
    memcpy(v4.address.bytes, mapped, sizeof mapped);
    v4.address.bytes[12] = 127;
    v6.address.bytes[15] = 1;
    add(allow, &v4);
    add(allow, &v6);
}

static bool parse_entry(struct str text, struct allow *allow)
{
    struct allow_entry entry = {0};
    if (!take_port(&text, &entry.port)) return false;
    if (str_equal_nocase(text, S("localhost"))) {
        add_localhost(allow, entry.port);
        return true;
    }
    if (!parse_network(text, &entry) && !parse_name(text, &entry)) return false;
    add(allow, &entry);
    return true;
}

enum status allow_parse(struct arena *arena, struct str list, struct allow *out, struct error *error)
{
    struct allow allow = {0};
    size_t most = 2;
    for (size_t i = 0; i < list.length; i++) most += list.data[i] == ',' ? 2 : 0;
    allow.entries = arena_array(arena, most, sizeof *allow.entries);
    struct str rest = arena_copy(arena, list);
    while (rest.data) {
        struct str text = str_trim(str_cut(&rest, ','));
        if (text.length == 0) continue;
        ENSURE(parse_entry(text, &allow), error, STATUS_INVALID,
               "'" STR_FMT "' is no host: a name, *.name, *, an address or a network such as 10.0.0.0/8, each with or without a port",
               STR_ARG(str_first(text, 128)));
    }
    *out = allow;
    return STATUS_OK;
}

/* --- asking it */

static bool ends_nocase(struct str text, struct str end)
{
    return text.length > end.length && str_equal_nocase(str_from(text, text.length - end.length), end);
}

static bool entry_names(const struct allow_entry *entry, struct str host, uint16_t port)
{
    if (!entry->name.data || (entry->port != 0 && entry->port != port)) return false;
    if (entry->name.length == 0) return true;
    return entry->name.data[0] == '.' ? ends_nocase(host, entry->name) : str_equal_nocase(host, entry->name);
}

bool allow_names(const struct allow *allow, const struct url *url)
{
    uint16_t port = url->port ? url->port : str_equal_nocase(url->scheme, S("https")) ? 443 : 80;
    struct str host = url->host;
    if (str_ends(host, S("."))) host.length--;           /* the name's root */
    if (str_find(host, '%') < host.length) return false; /* libcurl would decode it, and ask another host than is listed */
    for (size_t i = 0; i < allow->count; i++)
        if (entry_names(&allow->entries[i], host, port)) return true;
    return false;
}

bool allow_connects(const struct allow *allow, bool named, const struct sockaddr *where)
{
    struct address address;
    if (!read_sockaddr(where, &address)) return false;
    for (size_t i = 0; i < allow->count; i++) {
        const struct allow_entry *entry = &allow->entries[i];
        if (entry->name.data || (entry->port != 0 && entry->port != address.port)) continue;
        if (is_within(address.bytes, entry->address.bytes, entry->bits)) return true;
    }
    return named && is_public(&address);
}
