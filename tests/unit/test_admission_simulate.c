/* The simulation: the bound against what one can work out by hand, and paced mode against the bound. */
#include "lib/admission/simulate.h"
#include "base/random.h"
#include "tests/unit/admission_sample.h"

static struct population make(struct arena *arena, const struct admission_profile *profile, const char *recipe, size_t count)
{
    struct population population;
    struct error error;
    assert_ok(population_make(arena, profile, &(struct population_plan){str_of(recipe), 1000000000, count, 7}, &population, &error),
              &error);
    return population;
}

static struct balance balance_of(struct arena *arena, const struct admission_profile *profile, const struct population *population)
{
    struct balance balance;
    bool *counts = arena_array(arena, population->count, sizeof *counts);
    memset(counts, true, population->count);
    balance_measure(arena, profile, population, counts, &balance);
    return balance;
}

static double bytes_in(const struct population *population, uint32_t within)
{
    double sum = 0;
    for (size_t i = 0; i < population->count; i++)
        if (!(population->hours[i] & ~within)) sum += (double)population->size[i];
    return sum;
}

#define LINE "\"bandwidth\":[{\"share\":1,\"rate\":1000000000000}],\"sizes\":[{\"share\":1,\"part\":1}]"

/* Nine days; those who are always on fill it evenly. */
static void bound_of_devices_that_are_always_on_is_the_mean(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\"");
    struct population population = make(*state, &profile, "{\"classes\":[{\"share\":1,\"hours\":\"0-24\"}]," LINE "}", 1000);
    struct balance balance = balance_of(*state, &profile, &population);
    assert_near(balance.bound, 1e12 / (9 * 86400.0), 1);
    assert_near(balance.reached, balance.bound, balance.bound * 0.001);
}

/* Half can only in five hours a day: they need those for themselves, and the other half keeps away. */
static void bound_of_devices_that_are_forced_is_theirs(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\"");
    struct population population =
        make(*state, &profile, "{\"classes\":[{\"share\":1,\"hours\":\"18-23\"},{\"share\":1,\"hours\":\"0-24\"}]," LINE "}", 4000);
    struct balance balance = balance_of(*state, &profile, &population);
    double forced = bytes_in(&population, 0x7c0000);
    assert_near(balance.bound, forced / (9 * 5 * 3600.0), 1);
    assert_near(balance.reached, balance.bound, balance.bound * 0.001);
    assert_true(balance.pacing[18] < balance.pacing[12] * 1e-3);
}

/* Any population: the pace comes within a hundredth of what is proved to be the least. */
static void the_pace_reaches_the_bound(void **state)
{
    static const char *const slots[] = {"", ",\"slots\":[{\"from\":\"18:00\",\"to\":\"22:00\",\"coefficient\":0.5}]",
                                        ",\"timezone\":\"+05:30\""};
    for (int round = 0; round < 12; round++) {
        uint64_t random = (uint64_t)round;
        struct str classes = S("[");
        for (int i = 0; i < 5; i++) {
            int from = (int)(random_next(&random) % 24), length = 1 + (int)(random_next(&random) % 20);
            classes = arena_printf(*state, STR_FMT "%s{\"share\":%d,\"hours\":\"%d-%d\",\"jitter\":%d}", STR_ARG(classes), i ? "," : "",
                                   1 + (int)(random_next(&random) % 9), from, (from + length) % 24, (int)(random_next(&random) % 4));
        }
        struct str fields = arena_printf(*state, "\"mode\":\"paced\"%s", slots[round % 3]);
        struct admission_profile profile = sample_profile(*state, fields.data);
        struct str recipe = arena_printf(*state, "{\"classes\":" STR_FMT "]," LINE "}", STR_ARG(classes));
        struct population population = make(*state, &profile, recipe.data, 3000);
        struct balance balance = balance_of(*state, &profile, &population);
        assert_true(balance.reached >= balance.bound * 0.999);
        if (round % 3 != 1) assert_near(balance.reached, balance.bound, balance.bound * 0.01);
    }
}

static void all_modes_load_every_byte(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\",\"threshold\":0.3,\"size\":1000000000");
    struct population population = make(*state, &profile, "", 3000);
    struct simulation *simulation = arena_new_of(*state, struct simulation);
    struct error error;
    double whole = 0;
    assert_ok(admission_simulate(*state, &profile, &population, simulation, &error), &error);
    for (size_t i = 0; i < population.count; i++) whole += population.hours[i] ? (double)population.size[i] : 0;
    for (size_t mode = 0; mode < simulation->mode_count; mode++) {
        const struct simulated_mode *run = &simulation->mode[mode];
        assert_near(run->complete, 1, 0);
        assert_near(run->mean * 864000, whole, whole * 1e-9);
    }
    assert_in_range(simulation->reachable, 2800, 3000);
}

static void paced_stays_near_the_bound_and_random_does_not(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"paced\",\"threshold\":0.3,\"size\":1000000000,\"timezone\":\"+08:00\"");
    struct population population = make(*state, &profile, "", 60000);
    struct simulation *simulation = arena_new_of(*state, struct simulation);
    struct error error;
    assert_ok(admission_simulate(*state, &profile, &population, simulation, &error), &error);
    double bound = simulation->balance.bound, paced = simulation->mode[SIMULATED_PACED].peak;
    assert_true(paced <= bound * (1.02 + simulation->noise) && paced >= bound * 0.97);
    assert_true(simulation->mode[SIMULATED_RANDOM].peak > 10 * paced);
    assert_true(simulation->mode[SIMULATED_STICKY].peak < 5 * paced);
}

static void the_same_seed_gives_the_same(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\",\"size\":1000000");
    struct population one = make(*state, &profile, "", 500), same = make(*state, &profile, "", 500), other;
    struct error error;
    assert_ok(population_make(*state, &profile, &(struct population_plan){S(""), 1000000000, 500, 8}, &other, &error), &error);
    assert_memory_equal(one.hours, same.hours, 500 * sizeof *one.hours);
    assert_memory_equal(one.number, same.number, 500 * sizeof *one.number);
    assert_memory_not_equal(one.number, other.number, 500 * sizeof *one.number);
}

static const struct simulation *simulate(struct arena *arena, const char *fields)
{
    struct admission_profile profile = sample_profile(arena, fields);
    struct population population = make(arena, &profile, "", 2000);
    struct simulation *simulation = arena_new_of(arena, struct simulation);
    struct error error;
    assert_ok(admission_simulate(arena, &profile, &population, simulation, &error), &error);
    return simulation;
}

static void a6_steps_are_simulated_where_the_profile_has_them(void **state)
{
    const struct simulation *none = simulate(*state, "\"mode\":\"steps\",\"before\":0,\"after\":1,\"size\":1000000");
    assert_int_equal(none->mode_count, SIMULATED_COUNT);
    assert_near(none->mode[SIMULATED_STEPS].complete, 1, 0);
    for (size_t i = 0; i < none->bins * 9 / 10; i++) assert_near(none->mode[SIMULATED_STEPS].rate[i], 0, 0);
    const struct simulation *many = simulate(*state, "\"mode\":\"steps\",\"before\":0.2,\"after\":0.9,\"size\":1000000");
    assert_near(many->mode[SIMULATED_STEPS].complete, 1, 0);
    assert_true(many->mode[SIMULATED_STEPS].rate[0] > 0);
    assert_int_equal(simulate(*state, "\"mode\":\"paced\",\"size\":1000000")->mode_count, SIMULATED_STEPS);
}

static void what_cannot_be_simulated_is_refused(void **state)
{
    static const struct {
        const char *recipe, *says;
    } cases[] = {
        {"{}", "population.classes: is missing"},
        {"{\"classes\":[]," LINE "}", "population.classes: the shares must add up"},
        {"{\"classes\":[{\"share\":1,\"hours\":\"25\"}]," LINE "}", "population.classes[0].hours: must be ranges"},
        {"{\"classes\":[{\"share\":1,\"hours\":\"1-2\",\"jitter\":13}]," LINE "}", "population.classes[0].jitter: must be"},
        {"{\"classes\":[{\"share\":1,\"hours\":\"1-2\"}],\"bandwidth\":[{\"share\":1,\"rate\":0}],\"sizes\":[]}",
         "population.bandwidth[0].rate"},
    };
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\"");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct population population;
        struct error error;
        assert_error(population_make(*state, &profile, &(struct population_plan){str_of(cases[i].recipe), 1, 10, 1}, &population, &error),
                     STATUS_INVALID, &error, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(bound_of_devices_that_are_always_on_is_the_mean),
        test_with_arena(bound_of_devices_that_are_forced_is_theirs),
        test_with_arena(the_pace_reaches_the_bound),
        test_with_arena(all_modes_load_every_byte),
        test_with_arena(paced_stays_near_the_bound_and_random_does_not),
        test_with_arena(a6_steps_are_simulated_where_the_profile_has_them),
        test_with_arena(the_same_seed_gives_the_same),
        test_with_arena(what_cannot_be_simulated_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
