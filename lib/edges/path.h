/* Where a package stands on an edge. */
#ifndef EDGES_PATH_H
#define EDGES_PATH_H

#include "lib/edges/name.h"
#include "lib/edges/registry.h"

/* What stands for a package on an edge: on one that splices a channel package is its base. In place. */
void edge_package(const struct edge *, struct package_name *);
/* What devices ask the edge for, after its host: `/data/share/APP1_2.0.apk`; on an edge that splices the path that `pakhus serve` answers.
 */
struct str edge_path(struct arena *, const struct edge *, const struct package_name *);
/* Its key in a plain edge's store (whose URL names the directory), or its file in the directory that `pakhus edge sync` fills. */
struct str edge_key(struct arena *, const struct package_name *);

#endif
