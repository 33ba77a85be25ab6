/* What waits for a worker, by the origin (scheme, host, port) that it asks, so that one that hangs cannot take all workers: an origin gets
 * another worker only where more are free than it has already. However many hang, some workers stay free for the others; and an origin that
 * is alone gets half of them. Origins take turns. Used by the pool's thread only. */
#ifndef GATHER_QUEUE_INTERNAL_H
#define GATHER_QUEUE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin;

/* Embedded in what waits. */
struct waiting {
    struct waiting *next, *previous;
    struct origin *origin; /* NULL: it does not wait */
};

enum { QUEUE_BUCKETS = 256 };
struct queue {
    struct origin *buckets[QUEUE_BUCKETS];
    struct origin *turn; /* a ring of those for which something waits; whose turn it is */
    size_t count;        /* what waits */
};

void queue_add(struct queue *, struct waiting *, uint64_t origin);
void queue_remove(struct queue *, struct waiting *);
/* Whose turn it is with so many workers free; NULL: nobody's. It goes on waiting until queue_start. */
struct waiting *queue_next(struct queue *, size_t free);
/* It waits no more, and its origin has one worker more, until queue_finish. */
struct origin *queue_start(struct queue *, struct waiting *);
/* A worker more for an origin that has one already, if it may have it. */
bool queue_start_another(struct origin *, size_t free);
void queue_finish(struct queue *, struct origin *);

#endif
