/* What a service's errors mean: each service has a table, and what HTTP's statuses mean is the same everywhere. Seen only inside
 * lib/store. */
#ifndef STORE_FAILURE_INTERNAL
#define STORE_FAILURE_INTERNAL

#include "base/error.h"
#include "base/str.h"

struct failure {
    enum status status;
    bool again;       /* the same request may succeed later */
    bool credentials; /* other credentials may help */
    unsigned tries;   /* so many in all make sense; 0: any number */
};

enum { FAILURE_AGAIN = 1, FAILURE_CREDENTIALS = 2, FAILURE_FEW_TIMES = 4 };

/* A code, or where `code` is NULL a status of HTTP. */
struct failure_row {
    const char *code;
    int http;
    enum status status;
    int flags;
    const char *advice; /* NULL: the service's own words are said */
};
struct failure_table {
    const struct failure_row *rows;
    size_t count;
};

/* A code that is not in the table means what its HTTP status does; but a 404 with such a code does not say that the key is absent. Servers
 * that answer 500 without a word do so for requests that they cannot carry out at all. */
struct failure failure_look_up(const struct failure_table *, struct str code, int http, const char **advice);

struct failure_words {
    struct str code, message; /* as the service says them; may be empty */
    int http;
    const char *advice;
};
/* Fills *error. */
void failure_say(const struct failure *, const struct failure_words *, struct error *);

#endif
