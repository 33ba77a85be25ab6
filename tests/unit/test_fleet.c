/* The simulated fleet: its caches, its site, and what can be worked out by hand. */
#include <math.h>

#include "base/clock.h"
#include "lib/fleet/fleet.h"
#include "lib/fleet/lru_internal.h"
#include "lib/fleet/site_internal.h"
#include "tests/unit/unit.h"

static void the_longest_unused_goes_first(void **state)
{
    static const uint32_t size[] = {40, 40, 40, 101, 20};
    struct lru lru = lru_new(*state, size, 5, 100);
    lru_put(&lru, 0, 1, 10, 20);
    lru_put(&lru, 1, 1, 10, 20);
    assert_int_equal(lru_find(&lru, 0)->version, 1);
    lru_put(&lru, 2, 1, 10, 20);
    assert_non_null(lru_find(&lru, 0));
    assert_null(lru_find(&lru, 1));
    lru_put(&lru, 3, 1, 10, 20); /* never fits */
    assert_null(lru_find(&lru, 3));
    lru_put(&lru, 4, 1, 10, 20);
    assert_int_equal(lru.used, 100);
    lru_put(&lru, 0, 2, 30, 40);
    assert_int_equal(lru_find(&lru, 0)->version, 2);
    assert_int_equal(lru.used, 100);
    lru_drop(&lru, 0);
    lru_drop(&lru, 0);
    assert_int_equal(lru.used, 60);
    assert_non_null(lru_find(&lru, 2));
    assert_non_null(lru_find(&lru, 4));
}

static void versions_and_names(void **state)
{
    struct site site = site_make(*state, &(struct site_plan){5, 3, 40, 1000, 2000, 7}),
                same = site_make(*state, &(struct site_plan){5, 3, 40, 1000, 2000, 7});
    uint32_t sum = 0;
    assert_memory_equal(site.changes, same.changes, 40 * sizeof *site.changes);
    for (uint32_t resource = 0; resource < 5; resource++) {
        assert_int_equal(site_version(&site, resource, 999), 0);
        assert_int_equal(site_name(&site, resource, 0), resource);
        sum += site_version(&site, resource, 2000);
    }
    assert_int_equal(sum, 40);
    for (uint32_t i = 0; i < 40; i++) {
        const struct site_change *change = &site.changes[i];
        assert_in_range(change->at, 1000, 2000);
        assert_true(i == 0 || site.changes[i - 1].at <= change->at);
        assert_int_equal(site_name(&site, change->resource, change->version), 8 + i);
        assert_int_equal(site.size[8 + i], site.size[change->resource]);
        assert_true(site_version(&site, change->resource, change->at) >= change->version);
        assert_true(site_version(&site, change->resource, change->at - 1) < change->version);
    }
}

static struct fleet_plan small(void)
{
    struct fleet_plan plan = FLEET_USUAL;
    plan.nodes = 12;
    plan.regions = 2;
    plan.resources = 200;
    plan.pages = 30;
    plan.changes = 20;
    plan.views = 20;
    plan.span = CLOCK_HOUR;
    return plan;
}

static void nothing_is_old_where_nothing_changes(void **state)
{
    struct fleet_plan plan = small();
    struct fleet_result *result = arena_new_of(*state, struct fleet_result);
    plan.changes = 0;
    fleet_simulate(&plan, result);
    for (int way = 0; way < FLEET_WAYS; way++) {
        const struct fleet_run *run = &result->run[way];
        assert_near(run->old + run->outside_old + run->left_over + run->last_most, 0, 0);
        assert_near(run->origin, result->run[FLEET_NOTHING].origin, 0);
        assert_near(run->answers, result->run[FLEET_NOTHING].answers, 0);
        assert_near(run->hits, result->run[FLEET_NOTHING].hits, 0);
    }
}

/* Tokens and names are as old as pages may be; a purge that arrives at once leaves nothing old. */
static void nothing_is_older_than_it_may_be(void **state)
{
    struct fleet_plan plan = small();
    struct fleet_result *result = arena_new_of(*state, struct fleet_result);
    plan.page_life = 20 * CLOCK_SECOND;
    plan.purge = 0;
    fleet_simulate(&plan, result);
    const struct fleet_run *tokens = &result->run[FLEET_TOKENS], *names = &result->run[FLEET_NAMES];
    assert_true(tokens->last_most > 1 && tokens->last_most <= 20);
    assert_true(names->last_most > 1 && names->last_most <= 20);
    assert_true(tokens->old <= names->old && tokens->outside_old < names->outside_old);
    assert_near(result->run[FLEET_PURGE_ALL].old + result->run[FLEET_PURGE_ONE].old, 0, 40); /* views in the same pause of 12 s */
}

/* Every way but purging everything loads what changed once a region and change, and pages with it. */
static void the_origin_sends_what_changed(void **state)
{
    struct fleet_plan plan = small();
    struct fleet_result *result = arena_new_of(*state, struct fleet_result);
    struct site site = site_make(
        *state, &(struct site_plan){plan.resources, plan.pages, plan.changes, CLOCK_HOUR, CLOCK_HOUR + plan.span * 3 / 4, plan.seed});
    double least = 0;
    for (uint32_t i = 0; i < plan.changes; i++) least += site.size[site.changes[i].resource];
    fleet_simulate(&plan, result);
    double nothing = result->run[FLEET_NOTHING].origin, one = result->run[FLEET_PURGE_ONE].origin - nothing;
    double tokens = result->run[FLEET_TOKENS].origin - nothing, names = result->run[FLEET_NAMES].origin - nothing;
    assert_true(one <= plan.regions * least && one > 0.8 * plan.regions * least);
    assert_true(tokens > one && tokens <= names + 1);
    assert_true(result->run[FLEET_PURGE_ALL].origin - nothing > 3 * tokens);
    assert_true(result->run[FLEET_NAMES].left_over > result->run[FLEET_TOKENS].left_over);
}

static void the_same_seed_gives_the_same(void **state)
{
    struct fleet_plan plan = small();
    struct fleet_result *one = arena_new_of(*state, struct fleet_result), *same = arena_new_of(*state, struct fleet_result);
    fleet_simulate(&plan, one);
    fleet_simulate(&plan, same);
    assert_memory_equal(one, same, sizeof *one);
    plan.seed++;
    fleet_simulate(&plan, same);
    assert_memory_not_equal(one, same, sizeof *one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(the_longest_unused_goes_first),        test_with_arena(versions_and_names),

        test_with_arena(nothing_is_old_where_nothing_changes), test_with_arena(nothing_is_older_than_it_may_be),
        test_with_arena(the_origin_sends_what_changed),        test_with_arena(the_same_seed_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
