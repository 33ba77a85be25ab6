/* Who gets a worker next, and what a resource usually takes. */
#include "lib/gather/queue_internal.h"
#include "lib/gather/usual_internal.h"
#include "tests/unit/unit.h"

enum { MOST = 64 };

static struct origin *start(struct queue *queue, size_t free)
{
    struct waiting *waiting = queue_next(queue, free);
    return waiting ? queue_start(queue, waiting) : NULL;
}

static void one_origin_gets_half_of_the_workers(void **state)
{
    struct queue queue = {0};
    struct waiting waiting[MOST];
    struct origin *running[MOST];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < MOST; i++) queue_add(&queue, &waiting[i], 1);
    for (struct origin *origin; (origin = start(&queue, MOST - count));) running[count++] = origin;
    assert_int_equal(count, MOST / 2);
    assert_int_equal(queue.count, MOST / 2);
    while (count > 0) queue_finish(&queue, running[--count]);
    for (size_t i = MOST / 2; i < MOST; i++) queue_remove(&queue, &waiting[i]);
    assert_int_equal(queue.count, 0);
    assert_null(queue.turn);
}

static void the_only_worker_is_used(void **state)
{
    struct queue queue = {0};
    struct waiting waiting[2];
    (void)state;
    queue_add(&queue, &waiting[0], 1);
    queue_add(&queue, &waiting[1], 1);
    struct origin *origin = start(&queue, 1);
    assert_non_null(origin);
    assert_null(start(&queue, 0));
    queue_finish(&queue, origin);
    assert_ptr_equal(queue_next(&queue, 1), &waiting[1]);
    queue_finish(&queue, start(&queue, 1));
}

/* Nine that hang leave something for the tenth. */
static void however_many_hang_some_are_left(void **state)
{
    enum { HANGING = 9, EACH = 100 };
    static struct waiting waiting[HANGING][EACH];
    struct queue queue = {0};
    struct waiting other;
    struct origin *running[MOST];
    size_t busy = 0;
    (void)state;
    for (size_t i = 0; i < HANGING; i++)
        for (size_t k = 0; k < EACH; k++) queue_add(&queue, &waiting[i][k], i);
    for (struct origin *origin; (origin = start(&queue, MOST - busy));) running[busy++] = origin;
    assert_in_range(busy, MOST / 2, MOST - 1);
    queue_add(&queue, &other, HANGING);
    assert_ptr_equal(queue_next(&queue, MOST - busy), &other);
    queue_finish(&queue, start(&queue, MOST - busy));
    for (size_t i = 0; i < HANGING; i++)
        for (size_t k = 0; k < EACH; k++)
            if (waiting[i][k].origin) queue_remove(&queue, &waiting[i][k]);
    while (busy > 0) queue_finish(&queue, running[--busy]);
    assert_int_equal(queue.count, 0);
}

static void origins_take_turns(void **state)
{
    struct queue queue = {0};
    struct waiting a[10], b[2];
    (void)state;
    for (size_t i = 0; i < 10; i++) queue_add(&queue, &a[i], 1);
    for (size_t i = 0; i < 2; i++) queue_add(&queue, &b[i], 2);
    const struct waiting *const wanted[] = {&a[0], &b[0], &a[1], &b[1], &a[2], &a[3]};
    for (size_t i = 0; i < 6; i++) {
        struct waiting *next = queue_next(&queue, MOST);
        assert_ptr_equal(next, wanted[i]);
        queue_finish(&queue, queue_start(&queue, next));
    }
    for (size_t i = 4; i < 10; i++) queue_remove(&queue, &a[i]);
}

static void a_second_attempt_takes_what_is_left(void **state)
{
    struct queue queue = {0};
    struct waiting waiting;
    (void)state;
    queue_add(&queue, &waiting, 1);
    struct origin *origin = start(&queue, 4);
    assert_false(queue_start_another(origin, 1));
    assert_true(queue_start_another(origin, 2));
    queue_finish(&queue, origin);
    queue_finish(&queue, origin);
}

static void what_is_usual_takes_twenty_to_know(void **state)
{
    struct usual *usual = usual_new();
    (void)state;
    for (int i = 1; i <= 19; i++) usual_note(usual, 5, i);
    assert_int_equal(usual_p95(usual, 5), -1);
    usual_note(usual, 5, 20);
    assert_int_equal(usual_p95(usual, 5), 19);
    assert_int_equal(usual_p95(usual, 6), -1);
    for (int i = 0; i < 1000; i++) usual_note(usual, 5, i % 100 == 0 ? 5000 : 3);
    assert_int_equal(usual_p95(usual, 5), 3);
    for (int i = 0; i < 64; i++) usual_note(usual, 5, 64 - i);
    assert_int_equal(usual_p95(usual, 5), 61);
    usual_note(usual, 5 + (UINT64_C(1) << 32), 1); /* another resource in its place */
    assert_int_equal(usual_p95(usual, 5), -1);
    usual_note(usual, 7, -5);
    usual_note(usual, 7, INT64_MAX);
    usual_free(usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_origin_gets_half_of_the_workers), cmocka_unit_test(the_only_worker_is_used),
        cmocka_unit_test(however_many_hang_some_are_left),     cmocka_unit_test(origins_take_turns),
        cmocka_unit_test(a_second_attempt_takes_what_is_left), cmocka_unit_test(what_is_usual_takes_twenty_to_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
