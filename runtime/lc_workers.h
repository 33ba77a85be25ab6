/* Threads for what may wait: a queue, and a fixed number of workers that take from it in order. */
#ifndef LC_WORKERS_H
#define LC_WORKERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "lambda-c/lambda.h"

/* Embedded in what it is about; it belongs to the workers from lc_workers_push until `run` is called. */
struct lc_job {
    struct lc_job *next;
    void (*run)(struct lc_job *);
};

struct lc_workers {
    pthread_mutex_t lock;
    struct lc_idle *idle; /* workers that wait: the last one first, as its memory is still in the processor's cache */
    struct lc_job *first, **last;
    _Atomic int waiting; /* jobs in the queue */
    bool ending;
    int count;
    pthread_t *threads;
};

/* After a failure those that did start wait for lc_workers_end. */
enum status lc_workers_start(struct lc_workers *, struct arena *, int count, struct error *);
void lc_workers_push(struct lc_workers *, struct lc_job *);
/* Runs what is queued, and joins the threads. */
void lc_workers_end(struct lc_workers *);

#endif
