/* The table of routes. The paths that `pakhus serve` mounts, every function's guard, docs/api.md, and the secrets in template.yaml and
 * s.yaml follow from it, or are checked against it (tests/unit/test_routes.c, tests/e2e/test_routes.py). */
#ifndef FUNCTIONS_COMMON_ROUTES_H
#define FUNCTIONS_COMMON_ROUTES_H

#include "base/base.h"
#include "lambda-c/lambda.h"

enum route_guard {
    ROUTE_ORIGIN, /* the header Pakhus-Origin-Secret must be PAKHUS_ORIGIN_SECRET, where that is set: what devices ask through the CDN */
    ROUTE_NODE,   /* the header Pakhus-Node-Secret must be PAKHUS_NODE_SECRET, where that is set: what cache nodes send */
};

struct route {
    const char *path;     /* exact, or with a '/' at its end: everything below it */
    const char *methods;  /* as in the header Allow: "GET, HEAD". Several routes may share a path and differ in their methods */
    const char *function; /* lc_function.name; named, so that a bootstrap holds only its own function */
    enum route_guard guard;
    size_t body_max;        /* bytes of a request's body; 0: it has none */
    const char *parameters; /* names of the query string, "app, version"; all others are refused, but those that CDNs and signed URLs add.
                               NULL: any name passes, since what is unknown changes no answer */
};
extern const struct route routes[];
extern const size_t routes_count;

/* The `guard` of every function, for lc_function: 404 for a path that is not one of call->function's, 405 with Allow, 400 where a header
 * that decides is given twice or a parameter is unknown, 403 without the secret. Needs app_open to have been called. */
bool routes_guard(void *state, struct lc_call *, const struct lc_request *, struct lc_response *, size_t *body_max);

#endif
