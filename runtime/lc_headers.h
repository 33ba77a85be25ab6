/* Headers as they come from a client or a platform's event. */
#ifndef LC_HEADERS_H
#define LC_HEADERS_H

#include "base/base.h"
#include "lambda-c/lambda.h"

/* Adds a header of a request. False, and not added, where its name is no token or its value has a CR, LF or NUL: the request is to be
 * refused. `x-fc-*`, which only Function Compute may say, is left out unless `from_fc`. */
bool lc_header_receive(struct arena *, struct lc_headers *, struct str name, struct str value, bool from_fc);

/* Several `cookie` headers become one, where the first one stood. */
void lc_headers_join_cookies(struct arena *, struct lc_headers *);

/* Content-Length, Date, Connection and the like: the host's own, left out of what a function answers. */
bool lc_header_is_hosts(struct str name);

#endif
