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
    HTTP_RANGE_UNSATISFIABLE /* 416; also for what is not a range at all, as nginx has it (§14.1.1 allows it), and for numbers past
                                INT64_MAX */
};

/* `header`: the field's value; {NULL, 0}: none. Allocates nothing. */
enum http_range_kind http_range_parse(struct str header, uint64_t size, struct http_range *);

/* Of a header that was parsed as HTTP_RANGE_ONE: whether every server reads it alike. Spaces, another spelling of the unit and lists are
 * ignored by some, who then send everything. */
bool http_range_is_plain(struct str header);
/* Of a plain one: whether it lies within `size` bytes as it is written, with nothing to be cut off. */
bool http_range_is_within(struct str header, uint64_t size);

struct str http_content_range(struct arena *, struct http_range, uint64_t size); /* "bytes 0-9/100" */
struct str http_content_range_unsatisfied(struct arena *, uint64_t size);        /* "bytes *" "/100" */

#endif
