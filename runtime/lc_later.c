#include "lc_later.h"

#include <errno.h>

enum { NOW, PROMISED, PARKED, RESUMED };

void lc_later(struct lc_call *call, void *context)
{
    call->context = context;
    atomic_store(&call->later->state, PROMISED);
}

void lc_resume(struct lc_call *call)
{
    struct lc_later *later = call->later;
    int promised = PROMISED;
    if (atomic_compare_exchange_strong(&later->state, &promised, RESUMED)) return;
    atomic_store(&later->state, NOW);
    later->wake(later);
}

bool lc_later_is_promised(const struct lc_later *later)
{
    return atomic_load(&later->state) != NOW;
}

bool lc_later_park(struct lc_later *later)
{
    int promised = PROMISED;
    if (atomic_compare_exchange_strong(&later->state, &promised, PARKED)) return true;
    atomic_store(&later->state, NOW);
    return false;
}

static void post(struct lc_later *later)
{
    sem_post(&((struct lc_later_thread *)later)->woken);
}

void lc_later_thread_make(struct lc_later_thread *thread)
{
    *thread = (struct lc_later_thread){.later.wake = post};
    sem_init(&thread->woken, 0, 0);
}

bool lc_later_thread_wait(struct lc_later_thread *thread)
{
    if (!lc_later_is_promised(&thread->later)) return false;
    if (!lc_later_park(&thread->later)) return true;
    while (sem_wait(&thread->woken) != 0 && errno == EINTR) {
    }
    return true;
}
