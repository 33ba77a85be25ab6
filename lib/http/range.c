#include "lib/http/range.h"

/* Digits as a position; one too large for 64 bits is as good as the largest, since it is cut to the size anyway. */
static bool parse_position(struct str digits, uint64_t *position)
{
    if (str_to_u64(digits, position)) return true;
    for (size_t i = 0; i < digits.length; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
    *position = UINT64_MAX;
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
    if (!parse_position(first_digits, &first)) return false;
    if (last_digits.length > 0 && !parse_position(last_digits, &last)) return false;
    if (last < first) return false;
    if (first >= size) return true;
    if (last > size - 1) last = size - 1;
    *range = (struct http_range){first, last - first + 1};
    return true;
}

enum http_range_kind http_range_parse(struct str header, uint64_t size, struct http_range *range)
{
    struct str rest = str_trim(header);
    struct str unit = str_cut(&rest, '=');
    if (rest.length == 0 || !str_equal_nocase(unit, S("bytes")) || size == 0) return HTTP_RANGE_NONE;
    int satisfiable = 0;
    while (rest.data) {
        struct http_range one;
        struct str spec = str_trim(str_cut(&rest, ','));
        if (spec.length == 0) continue; /* a list may have empty elements (§5.6.1) */
        if (!parse_one(spec, size, &one)) return HTTP_RANGE_UNSATISFIABLE;
        if (one.length == 0) continue;
        satisfiable++;
        *range = one;
    }
    if (satisfiable == 0) return HTTP_RANGE_UNSATISFIABLE;
    return satisfiable == 1 ? HTTP_RANGE_ONE : HTTP_RANGE_NONE;
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
