/* Settings from the environment. Each is looked for under the function's own prefix first and then under LC_, so that one
 * function of several on a machine can be set apart. An empty variable counts as unset. */
#ifndef LC_SETTINGS_H
#define LC_SETTINGS_H

#include "base/base.h"
#include "lambda-c/lambda.h"

struct lc_settings {
    int threads;             /* THREADS: workers of a server, 1 to 1024; 16 unless set */
    const char *listen;      /* LISTEN: where a port is opened; LC_LISTEN_DEFAULT unless set */
    const char *admin;       /* ADMIN: where a port has its admin listener, see lc_admin.h; NULL: nowhere */
    struct str admin_secret; /* ADMIN_SECRET: what requests for metrics and events must carry; empty: no secret */
    bool emf;                /* METRICS=emf: on AWS, a line of metrics on stdout for each invocation */
    bool streaming;          /* RESPONSE_MODE=streaming: how AWS wants its answers; `buffered` unless set */
};

/* Also sets the log's level (LOG: debug, info, warn, error, none; else AWS_LAMBDA_LOG_LEVEL) and form (AWS_LAMBDA_LOG_FORMAT) and, for
 * replays and tests, the clock that is followed (CLOCK: a file with a time). A setting that makes no sense is an error that names it. */
enum status lc_settings_read(const char *prefix, struct lc_settings *, struct error *);

#endif
