/* What registry_find looks up, each at a cost that does not grow with the number of edges. Where several edges come into question the first
 * by id is found, and of its areas the first. */
#ifndef EDGES_REGISTRY_INDEX_INTERNAL_H
#define EDGES_REGISTRY_INDEX_INTERNAL_H

#include "lib/edges/registry_internal.h"

/* Fills `index`, after edges and areas. */
void registry_index_all(struct arena *, struct registry *);

/* The only area without a site that has just this network; NULL: there is none, or several edges have one. `open`: only those of edges
 * without egress count. */
const struct registry_area *registry_only_area(const struct registry *, const struct network *, bool open);
/* The same of the networks that the address is in, whatever the edges' egress. */
const struct edge *registry_only_edge_around(const struct registry *, const struct address *);
/* With just this network, of an edge that lists the caller. */
const struct registry_area *registry_area_of_caller(const struct registry *, const struct network *, const struct address *caller);
/* The same where the egress is just the one given. */
const struct registry_area *registry_area_of_egress(const struct registry *, const struct network *, const struct network *egress);
/* An edge with LANs that lists the caller; one that has just this egress. */
const struct edge *registry_edge_of_caller(const struct registry *, const struct address *caller);
const struct edge *registry_edge_of_egress(const struct registry *, const struct network *egress);
/* One that lists the caller and has it in one of its areas. */
const struct edge *registry_edge_around_caller(const struct registry *, const struct address *caller);
/* An edge with LANs at the site; one of them that has the address in one of its areas. */
const struct edge *registry_edge_of_site(const struct registry *, struct str site);
const struct edge *registry_edge_of_site_around(const struct registry *, struct str site, const struct address *);
/* The prefix lengths that occur, of IPv4 and IPv6: in areas, and in the egress of edges with LANs. */
enum { PREFIXES = 129 };
struct prefixes {
    bool known[2][PREFIXES];
    unsigned char lengths[2][PREFIXES];
    unsigned count[2];
};
const struct prefixes *registry_prefixes_of_areas(const struct registry *);
const struct prefixes *registry_prefixes_of_egresses(const struct registry *);
/* Edges of so many networks times egresses that no table has all their pairs. Returns the count. */
size_t registry_wide_edges(const struct registry *, const struct edge *const **);
/* The number of the edge's first area, or of what would stand behind it. */
size_t registry_first_area(const struct registry *, const struct edge *);
/* What the edge serves that the address is in. */
const struct registry_area *registry_area_around(const struct registry *, const struct edge *, const struct address *);

#endif
