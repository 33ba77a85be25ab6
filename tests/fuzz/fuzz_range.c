/* Range: whatever is asked, the answer lies within the size. The first 8 bytes are the size, the rest is the field. */
#include <assert.h>

#include "base/bytes.h"
#include "lib/http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8) return 0;
    uint64_t whole = bytes_get64(data) & INT64_MAX; /* no object is larger */
    struct str header = str_make(data + 8, size - 8);
    struct http_range range = {0};
    if (http_range_parse(header, whole, &range) != HTTP_RANGE_ONE) return 0;
    assert(range.length >= 1 && range.offset < whole && range.length <= whole - range.offset);

    if (http_range_is_plain(header)) { /* what is cut off at the end was asked for */
        uint64_t asked = http_range_asked(header, range);
        assert(asked >= range.length && (asked == range.length || !http_range_is_within(header, whole)));
    }

    /* what we found, written as a range again, is the same */
    struct arena *arena = arena_new();
    struct http_range again = {0};
    struct str text =
        arena_printf(arena, "bytes=%llu-%llu", (unsigned long long)range.offset, (unsigned long long)(range.offset + range.length - 1));
    assert(http_range_parse(text, whole, &again) == HTTP_RANGE_ONE);
    assert(again.offset == range.offset && again.length == range.length);
    assert(str_starts(http_content_range(arena, range, whole), S("bytes ")));
    arena_free(arena);
    return 0;
}
