/* Errors as RFC 9457 problem+json. `type` is a stable word, a reference relative to wherever the operator documents them. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/arena.h"
#include "base/str.h"

/* {"type":…,"title":…,"status":…,"detail":…,"instance":<request id>}; `instance` may be empty. */
struct str http_problem(struct arena *, int status, const char *type, struct str detail, struct str instance);
const char *http_reason(int status); /* "Not Found"; "Error" for what it does not know */

#endif
