/* Accept (RFC 9110 §12.5.1): how much a client likes a media type. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include "base/str.h"

/* Larger is better liked; of two that are liked alike the one that is named more exactly is larger. 0: not acceptable. `header`: the
 * field's value; empty: everything is liked alike. `type`: "application/json", lower case. Allocates nothing. */
unsigned http_accept(struct str header, struct str type);

#endif
