/* Which addresses may be connected to: a list of hosts, as PAKHUS_GATHER_ALLOW and scenes have it, with commas.
 *
 *     api.example.com, *.example.com, *         hosts by their names, at public addresses only
 *     127.0.0.1, 10.0.0.0/8, fd00::/8, [::1]    addresses, public or not; "localhost" is 127.0.0.0/8 and ::1
 *
 * Each may have a port behind it: 127.0.0.1:8080. A name never opens an address that is not public, as names are resolved by others:
 * loopback, link-local, private and shared (100.64.0.0/10) addresses, where the platforms' metadata services and the Runtime API live,
 * are open only where they are listed as addresses. */
#ifndef GATHER_ALLOW_H
#define GATHER_ALLOW_H

#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/url.h"

struct allow_entry;
struct allow {
    struct allow_entry *entries;
    size_t count;
    bool has_addresses;
};

/* An empty list allows nothing by name, and no address that is not public. What is wrong is said without the list's name. */
enum status allow_parse(struct arena *, struct str list, struct allow *, struct error *);
/* The URL's host is listed by its name (an address in a URL is no name). */
bool allow_names(const struct allow *, const struct url *);
/* The address is listed or, where its host is allowed by name, public: reachable from everywhere, as IANA's registries say (of 2000::/3
 * and IPv4, without what is special there). An IPv4 address that is wrapped in an IPv6 one (mapped, NAT64) is judged as itself. */
bool allow_connects(const struct allow *, bool named, const struct sockaddr *);

#endif
