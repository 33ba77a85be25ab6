/* Between the steps of reconciliation and the two kinds of places that packages are copied to. */
#ifndef DELIVERY_RECONCILE_INTERNAL_H
#define DELIVERY_RECONCILE_INTERNAL_H

#include "lib/delivery/delivery.h"
#include "lib/transfer/watch.h"

enum { EDGE_PATIENCE = 10 * CLOCK_SECOND }; /* how long an edge's store may take to answer at all */

/* Whether an edge was found in order: everything that is wanted is there and was looked at, and nothing else is, so that the next run finds
 * the same as long as the generations stay what they are. Never of an edge where that depends on more: on the channels of an app. */
struct settled {
    struct reconcile_result *result; /* given: as of reconcile_edge */
    bool is_settled;
    uint64_t wanted, held; /* the generations that were compared */
};
/* As reconcile_edge. */
enum status reconcile_and_tell(const struct reconciliation *, struct io, const struct edge *, struct settled *, struct error *);

struct target {
    const struct reconciliation *how;
    const struct edge *edge;
    struct store *store;   /* of the edge: a bucket or, on an edge that pulls and splices, its directory as a store; may be NULL */
    const char *directory; /* NULL: the store is all there is */
    struct deadline end;   /* of the run; that of a call's io is for each request */
    bool copies;           /* the store copies from the origin's by itself, and has not refused to so far */
};

/* A package that is copied there. */
struct incoming {
    struct io io;
    const struct package_name *name;
    const struct package_source *source;
};
/* Copies and verifies: *sha256 is what came. */
enum status target_put(struct target *, const struct incoming *, struct str *sha256, struct error *);
/* What is not there is removed already. */
enum status target_remove(const struct target *, struct io, const struct package_name *, struct error *);
/* STATUS_NOT_FOUND, STATUS_CORRUPT: what the row says is held is not there, or not as it was. */
enum status target_check(const struct target *, struct io, const struct package_name *, const struct held_package *, struct error *);

#endif
