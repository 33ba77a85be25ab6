/* URLs and query strings (RFC 3986). The one home of URL parsing. Nothing here allocates but the decoding. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* scheme://host:port/path?query#fragment, as slices of the text; nothing is decoded. User info is refused: secrets do
 * not belong in a URL. A host in brackets keeps them. `path` begins with '/' or is empty. */
struct url {
    struct str scheme, host, path, query, fragment;
    struct str authority; /* host[:port] as written */
    uint16_t port;        /* 0 where none is written */
    bool has_query;
};

/* Refuses control bytes, spaces, and all that RFC 3986 does not allow raw. */
enum status url_parse(struct str text, struct url *, struct error *);

/* Takes the next name=value off *rest; false at the end. Nothing is decoded; `has_value` tells "a=" from "a". Empty pieces ("&&")
 * are passed over. */
struct url_argument {
    struct str name, value;
    bool has_value;
};
bool url_next_argument(struct str *rest, struct url_argument *);

/* The decoded value of argument `name`: STATUS_NOT_FOUND where there is none; STATUS_INVALID where its encoding is malformed, it
 * is given twice, or a control byte comes out. '+' is a plus, not a space. */
enum status url_argument(struct arena *, struct str query, struct str name, struct str *value, struct error *);

#endif
