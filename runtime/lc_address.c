#include "lc_address.h"

#include <arpa/inet.h>
#include <stdio.h>

/* A host without brackets and port. */
static bool parse_host(struct str host, uint16_t port, struct lc_address *address)
{
    char text[INET6_ADDRSTRLEN];
    if (str_equal_nocase(host, S("localhost"))) host = S("127.0.0.1");
    if (host.length == 0 || host.length >= sizeof text || str_has_control(host)) return false;
    memcpy(text, host.data, host.length);
    text[host.length] = 0;

    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
    *address = (struct lc_address){.length = sizeof *v4};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return true;
    }
    *address = (struct lc_address){.length = sizeof *v6};
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static struct str without_brackets(struct str host)
{
    bool bracketed = host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']';
    return bracketed ? str_make(host.data + 1, host.length - 2) : host;
}

enum status lc_address_parse(struct str text, struct lc_address *address, struct error *error)
{
    size_t colon = str_find_last(text, ':');
    uint64_t port;
    bool has_port = colon < text.length && str_to_u64(str_from(text, colon + 1), &port) && port <= 65535;
    struct str host = str_first(text, colon);
    bool bare_v6 = host.length > 0 && host.data[0] != '[' && str_find(host, ':') < host.length;
    ENSURE(has_port && !bare_v6, error, STATUS_INVALID, "'" STR_FMT "' is not ADDRESS:PORT", STR_ARG(text));
    if (host.length == 0) host = S("0.0.0.0");
    ENSURE(parse_host(without_brackets(host), (uint16_t)port, address), error, STATUS_INVALID,
           "'" STR_FMT "' has no numeric address (such as 127.0.0.1 or [::1]) and is not localhost", STR_ARG(text));
    return STATUS_OK;
}

struct str lc_address_host(const struct sockaddr *from, char text[LC_ADDRESS_TEXT])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    if (from->sa_family == AF_INET) return str_of(inet_ntop(AF_INET, &v4->sin_addr, text, LC_ADDRESS_TEXT));
    if (from->sa_family != AF_INET6) return (struct str){0};
    if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) return str_of(inet_ntop(AF_INET6, &v6->sin6_addr, text, LC_ADDRESS_TEXT));
    return str_of(inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, LC_ADDRESS_TEXT));
}

struct str lc_address_text(const struct sockaddr *from, char text[LC_ADDRESS_TEXT])
{
    char host[LC_ADDRESS_TEXT];
    bool v6 = from->sa_family == AF_INET6;
    uint16_t port = v6 ? ((const struct sockaddr_in6 *)from)->sin6_port : ((const struct sockaddr_in *)from)->sin_port;
    struct str bare = lc_address_host(from, host);
    bool brackets = str_find(bare, ':') < bare.length;
    int length =
        snprintf(text, LC_ADDRESS_TEXT, "%s" STR_FMT "%s:%u", brackets ? "[" : "", STR_ARG(bare), brackets ? "]" : "", ntohs(port));
    return str_make(text, length < 0 ? 0 : (size_t)length);
}

bool lc_address_is_loopback(const struct sockaddr *from)
{
    char text[LC_ADDRESS_TEXT];
    struct str host = lc_address_host(from, text);
    return str_starts(host, S("127.")) || str_equal(host, S("::1"));
}

struct str lc_address_bare(struct arena *arena, struct str text)
{
    char canonical[LC_ADDRESS_TEXT];
    struct lc_address address;
    struct error error;
    text = str_trim(text);
    bool parsed = parse_host(without_brackets(text), 0, &address) || lc_address_parse(text, &address, &error) == STATUS_OK;
    if (!parsed || str_equal_nocase(text, S("localhost"))) return (struct str){0};
    return arena_copy(arena, lc_address_host((const struct sockaddr *)&address.storage, canonical));
}
