/* Which address a request comes from: the peer's or the platform's word and, where that is a proxy that we trust, what the proxy says. A
 * bare header is believed from nobody else. */
#ifndef FUNCTIONS_COMMON_CLIENT_H
#define FUNCTIONS_COMMON_CLIENT_H

#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lib/edges/lan.h"

struct client_proxies {
    struct network *items;
    size_t count;
};
/* `10.0.0.0/8,192.0.2.1/32,…`; empty: none. */
enum status client_parse_proxies(struct arena *, struct str text, struct client_proxies *, struct error *);
/* False also where `address` is no address. */
bool client_is_in(const struct client_proxies *, struct str address);
/* The last address in X-Forwarded-For, all of its lines being one list, that is not a trusted proxy's. In the arena. */
struct str client_address(const struct client_proxies *, struct arena *, const struct lc_request *);

#endif
