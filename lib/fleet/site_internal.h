/* A simulated site: pages that refer to resources, and the changes that are made to resources.
 *
 * Things are numbered: first the resources, then the pages, then a name for each change (a changed resource under a new, content-hashed
 * name). Times in ms from the simulation's beginning. */
#ifndef FLEET_SITE_INTERNAL_H
#define FLEET_SITE_INTERNAL_H

#include "base/arena.h"

struct site_change {
    int64_t at;
    uint32_t resource;
    uint32_t version; /* that it makes; a resource begins with 0 */
    uint32_t next;    /* the same resource's next change, or SITE_NONE */
};
enum { SITE_NONE = UINT32_MAX };
enum { SITE_REFERENCES = 12 };

struct site {
    uint32_t resources, pages, things;
    uint32_t *references;        /* of page p: from p · SITE_REFERENCES on */
    double *page_upto;           /* views that go to pages up to this one, as weights */
    uint32_t *size;              /* of each thing, in bytes */
    uint32_t *first_change;      /* of each resource, or SITE_NONE */
    struct site_change *changes; /* by time */
    uint32_t change_count;
};

struct site_plan {
    uint32_t resources, pages, changes;
    int64_t from, to; /* ms: changes are spread evenly over [from, to) */
    uint64_t seed;
};
/* Popularity after Zipf, sizes log-normal (median 30 kB). */
struct site site_make(struct arena *, const struct site_plan *);

/* The version of a resource at a moment, and the thing that a version is under names of their own. */
uint32_t site_version(const struct site *, uint32_t resource, int64_t at);
uint32_t site_name(const struct site *, uint32_t resource, uint32_t version);
bool site_refers(const struct site *, uint32_t page, uint32_t resource);

#endif
