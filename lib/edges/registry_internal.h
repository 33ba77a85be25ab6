/* Between the files of the register. */
#ifndef EDGES_REGISTRY_INTERNAL_H
#define EDGES_REGISTRY_INTERNAL_H

#include "lib/edges/registry.h"

enum { REGISTRY_ENTRY_LIMIT = 1 << 20 }; /* bytes of an object */

/* In one piece of memory; what is as in `like` (may be NULL), which lives as long, is shared with it. */
void edge_copy(struct arena *, const struct edge *like, const struct edge *from, struct edge *out);
void lan_entry_copy(struct arena *, const struct lan_entry *like, const struct lan_entry *from, struct lan_entry *out);
/* All that is found from `edges` and `lans`, which are sorted. */
void registry_complete(struct arena *, struct registry *);
/* A LAN's text as it is counted: the registered one, where it is listed by its code. */
struct str registry_canonical(const struct registry *, struct str lan);

/* Of `served`: the number of the first that is not before the LAN. */
size_t registry_first_served(const struct registry *, struct str lan);

/* STATUS_INVALID, with words: its store's URL is none that could be opened; another edge lists a code of its; another one's area overlaps,
 * of the same shop. */
enum status registry_check_store(struct arena *, const struct edge *, struct error *);
enum status registry_check_codes(const struct registry *, const struct edge *, struct error *);
enum status registry_check_area(struct arena *, const struct registry *, const struct registry_area *, struct error *);
bool registry_areas_clash(const struct registry_area *, const struct registry_area *);
/* Its text is the network and nothing else. */
bool registry_is_bare(const struct registry_area *);

/* For qsort and bsearch: the orders of `edges`, `lans` and `served`. */
int registry_by_edge_id(const void *, const void *);
int registry_by_code(const void *, const void *);
int registry_by_lan(const void *, const void *);

#endif
