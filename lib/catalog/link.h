/* The URLs of packages, and the signature of those that carry info of their own (S12, S13).
 *
 *     /packages/{app}/{version}.apk
 *     /packages/{app}/{version}/{channel}.apk?info=<base64url JSON>&exp=<RFC 3339>&sig=<kid.mac>&filename=<name>
 *
 * Any other parameter is ignored (S11). */
#ifndef CATALOG_LINK_H
#define CATALOG_LINK_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/keyring/keyring.h"

struct link {
    struct str app, version, channel; /* channel empty: the base */
    struct str info;                  /* JSON, decoded; {NULL, 0}: none */
    struct str filename;              /* likewise */
    struct str expires, signature;    /* as in the URL; likewise */
};

enum { LINK_INFO_MAX = 8192 }; /* bytes of JSON */

/* A URL with a signature has one spelling of its path and of each of the four values: everything percent-encoded but what RFC 3986 calls
 * unreserved, with upper-case digits. Another one is STATUS_INVALID.
 * STATUS_NOT_FOUND: no path of a package. STATUS_INVALID: bad percent-encoding, a name that is no id, a parameter that is malformed or
 * given twice. STATUS_TOO_LARGE: info that no region takes. */
enum status link_parse(struct arena *, struct str path, struct str query, struct link *, struct error *);

/* The path and query of a link, signed with `key` where there is one. `link->signature` is not looked at. */
struct str link_format(struct arena *, const struct link *, const struct key *key);

/* A signature that is there must be right, and not past its `exp`: STATUS_DENIED. One that is not there is STATUS_NOT_FOUND, unless exp is
 * over: STATUS_DENIED. The MAC covers app, version, channel, info, file name and expiry. */
enum status link_verify(struct arena *, const struct link *, const struct keyring *, int64_t now, struct error *);

#endif
