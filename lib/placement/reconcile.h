/* Makes what is wanted so (P13): copies to edges whose store is reachable (push), verifies, then says it is held; says it is no longer
 * held, then deletes. Every step may be repeated; what was cut off goes on. */
#ifndef PLACEMENT_RECONCILE_H
#define PLACEMENT_RECONCILE_H

#include "lib/placement/name.h"
#include "lib/placement/registry.h"
#include "lib/placement/state.h"

/* Where a package comes from: an object of the origin's store as it is or, where it has to be produced (a channel package), a stream. */
struct package_source {
    struct str key; /* empty: `open` */
    uint64_t size;
    struct str sha256; /* empty: not known before */
    enum status (*open)(void *context, struct io, uint64_t offset, struct stream *, struct error *);
    void *context;
};
/* Handed in: finds it, generating a patch that does not exist (P6, P13). STATUS_NOT_FOUND: it is no longer published. */
typedef enum status package_produce_fn(void *context, struct io, const struct package_name *, struct package_source *, struct error *);

/* What stands for a package on an edge: on one that splices a channel package is its base. In place. */
void edge_package(const struct edge *, struct package_name *);
/* What devices ask the edge for: `/data/share/APP1_2.0.apk`; on an edge that splices the path that `pakhus serve` answers. */
struct str edge_path(struct arena *, const struct edge *, const struct package_name *);
/* Its key in the edge's store (whose URL names the directory), or below the directory that `pakhus edge sync` fills. */
struct str edge_key(struct arena *, const struct edge *, const struct package_name *);

struct reconciliation {
    struct store *origin;
    package_produce_fn *produce;
    void *context;
    int64_t now;
    int64_t grace; /* ms that a package stays after it is no longer held: downloads that began go on */
    bool quiet;    /* no progress bars */
};
struct reconcile_result {
    uint64_t copied, deleted, failed, bytes, pending;
};
/* One edge; packages that fail are logged and counted, the rest goes on. STATUS_TIMEOUT where io.deadline cut it off: the next run
 * goes on. Edges that pull are passed over. */
enum status reconcile_edge(const struct reconciliation *, struct io, const struct edge *, struct reconcile_result *, struct error *);
/* One package only (P7 immediate). */
enum status reconcile_package(const struct reconciliation *, struct io, const struct edge *, struct str package, struct error *);

/* The edge's own side (`pakhus edge sync`): fills `directory` from the origin's store, with resume, and deletes what is no longer wanted.
 * STATUS_TOO_LARGE where the disk is full: what fits stays, and is held. */
enum status reconcile_sync(const struct reconciliation *, struct io, const struct edge *, const char *directory, struct reconcile_result *,
                           struct error *);

#endif
