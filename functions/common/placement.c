#include "functions/common/placement.h"

#include <pthread.h>
#include <stdatomic.h>

/* How long what is known is good before the store is asked whether it still is; on a directory, no time at all. Policies change by
 * an operator's hand, held with every copy. */
enum { POLICY_LIFE = 10 * CLOCK_SECOND, STATE_LIFE = 5 * CLOCK_SECOND, NEARBY_LIFE = 25 * CLOCK_SECOND, STALE_LIFE = CLOCK_HOUR };
enum { POLICY_BYTES = 1 << 20, STATE_BYTES = 128 << 20 };

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct placement_app *shared;

static enum status load_policy(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    const struct policy *known = load->previous;
    struct policy *policy = arena_new_of(load->io.arena, struct policy);
    TRY(app_store_fault(policy_load(placement->app->store, load->io, known ? known->generation : 0, policy, error), error));
    *value = policy;
    return STATUS_OK;
}

static enum status load_held(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    const struct held *known = load->previous;
    struct held *held = arena_new_of(load->io.arena, struct held);
    struct str edge = arena_copy(load->io.arena, load->key);
    TRY(app_store_fault(held_load(placement->app->store, load->io, edge, known ? known->generation : 0, held, error), error));
    *value = held;
    return STATUS_OK;
}

/* Many edges are looked at for one answer: a store that tells cheaply that nothing has changed is asked no more. */
struct nearby {
    struct held held;
    _Atomic uint64_t mark; /* of its row */
};

static uint64_t mark_of_held(const struct placement_app *placement, struct io io, struct str edge)
{
    return store_folder_mark(placement->app->store, arena_join(io.arena, S("held/"), edge, S("/")));
}

static enum status load_nearby(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    struct nearby *known = (void *)(uintptr_t)load->previous, *nearby = arena_new_of(load->io.arena, struct nearby);
    struct str edge = arena_copy(load->io.arena, load->key);
    uint64_t mark = store_folder_mark(placement->app->store, arena_join(load->io.arena, S("held/"), edge, S("/")));
    if (known && mark && mark == atomic_load(&known->mark)) return error_set(error, STATUS_NOT_MODIFIED, "its row has not changed");
    enum status status = held_load(placement->app->store, load->io, edge, known ? known->held.generation : 0, &nearby->held, error);
    if (status == STATUS_NOT_MODIFIED) atomic_store(&known->mark, mark);
    TRY(app_store_fault(status, error));
    atomic_store(&nearby->mark, mark);
    *value = nearby;
    return STATUS_OK;
}

static enum status load_wanted(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    const struct wanted *known = load->previous;
    struct wanted *wanted = arena_new_of(load->io.arena, struct wanted);
    struct str edge = arena_copy(load->io.arena, load->key);
    TRY(app_store_fault(wanted_load(placement->app->store, load->io, edge, known ? known->generation : 0, wanted, error), error));
    *value = wanted;
    return STATUS_OK;
}

static struct cache *cache_of(struct placement_app *placement, int64_t life, size_t bytes, cache_load_fn *load)
{
    const struct cache_options options = {
        .life = app_life(placement->app, life), .stale = STALE_LIFE, .bytes = bytes, .load = load, .context = placement};
    return cache_new(&options);
}

static enum status open_locked(struct placement_app **out, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    if (!shared) {
        struct placement_app *placement = arena_new_of(app->arena, struct placement_app);
        const bool is_cheap = store_abilities(app->store)->cheap_metadata;
        placement->app = app;
        placement_open_registry(placement);
        placement->policies = cache_of(placement, POLICY_LIFE, POLICY_BYTES, load_policy);
        placement->held = cache_of(placement, STATE_LIFE, STATE_BYTES, load_held);
        placement->wanted = cache_of(placement, STATE_LIFE, STATE_BYTES, load_wanted);
        placement->nearby = cache_new(&(struct cache_options){.life = is_cheap ? INT64_MAX : NEARBY_LIFE,
                                                              .stale = STALE_LIFE,
                                                              .bytes = STATE_BYTES,
                                                              .load = load_nearby,
                                                              .context = placement});
        shared = placement;
    }
    *out = shared;
    return STATUS_OK;
}

enum status placement_app_open(struct placement_app **out, struct error *error)
{
    pthread_mutex_lock(&shared_lock);
    enum status status = open_locked(out, error);
    pthread_mutex_unlock(&shared_lock);
    return status;
}

enum status placement_app_policy(struct placement_app *placement, struct io io, const struct policy **policy, struct error *error)
{
    const void *value;
    TRY(cache_get(placement->policies, io, S("policy"), &value, error));
    *policy = value;
    return STATUS_OK;
}

enum status placement_app_held(struct placement_app *placement, struct io io, struct str edge, const struct held **held,
                               struct error *error)
{
    const void *value;
    TRY(cache_get(placement->held, io, edge, &value, error));
    *held = value;
    return STATUS_OK;
}

/* Where the store tells for next to nothing whether its row has changed, what is known is good until then. */
static bool is_current(const struct placement_app *placement, struct io io, struct str edge, const struct nearby *nearby)
{
    if (!store_abilities(placement->app->store)->cheap_metadata) return true;
    uint64_t mark = mark_of_held(placement, io, edge);
    return mark && mark == atomic_load(&nearby->mark);
}

enum status placement_app_nearby(struct placement_app *placement, struct io io, struct str edge, const struct held **held,
                                 struct error *error)
{
    const void *value;
    TRY(cache_get(placement->nearby, io, edge, &value, error));
    if (!is_current(placement, io, edge, value)) {
        cache_expire(placement->nearby, edge);
        TRY(cache_get(placement->nearby, io, edge, &value, error));
    }
    *held = &((const struct nearby *)value)->held;
    return STATUS_OK;
}

enum status placement_app_wanted(struct placement_app *placement, struct io io, struct str edge, const struct wanted **wanted,
                                 struct error *error)
{
    const void *value;
    TRY(cache_get(placement->wanted, io, edge, &value, error));
    *wanted = value;
    return STATUS_OK;
}

void placement_app_filled(struct placement_app *placement, struct str edge)
{
    cache_drop(placement->nearby, edge);
    atomic_fetch_add(&placement->filled, 1);
    placement_app_changed(placement, edge);
}

void placement_app_changed(struct placement_app *placement, struct str edge)
{
    cache_expire(placement->wanted, edge);
    cache_expire(placement->held, edge);
}

/* --- facts */

/* A patch that nobody made yet can be made where both versions are published. Its size is a guess that is rather too large, so that the
 * edge's quota holds. */
static enum status patch_facts(struct app *app, struct io io, const struct package_name *name, struct package_facts *facts,
                               struct error *error)
{
    const struct patch *patch;
    const struct package *package;
    enum status status = app_patch(app, io, name, &patch, error);
    if (status == STATUS_OK) {
        *facts = (struct package_facts){patch->size, patch->sha256};
        return STATUS_OK;
    }
    if (status != STATUS_NOT_FOUND) return status;
    TRY(app_package(app, io, name->app, name->from, &package, error));
    facts->size = package->size / 2;
    TRY(app_package(app, io, name->app, name->version, &package, error));
    if (package->size / 2 > facts->size) facts->size = package->size / 2;
    return STATUS_OK;
}

enum status placement_app_facts(void *context, struct io io, const struct package_name *name, struct package_facts *facts,
                                struct error *error)
{
    struct app *app = ((struct placement_app *)context)->app;
    const struct package *package;
    struct app_channel wanted = {.app = name->app, .id = name->channel};
    *facts = (struct package_facts){0};
    if (name->from.length > 0) return patch_facts(app, io, name, facts, error);
    TRY(app_package(app, io, name->app, name->version, &package, error));
    if (name->channel.length > 0) TRY(app_channel(app, io, &wanted, error));
    facts->size = package->size;
    if (name->channel.length == 0) facts->sha256 = package->sha256;
    return STATUS_OK;
}

void placement_app_metrics(struct placement_app *placement, const void *reporter, struct buf *out)
{
    app_metrics(placement->app, reporter, out);
    app_cache_metrics(out, "registry", placement->registries);
    app_cache_metrics(out, "lookup", placement->parts);
    app_cache_metrics(out, "held", placement->held);
}
