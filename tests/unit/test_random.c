/* Random numbers: the same everywhere, even, and picks by weight. */
#include "base/random.h"
#include "tests/unit/unit.h"

/* The first numbers of splitmix64 from the seed 1234567, as its authors' program gives them. */
static void as_splitmix64(void **state)
{
    uint64_t seed = 1234567;
    (void)state;
    assert_true(random_next(&seed) == UINT64_C(6457827717110365317));
    assert_true(random_next(&seed) == UINT64_C(3203168211198807973));
    assert_true(random_next(&seed) == UINT64_C(9817491932198370423));
}

static void fractions(void **state)
{
    uint64_t seed = 1;
    double sum = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        double fraction = random_fraction(&seed);
        assert_true(fraction >= 0 && fraction < 1);
        sum += fraction;
    }
    assert_near(sum / 100000, 0.5, 0.01);
}

static void picks_by_weight(void **state)
{
    static const double upto[] = {2, 2, 3, 8}, alone[] = {0};
    uint64_t seed = 1;
    int count[4] = {0};
    (void)state;
    for (int i = 0; i < 80000; i++) count[random_pick(&seed, upto, 4)]++;
    assert_near(count[0], 20000, 800);
    assert_int_equal(count[1], 0); /* has no weight */
    assert_near(count[2], 10000, 600);
    assert_near(count[3], 50000, 800);
    assert_int_equal(random_pick(&seed, alone, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(as_splitmix64),
        test_with_arena(fractions),
        test_with_arena(picks_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
