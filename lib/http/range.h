/* Range and Content-Range (RFC 9110 §14), of the unit "bytes". */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include "base/arena.h"
#include "base/str.h"

/* Resolved against a size: both ends lie within it. */
struct http_range {
    uint64_t offset, length;
};

enum http_range_kind {
    HTTP_RANGE_NONE, /* no header, another unit, no range at all ("bytes="), several ranges, which a server may answer as one whole (§14.2),
                      * or any of something empty */
    HTTP_RANGE_ONE,
    HTTP_RANGE_UNSATISFIABLE /* 416; also for what is not a range at all, as nginx has it (§14.1.1 allows it) */
};

/* `header`: the field's value; {NULL, 0}: none. Allocates nothing. */
enum http_range_kind http_range_parse(struct str header, uint64_t size, struct http_range *);

/* Of a header that was parsed as HTTP_RANGE_ONE: whether every server reads it alike. Some servers ignore a range with spaces, another
 * spelling of the unit, a list, or a number of more than 18 digits, and send everything. */
bool http_range_is_plain(struct str header);
/* Of a plain one: whether it lies within `size` bytes as it is written, with nothing to be cut off. */
bool http_range_is_within(struct str header, uint64_t size);

/* Of a plain one that was resolved to `range`: how many bytes it asks for, also past the end. "bytes=0-524287" asks for 524288 bytes
 * whatever the size is; "bytes=5-" and "bytes=-5" for as many as there are. */
uint64_t http_range_asked(struct str header, struct http_range range);

struct str http_content_range(struct arena *, struct http_range, uint64_t size); /* "bytes 0-9/100" */
struct str http_content_range_unsatisfied(struct arena *, uint64_t size);        /* "bytes *" "/100" */

#endif
