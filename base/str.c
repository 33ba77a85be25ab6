#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.length != b.length) return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.length >= prefix.length && str_equal(str_first(s, prefix.length), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.length >= suffix.length && str_equal(str_from(s, s.length - suffix.length), suffix);
}

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    if (order != 0) return order;
    return (a.length > b.length) - (a.length < b.length);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.length > 0 && is_blank(s.data[0])) s = str_from(s, 1);
    while (s.length > 0 && is_blank(s.data[s.length - 1])) s.length--;
    return s;
}

size_t str_find(struct str s, char c)
{
    const char *at = s.length ? memchr(s.data, c, s.length) : NULL;
    return at ? (size_t)(at - s.data) : s.length;
}

size_t str_find_last(struct str s, char c)
{
    for (size_t i = s.length; i > 0; i--)
        if (s.data[i - 1] == c) return i - 1;
    return s.length;
}

size_t str_find_str(struct str s, struct str needle)
{
    for (size_t i = 0; needle.length <= s.length && i <= s.length - needle.length; i++)
        if (str_starts(str_from(s, i), needle)) return i;
    return s.length;
}

struct str str_cut(struct str *rest, char separator)
{
    size_t at = str_find(*rest, separator);
    struct str head = str_first(*rest, at);
    *rest = at < rest->length ? (struct str){rest->data + at + 1, rest->length - at - 1} : (struct str){NULL, 0};
    return head;
}

bool str_to_u64(struct str s, uint64_t *value)
{
    if (s.length == 0) return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum)) return false;
        if (__builtin_add_overflow(sum, (uint64_t)(s.data[i] - '0'), &sum)) return false;
    }
    *value = sum;
    return true;
}

bool str_to_i64(struct str s, int64_t *value)
{
    bool negative = s.length > 0 && s.data[0] == '-';
    uint64_t magnitude;
    if (!str_to_u64(negative ? str_from(s, 1) : s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    unsigned char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool str_hex_to_u64(struct str s, uint64_t *value)
{
    if (s.length == 0 || s.length > 16) return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.length; i++) {
        int digit = hex_digit(s.data[i]);
        if (digit < 0) return false;
        sum = sum << 4 | (uint64_t)digit;
    }
    *value = sum;
    return true;
}

static bool is_decimal_text(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if (!memchr("0123456789.eE+-", s.data[i], 15)) return false;
    return s.length > 0;
}

bool str_to_double(struct str s, double *value)
{
    char text[64];
    if (s.length >= sizeof text || !is_decimal_text(s)) return false;
    memcpy(text, s.data, s.length);
    text[s.length] = 0;
    char *end;
    locale_t plain = newlocale(LC_ALL_MASK, "C", NULL); /* glibc's own, never allocated: the point is a point in a host such as nginx too */
    double parsed = strtod_l(text, &end, plain);
    freelocale(plain);
    if (*end != 0 || end == text || !isfinite(parsed)) return false;
    *value = parsed;
    return true;
}

struct str str_of_u64(char digits[U64_DIGITS], uint64_t value)
{
    size_t at = U64_DIGITS;
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return (struct str){digits + at, U64_DIGITS - at};
}

bool str_equal_secret(struct str a, struct str b)
{
    if (a.length != b.length) return false;
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.length; i++) difference = (unsigned char)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

static bool is_id_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool is_id_with(struct str s, char also)
{
    if (s.length < 1 || s.length > 128 || s.data[0] == '.') return false;
    for (size_t i = 0; i < s.length; i++)
        if (!is_id_byte(s.data[i]) && s.data[i] != also) return false;
    return true;
}

bool str_is_id(struct str s)
{
    return is_id_with(s, '.');
}

bool str_is_version(struct str s)
{
    return is_id_with(s, '+');
}

/* The bounds of the second byte are those of RFC 3629's grammar: they exclude overlong forms, surrogates, and what lies
 * above U+10FFFF. */
size_t str_utf8_sequence(struct str s)
{
    if (s.length == 0) return 0;
    const unsigned char *b = (const unsigned char *)s.data;
    if (b[0] < 0x80) return 1;
    size_t length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || s.length < length) return 0;
    unsigned low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((b[i] & 0xc0) != 0x80) return 0;
    return length;
}

bool str_is_utf8(struct str s)
{
    while (s.length > 0) {
        size_t length = str_utf8_sequence(s);
        if (length == 0) return false;
        s = str_from(s, length);
    }
    return true;
}

bool str_has_control(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f) return true;
    return false;
}
