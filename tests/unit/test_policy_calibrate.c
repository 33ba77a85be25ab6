/* P16, with the specification's vector. */
#include "lib/policy/calibrate.h"
#include "tests/unit/unit.h"

static void p16_thresholds_follow_from_what_decisions_came_to(void **state)
{
    struct calibration c = {.queries = 1000, .samples = 1000, .tp = 600, .fp = 100, .tn = 150, .fn = 150};
    struct error error;
    (void)state;
    assert_ok(calibrate(&c, &error), &error);
    assert_int_equal(c.t1, 857);
    assert_int_equal(c.t2, 143);
    assert_true(c.c1 > 0.7999 && c.c1 < 0.8001);
}

/* Every other query was kept: S is still 1,000. */
static void p16_s_is_the_number_of_queries_not_of_samples(void **state)
{
    struct calibration c = {.queries = 1000, .samples = 500, .tp = 300, .fp = 50, .tn = 75, .fn = 75};
    struct error error;
    (void)state;
    assert_ok(calibrate(&c, &error), &error);
    assert_int_equal(c.t1, 857);
    assert_int_equal(c.t2, 143);
    assert_true(c.c1 > 0.7999 && c.c1 < 0.8001);
}

static void what_nothing_follows_from_is_refused(void **state)
{
    struct calibration nothing = {.queries = 10, .samples = 10, .tn = 4, .fn = 6}, worse = {.queries = 10, .samples = 10, .tp = 2, .fp = 8},
                       even = {.queries = 4, .samples = 4, .tp = 2, .fp = 2};
    struct error error;
    (void)state;
    assert_error(calibrate(&nothing, &error), STATUS_INVALID, &error, "none of the 10 samples was placed");
    assert_error(calibrate(&worse, &error), STATUS_INVALID, &error, "the repeat threshold (T2) would be 8 and the place threshold (T1) 2");
    assert_error(calibrate(&even, &error), STATUS_INVALID, &error, "the repeat threshold (T2) would be 2 and the place threshold (T1) 2");
}

static void samples_are_counted(void **state)
{
    struct sample items[] = {{.placed = SAMPLE_HIT, .downloaded = true},
                             {.placed = SAMPLE_HIT},
                             {.placed = SAMPLE_MISS, .downloaded = true},
                             {.placed = SAMPLE_MISS},
                             {.placed = SAMPLE_NO_EDGE, .downloaded = true}};
    const struct sample_set set = {.items = items, .count = 5, .share = 0.5, .queries = 10};
    struct calibration c;
    (void)state;
    calibrate_count(&set, &c);
    assert_int_equal(c.samples, 5);
    assert_int_equal(c.queries, 10);
    assert_int_equal(c.tp, 1);
    assert_int_equal(c.fp, 1);
    assert_int_equal(c.fn, 2);
    assert_int_equal(c.tn, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p16_thresholds_follow_from_what_decisions_came_to),
        cmocka_unit_test(p16_s_is_the_number_of_queries_not_of_samples),
        cmocka_unit_test(what_nothing_follows_from_is_refused),
        cmocka_unit_test(samples_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
