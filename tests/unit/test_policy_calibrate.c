/* P16, with the specification's vector. */
#include "lib/policy/calibrate.h"
#include "tests/unit/unit.h"

static void p16_thresholds_follow_from_what_decisions_came_to(void **state)
{
    struct calibration c = {.samples = 1000, .tp = 600, .fp = 100, .tn = 150, .fn = 150};
    struct error error;
    (void)state;
    assert_ok(calibrate(&c, &error), &error);
    assert_int_equal(c.t1, 857);
    assert_int_equal(c.t2, 143);
    assert_true(c.c1 > 0.7999 && c.c1 < 0.8001);
}

static void what_nothing_follows_from_is_refused(void **state)
{
    struct calibration nothing = {.samples = 10, .tn = 4, .fn = 6}, worse = {.samples = 10, .tp = 2, .fp = 8},
                       even = {.samples = 4, .tp = 2, .fp = 2};
    struct error error;
    (void)state;
    assert_error(calibrate(&nothing, &error), STATUS_INVALID, &error, "none of the 10 samples was placed");
    assert_error(calibrate(&worse, &error), STATUS_INVALID, &error, "T2 would be 8 and T1 2");
    assert_error(calibrate(&even, &error), STATUS_INVALID, &error, "T2 would be 2 and T1 2");
}

static void samples_are_counted(void **state)
{
    struct sample items[] = {{.placed = SAMPLE_HIT, .downloaded = true},
                             {.placed = SAMPLE_HIT},
                             {.placed = SAMPLE_MISS, .downloaded = true},
                             {.placed = SAMPLE_MISS},
                             {.placed = SAMPLE_NO_EDGE, .downloaded = true}};
    const struct sample_set set = {.items = items, .count = 5, .share = 1};
    struct calibration c;
    (void)state;
    calibrate_count(&set, &c);
    assert_int_equal(c.samples, 5);
    assert_int_equal(c.tp, 1);
    assert_int_equal(c.fp, 1);
    assert_int_equal(c.fn, 2);
    assert_int_equal(c.tn, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p16_thresholds_follow_from_what_decisions_came_to),
        cmocka_unit_test(what_nothing_follows_from_is_refused),
        cmocka_unit_test(samples_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
