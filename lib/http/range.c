#include "lib/http/range.h"

enum { PLAIN_DIGITS = 18 };

/* Spaces only: to nginx a tab is no white space here. */
static struct str trim_spaces(struct str s)
{
    while (str_starts(s, S(" "))) s = str_from(s, 1);
    while (str_ends(s, S(" "))) s.length--;
    return s;
}

/* Any number of digits: a number that 64 bits do not hold is valid, and lies past the end of everything (section 14.1.2). */
static bool parse_position(struct str digits, uint64_t *position)
{
    for (size_t i = 0; i < digits.length; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
    if (!str_to_u64(digits, position)) *position = UINT64_MAX;
    return digits.length > 0;
}

/* first-last, first-, -suffix. False where it is malformed; *range has length 0 where it is not satisfiable. */
static bool parse_one(struct str spec, uint64_t size, struct http_range *range)
{
    struct str last_digits = spec;
    struct str first_digits = str_cut(&last_digits, '-');
    uint64_t first, last = UINT64_MAX;
    *range = (struct http_range){0};
    if (!last_digits.data) return false;
    if (first_digits.length == 0) {
        uint64_t suffix;
        if (!parse_position(last_digits, &suffix)) return false;
        uint64_t length = suffix < size ? suffix : size;
        *range = (struct http_range){size - length, length};
        return true;
    }
    last_digits = trim_spaces(last_digits);
    if (!parse_position(trim_spaces(first_digits), &first)) return false;
    if (last_digits.length > 0 && !parse_position(last_digits, &last)) return false;
    if (last < first) return false;
    if (first >= size) return true;
    if (last > size - 1) last = size - 1;
    *range = (struct http_range){first, last - first + 1};
    return true;
}

enum http_range_kind http_range_parse(struct str header, uint64_t size, struct http_range *range)
{
    struct str rest = trim_spaces(header);
    struct str unit = str_cut(&rest, '=');
    if (rest.length == 0 || !str_equal_nocase(unit, S("bytes")) || size == 0) return HTTP_RANGE_NONE;
    int satisfiable = 0;
    while (rest.data) {
        struct http_range one;
        struct str spec = trim_spaces(str_cut(&rest, ','));
        if (spec.length == 0) continue; /* a list may have empty elements (§5.6.1) */
        if (!parse_one(spec, size, &one)) return HTTP_RANGE_UNSATISFIABLE;
        if (one.length == 0) continue;
        satisfiable++;
        *range = one;
    }
    if (satisfiable == 0) return HTTP_RANGE_UNSATISFIABLE;
    return satisfiable == 1 ? HTTP_RANGE_ONE : HTTP_RANGE_NONE;
}

/* Servers that keep positions in 63 bits ignore a range with a larger number. */
static bool is_plain_position(struct str digits)
{
    uint64_t position;
    return digits.length == 0 || (digits.length <= PLAIN_DIGITS && parse_position(digits, &position));
}

bool http_range_is_plain(struct str header)
{
    struct str last = header, unit = str_cut(&last, '='), first = str_cut(&last, '-');
    if (!str_equal(unit, S("bytes")) || !last.data || first.length + last.length == 0) return false;
    return is_plain_position(first) && is_plain_position(last);
}

uint64_t http_range_asked(struct str header, struct http_range range)
{
    uint64_t first, end;
    struct str last = header;
    str_cut(&last, '=');
    struct str digits = str_cut(&last, '-');
    bool bounded = str_to_u64(digits, &first) && str_to_u64(last, &end) && end >= first && end < UINT64_MAX;
    return bounded ? end - first + 1 : range.length;
}

bool http_range_is_within(struct str header, uint64_t size)
{
    uint64_t number;
    struct str last = header;
    str_cut(&last, '=');
    bool is_suffix = str_starts(last, S("-"));
    str_cut(&last, '-');
    if (last.length == 0) return true;
    return parse_position(last, &number) && (is_suffix ? number <= size : number < size);
}

struct str http_content_range(struct arena *arena, struct http_range range, uint64_t size)
{
    return arena_printf(arena, "bytes %llu-%llu/%llu", (unsigned long long)range.offset,
                        (unsigned long long)(range.offset + range.length - 1), (unsigned long long)size);
}

struct str http_content_range_unsatisfied(struct arena *arena, uint64_t size)
{
    return arena_printf(arena, "bytes */%llu", (unsigned long long)size);
}
