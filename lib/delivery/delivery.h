/* Delivery: brings packages to edges. It compares what is wanted with what is held (lib/edges), and knows neither demand nor policy.
 *
 * Makes what is wanted so (P13): copies to edges whose store is reachable (push), or into the directory of an edge that pulls; verifies,
 * then says it is held. What is wanted no longer is first said not to be held, and deleted when the downloads that began have had their
 * time. Every step may be repeated; what was cut off goes on. What is there takes no more than the edge's quota:
 * what comes waits until what is leaving has gone. (Two runs that look in the same instant may each find the room that one of them takes.)
 *
 * Where an edge's store and the origin's are one service (store_copies_from), what is pushed is copied there and not read here: If-Match
 * pins the version that is copied, the copy's size is compared and, of a whole object, its ETag where that tells anything (store_compose);
 * the digest that is said to be held is the origin's word. All else passes through, and is digested on the way: channel packages, whose
 * digest nobody knows before, and all of a run from the first copy on that the service refuses. */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "lib/edges/edges.h"

/* Where the bytes of a package come from. */
struct package_source {
    uint64_t size;        /* bytes */
    struct str sha256;    /* lower-case hexadecimal; empty: not known before (a channel package) */
    struct str validator; /* another one for other bytes */
    /* From `offset` on. The stream must be closed. */
    enum status (*open)(void *context, struct io, uint64_t offset, struct stream *, struct error *);
    void *context;
    const struct store_piece *piece; /* the same bytes, as they stand in the origin's store; NULL: only the stream has them */
};

/* A package in the store of an edge that splices. */
struct installation {
    struct io io;
    struct store *edge;
    const struct package_name *name;
    /* For `install` only: */
    const struct package_source *source;
    const struct stream *stream; /* yields the base; NULL: the edge's store copies the source's piece by itself (store_copies_from) */
    struct deadline end;         /* of such copying, as store_put has it */
};

/* Handed in, since placement knows nothing of APKs. */
struct package_maker {
    /* STATUS_NOT_FOUND: it is not published any more. Generates a patch that does not exist (P6, P13). */
    enum status (*find)(void *context, struct io, const struct package_name *, struct package_source *, struct error *);
    /* What an edge that splices needs in its store to serve every channel of a base. Repeatable. */
    enum status (*install)(void *context, const struct installation *, struct error *);
    enum status (*uninstall)(void *context, const struct installation *, struct error *);
    /* The key that it has in the store of such an edge. STATUS_NOT_FOUND: it is not installed. */
    enum status (*locate)(void *context, const struct installation *, struct str *key, struct error *);
    /* What such an edge must know besides, and what changes: the app's channels. */
    enum status (*refresh)(void *context, struct io, struct store *edge, struct str app, struct error *);
    void *context;
};

enum { RECONCILE_GRACE = 10 * CLOCK_MINUTE }; /* unless another is said */
struct reconciliation {
    struct store *origin;
    const struct package_maker *maker;
    int64_t now;
    int64_t grace; /* ms between the last device that is sent there and deletion */
    bool verify;   /* the copies that are there are read and digested; else their sizes are looked at */
    bool visible;  /* progress bars */
};
struct reconcile_result {
    uint64_t copied, deleted, failed; /* packages */
    uint64_t waiting;                 /* for the room of what is leaving */
    uint64_t bytes;                   /* that were copied */
    uint64_t unchanged;               /* reconcile_edges: edges that were skipped, since nothing happened to them */
    bool unfinished;                  /* reconcile_edges: there was no time for all copies: the next run goes on */
};
/* One edge. What fails is logged and counted, and the rest goes on. STATUS_TIMEOUT where io.deadline was there first: the next run goes on.
 * An edge that pulls: STATUS_UNSUPPORTED. One whose store does not answer for ten seconds, at first or after a failure: STATUS_UNAVAILABLE
 * or STATUS_TIMEOUT, so that it takes nobody else's time. */
enum status reconcile_edge(const struct reconciliation *, struct io, const struct edge *, struct reconcile_result *, struct error *);
/* The edges that are pushed to, of one part (lan.h) or of all (-1). An edge where everything was found in order is skipped as long as the
 * newest generations of its documents and its store are the same, but compared at least once a day: each at its own time of day, and all of
 * them with `verify`. Edges that cannot be reached are logged and counted as failed. */
void reconcile_edges(const struct reconciliation *, struct io, const struct registry *, int part, struct reconcile_result *);
/* One package only (P7 immediate); it must be wanted. */
enum status reconcile_package(const struct reconciliation *, struct io, const struct edge *, struct str package, struct error *);
/* The edge's own side: fills `directory` (from '/' on), on an edge that splices as a file:// store for `pakhus serve`. STATUS_PRECONDITION
 * where another process is at it. A disk that is full is a failure of the packages that do not fit; what fits is held. */
enum status reconcile_directory(const struct reconciliation *, struct io, const struct edge *, const char *directory,
                                struct reconcile_result *, struct error *);

#endif
