/* The worker processes of a pool: made, given to whoever has something to fetch, replaced, ended. A worker does one fetch at a time, so
 * that what kills it costs no other. The pool's thread never waits here: processes are started by a thread of their own, since that takes
 * as long as the kernel likes. They die with it. */
#ifndef GATHER_CREW_INTERNAL_H
#define GATHER_CREW_INTERNAL_H

#include <pthread.h>

#include "base/error.h"
#include "lib/gather/message_internal.h"
#include "lib/gather/queue_internal.h"

enum worker_state { WORKER_NONE, WORKER_COMING, WORKER_IDLE, WORKER_BUSY, WORKER_DYING };
enum { WORKER_ORIGINS = 4, WORKER_GRACE = 500 /* ms that one has to report, past its deadline or a cancel */ };

struct worker {
    enum worker_state state;
    int pid, channel; /* of one that is coming: the starter's, as is `number` */
    int number;       /* errno: it could not be started */
    struct worker *next;
    const char *region; /* its own, mapped; NULL: it has not said hello yet */
    /* of the fetch it is at */
    struct ticket ticket;
    struct origin *origin;
    int64_t started, kill_at; /* clock_monotonic, as all times here */
    bool unread;              /* it has died, and had not read the order */
    /* of its past */
    uint64_t origins[WORKER_ORIGINS]; /* which it has connections to, the last one first */
    int64_t made, idle_since;
    unsigned fetches;
};

struct crew {
    struct worker *workers;
    size_t most;  /* slots */
    size_t ready; /* so many are there also when nothing is to be done */
    size_t coming, idle, busy, dying;
    int epoll;           /* channels are watched there; the event's `ptr` is the worker */
    int wake_fd;         /* an eventfd of the pool's: written when one has come */
    int64_t make_after;  /* none is made before: the last one could not be made, or died at once */
    unsigned failures;   /* in a row, of making one */
    int64_t ready_after; /* nor, unless somebody waits for it, before: a function asks for its first event sooner without */
    pthread_t starter;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct worker *wanted, *come; /* the lock's */
    bool ending;                  /* the lock's */
};

/* `most`, `ready`, `epoll` and `wake_fd` are set, and all else is 0. */
enum status crew_open(struct crew *, struct error *);
void crew_close(struct crew *); /* waits for the processes, which are being killed */

/* Has workers made until `wanted` are idle or coming, as far as there are slots, and `ready` in all. */
void crew_want(struct crew *, size_t wanted, int64_t now);
/* Those who have come are idle from now on. */
void crew_welcome(struct crew *, int64_t now);
/* So many fetches could begin, if all workers were there. */
size_t crew_free(const struct crew *);
/* An idle worker, rather one that has a connection to that origin; NULL: there is none. It is busy now. */
struct worker *crew_take(struct crew *, uint64_t origin, int64_t now);
/* Its fetch is over: idle again, or at its age replaced. */
void crew_release(struct crew *, struct worker *, int64_t now);
/* At once, or it has ended by itself; its process is collected when it has died. */
void crew_end(struct crew *, struct worker *, int64_t now);
/* Collects the dead, and ends who has been idle for long while there are more than `ready`. */
void crew_tidy(struct crew *, int64_t now);
/* When crew_tidy or crew_want will have something to do. */
int64_t crew_due(const struct crew *, int64_t now);

#endif
