/* What a person places on an edge, or takes off it, where no rule does (P2). A package that was placed by hand stays until a person drops
 * it: no rule evicts it, and no other package takes its room. Each change has its line in `decisions/`. */
#ifndef POLICY_BY_HAND_H
#define POLICY_BY_HAND_H

#include "lib/edges/name.h"
#include "lib/policy/evaluate.h"

struct by_hand {
    struct store *store;
    const struct edge *edge;
    struct package_name package; /* as it stands on that edge: edge_package was asked */
    int64_t now;
};
/* `facts` are the catalogue's. What a rule placed before is from now on placed by hand. STATUS_INVALID: the edge has no room for it beside
 * what else was placed by hand. */
enum status placement_place(const struct by_hand *, struct io, const struct package_facts *facts, struct error *);
/* Whoever placed it. STATUS_NOT_FOUND: it is not wanted there. */
enum status placement_drop(const struct by_hand *, struct io, struct error *);

#endif
