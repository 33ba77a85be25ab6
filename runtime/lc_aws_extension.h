/* A small internal extension. Lambda sends SIGTERM before it takes a sandbox away only where an extension is registered, and `stop` is run
 * on SIGTERM. It has no thread: what it takes is an open connection, and the signal is a descriptor that becomes readable (lc_signals_fd).
 */
#ifndef LC_AWS_EXTENSION_H
#define LC_AWS_EXTENSION_H

#include "lc_aws_client.h"

struct lc_aws_extension {
    struct lc_aws_client client;
    bool is_asked;
};

/* Asks to be registered, and waits for nothing: init may run meanwhile. Whoever cannot be is no extension, hence gets no SIGTERM. */
void lc_aws_extension_begin(struct lc_aws_extension *, struct str authority, const char *name);
/* Waits for the answer: an extension must have registered before the first /next. */
void lc_aws_extension_await(struct lc_aws_extension *);
void lc_aws_extension_end(struct lc_aws_extension *);

#endif
