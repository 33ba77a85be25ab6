#include "lib/fleet/fleet.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "lib/fleet/lru_internal.h"
#include "lib/fleet/site_internal.h"

enum { WARM_UP = CLOCK_HOUR, PURGE_PAUSE = 12 * CLOCK_SECOND, NOT_MODIFIED = 300 /* bytes that saying so takes */ };

struct way {
    const char *name;
    bool pages_change; /* with what they refer to */
    bool names, tokens, purges, purges_all;
};
static const struct way ways[FLEET_WAYS] = {
    [FLEET_NOTHING] = {.name = "nothing changes"},
    [FLEET_PURGE_ALL] = {.name = "purge everything", .purges = true, .purges_all = true},
    [FLEET_PURGE_ONE] = {.name = "purge one URL", .purges = true},
    [FLEET_NAMES] = {.name = "hashed names", .pages_change = true, .names = true},
    [FLEET_TOKENS] = {.name = "tokens", .pages_change = true, .tokens = true},
};

struct node {
    struct lru cache;
    struct node *above;      /* a first-level node's second-level one */
    int64_t *arrivals;       /* of each change's purge, in the changes' order */
    int64_t *sorted, purged; /* the same by time, and the last one up to now */
    uint32_t next;           /* of `sorted` */
};

struct fleet {
    const struct fleet_plan *plan;
    const struct way *way;
    const struct site *site;
    uint64_t random;
    struct node *seconds, *firsts;
    double *node_upto;
    int64_t *page_changed; /* each page's last change */
    uint32_t next_change;
    int64_t *last_old; /* of each change at each node: the last old answer to a view, or 0 */
    struct fleet_run *run;
    bool counts; /* it is warm */
};

/* --- making one */

static int by_value(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* Half of the mean is the least that it takes. */
static int64_t purge_delay(const struct fleet_plan *plan, uint64_t *random)
{
    double half = (double)plan->purge / 2;
    return (int64_t)(half - half * log1p(-random_fraction(random)));
}

/* Commands may be given so often and no more; a node hears of one after the node above it has. */
static void make_arrivals(struct arena *arena, const struct fleet *fleet, struct node *node, uint64_t *random)
{
    uint32_t count = fleet->site->change_count;
    int64_t given = -PURGE_PAUSE;
    node->arrivals = arena_array(arena, count, sizeof *node->arrivals);
    node->sorted = arena_array(arena, count, sizeof *node->sorted);
    node->purged = -1;
    for (uint32_t i = 0; i < count; i++) {
        int64_t at = fleet->site->changes[i].at;
        given = at > given + PURGE_PAUSE ? at : given + PURGE_PAUSE;
        int64_t arrival = given + purge_delay(fleet->plan, random);
        node->arrivals[i] = node->above && node->above->arrivals[i] > arrival ? node->above->arrivals[i] : arrival;
        node->sorted[i] = node->arrivals[i];
    }
    qsort(node->sorted, count, sizeof *node->sorted, by_value);
}

static void make_nodes(struct arena *arena, struct fleet *fleet)
{
    const struct fleet_plan *plan = fleet->plan;
    uint64_t random = plan->seed ^ UINT64_C(0x5eed0f0de5);
    double sum = 0;
    fleet->seconds = arena_array(arena, plan->regions, sizeof *fleet->seconds);
    fleet->firsts = arena_array(arena, plan->nodes, sizeof *fleet->firsts);
    fleet->node_upto = arena_array(arena, plan->nodes, sizeof *fleet->node_upto);
    for (uint32_t i = 0; i < plan->regions; i++) {
        fleet->seconds[i].cache = lru_new(arena, fleet->site->size, fleet->site->things, UINT64_MAX);
        make_arrivals(arena, fleet, &fleet->seconds[i], &random);
    }
    for (uint32_t i = 0, region = 0; i < plan->nodes; i++, region = region + 1 < plan->regions ? region + 1 : 0) {
        fleet->firsts[i].above = &fleet->seconds[region];
        fleet->firsts[i].cache = lru_new(arena, fleet->site->size, fleet->site->things, plan->capacity);
        make_arrivals(arena, fleet, &fleet->firsts[i], &random);
        fleet->node_upto[i] = sum += 1 / sqrt(i + 1);
    }
}

/* --- what a node holds */

static bool is_purged(const struct fleet *fleet, struct node *node, uint32_t thing, const struct lru_copy *copy, int64_t now)
{
    const struct site *site = fleet->site;
    while (node->next < site->change_count && node->sorted[node->next] <= now) node->purged = node->sorted[node->next++];
    if (fleet->way->purges_all) return node->purged > copy->fetched;
    if (thing >= site->resources) return false;
    for (uint32_t i = site->first_change[thing]; i != SITE_NONE; i = site->changes[i].next)
        if (node->arrivals[i] <= now && node->arrivals[i] > copy->fetched) return true;
    return false;
}

static struct lru_copy *find(const struct fleet *fleet, struct node *node, uint32_t thing, int64_t now)
{
    struct lru_copy *copy = lru_find(&node->cache, thing);
    if (!copy || !fleet->way->purges || !is_purged(fleet, node, thing, copy, now)) return copy;
    lru_drop(&node->cache, thing);
    return NULL;
}

static void load_from_origin(const struct fleet *fleet, uint32_t bytes)
{
    if (fleet->counts) fleet->run->origin += bytes;
}

/* --- pages: `fetched` is when the origin made them */

static const struct lru_copy *page_of_second(const struct fleet *fleet, struct node *second, uint32_t page, int64_t now)
{
    uint32_t thing = fleet->site->resources + page;
    const struct lru_copy *copy = find(fleet, second, thing, now);
    if (copy && now < copy->fresh_until) return copy;
    bool same = copy && !(fleet->way->pages_change && fleet->page_changed[page] > copy->fetched);
    load_from_origin(fleet, same ? NOT_MODIFIED : fleet->site->size[thing]);
    lru_put(&second->cache, thing, 0, now, now + fleet->plan->page_life);
    return lru_find(&second->cache, thing);
}

/* When the page that a view gets was made. */
static int64_t view_page(const struct fleet *fleet, struct node *first, uint32_t page, int64_t now)
{
    uint32_t thing = fleet->site->resources + page;
    const struct lru_copy *copy = find(fleet, first, thing, now);
    if (copy && now < copy->fresh_until) return copy->fetched;
    copy = page_of_second(fleet, first->above, page, now);
    lru_put(&first->cache, thing, 0, copy->fetched, copy->fresh_until);
    return copy->fetched;
}

/* --- resources */

/* A client asks a first-level node. */
struct request {
    uint32_t node, resource;
    uint32_t wanted; /* the version that the page's token or name says; 0: none */
    bool outside;    /* without a page: an address that somebody kept */
    int64_t now;
};

/* A node's copy, if it is what is wanted: `version` is what the page's token or name says. */
static const struct lru_copy *good_copy(const struct fleet *fleet, struct node *node, uint32_t thing, uint32_t version, int64_t now)
{
    const struct lru_copy *copy = find(fleet, node, thing, now);
    return copy && fleet->way->tokens && version > copy->version ? NULL : copy;
}

/* What is not the version that the token means does not take the old copy's place. */
static void keep(const struct fleet *fleet, struct node *node, const struct request *request, uint32_t thing, uint32_t got)
{
    bool other = fleet->way->tokens && request->wanted > 0 && got != request->wanted;
    if (!other || !node->cache.copies[thing].held) lru_put(&node->cache, thing, got, request->now, INT64_MAX);
}

static uint32_t ask_second(const struct fleet *fleet, struct node *second, const struct request *request, uint32_t thing)
{
    const struct lru_copy *copy = good_copy(fleet, second, thing, request->wanted, request->now);
    if (copy) return copy->version;
    uint32_t version = fleet->way->names ? request->wanted : site_version(fleet->site, request->resource, request->now);
    load_from_origin(fleet, fleet->site->size[thing]);
    keep(fleet, second, request, thing, version);
    return version;
}

static void remember_old(const struct fleet *fleet, uint32_t node, uint32_t resource, uint32_t version, int64_t now)
{
    const struct site *site = fleet->site;
    for (uint32_t i = site->first_change[resource]; i != SITE_NONE && site->changes[i].at <= now; i = site->changes[i].next)
        if (site->changes[i].version > version) fleet->last_old[(size_t)i * fleet->plan->nodes + node] = now;
}

static void count_answer(const struct fleet *fleet, const struct request *request, uint32_t version)
{
    bool old = version < site_version(fleet->site, request->resource, request->now), outside = request->outside;
    if (!fleet->counts) return;
    *(outside ? &fleet->run->outside : &fleet->run->answers) += 1;
    if (old) *(outside ? &fleet->run->outside_old : &fleet->run->old) += 1;
    if (old && !outside) remember_old(fleet, request->node, request->resource, version, request->now);
}

static void ask(const struct fleet *fleet, const struct request *request)
{
    struct node *first = &fleet->firsts[request->node];
    uint32_t resource = request->resource, version;
    uint32_t thing = fleet->way->names ? site_name(fleet->site, resource, request->wanted) : resource;
    const struct lru_copy *copy = good_copy(fleet, first, thing, request->wanted, request->now);
    if (copy) {
        version = copy->version;
    } else {
        version = ask_second(fleet, first->above, request, thing);
        keep(fleet, first, request, thing, version);
    }
    if (fleet->counts && copy) fleet->run->hits += 1;
    count_answer(fleet, request, version);
}

/* --- a day in the life */

static void view(struct fleet *fleet, int64_t now)
{
    const struct site *site = fleet->site;
    uint32_t number = random_pick(&fleet->random, fleet->node_upto, fleet->plan->nodes);
    uint32_t page = random_pick(&fleet->random, site->page_upto, site->pages);
    const uint32_t *references = site->references + (size_t)page * SITE_REFERENCES;
    int64_t made = view_page(fleet, &fleet->firsts[number], page, now);
    for (uint32_t i = 0; i < SITE_REFERENCES; i++) {
        uint32_t wanted = fleet->way->pages_change ? site_version(site, references[i], made) : 0;
        ask(fleet, &(struct request){.node = number, .resource = references[i], .wanted = wanted, .now = now});
    }
    bool outside = random_fraction(&fleet->random) < fleet->plan->outside;
    uint64_t which = random_next(&fleet->random) % SITE_REFERENCES;
    if (outside) ask(fleet, &(struct request){.node = number, .resource = references[which], .outside = true, .now = now});
}

static void make_changes(struct fleet *fleet, int64_t now)
{
    const struct site *site = fleet->site;
    for (; fleet->next_change < site->change_count && site->changes[fleet->next_change].at <= now; fleet->next_change++) {
        const struct site_change *change = &site->changes[fleet->next_change];
        for (uint32_t page = 0; page < site->pages; page++)
            if (site_refers(site, page, change->resource)) fleet->page_changed[page] = change->at;
    }
}

static void live(struct fleet *fleet)
{
    double now = 0, end = (double)(WARM_UP + fleet->plan->span), gap = CLOCK_SECOND / fleet->plan->views;
    for (;;) {
        now -= gap * log1p(-random_fraction(&fleet->random));
        if (now >= end) return;
        fleet->counts = now >= WARM_UP;
        make_changes(fleet, (int64_t)now);
        view(fleet, (int64_t)now);
    }
}

/* --- what came of it */

/* How long after a change a node's last old answer came; 0: none did. */
static int64_t lateness(const struct fleet *fleet, uint32_t change, uint32_t node)
{
    int64_t last = fleet->last_old[(size_t)change * fleet->plan->nodes + node];
    return last > 0 ? last - fleet->site->changes[change].at : 0;
}

static void sum_up_times(struct arena *arena, const struct fleet *fleet, double step)
{
    uint32_t changes = fleet->site->change_count, nodes = fleet->plan->nodes;
    int64_t *last = arena_array(arena, changes, sizeof *last);
    for (uint32_t i = 0; i < changes; i++)
        for (uint32_t n = 0; n < nodes; n++) {
            int64_t late = lateness(fleet, i, n);
            if (late > last[i]) last[i] = late;
            for (size_t point = 0; point < FLEET_POINTS; point++)
                if ((double)late <= (double)(point + 1) * step * CLOCK_SECOND) fleet->run->share[point] += 1.0 / changes / nodes;
        }
    if (changes == 0) return;
    qsort(last, changes, sizeof *last, by_value);
    uint32_t middle = changes / 2;
    fleet->run->last_median = 1e-3 * (double)last[middle];
    fleet->run->last_most = 1e-3 * (double)last[changes - 1];
}

static double left_over(const struct fleet *fleet, const struct lru *cache)
{
    const struct site *site = fleet->site;
    double bytes = 0;
    for (uint32_t i = 0; i < site->change_count; i++) {
        const struct site_change *change = &site->changes[i];
        uint32_t thing = fleet->way->names ? site_name(site, change->resource, change->version - 1) : change->resource;
        const struct lru_copy *copy = &cache->copies[thing];
        bool old = fleet->way->names || copy->version == change->version - 1;
        if (copy->held && old) bytes += site->size[thing];
    }
    return bytes;
}

static void simulate_way(const struct fleet_plan *plan, const struct way *way, const struct site *site, double step, struct fleet_run *run)
{
    struct arena *arena = arena_new();
    struct fleet fleet = {.plan = plan, .way = way, .site = site, .random = plan->seed, .run = run};
    *run = (struct fleet_run){.name = way->name};
    make_nodes(arena, &fleet);
    fleet.page_changed = arena_array(arena, plan->pages, sizeof *fleet.page_changed);
    fleet.last_old = arena_array(arena, (size_t)site->change_count * plan->nodes, sizeof *fleet.last_old);
    live(&fleet);
    sum_up_times(arena, &fleet, step);
    run->hits /= fmax(run->answers + run->outside, 1);
    for (uint32_t i = 0; i < plan->nodes; i++) run->left_over += left_over(&fleet, &fleet.firsts[i].cache) / plan->nodes;
    arena_free(arena);
}

void fleet_simulate(const struct fleet_plan *plan, struct fleet_result *result)
{
    struct arena *arena = arena_new();
    int64_t slowest = plan->page_life > plan->purge ? plan->page_life : plan->purge;
    struct site_plan planned = {.resources = plan->resources, .pages = plan->pages, .seed = plan->seed, .from = WARM_UP, .to = WARM_UP};
    struct site still = site_make(arena, &planned);
    planned.changes = plan->changes;
    planned.to = WARM_UP + plan->span * 3 / 4;
    struct site site = site_make(arena, &planned);
    result->step = fmax(5.0 * (double)slowest / CLOCK_SECOND / FLEET_POINTS, 1e-3);
    for (int way = 0; way < FLEET_WAYS; way++)
        simulate_way(plan, &ways[way], way == FLEET_NOTHING ? &still : &site, result->step, &result->run[way]);
    arena_free(arena);
}
