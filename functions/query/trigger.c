/* P7: what a miss sets going. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "functions/common/maker.h"
#include "functions/query/query.h"

enum { TRIGGER_LIFE = 5 * CLOCK_SECOND, TRIGGERS_BYTES = 16 << 20, TRIGGER_TIME = 3 * CLOCK_SECOND };
/* Sums are read anew when so many times what reading them took has passed. */
enum {
    SUMS_LIFE = 2 * CLOCK_SECOND,
    SUMS_PAUSE = 20,
    SUMS_PAUSE_MOST = CLOCK_MINUTE,
    SUMS_TIME = 10 * CLOCK_SECOND,
    SUMS_BYTES = 512 << 20
};
/* Bytes that are copied while a query waits. */
static const uint64_t IMMEDIATE_MOST = 256 << 20;

/* --- pauses: no device waits for what has just gone wrong */

enum { PAUSE_SLOTS = 64, STORE_PAUSE = 10 * CLOCK_SECOND, EDGE_PAUSE = CLOCK_MINUTE };
struct pauses { /* until when, of the monotonic clock */
    _Atomic int64_t store;
    _Atomic int64_t edges[PAUSE_SLOTS]; /* by a hash: who shares a slot gets its packages in the background */
};

static bool is_paused(_Atomic int64_t *pause)
{
    return clock_monotonic() < atomic_load(pause);
}

static _Atomic int64_t *pause_of(struct query *query, const struct edge *edge)
{
    return &query->pauses->edges[hash32(HASH32, edge->id) % PAUSE_SLOTS];
}

/* --- sums, by "part generation", which is the policy's; with LONE behind it of LANs that no edge serves */

static const struct str LONE = {" lone", 5};

struct kept_sums {
    struct demand_sums sums;
    _Atomic int64_t good_until; /* by clock_aging */
};

/* Only what the LAN of an edge asks for can set anything going. */
static bool is_served(void *registry, struct str lan)
{
    return registry_edge_of(registry, lan) != NULL;
}

/* What is asked for where an edge is missing (P12). */
static bool is_lone(void *registry, struct str lan)
{
    return registry_edge_serving(registry, lan, NULL) == NULL;
}

/* Of a large fleet nobody reads all edges to leave others' sums out. */
static bool is_any(void *context, struct str lan)
{
    (void)context, (void)lan;
    return true;
}

/* The sums are the cache's; what else is needed for them is not. */
static enum status read_sums(struct query *query, const struct cache_load *load, struct io io, struct demand_sums *sums,
                             struct error *error)
{
    const struct registry *registry;
    const struct policy *policy;
    struct span spans[POLICY_SPANS_MAXIMUM];
    struct str key = load->key;
    uint64_t part = 0;
    unsigned places;
    TRY(placement_app_small_fleet(query->placement, io, &registry, error));
    TRY(placement_app_policy(query->placement, io, &policy, error));
    str_to_u64(str_cut(&key, ' '), &part);
    const struct demand_sums_question question = {
        .spans = {spans, policy_spans(policy, clock_now(), spans, &places)},
        .own = query->demand,
        .keeps = !registry             ? is_any
                 : str_ends(key, LONE) ? is_lone
                                       : is_served,
        .context = (void *)(uintptr_t)registry,
    };
    io.arena = load->io.arena;
    return demand_sums_read(&(struct demand_part){query->placement->app->store, io, (unsigned)part}, &question, sums, error);
}

static int64_t end_of_pause(int64_t began)
{
    int64_t now = clock_aging(), pause = SUMS_PAUSE * (now - began);
    return now + (pause < SUMS_PAUSE_MOST ? pause : SUMS_PAUSE_MOST);
}

/* Refreshed with time of its own, since a store that is far needs more than a cache waits for; what can't be read now is good for as long
 * again. */
static enum status load_sums(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct kept_sums *known = (void *)(uintptr_t)load->previous, *kept = arena_new_of(load->io.arena, struct kept_sums);
    int64_t began = clock_aging();
    if (known && began < atomic_load(&known->good_until)) return STATUS_NOT_MODIFIED;
    struct io own = {.arena = arena_new(), .deadline = known ? deadline_in(SUMS_TIME) : load->io.deadline};
    enum status status = read_sums(context, load, own, &kept->sums, error);
    arena_free(own.arena);
    atomic_store(&kept->good_until, end_of_pause(began));
    *value = kept;
    if (status == STATUS_OK || !known) return status;
    log_warn((struct log){0}, "could not refresh demand totals, using the previous ones: %s", error->text);
    atomic_store(&known->good_until, end_of_pause(began));
    return STATUS_NOT_MODIFIED;
}

/* `kind`: empty, or LONE. */
static struct str sums_key(struct arena *arena, const struct policy *policy, unsigned part, struct str kind)
{
    char of_part[U64_DIGITS], of_policy[U64_DIGITS];
    return arena_join(arena, str_of_u64(of_part, part), S(" "), str_of_u64(of_policy, policy->generation), kind);
}

static enum status get_sums(struct query *query, struct io io, struct str key, const struct demand_sums **sums, struct error *error)
{
    const void *value;
    TRY(cache_get(query->sums, io, key, &value, error));
    *sums = &((const struct kept_sums *)value)->sums;
    return STATUS_OK;
}

/* --- looks, by "edge lan package" → struct triggered: what the last look at what passes came to */

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

/* "immediate", and "pending" at the next query: copied while the device waits, where that takes no longer than its patience. */
void query_copy(struct query *query, struct io io, const struct edge *edge, const struct package_name *name)
{
    if (is_paused(pause_of(query, edge))) return;
    struct app *app = query->placement->app;
    const struct package_maker maker = maker_of(app);
    const struct reconciliation how = {.origin = app->store, .maker = &maker, .now = clock_now(), .grace = RECONCILE_GRACE};
    struct str package = package_name_format(io.arena, name);
    struct error error;
    if (reconcile_package(&how, io, edge, package, &error) == STATUS_OK) return;
    atomic_store(pause_of(query, edge), clock_monotonic() + EDGE_PAUSE);
    log_warn((struct log){0}, "edge=" STR_FMT " package=" STR_FMT " immediate copies are disabled for %d s after a failure: %s",
             STR_ARG(edge->id), STR_ARG(package), EDGE_PAUSE / CLOCK_SECOND, error.text);
}

/* Of what is missed at an edge, by the registry and the policy of this moment. */
struct look {
    struct query *query;
    const struct registry *registry;
    const struct policy *policy;
    const struct edge *edge;
    const struct trigger_key *key;
};

static bool is_copied_now(const struct look *look, struct io io, const struct package_name *name, const struct triggered *triggered)
{
    struct app *app = look->query->placement->app;
    const struct patch *patch;
    struct error ignored;
    if (look->policy->trigger == TRIGGER_BACKGROUND || look->edge->store.length == 0 || !triggered->wanted) return false;
    bool made = name->from.length == 0 || app_patch(app, io, name, &patch, &ignored) == STATUS_OK;
    return triggered->size <= (made ? IMMEDIATE_MOST : QUERY_PATCH_MAX);
}

static enum status sums_of(void *context, struct io io, unsigned part, const struct demand_sums **sums, struct error *error)
{
    const struct look *look = context;
    return get_sums(look->query, io, sums_key(io.arena, look->policy, part, S("")), sums, error);
}

/* The query that asks is a miss too, and is not counted yet. Outside the hours of a slot it is in no window. */
static uint64_t missing_of(struct query *query, const struct policy *policy, const struct demand_sums *sums, struct str lan,
                           struct str package)
{
    int64_t now = clock_now();
    const struct span current = window_span(&policy->place.window, policy->zone, now, 0);
    if (now < current.from || now >= current.to) return 0; /* between slots, or before a date that is still to come */
    return demand_sums_missing(sums, query->demand, lan, package) + 1;
}

struct evaluation query_evaluation(struct query *query, const struct policy *policy, const struct registry *registry)
{
    struct placement_app *placement = query->placement;
    return (struct evaluation){.store = placement->app->store,
                               .registry = registry,
                               .policy = policy,
                               .facts = placement_app_facts,
                               .context = placement,
                               .now = clock_now(),
                               .part = -1};
}

static enum status ask_policy(struct look *look, struct io io, struct triggered *triggered, struct error *error)
{
    const struct demand_sums *sums;
    const struct trigger_key *key = look->key;
    const struct evaluation how = query_evaluation(look->query, look->policy, look->registry);
    struct triggering trigger = {.edge = look->edge,
                                 .lan = key->lan,
                                 .package = key->package,
                                 .mark_first = look->policy->trigger == TRIGGER_PENDING,
                                 .sums = sums_of,
                                 .context = look};
    TRY(sums_of(look, io, lan_part(key->lan), &sums, error));
    trigger.missing = missing_of(look->query, look->policy, sums, key->lan, key->package);
    return placement_trigger(&how, io, &trigger, triggered, error);
}

static enum status look_at(struct query *query, struct io io, const struct trigger_key *key, struct triggered *triggered,
                           struct error *error)
{
    struct placement_app *placement = query->placement;
    struct look look = {.query = query, .key = key};
    struct package_name name;
    struct io brief = {.arena = io.arena, .deadline = deadline_within(io.deadline, TRIGGER_TIME)};
    *triggered = (struct triggered){.decision = DECISION_NONE};
    TRY(package_name_parse(key->package, &name, error));
    TRY(placement_app_edge(placement, brief, key->edge, &look.registry, error));
    TRY(placement_app_policy(placement, brief, &look.policy, error));
    look.edge = registry_edge(look.registry, key->edge);
    if (!look.edge || registry_edge_of(look.registry, key->lan) != look.edge) return STATUS_OK;
    TRY(ask_policy(&look, brief, triggered, error));
    edge_package(look.edge, &name);
    if (is_copied_now(&look, io, &name, triggered)) query_copy(query, io, look.edge, &name);
    placement_app_changed(placement, look.edge->id);
    return STATUS_OK;
}

static enum status load_look(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct triggered *triggered = arena_new_of(load->io.arena, struct triggered);
    struct io own = {.arena = arena_new(), .deadline = load->io.deadline};
    struct trigger_key split = split_key(own.arena, load->key);
    enum status status = look_at(context, own, &split, triggered, error);
    arena_free(own.arena);
    *value = triggered;
    return status;
}

/* --- a miss */

/* "pending": evaluate or an earlier query marked it, and this is the next query for it. */
static enum status is_marked(const struct query_miss *miss, bool *marked, struct error *error)
{
    const struct wanted *wanted;
    struct package_name there = *miss->name;
    if (miss->policy->trigger != TRIGGER_PENDING) return STATUS_OK;
    enum status status = placement_app_wanted(miss->query->placement, miss->io, miss->place->edge->id, &wanted, error);
    if (status == STATUS_WOULD_BLOCK) return status;
    if (status != STATUS_OK) return STATUS_OK; /* evaluate tells of it */
    edge_package(miss->place->edge, &there);
    const struct wanted_package *found = wanted_find(wanted, package_name_format(miss->io.arena, &there));
    *marked = found && found->pending;
    return STATUS_OK;
}

/* Most pass nothing, and the store is asked nothing for their sake. */
static enum status passes(const struct query_miss *miss, bool *passing, struct error *error)
{
    struct arena *arena = miss->io.arena;
    const struct policy *policy = miss->policy;
    const struct edge *edge = miss->place->edge;
    const struct demand_sums *sums;
    struct str lan = miss->place->lan;
    struct package_name there = *miss->name;
    uint64_t misses[POLICY_WINDOWS_MAXIMUM + 1] = {0};
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    unsigned count = policy_place_spans(policy, clock_now(), spans);
    TRY(get_sums(miss->query, miss->io, sums_key(arena, policy, lan_part(lan), S("")), &sums, error));
    edge_package(edge, &there);
    const struct demand_pair pair = {lan, package_name_format(arena, &there), edge->splices};
    if (count <= sums->span_count) demand_sums_misses(sums, arena, &pair, misses, count);
    cells_add(&misses[0], missing_of(miss->query, policy, sums, lan, package_name_format(arena, miss->name)));
    *passing = policy_places(&policy->place, miss->size, true, misses) != RULE_NONE;
    return STATUS_OK;
}

/* What was only marked, or just did not pass, is looked at again with the next miss; but not where it passes as long as there is room. */
static enum status look_again(const struct query_miss *miss, bool *placed, struct error *error)
{
    struct io io = miss->io;
    const struct edge *edge = miss->place->edge;
    struct package_name there = *miss->name;
    const struct held *held;
    const void *value;
    struct str package = package_name_format(io.arena, miss->name);
    struct str key = arena_join(io.arena, edge->id, S(" "), miss->place->lan, S(" "), package);
    TRY(cache_get(miss->query->triggers, io, key, &value, error));
    const struct triggered *triggered = value;
    if (triggered->decision == DECISION_MARK || (triggered->decision == DECISION_NONE && !miss->policy->place.has_room_t1))
        cache_drop(miss->query->triggers, key);
    if (!triggered->wanted) return STATUS_OK;
    TRY(placement_app_held(miss->query->placement, io, edge->id, &held, error));
    edge_package(edge, &there);
    *placed = held_find(held, package_name_format(io.arena, &there)) != NULL;
    return STATUS_OK;
}

static enum status set_going(const struct query_miss *miss, bool *placed, struct error *error)
{
    bool passing;
    TRY(passes(miss, &passing, error));
    if (!passing) TRY(is_marked(miss, &passing, error));
    return passing ? look_again(miss, placed, error) : STATUS_OK;
}

enum status query_trigger(const struct query_miss *miss, bool *placed, struct error *error)
{
    const struct edge *edge = miss->place->edge;
    _Atomic int64_t *pause = &miss->query->pauses->store;
    *placed = false;
    if (!edge || is_paused(pause)) return STATUS_OK;
    enum status status = set_going(miss, placed, error);
    if (status == STATUS_OK || status == STATUS_WOULD_BLOCK) return status;
    *placed = false;
    atomic_store(pause, clock_monotonic() + STORE_PAUSE);
    log_warn((struct log){0}, "edge=" STR_FMT " placement triggers are paused for %d s: %s", STR_ARG(edge->id), STORE_PAUSE / CLOCK_SECOND,
             error->text);
    return STATUS_OK;
}

/* --- P12 */

static enum status count_lone(const struct query_miss *miss, uint64_t *misses, struct error *error)
{
    const struct demand_sums *sums;
    struct arena *arena = miss->io.arena;
    const struct demand_pair pair = {.lan = miss->place->lan, .package = package_name_format(arena, miss->name)};
    TRY(get_sums(miss->query, miss->io, sums_key(arena, miss->policy, lan_part(pair.lan), LONE), &sums, error));
    if (sums->span_count > 0) demand_sums_misses(sums, arena, &pair, misses, 1);
    cells_add(misses, missing_of(miss->query, miss->policy, sums, pair.lan, pair.package));
    return STATUS_OK;
}

enum status query_lone_misses(const struct query_miss *miss, uint64_t *misses, struct error *error)
{
    *misses = 0;
    if (miss->place->edge || miss->place->lan.length == 0) return STATUS_OK;
    enum status status = count_lone(miss, misses, error);
    if (status == STATUS_OK || status == STATUS_WOULD_BLOCK) return status;
    log_warn((struct log){0}, "what is asked for where no edge is can't be read: %s", error->text);
    return STATUS_OK;
}

void query_open_triggers(struct query *query)
{
    struct app *app = query->placement->app;
    query->pauses = arena_new_of(app->arena, struct pauses);
    query->triggers =
        cache_new(&(struct cache_options){.life = TRIGGER_LIFE, .bytes = TRIGGERS_BYTES, .load = load_look, .context = query});
    query->sums = cache_new(&(struct cache_options){
        .life = app_life(app, SUMS_LIFE), .stale = CLOCK_HOUR, .bytes = SUMS_BYTES, .load = load_sums, .context = query});
}
