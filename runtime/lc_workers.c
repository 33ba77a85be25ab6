#include "lc_workers.h"

enum { STACK = 1024 * 1024 };

/* A worker that waits, on its stack. */
struct lc_idle {
    struct lc_idle *next;
    pthread_cond_t wake;
    bool called;
};

static void rest(struct lc_workers *workers, struct lc_idle *self)
{
    self->called = false;
    self->next = workers->idle;
    workers->idle = self;
    while (!self->called) pthread_cond_wait(&self->wake, &workers->lock);
}

static void call(struct lc_workers *workers)
{
    struct lc_idle *idle = workers->idle;
    if (!idle) return;
    workers->idle = idle->next;
    idle->called = true;
    pthread_cond_signal(&idle->wake);
}

/* NULL when there is nothing left and nothing will come. */
static struct lc_job *take(struct lc_workers *workers, struct lc_idle *self)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->ending) rest(workers, self);
    struct lc_job *job = workers->first;
    if (job) {
        workers->first = job->next;
        if (!workers->first) workers->last = &workers->first;
        atomic_fetch_sub(&workers->waiting, 1);
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *context)
{
    struct lc_job *job;
    struct lc_idle self = {.wake = PTHREAD_COND_INITIALIZER};
    while ((job = take(context, &self))) job->run(job);
    pthread_cond_destroy(&self.wake);
    return NULL;
}

enum status lc_workers_start(struct lc_workers *workers, struct arena *arena, int count, struct error *error)
{
    pthread_attr_t attributes;
    *workers = (struct lc_workers){.lock = PTHREAD_MUTEX_INITIALIZER};
    workers->last = &workers->first;
    workers->threads = arena_array(arena, (size_t)count, sizeof(pthread_t));
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int number = 0;
    while (workers->count < count && number == 0) {
        number = pthread_create(&workers->threads[workers->count], &attributes, work, workers);
        if (number == 0) workers->count++;
    }
    pthread_attr_destroy(&attributes);
    if (number == 0) return STATUS_OK;
    return error_errno(error, number, "cannot start %d threads", count);
}

void lc_workers_push(struct lc_workers *workers, struct lc_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->last = job;
    workers->last = &job->next;
    atomic_fetch_add(&workers->waiting, 1);
    call(workers);
    pthread_mutex_unlock(&workers->lock);
}

void lc_workers_end(struct lc_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    while (workers->idle) call(workers);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->count; i++) pthread_join(workers->threads[i], NULL);
}
