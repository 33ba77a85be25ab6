/* Exchanges that are used again: the last one first, as its memory is still in the processor's cache. */
#include <pthread.h>
#include <stdlib.h>

#include "lc_server.h"

enum { MOST_SPARE = 64 };

static _Thread_local struct spare {
    struct lc_exchange *first;
    int count;
} spare;
static pthread_key_t at_thread_end;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

void lc_exchange_free(struct lc_exchange *x)
{
    arena_free(x->call.arena);
    free(x);
}

static void free_spare(void *unused)
{
    (void)unused;
    while (spare.first) {
        struct lc_exchange *x = spare.first;
        spare.first = x->next;
        lc_exchange_free(x);
    }
}

static void make_key(void)
{
    pthread_key_create(&at_thread_end, free_spare);
}

struct lc_exchange *lc_exchange_take(void)
{
    struct lc_exchange *x = spare.first;
    if (x) {
        spare.first = x->next;
        spare.count--;
        return x;
    }
    pthread_once(&key_made, make_key);
    pthread_setspecific(at_thread_end, &spare); /* any value but NULL has the thread's end seen */
    x = calloc(1, sizeof *x);
    if (!x) abort();
    x->call.arena = arena_new();
    return x;
}

void lc_exchange_keep(struct lc_exchange *x)
{
    if (spare.count == MOST_SPARE) {
        lc_exchange_free(x);
        return;
    }
    arena_reset(x->call.arena);
    x->next = spare.first;
    spare.first = x;
    spare.count++;
}
