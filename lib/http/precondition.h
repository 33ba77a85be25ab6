/* Conditional requests (RFC 9110 §13). Our validators are strong ETags and dates of whole seconds. Allocates nothing. */
#ifndef HTTP_PRECONDITION_H
#define HTTP_PRECONDITION_H

#include "base/str.h"

struct http_validators {
    struct str etag;  /* with its quotes */
    int64_t modified; /* ms */
};

/* The fields' values; {NULL, 0} where a field is absent. */
struct http_conditions {
    struct str if_match, if_none_match, if_modified_since, if_unmodified_since, if_range;
};

/* In the order of §13.2.2, for GET and HEAD of something that exists. Returns 0 to go on, 304 or 412. */
int http_precondition(const struct http_conditions *, const struct http_validators *);
/* Whether a Range field may be applied: no If-Range, or one that names what we have (§13.1.5). A date counts as strong (§8.8.2.2): the
 * caller sees to it that no two versions have `modified` in one second. */
bool http_if_range(const struct http_conditions *, const struct http_validators *);

#endif
