/* Policies that set themselves: which settings there are, what is chosen, and when nothing is. */
#include "lib/replay/choose.h"
#include "tests/unit/unit.h"

static const struct simulation TENTH = {.storage = 0.1, .every = CLOCK_HOUR};

static struct policy policy_of(struct arena *arena, const char *json)
{
    struct policy policy;
    struct error error;
    assert_ok(policy_parse(arena, str_of(json), &policy, &error), &error);
    return policy;
}

static void read_text(struct arena *arena, struct str text, struct trace *trace)
{
    struct error error;
    FILE *file = fmemopen(arena_cstr(arena, text), text.length, "r");
    assert_non_null(file);
    assert_ok(trace_read(arena, file, CLOCK_SECOND, &(struct trace_sample){.most = SIZE_MAX}, trace, &error), &error);
    fclose(file);
}

static struct tallies *tallied(struct arena *arena, const struct trace *trace, const struct policy *policy, const struct simulation *how)
{
    struct tallies *tallies = arena_new_of(arena, struct tallies);
    struct error error;
    *tallies = (struct tallies){.trace = trace, .policy = policy, .how = how};
    assert_ok(tallies_make(tallies, arena, &error), &error);
    return tallies;
}

static void each_setting_is_found_again(void **state)
{
    struct auto_setting settings[AUTO_SETTINGS_MAX], found;
    unsigned count = auto_settings(settings);
    assert_int_equal(count, 33);
    for (unsigned i = 0; i < count; i++) {
        struct policy policy = policy_of(*state, "{\"auto\":{\"placed_byte\":0.5},\"trigger\":\"pending\"}");
        auto_apply(settings[i], &policy);
        struct policy again = policy_of(*state, arena_cstr(*state, policy_format(*state, &policy)));
        assert_true(auto_find(&again, &found));
        assert_memory_equal(&found, &settings[i], sizeof found);
        assert_true(again.automatic.placed_byte == 0.5 && again.trigger == TRIGGER_PENDING);
    }
}

static void a_start_follows_from_sizes_quota_and_link(void **state)
{
    const uint64_t package = 100 << 20;
    (void)state;
    assert_int_equal(auto_start(package, UINT64_MAX, 0).t1, 1);
    assert_int_equal(auto_start(package, 10 * package, 0).t1, 2);      /* room for few */
    assert_int_equal(auto_start(package, 1000 * package, 1000).t1, 2); /* a day for one copy */
    assert_int_equal(auto_start(package, 10 * package, 1000).t1, 3);
    assert_int_equal(auto_start(package, 0, 0).t1, 2);
}

/* By the quotas of whole edges also where a sample has a share of them. */
static void a_policy_begins_by_what_the_trace_has(void **state)
{
    struct policy policy = policy_of(*state, "{\"auto\":{}}");
    const uint64_t quotas[] = {100000, 30000};
    struct simulation how = {.quotas = quotas, .every = CLOCK_HOUR};
    struct auto_setting setting;
    struct trace trace;
    read_text(*state, S("0,a,1000,x\n1,b,3000,y\n"), &trace);
    choice_begin(&trace, &how, &policy);
    assert_true(auto_find(&policy, &setting) && setting.t1 == 2); /* 15 packages of 2,000 bytes */
    assert_string_equal(policy.automatic.why, "packages have 2000 bytes on average, and the smallest edge holds 30000");
    struct policy again = policy_of(*state, arena_cstr(*state, policy_format(*state, &policy)));
    assert_string_equal(again.automatic.why, policy.automatic.why);
    how.share = 0.5;
    choice_begin(&trace, &how, &policy);
    assert_true(auto_find(&policy, &setting) && setting.t1 == 1); /* 30 */
    how.link = 1;
    choice_begin(&trace, &how, &policy);
    assert_true(auto_find(&policy, &setting) && setting.t1 == 1); /* a copy takes less than an hour */
    read_text(*state, S("0,a,4000,x\n"), &trace);
    choice_begin(&trace, &how, &policy);
    assert_true(auto_find(&policy, &setting) && setting.t1 == 2);
}

/* With nothing recorded more is served than nothing; and each day changes one step. */
static void a_week_is_served_from_the_start(void **state)
{
    const struct trace_recipe recipe = {.seed = 3, .lans = 3, .apps = 80, .requests = 12000};
    struct policy policy = policy_of(*state, "{\"auto\":{}}"), last;
    struct simulated result;
    struct trace trace;
    struct error error;
    assert_ok(trace_make(*state, &recipe, &trace, &error), &error);
    struct tallies *tallies = tallied(*state, &trace, &policy, &TENTH);
    assert_int_equal(tallies->stretches, 7);
    for (unsigned i = 0; i < tallies->count; i++) {
        double served = 0, placed = 0;
        for (size_t day = 0; day < tallies->stretches; day++)
            served += tallies->rows[i][day].bytes_hit, placed += tallies->rows[i][day].bytes_placed;
        assert_true(served == (double)tallies->results[i].bytes_hit && placed == (double)tallies->results[i].bytes_placed);
    }
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    assert_true(result.bytes_hit > result.bytes / 10);
    struct auto_setting setting;
    assert_true(auto_find(&last, &setting));
}

/* Once a setting was chosen, one day moves it by one step at most, whatever would be best. */
static void one_day_moves_one_step(void **state)
{
    const struct trace_recipe recipe = {.seed = 3, .lans = 3, .apps = 80, .requests = 12000};
    struct policy policy = policy_of(*state, "{\"auto\":{\"placed_byte\":0,\"since\":\"2026-11-01T00:00:00Z\",\"why\":\"x\"}}");
    const struct auto_setting far = {.t1 = 5, .displace = 2};
    struct choice choice;
    struct trace trace;
    struct error error;
    assert_ok(trace_make(*state, &recipe, &trace, &error), &error);
    auto_apply(far, &policy);
    struct tallies *tallies = tallied(*state, &trace, &policy, &TENTH);
    choose(tallies, &policy, 7 * (int64_t)CLOCK_DAY, &choice);
    assert_true(choice.moves && choice.sure >= 0.9 && choice.value > choice.present);
    assert_int_equal(auto_steps(choice.setting, far), 1);
    policy.automatic.since = 0; /* at the first time as many as days were recorded */
    struct choice first;
    choose(tallies, &policy, 7 * (int64_t)CLOCK_DAY, &first);
    assert_true(first.value >= choice.value);
}

/* A scan asks for everything once; ten requests a day say little; nothing fits where there is no room; and where each day is as good as the
 * next, whatever is chosen, nothing moves. */
static void nothing_moves_without_a_reason(void **state)
{
    struct policy policy = policy_of(*state, "{\"auto\":{}}"), last;
    struct str scan = S(""), few = S("");
    const uint64_t none[] = {0}, all[] = {UINT64_MAX};
    struct trace trace;
    struct simulated result;
    struct error error;
    for (int i = 0; i < 400; i++) scan = arena_join(*state, scan, arena_printf(*state, "%d,o%d,1000,x\n", i * 2000, i));
    read_text(*state, scan, &trace);
    struct tallies *tallies = tallied(*state, &trace, &policy, &TENTH);
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    assert_true(result.bytes_placed == 0 && last.automatic.since == 0);
    for (int i = 0; i < 100; i++) few = arena_join(*state, few, arena_printf(*state, "%d,o%d,1000,x\n", i * 8640, i % 3));
    read_text(*state, few, &trace);
    struct simulation how = {.quotas = none, .every = CLOCK_HOUR};
    tallies = tallied(*state, &trace, &policy, &how);
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    assert_true(result.bytes_placed == 0 && last.automatic.since == 0);
    how.quotas = all;
    tallies = tallied(*state, &trace, &policy, &how);
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    assert_true(result.hits > 90);
}

/* Days on which nobody asks, and a single request. */
static void missing_days_do_no_harm(void **state)
{
    struct policy policy = policy_of(*state, "{\"auto\":{\"goal\":\"requests\"}}"), last;
    struct trace trace;
    struct simulated result;
    struct error error;
    read_text(*state, S("0,a,5,x\n1,a,5,x\n2,a,5,x\n864000,a,5,x\n864001,a,5,x\n9864001,a,5,x\n"), &trace);
    struct tallies *tallies = tallied(*state, &trace, &policy, &TENTH);
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    read_text(*state, S("7,a,5,x\n"), &trace);
    tallies = tallied(*state, &trace, &policy, &TENTH);
    assert_int_equal(tallies->stretches, 1);
    assert_ok(simulate_auto(tallies, &last, &result, &error), &error);
    assert_int_equal(result.requests, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(each_setting_is_found_again),
        test_with_arena(a_start_follows_from_sizes_quota_and_link),
        test_with_arena(a_policy_begins_by_what_the_trace_has),
        test_with_arena(a_week_is_served_from_the_start),
        test_with_arena(one_day_moves_one_step),
        test_with_arena(nothing_moves_without_a_reason),
        test_with_arena(missing_days_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
