#include "lib/gather/queue_internal.h"

#include <stdlib.h>

struct origin {
    uint64_t hash;
    struct origin *chain;           /* in its bucket */
    struct origin *next, *previous; /* in the ring; NULL: nothing waits */
    struct waiting *first, *last;
    size_t running;
};

static struct origin **find(struct queue *queue, uint64_t hash)
{
    struct origin **at = &queue->buckets[hash % QUEUE_BUCKETS];
    while (*at && (*at)->hash != hash) at = &(*at)->chain;
    return at;
}

static void join_ring(struct queue *queue, struct origin *origin)
{
    struct origin *turn = queue->turn ? queue->turn : origin;
    origin->previous = queue->turn ? turn->previous : origin;
    origin->next = turn;
    origin->previous->next = origin;
    turn->previous = origin;
    queue->turn = turn;
}

static void leave_ring(struct queue *queue, struct origin *origin)
{
    if (queue->turn == origin) queue->turn = origin->next == origin ? NULL : origin->next;
    origin->previous->next = origin->next;
    origin->next->previous = origin->previous;
    origin->next = origin->previous = NULL;
}

static void forget_if_idle(struct queue *queue, struct origin *origin)
{
    if (origin->running > 0 || origin->first) return;
    *find(queue, origin->hash) = origin->chain;
    free(origin);
}

void queue_add(struct queue *queue, struct waiting *waiting, uint64_t hash)
{
    struct origin **at = find(queue, hash);
    if (!*at) *at = calloc(1, sizeof **at);
    struct origin *origin = *at;
    if (!origin) abort();
    origin->hash = hash;
    *waiting = (struct waiting){.previous = origin->last, .origin = origin};
    if (origin->last)
        origin->last->next = waiting;
    else
        origin->first = waiting;
    origin->last = waiting;
    queue->count++;
    if (!origin->next) join_ring(queue, origin);
}

static void unlink_waiting(struct queue *queue, struct waiting *waiting)
{
    struct origin *origin = waiting->origin;
    if (waiting->previous)
        waiting->previous->next = waiting->next;
    else
        origin->first = waiting->next;
    if (waiting->next)
        waiting->next->previous = waiting->previous;
    else
        origin->last = waiting->previous;
    *waiting = (struct waiting){0};
    queue->count--;
    if (!origin->first) leave_ring(queue, origin);
}

void queue_remove(struct queue *queue, struct waiting *waiting)
{
    struct origin *origin = waiting->origin;
    unlink_waiting(queue, waiting);
    forget_if_idle(queue, origin);
}

struct waiting *queue_next(struct queue *queue, size_t free)
{
    struct origin *origin = queue->turn;
    if (!origin) return NULL;
    do {
        if (origin->running < free) return origin->first;
        origin = origin->next;
    } while (origin != queue->turn);
    return NULL;
}

struct origin *queue_start(struct queue *queue, struct waiting *waiting)
{
    struct origin *origin = waiting->origin;
    queue->turn = origin->next;
    unlink_waiting(queue, waiting);
    origin->running++;
    return origin;
}

bool queue_start_another(struct origin *origin, size_t free)
{
    bool may = origin->running < free;
    if (may) origin->running++;
    return may;
}

void queue_finish(struct queue *queue, struct origin *origin)
{
    origin->running--;
    forget_if_idle(queue, origin);
}
