/* Edges: the machines inside LANs that packages are placed on.
 *
 *     lan.h         addresses, networks, and which LAN a device is in
 *     name.h        the name of a package
 *     registry.h    the edges and LANs that operators registered, and which of them a query belongs to
 *     lookup.h      the few of them that one query needs, without reading all
 *     path.h        where a package stands on an edge
 *     state.h       what is wanted on an edge, and what it holds
 *
 * This module knows neither what devices ask for (lib/demand) nor why a package is wanted (lib/policy). */
#ifndef EDGES_EDGES_H
#define EDGES_EDGES_H

#include "lib/edges/lan.h"
#include "lib/edges/lookup.h"
#include "lib/edges/name.h"
#include "lib/edges/path.h"
#include "lib/edges/registry.h"
#include "lib/edges/state.h"

#endif
