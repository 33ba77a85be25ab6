/* Headers as they come from a client or a platform's event. */
#ifndef LC_HEADERS_H
#define LC_HEADERS_H

#include "lambda-c/lambda.h"

/* What lc_header_add does, and: several `cookie` headers become one, and `x-fc-*`, which only Function Compute may say, is left
 * out unless `from_fc`. Both strings must outlive the headers. */
void lc_header_receive(struct arena *, struct lc_headers *, struct str name, struct str value, bool from_fc);

/* Content-Length, Date, Connection and the like: the host's own, left out of what a function answers. */
bool lc_header_is_hosts(struct str name);

#endif
