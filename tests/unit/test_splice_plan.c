/* S7: what a range of a channel package is made of. */
#include "tests/unit/apk_sample.h"

#include "lib/apk/splice.h"

static const struct apk_region region = {1000, 100}; /* 1000–1099 */

static void assert_part(const struct splice_plan *plan, int index, enum splice_kind kind, uint64_t offset, uint64_t length)
{
    assert_true(index < plan->count);
    assert_int_equal(plan->part[index].kind, kind);
    assert_int_equal(plan->part[index].offset, offset);
    assert_int_equal(plan->part[index].length, length);
}

static void one_base_part(uint64_t offset, uint64_t length)
{
    struct splice_plan plan = splice_plan(region, offset, length);
    assert_int_equal(plan.count, 1);
    assert_part(&plan, 0, SPLICE_BASE, offset, length);
}

static void s7_before_the_region(void **state)
{
    (void)state;
    one_base_part(0, 1000);
    one_base_part(999, 1);
}

static void s7_behind_the_region(void **state)
{
    (void)state;
    one_base_part(1100, 1);
    one_base_part(1100, UINT32_MAX);
}

static void s7_tail_is_overlaid(void **state)
{
    (void)state;
    struct splice_plan plan = splice_plan(region, 900, 101);
    assert_int_equal(plan.count, 2);
    assert_part(&plan, 0, SPLICE_BASE, 900, 100);
    assert_part(&plan, 1, SPLICE_INFO, 0, 1);
    plan = splice_plan(region, 999, 101);
    assert_int_equal(plan.count, 2);
    assert_part(&plan, 1, SPLICE_INFO, 0, 100);
}

static void s7_inside_the_region(void **state)
{
    (void)state;
    struct splice_plan plan = splice_plan(region, 1000, 100);
    assert_int_equal(plan.count, 1);
    assert_part(&plan, 0, SPLICE_INFO, 0, 100);
    plan = splice_plan(region, 1099, 1);
    assert_int_equal(plan.count, 1);
    assert_part(&plan, 0, SPLICE_INFO, 99, 1);
}

static void s7_head_is_overlaid(void **state)
{
    (void)state;
    struct splice_plan plan = splice_plan(region, 1099, 51);
    assert_int_equal(plan.count, 2);
    assert_part(&plan, 0, SPLICE_INFO, 99, 1);
    assert_part(&plan, 1, SPLICE_BASE, 1100, 50);
}

static void s7_middle_is_overlaid(void **state)
{
    (void)state;
    struct splice_plan plan = splice_plan(region, 999, 102);
    assert_int_equal(plan.count, 3);
    assert_part(&plan, 0, SPLICE_BASE, 999, 1);
    assert_part(&plan, 1, SPLICE_INFO, 0, 100);
    assert_part(&plan, 2, SPLICE_BASE, 1100, 1);
}

static void no_region_is_all_base(void **state)
{
    (void)state;
    const struct apk_region none = {0, 0}, empty_inside = {50, 0};
    struct splice_plan plan = splice_plan(none, 0, 100);
    assert_int_equal(plan.count, 1);
    assert_part(&plan, 0, SPLICE_BASE, 0, 100);
    plan = splice_plan(empty_inside, 0, 100);
    assert_int_equal(plan.count, 1);
    assert_part(&plan, 0, SPLICE_BASE, 0, 100);
}

static void an_empty_range_has_no_parts(void **state)
{
    (void)state;
    assert_int_equal(splice_plan(region, 0, 0).count, 0);
    assert_int_equal(splice_plan(region, 1050, 0).count, 0);
    assert_int_equal(splice_plan(region, 2000, 0).count, 0);
}

static void works_past_two_and_four_gigabytes(void **state)
{
    (void)state;
    const struct apk_region far = {UINT64_C(6) << 30, 4096};
    struct splice_plan plan = splice_plan(far, (UINT64_C(6) << 30) - 524288, 1048576);
    assert_int_equal(plan.count, 3);
    assert_part(&plan, 0, SPLICE_BASE, (UINT64_C(6) << 30) - 524288, 524288);
    assert_part(&plan, 1, SPLICE_INFO, 0, 4096);
    assert_part(&plan, 2, SPLICE_BASE, (UINT64_C(6) << 30) + 4096, 524288 - 4096);
}

/* --- against a model that decides byte by byte */

enum { FILE_SIZE = 300, ROUNDS = 20000 };

static int model_byte(struct apk_region r, uint64_t at)
{
    return at >= r.offset && at < r.offset + r.length ? (int)(1000 + at - r.offset) : (int)at;
}

static void parts_are_what_the_model_says(struct apk_region r, uint64_t offset, uint64_t length)
{
    struct splice_plan plan = splice_plan(r, offset, length);
    uint64_t at = offset;
    assert_in_range(plan.count, 0, 3);
    for (int i = 0; i < plan.count; i++) {
        assert_true(plan.part[i].length > 0);
        if (i > 0) assert_int_not_equal(plan.part[i].kind, plan.part[i - 1].kind);
        for (uint64_t k = 0; k < plan.part[i].length; k++, at++)
            assert_int_equal((int)(plan.part[i].offset + k) + (plan.part[i].kind == SPLICE_INFO ? 1000 : 0), model_byte(r, at));
    }
    assert_int_equal(at, offset + length);
}

static void random_plans_match_the_model(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = sample_random(&random, FILE_SIZE), offset = sample_random(&random, FILE_SIZE);
        const struct apk_region r = {start, sample_random(&random, FILE_SIZE - start + 1)};
        parts_are_what_the_model_says(r, offset, sample_random(&random, FILE_SIZE - offset + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s7_before_the_region),
        cmocka_unit_test(s7_behind_the_region),
        cmocka_unit_test(s7_tail_is_overlaid),
        cmocka_unit_test(s7_inside_the_region),
        cmocka_unit_test(s7_head_is_overlaid),
        cmocka_unit_test(s7_middle_is_overlaid),
        cmocka_unit_test(no_region_is_all_base),
        cmocka_unit_test(an_empty_range_has_no_parts),
        cmocka_unit_test(works_past_two_and_four_gigabytes),
        cmocka_unit_test(random_plans_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
