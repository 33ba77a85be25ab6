/* What the functions of placement share: registry, policy and held from memory, and facts about packages. */
#ifndef FUNCTIONS_COMMON_PLACEMENT_H
#define FUNCTIONS_COMMON_PLACEMENT_H

#include <stdatomic.h>

#include "functions/common/app.h"
#include "lib/policy/evaluate.h"

struct placement_app {
    struct app *app;
    struct cache *registries; /* one entry → struct registry */
    struct cache *lookups;    /* one entry → settings of the look-up document */
    struct cache *shards;     /* of that document */
    struct cache *parts;      /* question → the edges and LANs that it depends on */
    struct cache *policies;   /* one entry → struct policy */
    struct cache *held;       /* edge → struct held */
    struct cache *wanted;     /* edge → struct wanted */
    _Atomic uint64_t filled;  /* how often we copied something to an edge */
    struct cache *nearby;     /* the same, older: many are looked at for one answer, and what is to go stays for minutes */
};

/* One per process, as app_open. */
enum status placement_app_open(struct placement_app **, struct error *);

/* From memory where they are there, some seconds old at most. They live as long as the call. */
/* Of a large fleet the edges and LANs alone that the answer depends on, a minute old at most: for registry_find; for registry_nearest; one
 * edge. Of another fleet, or where that is not known, all. */
enum status placement_app_where(struct placement_app *, struct io, const struct whereabouts *, const struct registry **, struct error *);
enum status placement_app_near(struct placement_app *, struct io, const struct place *, const struct registry **, struct error *);
enum status placement_app_edge(struct placement_app *, struct io, struct str id, const struct registry **, struct error *);
/* All; NULL where the fleet is large. */
enum status placement_app_small_fleet(struct placement_app *, struct io, const struct registry **, struct error *);
void placement_open_registry(struct placement_app *); /* for placement_app_open */
enum status placement_app_policy(struct placement_app *, struct io, const struct policy **, struct error *);
enum status placement_app_held(struct placement_app *, struct io, struct str edge, const struct held **, struct error *);
/* Of an edge that is not the asking one's own: half a minute old at most. */
enum status placement_app_nearby(struct placement_app *, struct io, struct str edge, const struct held **, struct error *);
enum status placement_app_wanted(struct placement_app *, struct io, struct str edge, const struct wanted **, struct error *);
/* We changed it: the next one who asks gets what the store says. */
void placement_app_changed(struct placement_app *, struct str edge);
/* We copied something there: other LANs' next queries look as well. */
void placement_app_filled(struct placement_app *, struct str edge);

/* A package_facts_fn of the catalogue; its context is the struct placement_app. */
enum status placement_app_facts(void *context, struct io, const struct package_name *, struct package_facts *, struct error *);

/* Prometheus lines of the caches, and of what app_metrics tells. */
void placement_app_metrics(struct placement_app *, const void *reporter, struct buf *out);

#endif
