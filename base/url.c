#include "base/url.h"

#include <arpa/inet.h>

#include "base/encode.h"

static bool is_url_byte(char c)
{
    return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f && !memchr("\"<>\\^`{|}", c, 9);
}

/* Brackets belong to a host, and a '#' begins the fragment, which cannot have another. */
static bool is_plain(struct str part)
{
    return str_find(part, '[') == part.length && str_find(part, ']') == part.length && str_find(part, '#') == part.length;
}

static bool is_percent_encoded(struct str text)
{
    uint64_t byte;
    while (str_cut(&text, '%'), text.data)
        if (text.length < 2 || !str_hex_to_u64(str_first(text, 2), &byte)) return false;
    return true;
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.length; i++) {
        char c = s.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) return false;
    }
    return s.length > 0;
}

/* [::1] */
static bool is_bracketed_ipv6(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    struct str inside = str_first(str_from(host, 1), host.length - 2);
    if (inside.length >= sizeof text) return false;
    memcpy(text, inside.data, inside.length);
    text[inside.length] = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool url_is_web(const struct url *url)
{
    return str_equal_nocase(url->scheme, S("http")) || str_equal_nocase(url->scheme, S("https"));
}

static enum status check_host(const struct url *url, struct error *error)
{
    bool may_be_empty = !url_is_web(url) && url->authority.length == 0; /* file:///path; for the others see RFC 9110 §4.2 */
    ENSURE(url->host.length > 0 || may_be_empty, error, STATUS_INVALID, "the URL has no host");
    bool bracketed = str_starts(url->host, S("["));
    ENSURE(bracketed ? is_bracketed_ipv6(url->host) : is_plain(url->host), error, STATUS_INVALID, "the URL's host is malformed");
    return STATUS_OK;
}

/* "[::1]:80" splits behind the bracket, "host:80" at the colon. */
static enum status parse_authority(struct url *url, struct error *error)
{
    struct str a = url->authority;
    ENSURE(str_find(a, '@') == a.length, error, STATUS_INVALID, "a URL must not carry a user name or password");
    size_t end = a.length > 0 && a.data[0] == '[' ? str_find(a, ']') + 1 : str_find(a, ':');
    ENSURE(end <= a.length, error, STATUS_INVALID, "the URL's host has no closing bracket");
    url->host = str_first(a, end);
    TRY(check_host(url, error));
    struct str port = str_from(a, end);
    if (port.length == 0) return STATUS_OK;
    uint64_t number;
    ENSURE(port.data[0] == ':', error, STATUS_INVALID, "the URL's host is malformed");
    ENSURE(str_to_u64(str_from(port, 1), &number) && number >= 1 && number <= 65535, error, STATUS_INVALID,
           "the URL's port is not a number from 1 to 65535");
    url->port = (uint16_t)number;
    return STATUS_OK;
}

static enum status check_bytes(struct str text, struct error *error)
{
    for (size_t i = 0; i < text.length; i++)
        ENSURE(is_url_byte(text.data[i]), error, STATUS_INVALID, "the URL has a byte at %zu that must be percent-encoded", i);
    ENSURE(is_percent_encoded(text), error, STATUS_INVALID, "the URL has a '%%' without two hexadecimal digits");
    return STATUS_OK;
}

enum status url_parse(struct str text, struct url *out, struct error *error)
{
    struct url url = {0};
    TRY(check_bytes(text, error));
    size_t colon = str_find_str(text, S("://"));
    ENSURE(colon < text.length && is_scheme(str_first(text, colon)), error, STATUS_INVALID, "the URL has no scheme (expected scheme://…)");
    url.scheme = str_first(text, colon);
    struct str rest = str_from(text, colon + 3);
    struct str before_fragment = str_cut(&rest, '#');
    url.fragment = rest;
    rest = before_fragment;
    struct str before_query = str_cut(&rest, '?');
    url.query = rest;
    url.has_query = rest.data != NULL;
    size_t slash = str_find(before_query, '/');
    url.authority = str_first(before_query, slash);
    url.path = str_from(before_query, slash);
    ENSURE(is_plain(url.path) && is_plain(url.query) && is_plain(url.fragment), error, STATUS_INVALID,
           "the URL has a '[', ']' or '#' that must be percent-encoded");
    TRY(parse_authority(&url, error));
    *out = url;
    return STATUS_OK;
}

/* An empty one is passed over. */
static struct str next_piece(struct str *rest)
{
    struct str piece = {0};
    while (rest->data && piece.length == 0) piece = str_cut(rest, '&');
    return piece;
}

bool url_next_argument(struct str *rest, struct url_argument *argument)
{
    struct str piece = next_piece(rest);
    if (piece.length == 0) return false;
    argument->name = str_cut(&piece, '=');
    argument->has_value = piece.data != NULL;
    argument->value = piece;
    return true;
}

/* Whatever its case. Handlers look up a dozen names in each query: a piece of another name costs one comparison. */
static bool is_named(struct str piece, struct str name)
{
    return str_equal_nocase(str_first(piece, name.length), name) && (piece.length == name.length || piece.data[name.length] == '=');
}

enum status url_argument(struct arena *arena, struct str query, struct str name, struct str *value, struct error *error)
{
    struct str piece, found = {0};
    int count = 0;
    while ((piece = next_piece(&query)).length > 0) {
        if (!is_named(piece, name)) continue;
        struct str given = str_cut(&piece, '='); /* and `piece` is the value */
        ENSURE(str_equal(given, name), error, STATUS_INVALID,
               "the parameter '" STR_FMT "' must be written '" STR_FMT "': names are case-sensitive", STR_ARG(given), STR_ARG(name));
        ENSURE(count++ == 0, error, STATUS_INVALID, "the parameter '" STR_FMT "' is given twice", STR_ARG(name));
        ENSURE(percent_decode(arena, piece, &found), error, STATUS_INVALID,
               "the parameter '" STR_FMT "' has a '%%' without two hexadecimal digits", STR_ARG(name));
        ENSURE(!str_has_control(found), error, STATUS_INVALID, "the parameter '" STR_FMT "' has a control byte", STR_ARG(name));
    }
    *value = found;
    return STATUS_OK;
}
