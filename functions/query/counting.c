/* Counts and samples, and when they are written. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "functions/query/query.h"

enum { SAMPLES_MOST = 512, SAMPLES_SPAN = CLOCK_MINUTE };
enum { FLUSH_USUAL = 30 * CLOCK_SECOND, FLUSH_TIME = 10 * CLOCK_SECOND, LAST_FLUSH_TIME = 400 };
enum { SYNC_TIME = 3 * CLOCK_SECOND, SYNC_PAUSE = 5 * CLOCK_SECOND };

/* Writes the counts every so often. On AWS a thread would be frozen between invocations: there they are written before each idle. */
struct flusher {
    int64_t span; /* ms; 0: before each answer */
    bool runs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ended;
    _Atomic int64_t samples_at; /* when they are written next */
    _Atomic int64_t sync_at;    /* before, no answer waits for a store that took nothing */
};

/* Samples may be lost, and are written less often. */
static void flush_within(struct query *query, int64_t patience, bool last)
{
    struct error error;
    struct store *store = query->placement->app->store;
    const struct io io = {.arena = arena_new(), .deadline = deadline_in(patience)};
    if (demand_is_dirty(query->demand) && demand_flush(query->demand, store, io, &error) != STATUS_OK)
        log_warn((struct log){0}, "counts are not written yet: %s", error.text);
    if (query_flush_callers(query, io, &error) != STATUS_OK)
        log_warn((struct log){0}, "callers of edges are not written yet: %s", error.text);
    if ((last || clock_monotonic() >= atomic_load(&query->flusher->samples_at)) && samples_are_dirty(query->samples)) {
        atomic_store(&query->flusher->samples_at, clock_monotonic() + SAMPLES_SPAN);
        if (samples_flush(query->samples, store, io, &error) != STATUS_OK)
            log_warn((struct log){0}, "samples are not written yet: %s", error.text);
    }
    arena_free(io.arena);
}

static void *flush_on_time(void *context)
{
    struct query *query = context;
    struct flusher *flusher = query->flusher;
    const int64_t span = flusher->span > 0 ? flusher->span : FLUSH_USUAL; /* counts of `sync` are written by then, samples are not */
    pthread_mutex_lock(&flusher->lock);
    while (!flusher->is_ended) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += span / CLOCK_SECOND;
        until.tv_nsec += span % CLOCK_SECOND * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&flusher->ended, &flusher->lock, &until);
        pthread_mutex_unlock(&flusher->lock);
        flush_within(query, FLUSH_TIME, false);
        pthread_mutex_lock(&flusher->lock);
    }
    pthread_mutex_unlock(&flusher->lock);
    return NULL;
}

static enum status start_flusher(struct query *query, struct error *error)
{
    struct flusher *flusher = query->flusher;
    pthread_condattr_t monotonic;
    pthread_mutex_init(&flusher->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&flusher->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (getenv("AWS_LAMBDA_RUNTIME_API")) return STATUS_OK;
    int number = pthread_create(&flusher->thread, NULL, flush_on_time, query);
    if (number != 0) return error_errno(error, number, "a thread that writes counts");
    flusher->runs = true;
    return STATUS_OK;
}

/* --- counts */

enum status query_may_count(const struct query *query, struct io io, struct error *error)
{
    if (query->flusher->span > 0 || !io.no_wait) return STATUS_OK;
    return error_set(error, STATUS_WOULD_BLOCK, "counts are written before the answer");
}

void query_count(struct query *query, struct io io, const struct place *place, const struct counted *counted)
{
    struct flusher *flusher = query->flusher;
    struct error error;
    if (place->lan.length == 0) return;
    demand_count(
        query->demand,
        &(struct demand_request){.lan = place->lan, .registered = place->registered, .package = counted->package, .hit = counted->hit},
        clock_now());
    if (place->node)
        demand_count(
            query->demand,
            &(struct demand_request){.lan = place->node->home, .registered = true, .package = counted->package, .hit = counted->node_hit},
            clock_now());
    if (flusher->span > 0 || clock_monotonic() < atomic_load(&flusher->sync_at)) return;
    io.deadline = deadline_within(io.deadline, SYNC_TIME);
    if (demand_flush(query->demand, query->placement->app->store, io, &error) == STATUS_OK) return;
    atomic_store(&flusher->sync_at, clock_monotonic() + SYNC_PAUSE);
    log_warn((struct log){0}, "counts are not written yet, and no answer waits for them for %d s: %s", SYNC_PAUSE / CLOCK_SECOND,
             error.text);
}

/* --- life */

enum status query_open_counting(struct query *query, struct error *error)
{
    struct app *app = query->placement->app;
    query->flusher = arena_new_of(app->arena, struct flusher);
    query_open_callers(query);
    query->flusher->span = FLUSH_USUAL;
    TRY(app_flush_span(&query->flusher->span, error));
    query->demand = demand_new(&(struct demand_options){0});
    query->samples = samples_new(demand_instance(query->demand), SAMPLES_MOST);
    return start_flusher(query, error);
}

void query_flush(struct query *query)
{
    flush_within(query, LAST_FLUSH_TIME, false);
}

void query_close_counting(struct query *query)
{
    struct flusher *flusher = query->flusher;
    pthread_mutex_lock(&flusher->lock);
    flusher->is_ended = true;
    pthread_cond_signal(&flusher->ended);
    pthread_mutex_unlock(&flusher->lock);
    if (flusher->runs) pthread_join(flusher->thread, NULL);
    flush_within(query, LAST_FLUSH_TIME, true);
}
