/* A simulated fleet of caches, and the ways to make it serve what was changed: commands that purge, content-hashed names, cache tokens
 * (spec/cache-token.md). Every way sees the same site, the same changes and the same requests.
 *
 * First-level nodes ask the second-level node of their region, that asks the origin; both are LRU caches. People view pages; a page brings
 * its resources. A few requests come from elsewhere (other sites, apps), with the URL as it was in the beginning. Pages live for a moment
 * in caches, as the origin says; resources until they are replaced. A purge reaches the second level first, then each node in its own time.
 * Transfers take no time. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "base/arena.h"

enum fleet_way { FLEET_NOTHING, FLEET_PURGE_ALL, FLEET_PURGE_ONE, FLEET_NAMES, FLEET_TOKENS, FLEET_WAYS };

struct fleet_plan {
    uint32_t nodes, regions, resources, pages, changes;
    double views;      /* page views a second, of all nodes together */
    int64_t span;      /* ms, behind an hour in which caches fill; changes come in all but its last quarter */
    int64_t page_life; /* ms that caches keep a page */
    int64_t purge;     /* ms that a purge takes to reach a node, on the average */
    uint64_t capacity; /* bytes, of a first-level node; a second-level one holds all */
    double outside;    /* requests from elsewhere for each view */
    uint64_t seed;
};
#define FLEET_USUAL                                                                                                                        \
    ((struct fleet_plan){.nodes = 100,                                                                                                     \
                         .regions = 5,                                                                                                     \
                         .resources = 3000,                                                                                                \
                         .pages = 400,                                                                                                     \
                         .changes = 40,                                                                                                    \
                         .views = 60,                                                                                                      \
                         .span = 4 * CLOCK_HOUR,                                                                                           \
                         .page_life = CLOCK_MINUTE,                                                                                        \
                         .purge = CLOCK_MINUTE,                                                                                            \
                         .capacity = 100000000,                                                                                            \
                         .outside = 0.1,                                                                                                   \
                         .seed = 1})

enum { FLEET_POINTS = 60 };

struct fleet_run {
    const char *name;
    double last_median, last_most; /* seconds from a change to the last old answer that a view got at any node: over the changes */
    double share[FLEET_POINTS];    /* of changes times nodes that are through with old answers after (i + 1) × `step` */
    double answers, old;           /* resources that views asked for; those that were old */
    double outside, outside_old;   /* the same of requests from elsewhere */
    double hits;                   /* share of all resources that first-level nodes had */
    double origin;                 /* bytes that the origin sent */
    double left_over;              /* bytes that first-level caches hold of old versions in the end, a node */
};
struct fleet_result {
    struct fleet_run run[FLEET_WAYS];
    double step; /* s */
};

void fleet_simulate(const struct fleet_plan *, struct fleet_result *);

#endif
