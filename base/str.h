/* Counted strings. A `struct str` never owns its bytes and need not end in NUL; what it points into
 * (a literal, an arena, a request) says how long it lives. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "base/types.h"

/* A string from a literal, at no cost: S("abc"). */
#define S(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* For printf: printf("%.*s", STR_ARG(s)). Prints at most INT_MAX bytes. */
#define STR_FMT    "%.*s"
#define STR_ARG(s) ((int)((s).length > INT32_MAX ? INT32_MAX : (s).length)), ((s).data ? (s).data : "")

static inline struct str str_of(const char *z)
{
    return z ? (struct str){z, strlen(z)} : (struct str){NULL, 0};
}

static inline struct str str_make(const void *data, size_t length)
{
    return (struct str){(const char *)data, length};
}

static inline bool str_empty(struct str s)
{
    return s.length == 0;
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* The part from `from` on; empty where `from` is past the end. */
static inline struct str str_from(struct str s, size_t from)
{
    return from < s.length ? (struct str){s.data + from, s.length - from} : (struct str){s.data, 0};
}

/* The first `count` bytes, or all where there are fewer. */
static inline struct str str_first(struct str s, size_t count)
{
    return (struct str){s.data, count < s.length ? count : s.length};
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII only, as HTTP's tokens are */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_compare(struct str a, struct str b); /* by bytes, like memcmp; a prefix sorts first */
struct str str_trim(struct str s);           /* spaces and tabs (RFC 9110 OWS), and CR LF */

/* Index of the first/last `c`, or s.length where there is none. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);
size_t str_find_str(struct str s, struct str needle);

/* Cuts `*rest` at the first `separator`: returns what stands before it and leaves what stands behind.
 * Without a separator all is returned and `*rest` becomes {NULL, 0}: loop with `while (rest.data)`. */
struct str str_cut(struct str *rest, char separator);

/* Decimal digits only: no sign, no space, no overflow, at least one digit. False leaves *value alone. */
bool str_to_u64(struct str s, uint64_t *value);
/* An optional '-' and digits. */
bool str_to_i64(struct str s, int64_t *value);
/* Hexadecimal, either case, 1 to 16 digits. */
bool str_hex_to_u64(struct str s, uint64_t *value);
/* Decimal fraction such as 0.25 or 1e-3, whole string, finite, independent of the locale. */
bool str_to_double(struct str s, double *value);

/* A number in decimal, written into `digits`. */
enum { U64_DIGITS = 20 };
struct str str_of_u64(char digits[U64_DIGITS], uint64_t value);

/* Takes the same time wherever the bytes differ. The length is not secret. */
bool str_equal_secret(struct str a, struct str b);

/* Ids of apps, channels, edges, sites: [A-Za-z0-9._-]{1,128}, not starting with a dot. */
bool str_is_id(struct str s);
/* Ids of versions: the same, and '+' (semver.org, 10: 1.2.3+45). In a URL's path '+' may stand as it is or as %2B; stores want %2B. */
bool str_is_version(struct str s);
#define STR_VERSION_RULE "1 to 128 letters, digits, '.', '_', '-' or '+', not starting with a dot"
bool str_is_utf8(struct str s);         /* well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong */
size_t str_utf8_sequence(struct str s); /* bytes of the well-formed sequence that s begins with; 0 where it does not */
bool str_has_control(struct str s);     /* any byte below 0x20, or 0x7f */

#endif
