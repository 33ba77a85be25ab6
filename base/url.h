/* URLs and query strings (RFC 3986). The one home of URL parsing. Nothing here allocates but the decoding. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* scheme://host:port/path?query#fragment, as slices of the text; nothing is decoded. User info is refused: secrets do
 * not belong in a URL. A host in brackets is an IPv6 address and keeps them; a host is empty only where the whole authority is, as in
 * file:///path, and never for http(s). `path` begins with '/' or is empty. */
struct url {
    struct str scheme, host, path, query, fragment;
    struct str authority; /* host[:port] as written */
    uint16_t port;        /* 0 where none is written */
    bool has_query;
};

/* Refuses control bytes, spaces, and all that RFC 3986 does not allow raw. */
enum status url_parse(struct str text, struct url *, struct error *);
bool url_is_web(const struct url *); /* of http or https */

/* Takes the next name=value off *rest; false at the end. Nothing is decoded; `has_value` tells "a=" from "a". Empty pieces ("&&")
 * are passed over. */
struct url_argument {
    struct str name, value;
    bool has_value;
};
bool url_next_argument(struct str *rest, struct url_argument *);

/* The decoded value of argument `name`, without data where there is none, or only its name: STATUS_INVALID where its encoding is malformed,
 * it is given twice, a control byte comes out, or a name differs from it in case only: caches such as nginx ($arg_name) take the first of
 * any case, and must not file our answer under another's value. '+' is a plus, not a space. *value is set on success only, and may be a
 * slice of the query. */
enum status url_argument(struct arena *, struct str query, struct str name, struct str *value, struct error *);

#endif
