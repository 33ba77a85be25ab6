/* Which public addresses ask in the networks of an edge that has neither site nor egress. As published (P1), such an edge serves its
 * networks to whoever is in one of that address; callers with two addresses may be two shops, and an operator is warned:
 *
 *     demand/callers/<edge>/1    the first that was seen, "203.0.113.5/32 2026-08-25T12:00:00Z"
 *     demand/callers/<edge>/2    the second; no more are noted */
#ifndef DEMAND_CALLERS_H
#define DEMAND_CALLERS_H

#include "lib/edges/registry.h"
#include "lib/store/store.h"

/* Whether all callers are taken for one shop's: the LAN's text is a network and nothing else, and its edge says nothing of its callers. */
bool callers_are_untold(const struct edge *, struct str lan);
/* Whoever asked, and when. */
struct caller {
    struct str edge;
    const struct network *address;
    int64_t time; /* ms */
};
/* *second: there are two now, this one among them. Repeatable. One to three calls to the store. */
enum status callers_note(struct store *, struct io, const struct caller *, bool *second, struct error *);
/* Both lines of each edge that has two, in no order. Edges that were given a site or an egress since may be among them. */
struct callers {
    struct str edge, first, second;
};
enum status callers_load(struct store *, struct io, struct callers **, size_t *count, struct error *);
enum status callers_forget(struct store *, struct io, struct str edge, struct error *);

#endif
