#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "functions/common/maker.h"
#include "functions/query/query.h"

enum { SAMPLES_MOST = 512, SAMPLES_SPAN = CLOCK_MINUTE };
enum { FLUSH_USUAL = 30 * CLOCK_SECOND, FLUSH_TIME = 10 * CLOCK_SECOND, LAST_FLUSH_TIME = 400 };
enum { TRIGGER_LIFE = 5 * CLOCK_SECOND, TRIGGERS_BYTES = 16 << 20, GRACE = 10 * CLOCK_MINUTE };
/* Bytes that are copied while a query waits; and of a patch that is made then, as it is estimated: half its base, which is some three
 * seconds for 8 MB. */
static const uint64_t IMMEDIATE_MOST = 256 << 20, IMMEDIATE_PATCH_MOST = 4 << 20;

/* Writes the counts every so often. On AWS a thread would be frozen between invocations: there they are written before each idle. */
struct flusher {
    int64_t span; /* ms; 0: before each answer */
    bool runs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ended;
    _Atomic int64_t samples_at; /* when they are written next */
};

/* Samples may be lost, and are written less often. */
static void flush_within(struct query *query, int64_t patience, bool last)
{
    struct error error;
    struct store *store = query->placement->app->store;
    const struct io io = {.arena = arena_new(), .deadline = deadline_in(patience)};
    if (demand_is_dirty(query->demand) && demand_flush(query->demand, store, io, &error) != STATUS_OK)
        log_warn((struct log){0}, "counts are not written yet: %s", error.text);
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

/* --- triggers */

/* What the last look at the counts came to. */
struct looked {
    enum decision_kind decision;
};

struct trigger_key {
    struct str edge, lan, package;
};

static struct trigger_key split_key(struct arena *arena, struct str key)
{
    struct str rest = arena_copy(arena, key);
    struct trigger_key split = {.edge = str_cut(&rest, ' ')};
    split.lan = str_cut(&rest, ' ');
    split.package = rest;
    return split;
}

/* "immediate": copied while the device waits, where that takes no longer than its patience. */
static void copy_now(struct query *query, struct io io, const struct edge *edge, struct str package)
{
    struct app *app = query->placement->app;
    const struct package_maker maker = maker_of(app);
    const struct reconciliation how = {.origin = app->store, .maker = &maker, .now = clock_now(), .grace = GRACE};
    struct error error;
    if (reconcile_package(&how, io, edge, package, &error) != STATUS_OK)
        log_warn((struct log){0}, "edge=" STR_FMT " package=" STR_FMT " %s", STR_ARG(edge->id), STR_ARG(package), error.text);
}

static bool is_copied_now(struct query *query, struct io io, const struct policy *policy, const struct trigger_key *key,
                          const struct edge *edge, const struct triggered *triggered)
{
    const struct patch *patch;
    struct package_name name;
    struct error ignored;
    if (policy->trigger != TRIGGER_IMMEDIATE || edge->store.length == 0 || !triggered->wanted) return false;
    if (package_name_parse(key->package, &name, &ignored) != STATUS_OK) return false;
    bool made =
        name.from.length == 0 || app_patch(query->placement->app, io, name.app, name.from, name.version, &patch, &ignored) == STATUS_OK;
    return triggered->size <= (made ? IMMEDIATE_MOST : IMMEDIATE_PATCH_MOST);
}

/* The query that asks is a miss too, and is not counted yet. */
static enum status look(struct query *query, struct io io, const struct trigger_key *key, enum decision_kind *decision, struct error *error)
{
    struct placement_app *placement = query->placement;
    const struct registry *registry;
    const struct policy *policy;
    struct triggered triggered;
    TRY(placement_app_registry(placement, io, &registry, error));
    TRY(placement_app_policy(placement, io, &policy, error));
    const struct edge *edge = registry_edge(registry, key->edge);
    *decision = DECISION_NONE;
    if (!edge) return STATUS_OK;
    const struct evaluation how = {.store = placement->app->store,
                                   .registry = registry,
                                   .policy = policy,
                                   .facts = placement_app_facts,
                                   .context = placement,
                                   .now = clock_now(),
                                   .part = -1};
    const struct triggering trigger = {.edge = edge,
                                       .lan = key->lan,
                                       .package = key->package,
                                       .unflushed = demand_unflushed(query->demand, key->lan, key->package) + 1,
                                       .mark_first = policy->trigger == TRIGGER_PENDING};
    TRY(placement_trigger(&how, io, &trigger, &triggered, error));
    *decision = triggered.decision;
    if (is_copied_now(query, io, policy, key, edge, &triggered)) copy_now(query, io, edge, key->package);
    placement_app_changed(placement, edge->id);
    return STATUS_OK;
}

static enum status load_look(void *context, struct io io, struct str key, const void *previous, void **value, struct error *error)
{
    struct looked *looked = arena_new_of(io.arena, struct looked);
    struct io own = {.arena = arena_new(), .deadline = io.deadline};
    struct trigger_key split = split_key(own.arena, key);
    (void)previous;
    enum status status = look(context, own, &split, &looked->decision, error);
    arena_free(own.arena);
    *value = looked;
    return status;
}

enum status query_trigger(struct query *query, struct io io, const struct place *place, const struct package_name *name, bool *placed,
                          struct error *error)
{
    struct package_name there = *name;
    const struct held *held;
    const void *value;
    *placed = false;
    if (!place->edge) return STATUS_OK;
    edge_package(place->edge, &there);
    struct str package = package_name_format(io.arena, &there);
    struct str key = arena_join(io.arena, place->edge->id, S(" "), place->lan, S(" "), package);
    TRY(cache_get(query->triggers, io, key, &value, error));
    if (((const struct looked *)value)->decision != DECISION_PLACE && ((const struct looked *)value)->decision != DECISION_KEEP)
        return STATUS_OK;
    TRY(placement_app_held(query->placement, io, place->edge->id, &held, error));
    *placed = held_find(held, package) != NULL;
    return STATUS_OK;
}

/* --- counts */

enum status query_may_count(const struct query *query, struct io io, struct error *error)
{
    if (query->flusher->span > 0 || !io.no_wait) return STATUS_OK;
    return error_set(error, STATUS_WOULD_BLOCK, "counts are written before the answer");
}

enum status query_count(struct query *query, struct io io, const struct place *place, struct str package, bool hit, struct error *error)
{
    if (place->lan.length == 0) return STATUS_OK;
    demand_count(query->demand, place->lan, place->registered, package, hit, clock_now());
    if (query->flusher->span > 0) return STATUS_OK;
    return demand_flush(query->demand, query->placement->app->store, io, error);
}

/* --- life */

enum status query_open_counting(struct query *query, struct error *error)
{
    struct app *app = query->placement->app;
    query->flusher = arena_new_of(app->arena, struct flusher);
    query->flusher->span = FLUSH_USUAL;
    TRY(app_flush_span(&query->flusher->span, error));
    query->demand = demand_new(&(struct demand_options){0});
    query->samples = samples_new(demand_instance(query->demand), SAMPLES_MOST);
    query->triggers = cache_new(
        &(struct cache_options){.life = app->directory ? 0 : TRIGGER_LIFE, .bytes = TRIGGERS_BYTES, .load = load_look, .context = query});
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
