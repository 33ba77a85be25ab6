/* Calls that wait without a thread: between lc_later and lc_resume, which may come before the handler has even returned.
 *
 *     NOW ── lc_later ──→ PROMISED ── lc_later_park ──→ PARKED ── lc_resume ──→ NOW, and `wake` has the handler called again
 *                            └────── lc_resume ──→ RESUMED ── lc_later_park ──→ NOW, false: it is called again at once
 */
#ifndef LC_LATER_H
#define LC_LATER_H

#include <semaphore.h>
#include <stdatomic.h>

#include "base/base.h"
#include "lambda-c/lambda.h"

struct lc_later {
    _Atomic int state;
    void (*wake)(struct lc_later *); /* on the thread of whoever resumes */
};

/* The handler has returned, and is to be called again. */
bool lc_later_is_promised(const struct lc_later *);
/* True: from here on the call is its resumer's, until `wake`. */
bool lc_later_park(struct lc_later *);

/* For a host with a thread for each call: waits, and returns true where the handler is to be called again. */
struct lc_later_thread {
    struct lc_later later; /* first */
    sem_t woken;
};
void lc_later_thread_make(struct lc_later_thread *);
bool lc_later_thread_wait(struct lc_later_thread *);

#endif
