/* References in a document, as the URLs that a browser makes of them (RFC 3986 §5). */
#ifndef TOKEN_REFERENCE_H
#define TOKEN_REFERENCE_H

#include "base/arena.h"

/* `base` is an absolute http(s) URL. False for what leads to no http(s) URL: other schemes, "#part", nothing at all, over
 * TOKEN_URL_MAXIMUM. */
bool token_resolve(struct arena *, struct str base, struct str reference, struct str *url);

#endif
