/* Which LAN a device is in (P1): (site, network, prefix length). Every shop uses 192.168.0.0/24, so the first part tells them apart: a
 * site, an edge's egress, or the public address that the query came from. It may be empty.
 *
 *     shop-7@192.168.0.0/24        203.0.113.0/24@192.168.0.0/24      192.168.0.0/24      @SHOP-7 (a registered code without a network)
 *     203.0.113.5/32@192.168.0.0/24    no edge serves it: by its caller
 *     203.0.113.5/32                   the same, of queries that give no address in the LAN
 *     ~node-1                          all LANs without an edge to which the edge node-1, which has no LANs, is the nearest of these
 *
 * As text a LAN has no space and no control byte; it is never part of a key in the store. */
#ifndef EDGES_LAN_H
#define EDGES_LAN_H

#include "base/arena.h"
#include "base/error.h"

/* An IP address; IPv4 in the first four bytes. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is the IPv4 one. */
struct address {
    unsigned char bytes[16];
    bool v6;
};
bool address_parse(struct str, struct address *);

/* Of the internet at large: what another network sees. Not private (RFC 1918, 4193), shared (6598), loopback, link-local. */
bool address_is_public(const struct address *);

/* All addresses whose first `prefix` bits are the network's; the other bits are zero. */
struct network {
    struct address address;
    unsigned prefix; /* 0–32, 0–128 */
};
/* `192.168.0.0/24`, `2001:db8::/48`; host bits that are set are cleared. */
bool network_parse(struct str, struct network *);
/* An address and a mask, dotted (holes are refused) or a prefix length; an IPv6 mask is a prefix length. Of ::ffff:a.b.c.d
 * it is the IPv4 one's, or a prefix length from 96 to 128. The errors say which is wrong. */
enum status network_of(struct str ip, struct str mask, struct network *, struct error *);
/* Of an address that was parsed; `prefix` is at most 32 or 128. */
struct network network_at(const struct address *, unsigned prefix);
bool network_contains(const struct network *, const struct address *);
bool network_equal(const struct network *, const struct network *);
/* A shop as others see it: the address alone (/32), of IPv6 its /64. */
struct network network_of_caller(const struct address *);
struct str network_format(struct arena *, const struct network *); /* RFC 5952 */

enum { LAN_PARTS = 16 };
/* The text above. `site` empty: none. */
struct str lan_format(struct arena *, struct str site, const struct network *);
/* Of a text whose first part is an address: that, and the network behind it, if there is one. False: the LAN has
 * a site or a code, or is a network that is not public. */
bool lan_parse_caller(struct str lan, struct network *caller, struct network *network, bool *has_network);
/* 0 to LAN_PARTS − 1, by a hash of the text: evaluation is a map over parts. */
unsigned lan_part(struct str lan);
/* The part of all LANs whose first part is an address in this network; LAN_PARTS: it is so wide (under /16, of IPv6 under /32) that they
 * are in several. */
unsigned network_part(const struct network *);

#endif
