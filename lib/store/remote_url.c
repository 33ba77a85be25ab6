#include <arpa/inet.h>

#include "lib/store/remote_internal.h"

enum status remote_check_parameters(const struct url *url, const struct str *known, size_t count, const char *words, struct error *error)
{
    struct str rest = url->query;
    struct url_argument argument;
    while (url_next_argument(&rest, &argument)) {
        bool found = false;
        for (size_t i = 0; i < count; i++) found = found || str_equal(argument.name, known[i]);
        ENSURE(found, error, STATUS_INVALID, STR_FMT ":// takes %s, not '" STR_FMT "'", STR_ARG(url->scheme), words,
               STR_ARG(argument.name));
    }
    return STATUS_OK;
}

enum status remote_parameter(struct arena *arena, const struct url *url, struct str name, struct str *value, struct error *error)
{
    struct str given;
    TRY(url_argument(arena, url->query, name, &given, error));
    if (given.data) *value = given;
    return STATUS_OK;
}

enum status remote_prefix(struct arena *arena, const struct url *url, struct str *prefix, struct error *error)
{
    struct str path = str_from(url->path, 1);
    while (str_ends(path, S("/"))) path.length--;
    ENSURE(str_empty(path) || (store_is_key(path) && path.length < STORE_PREFIX_LENGTH), error, STATUS_INVALID,
           "'" STR_FMT "' is not a prefix: segments of A-Z a-z 0-9 . _ - + = @ , joined by '/', at most %d bytes", STR_ARG(path),
           STORE_PREFIX_LENGTH - 1);
    *prefix = str_empty(path) ? S("") : arena_printf(arena, STR_FMT "/", STR_ARG(path));
    return STATUS_OK;
}

bool remote_is_address(struct str host, bool *loopback)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    *loopback = str_equal(host, S("localhost"));
    if (*loopback) return true;
    bool bracketed = str_starts(host, S("[")) && str_ends(host, S("]"));
    if (bracketed) host = str_make(host.data + 1, host.length - 2);
    if (host.length >= sizeof text) return false;
    memcpy(text, host.data, host.length);
    text[host.length] = 0;
    if (bracketed && inet_pton(AF_INET6, text, &v6) == 1) {
        *loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return true;
    }
    if (bracketed || inet_pton(AF_INET, text, &v4) != 1) return false;
    *loopback = ntohl(v4.s_addr) >> 24 == 127;
    return true;
}

const char *remote_variables(struct arena *arena, struct str name)
{
    char *prefix = arena_cstr(arena, name);
    for (char *c = prefix; *c; c++) {
        bool lower = *c >= 'a' && *c <= 'z';
        bool other = !lower && !(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9');
        if (lower) *c = (char)(*c - 'a' + 'A');
        if (other) *c = '_';
    }
    return prefix;
}
