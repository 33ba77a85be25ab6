/* Errors as application/problem+json (RFC 9457): the one form in which lambda-c and the functions answer them. */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include "base/arena.h"
#include "base/str.h"

/* What an HTTP status means by itself. */
struct problem_status {
    int status;
    const char *title; /* "Not Found" */
    const char *type;  /* "not-found": the type of an error of which nothing more exact is known */
};
extern const struct problem_status problem_statuses[];
extern const size_t problem_statuses_count;
/* For a status that is not in the table: its title is "Error", and its type "about:blank", which stands for the status alone. */
struct problem_status problem_status_of(int status);

/* {"type":…,"title":…,"status":…,"detail":…,"instance":…}, in the arena. `type`: a stable word; NULL: that of the status. `instance`: the
 * id of the request, which the log has too. An empty `detail` or `instance` is left out; a long one is cut. Bytes that are no UTF-8 become
 * U+FFFD. */
struct str problem_write(struct arena *, int status, const char *type, struct str detail, struct str instance);

#endif
