/* Finds the few edges and LANs that one query needs, without reading all of them. `lookup/` is derived from `edges/` and `lans/`: documents
 * in shards (lib/store/shard.h) whose entries name edges and LANs by their ids. The objects themselves say what an edge is:
 *
 *     lookup/settings/<n>     the prefix lengths in use, and more; a fleet without this document is small, and is read as a whole
 *     lookup/keys/<serial>/s…/<n>      <kind> <what is looked up> TAB the first ids by byte order, and '*' where there are more
 *     lookup/near/<serial>/s…/<n>      <cell of the grid> <edge> TAB <latitude>,<longitude>       all edges whose location is known
 *     lookup/nodes/<serial>/s…/<n>     the same of edges without LANs
 *
 * An edge's entries are there before its object is written, and go after it has been replaced or removed. So a writer that is killed leaves
 * entries too many, never too few, and a reader drops those that the objects do not bear out. lookup_repair removes them, and adds those of
 * objects that were written by hand or by an older version. */
#ifndef EDGES_LOOKUP_H
#define EDGES_LOOKUP_H

#include "lib/edges/registry.h"
#include "lib/store/cache.h"

/* From so many edges or LANs on there is a look-up document. */
enum { LOOKUP_MIN = 256 };

struct lookup {
    struct store *store;
    struct io io;
    struct cache *settings; /* loaded by lookup_load_settings, of one entry; NULL: the store is asked */
    struct cache *shards;   /* loaded by shard_load; NULL: likewise */
};

/* The `load` of a cache, with the store as its context. */
enum status lookup_load_settings(void *store, const struct cache_load *, void **settings, struct error *);
/* Of loaded ones: another number whenever they change; 0: there is no document that can be used. */
uint64_t lookup_generation(const void *settings);

/* The edges and LANs that this query depends on: registry_find, asked of these, returns what it would return of all. *found false: the
 * whole registry is needed, since there is no look-up document, or too many edges share what the query gives. */
enum status lookup_find(const struct lookup *, const struct whereabouts *, struct registry *, bool *found, struct error *);
/* The same for registry_nearest. Of an edge with a location only an outline is there, without an address: its id, location and whether it
 * splices, as they were when it was last registered; lookup_edge reads the rest. Where hundreds of edges stand at one location, some of
 * these. */
enum status lookup_near(const struct lookup *, const struct place *, struct registry *, bool *found, struct error *);
/* One edge, and the LANs that it lists. */
enum status lookup_edge(const struct lookup *, struct str id, struct registry *, struct error *);

/* Makes the document agree with the registry, which was just loaded as a whole. It may be repeated, and stopped at any time. Where nothing
 * was registered or changed since the last time, only the settings are read. Below LOOKUP_MIN edges and LANs nothing is made. *changed: the
 * entries that were wrong. */
enum status lookup_repair(struct store *, struct io, const struct registry *, size_t *changed, struct error *);

#endif
