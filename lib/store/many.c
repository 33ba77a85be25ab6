#include "lib/store/many.h"

#include <pthread.h>

enum { THREADS = 16, EACH_AT_LEAST = 4 };

struct work {
    const struct store_many *many;
    struct io io;
    pthread_mutex_t lock;
    size_t next, done;
    enum status status;
    struct error *error;
};

static bool take(struct work *work, size_t *number)
{
    pthread_mutex_lock(&work->lock);
    bool taken = work->status == STATUS_OK && work->next < work->many->count;
    if (taken) *number = work->next++;
    pthread_mutex_unlock(&work->lock);
    return taken;
}

static void report(struct work *work, enum status status, const struct error *error)
{
    pthread_mutex_lock(&work->lock);
    work->done++;
    if (status == STATUS_OK && work->many->progress) work->many->progress(work->many->progress_context, work->done);
    if (status != STATUS_OK && work->status == STATUS_OK) {
        work->status = status;
        *work->error = *error;
    }
    pthread_mutex_unlock(&work->lock);
}

static void *run(void *context)
{
    struct work *work = context;
    struct io io = work->io;
    struct error error;
    size_t number;
    io.arena = arena_new();
    while (take(work, &number)) {
        enum status status = work->many->each(work->many->context, io, number, &error);
        report(work, status, &error);
        arena_reset(io.arena);
    }
    arena_free(io.arena);
    return NULL;
}

enum status store_many(const struct store_many *many, struct io io, struct error *error)
{
    struct work work = {.many = many, .io = io, .error = error};
    pthread_t threads[THREADS];
    size_t wanted = many->count / EACH_AT_LEAST, started = 0;
    pthread_mutex_init(&work.lock, NULL);
    while (started + 1 < wanted && started < THREADS && pthread_create(&threads[started], NULL, run, &work) == 0) started++;
    run(&work);
    for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&work.lock);
    return work.status;
}
