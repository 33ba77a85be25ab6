/* Which edges are near a place, without looking at all of them. */
#ifndef EDGES_NEARNESS_INTERNAL_H
#define EDGES_NEARNESS_INTERNAL_H

#include "lib/edges/registry.h"

struct nearness;

/* Of edges by id, which live as long. */
struct nearness *nearness_new(struct arena *, const struct edge *const *edges, size_t count);
/* As registry_nearest, of these edges. */
size_t nearness_find(const struct nearness *, const struct place *, const struct edge **edges, size_t most);

#endif
