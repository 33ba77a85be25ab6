/* Whether two edges claim the same devices, for many edges at once. */
#ifndef EDGES_CLAIMS_INTERNAL_H
#define EDGES_CLAIMS_INTERNAL_H

#include "lib/edges/registry_internal.h"

struct claims;

struct claims *claims_new(struct arena *, const struct registry *);
/* False: no other edge claims what is in the area. True: one may, and registry_check_area tells. */
bool claims_may_clash(const struct claims *, const struct registry_area *);

#endif
