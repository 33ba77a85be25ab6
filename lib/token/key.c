#include "lib/token/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/token/thread_internal.h"

bool token_key_equal(const struct token_key *a, const struct token_key *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, TOKEN_KEY_LENGTH) == 0;
}

void token_key_hex(const struct token_key *key, char text[2 * TOKEN_KEY_LENGTH + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < TOKEN_KEY_LENGTH; i++) {
        text[2 * i] = digits[key->bytes[i] >> 4];
        text[2 * i + 1] = digits[key->bytes[i] & 15];
    }
    text[2 * TOKEN_KEY_LENGTH] = 0;
}

bool token_is_parameter(struct str name)
{
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
    }
    return name.length >= 1 && name.length <= 32;
}

/* --- taking apart */

static struct str between(const char *from, const char *to)
{
    return str_make(from, (size_t)(to - from));
}

/* Where in a query the token stands; what is cut away with it is one of the '&' beside it. */
static enum token_target_fault find_token(struct str query, struct str parameter, struct token_target *target)
{
    const char *end = query.data + query.length;
    target->before = query;
    for (struct str rest = query; rest.data;) {
        struct str piece = str_cut(&rest, '&'), value = piece, name = str_cut(&value, '=');
        if (!str_equal(name, parameter)) continue;
        if (target->token.data) return TOKEN_TARGET_TWICE;
        const char *behind = piece.data + piece.length;
        target->token = value.data ? value : str_make(behind, 0);
        target->before = between(query.data, piece.data > query.data ? piece.data - 1 : piece.data);
        target->after = behind < end ? between(behind + 1, end) : str_make(end, 0);
    }
    return TOKEN_TARGET_OK;
}

/* "host:80", "[::1]:80" → the host; a bare IPv6 address has no port. */
static struct str without_port(struct str authority)
{
    size_t bracket = str_find(authority, ']');
    if (bracket < authority.length) return str_first(authority, bracket + 1);
    return str_first(authority, str_find(authority, ':'));
}

static bool has_scheme(struct str uri, size_t *length)
{
    bool http = str_equal_nocase(str_first(uri, 7), S("http://")), https = str_equal_nocase(str_first(uri, 8), S("https://"));
    *length = https ? 8 : 7;
    return http || https;
}

enum token_target_fault token_target_parse(struct str uri, struct str host, struct str parameter, struct token_target *out)
{
    struct token_target target = {.host = without_port(host)};
    size_t scheme;
    if (uri.length > TOKEN_URL_MAXIMUM || host.length > TOKEN_HOST_MAXIMUM + 8) return TOKEN_TARGET_TOO_LONG;
    struct str rest = uri, whole = str_cut(&rest, '#'), query = whole;
    target.path = str_cut(&query, '?');
    if (has_scheme(target.path, &scheme)) {
        struct str authority = str_from(target.path, scheme);
        size_t slash = str_find(authority, '/');
        target.path = str_from(authority, slash);
        target.host = without_port(str_first(authority, slash));
        if (target.host.length == 0) return TOKEN_TARGET_MALFORMED;
    } else if (!str_starts(target.path, S("/"))) {
        return TOKEN_TARGET_MALFORMED;
    }
    if (str_has_control(whole) || str_has_control(target.host)) return TOKEN_TARGET_MALFORMED;
    if (target.host.length > TOKEN_HOST_MAXIMUM + (str_ends(target.host, S(".")) ? 1 : 0)) return TOKEN_TARGET_TOO_LONG;
    if (query.data) {
        enum token_target_fault fault = find_token(query, parameter, &target);
        if (fault != TOKEN_TARGET_OK) return fault;
    }
    *out = target;
    return TOKEN_TARGET_OK;
}

struct str token_host(struct str host, char buffer[TOKEN_HOST_MAXIMUM + 1])
{
    if (str_ends(host, S("."))) host.length--;
    if (host.length > TOKEN_HOST_MAXIMUM || host.length == 0) return (struct str){NULL, 0};
    for (size_t i = 0; i < host.length; i++) {
        char c = host.data[i];
        buffer[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    buffer[host.length] = 0;
    return str_make(buffer, host.length);
}

/* --- the key */

/* Feeds the hash with normalised bytes, a block at a time. */
struct feed {
    EVP_MD_CTX *hash;
    size_t used;
    unsigned char block[256];
};

static void flush(struct feed *feed)
{
    EVP_DigestUpdate(feed->hash, feed->block, feed->used);
    feed->used = 0;
}

static void add_byte(struct feed *feed, char c)
{
    if (feed->used == sizeof feed->block) flush(feed);
    feed->block[feed->used++] = (unsigned char)c;
}

static void add(struct feed *feed, struct str s)
{
    for (size_t i = 0; i < s.length; i++) add_byte(feed, s.data[i]);
}

enum { RAW = 1, UNRESERVED = 3 }; /* what may stand in a URL as it is; what need never be encoded */
static const unsigned char kinds[256] = {
    ['!'] = RAW,         ['#' ... '$'] = RAW,        ['&' ... ','] = RAW, ['-' ... '.'] = UNRESERVED,
    ['/'] = RAW,         ['0' ... '9'] = UNRESERVED, [':' ... ';'] = RAW, ['='] = RAW,
    ['?' ... '@'] = RAW, ['A' ... 'Z'] = UNRESERVED, ['['] = RAW,         [']'] = RAW,
    ['_'] = UNRESERVED,  ['a' ... 'z'] = UNRESERVED, ['~'] = UNRESERVED,
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_encoded(struct feed *feed, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    add_byte(feed, '%');
    add_byte(feed, digits[c >> 4]);
    add_byte(feed, digits[c & 15]);
}

/* RFC 3986 §6.2.2: what need not be encoded is decoded, digits are upper case, and what must not stand raw is encoded, as browsers do on
 * their way out. A '%' that encodes nothing is encoded too: otherwise "%%32F" would become what "%2F" is. */
static void add_normalised(struct feed *feed, struct str s)
{
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        int high = c == '%' && i + 2 < s.length ? hex_value(s.data[i + 1]) : -1, low = high >= 0 ? hex_value(s.data[i + 2]) : -1;
        if (low >= 0) {
            unsigned char byte = (unsigned char)(high << 4 | low);
            i += 2;
            if (kinds[byte] == UNRESERVED)
                add_byte(feed, (char)byte);
            else
                add_encoded(feed, byte);
        } else if (kinds[c]) {
            add_byte(feed, (char)c);
        } else {
            add_encoded(feed, c);
        }
    }
}

bool token_key_of(const struct token_target *target, struct str business, bool any_host, struct token_key *key)
{
    char buffer[TOKEN_HOST_MAXIMUM + 1];
    const struct token_thread *thread = token_thread();
    if (!thread || EVP_DigestInit_ex2(thread->digest, thread->sha256, NULL) != 1) return false;
    struct feed feed = {.hash = thread->digest};
    add(&feed, S("pakhus-key-1"));
    add_byte(&feed, 0);
    add(&feed, business);
    add_byte(&feed, 0);
    if (!any_host) add(&feed, token_host(target->host, buffer));
    add_byte(&feed, 0);
    add_normalised(&feed, target->path.length > 0 ? target->path : S("/"));
    if (target->before.length > 0 || target->after.length > 0) add_byte(&feed, '?');
    add_normalised(&feed, target->before);
    if (target->before.length > 0 && target->after.length > 0) add_byte(&feed, '&');
    add_normalised(&feed, target->after);
    flush(&feed);
    return EVP_DigestFinal_ex(feed.hash, key->bytes, NULL) == 1;
}

/* --- putting together */

struct pieces {
    struct str front, query, fragment; /* "https://h/p", "a=1", "#f" */
};

static struct pieces take_apart(struct arena *arena, struct str url, struct str parameter)
{
    size_t hash = str_find(url, '#');
    struct str query = str_first(url, hash);
    struct pieces pieces = {.fragment = str_from(url, hash)};
    pieces.front = str_cut(&query, '?');
    pieces.query = query;
    for (;;) { /* whatever was attached before, even twice */
        struct token_target target = {0};
        if (!pieces.query.data) return pieces;
        bool twice = find_token(pieces.query, parameter, &target) == TOKEN_TARGET_TWICE;
        if (!target.token.data) return pieces;
        const char *join = target.before.length > 0 && target.after.length > 0 ? "&" : "";
        pieces.query = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(target.before), join, STR_ARG(target.after));
        if (pieces.query.length == 0) pieces.query = (struct str){NULL, 0};
        if (!twice) return pieces;
    }
}

struct str token_detach(struct arena *arena, struct str url, struct str parameter)
{
    struct pieces p = take_apart(arena, url, parameter);
    return arena_printf(arena, STR_FMT "%s" STR_FMT STR_FMT, STR_ARG(p.front), p.query.data ? "?" : "", STR_ARG(p.query),
                        STR_ARG(p.fragment));
}

struct str token_attach(struct arena *arena, struct str url, struct str parameter, struct str token)
{
    struct pieces p = take_apart(arena, url, parameter);
    return arena_printf(arena, STR_FMT "?" STR_FMT "%s" STR_FMT "=" STR_FMT STR_FMT, STR_ARG(p.front), STR_ARG(p.query),
                        p.query.length > 0 ? "&" : "", STR_ARG(parameter), STR_ARG(token), STR_ARG(p.fragment));
}
