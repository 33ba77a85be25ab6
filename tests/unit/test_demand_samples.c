/* Samples of queries and results: bounded, and what belongs together stays together. */
#include "lib/demand/samples.h"

#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#define NOON INT64_C(1795348800000) /* 2026-11-22T12:00:00Z */

struct trial {
    struct arena *arena;
    struct store *store;
    struct error error;
    char directory[64];
};

static struct io sample_io(struct trial *s)
{
    return (struct io){.arena = s->arena, .deadline = deadline_in(60 * CLOCK_SECOND)};
}

static int set_up(void **state)
{
    struct trial *s = calloc(1, sizeof *s);
    s->arena = arena_new();
    snprintf(s->directory, sizeof s->directory, "/tmp/samples-XXXXXX");
    if (!mkdtemp(s->directory)) return -1;
    assert_ok(store_open(arena_printf(s->arena, "file://%s", s->directory).data, &s->store, &s->error), &s->error);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct trial *s = *state;
    store_close(s->store);
    arena_free(s->arena);
    scratch_remove(s->directory);
    free(s);
    return 0;
}
#define SAMPLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void sample_put(struct trial *s, const char *key, const char *text)
{
    assert_ok(store_put(s->store, sample_io(s), str_of(key), str_of(text), NULL, NULL, &s->error), &s->error);
}

static const int64_t hour_before = NOON - CLOCK_HOUR, hour_after = NOON + CLOCK_HOUR;

static void flush(struct trial *s, struct samples *samples)
{
    assert_ok(samples_flush(samples, s->store, sample_io(s), &s->error), &s->error);
    assert_false(samples_are_dirty(samples));
}

static struct sample_set read_set(struct trial *s, int64_t from, int64_t to, int64_t horizon, size_t most)
{
    struct sample_set set;
    assert_ok(samples_read(s->store, sample_io(s), &(struct samples_question){from, to, horizon, most}, &set, &s->error), &s->error);
    return set;
}

static void queries_meet_their_results(void **state)
{
    struct trial *s = *state;
    struct samples *one = samples_new(S("one"), 100), *other = samples_new(S("other"), 100);
    struct str hit = samples_new_id(one, s->arena), miss = samples_new_id(one, s->arena), none = samples_new_id(other, s->arena);
    samples_query(one, &(struct sample){.id = hit, .time = NOON, .placed = SAMPLE_HIT, .lan = S("10.0.0.0/8"), .package = S("A/1")});
    samples_query(one,
                  &(struct sample){.id = miss, .time = NOON + 1000, .placed = SAMPLE_MISS, .lan = S("10.0.0.0/8"), .package = S("A/1..2")});
    samples_query(other,
                  &(struct sample){.id = none, .time = NOON + 2000, .placed = SAMPLE_NO_EDGE, .lan = S("::/0"), .package = S("B/1/x")});
    samples_result(other, hit, NOON + CLOCK_MINUTE, SAMPLE_EDGE, S("A/1"));
    samples_result(other, hit, NOON + CLOCK_MINUTE, SAMPLE_ORIGIN, S(""));
    samples_result(one, miss, NOON + 70 * CLOCK_MINUTE, SAMPLE_ORIGIN, S(""));
    samples_result(one, S("never-asked"), NOON, SAMPLE_OTHER, S(""));
    flush(s, one);
    flush(s, other);
    struct sample_set set = read_set(s, hour_before, hour_after, CLOCK_HOUR, 1000);
    assert_int_equal(set.count, 3);
    assert_true(set.share == 1);
    assert_str(set.items[0].id, hit);
    assert_str(set.items[0].package, S("A/1"));
    assert_int_equal(set.items[0].time, NOON);
    assert_true(set.items[0].downloaded && set.items[0].source == SAMPLE_EDGE && set.items[0].placed == SAMPLE_HIT);
    assert_false(set.items[1].downloaded); /* past the horizon */
    assert_int_equal(set.items[1].placed, SAMPLE_MISS);
    assert_str(set.items[2].lan, S("::/0"));
    assert_int_equal(set.items[2].placed, SAMPLE_NO_EDGE);
    set = read_set(s, NOON + 1000, NOON + 2000, 2 * CLOCK_HOUR, 1000);
    assert_int_equal(set.count, 1);
    assert_true(set.items[0].downloaded && set.items[0].source == SAMPLE_ORIGIN);
    samples_free(one);
    samples_free(other);
}

enum { INSTANCES = 5, QUERIES = 4000, MOST = 128 };

/* Every third query is followed by a download that another instance hears of: in whatever sample, one third. */
static void a_sample_is_like_the_whole(void **state)
{
    struct trial *s = *state;
    struct samples *instances[INSTANCES];
    char name[16];
    for (int i = 0; i < INSTANCES; i++) {
        snprintf(name, sizeof name, "instance-%d", i);
        instances[i] = samples_new(str_of(name), MOST);
    }
    for (int i = 0; i < QUERIES * INSTANCES; i++) {
        struct samples *asked = instances[i % INSTANCES], *told = instances[(i * 7 + 3) % INSTANCES];
        struct str id = samples_new_id(asked, s->arena);
        int64_t time = NOON + i % 600 * 1000;
        samples_query(asked,
                      &(struct sample){
                          .id = id, .time = time, .placed = i % 2 ? SAMPLE_HIT : SAMPLE_MISS, .lan = S("10.0.0.0/8"), .package = S("A/1")});
        if (i % 3 == 0) samples_result(told, id, time + 1000, SAMPLE_EDGE, S("A/1"));
    }
    for (int i = 0; i < INSTANCES; i++) flush(s, instances[i]);
    struct sample_set set = read_set(s, hour_before, hour_after, CLOCK_HOUR, 100000);
    size_t downloaded = 0;
    for (size_t i = 0; i < set.count; i++) downloaded += set.items[i].downloaded;
    assert_in_range(set.count, MOST * INSTANCES / 2, MOST * INSTANCES);
    assert_in_range(downloaded * 100 / set.count, 27, 40);
    assert_in_range((size_t)((double)set.count / set.share), QUERIES * INSTANCES * 3 / 4, QUERIES * INSTANCES * 5 / 4);
    struct sample_set small = read_set(s, hour_before, hour_after, CLOCK_HOUR, 50);
    assert_int_equal(small.count, 50);
    assert_int_equal(set.queries, QUERIES * INSTANCES); /* whatever was kept of them */
    assert_int_equal(small.queries, QUERIES * INSTANCES);
    assert_true(small.share < set.share);
    for (int i = 0; i < INSTANCES; i++) samples_free(instances[i]);
}

/* Results of queries that never were make the sample smaller; those that are left are right. */
static void a_flood_of_results_makes_no_sample_wrong(void **state)
{
    struct trial *s = *state;
    struct samples *samples = samples_new(S("one"), MOST);
    for (int i = 0; i < 1000; i++) {
        struct str id = samples_new_id(samples, s->arena);
        samples_query(samples, &(struct sample){.id = id, .time = NOON, .placed = SAMPLE_HIT, .lan = S("10.0.0.0/8"), .package = S("A/1")});
        samples_result(samples, id, NOON, SAMPLE_EDGE, S(""));
        for (int k = 0; k < 20; k++) samples_result(samples, arena_printf(s->arena, "junk-%d-%d", i, k), NOON, SAMPLE_OTHER, S(""));
    }
    flush(s, samples);
    struct sample_set set = read_set(s, hour_before, hour_after, CLOCK_HOUR, 100000);
    assert_in_range(set.count, 1, 20);
    for (size_t i = 0; i < set.count; i++) assert_true(set.items[i].downloaded);
    samples_free(samples);
}

/* Of an hour that is cut, the part that its sample has: 200 of 1,000 queries fall into its first twelve minutes. */
static void p16_queries_of_a_cut_hour_are_estimated(void **state)
{
    struct trial *s = *state;
    struct samples *samples = samples_new(S("one"), 10000), *few = samples_new(S("few"), MOST);
    for (int i = 0; i < 1000; i++) {
        struct str id = samples_new_id(samples, s->arena), other = samples_new_id(few, s->arena);
        samples_query(
            samples,
            &(struct sample){
                .id = id, .time = NOON + i * CLOCK_HOUR / 1000, .placed = SAMPLE_HIT, .lan = S("10.0.0.0/8"), .package = S("A/1")});
        samples_query(few, &(struct sample){.id = other,
                                            .time = NOON + CLOCK_HOUR + i * CLOCK_HOUR / 1000,
                                            .placed = SAMPLE_HIT,
                                            .lan = S("10.0.0.0/8"),
                                            .package = S("A/1")});
    }
    flush(s, samples);
    flush(s, few);
    assert_int_equal(read_set(s, NOON, NOON + 12 * CLOCK_MINUTE, CLOCK_HOUR, 10000).queries, 200);
    assert_int_equal(read_set(s, NOON, NOON + 2 * CLOCK_HOUR, CLOCK_HOUR, 10000).queries, 2000);
    assert_in_range(read_set(s, NOON + CLOCK_HOUR, NOON + 90 * CLOCK_MINUTE, CLOCK_HOUR, 10000).queries, 375, 625);
    assert_int_equal(read_set(s, NOON + 2 * CLOCK_HOUR, NOON + 3 * CLOCK_HOUR, CLOCK_HOUR, 10000).queries, 0);
    samples_free(samples);
    samples_free(few);
}

static void counts_that_make_no_sense_count_what_is_there(void **state)
{
    struct trial *s = *state;
    sample_put(s, "samples/2026-11-22/12/a",
               "samples 1 x\nqueries 99999999999999 below ffffffffffffffff\nq a 2026-11-22T12:00:00Z Y l A/1\n");
    sample_put(s, "samples/2026-11-22/12/b", "samples 1 x\nqueries 0 below ffffffffffffffff\nq b 2026-11-22T12:00:00Z Y l A/1\n");
    assert_int_equal(read_set(s, hour_before, hour_after, CLOCK_HOUR, 100).queries, 2);
}

static void what_makes_no_sense_is_left_out(void **state)
{
    struct trial *s = *state;
    sample_put(s, "samples/2026-11-22/12/a", "");
    sample_put(s, "samples/2026-11-22/12/b", "samples 2 \nq x 2026-11-22T12:00:00Z Y l A/1\n");
    sample_put(s, "samples/2026-11-22/99/c", "samples 1 x\nq x 2026-11-22T12:00:00Z Y l A/1\n");
    sample_put(s, "samples/2026-11-22/12/d",
               "samples 1 x\nqueries x below 0\nqueries 1 below zz\nresults 1\nq\nq x\nq x y Y l A/1\nq x 2026-11-22T12:00:00Z Z l A/1\n"
               "q x 2026-11-22T12:00:00Z Y l\nr x 2026-11-22T12:00:00Z from\nr x yesterday edge\nt\n\n"
               "q right 2026-11-22T12:00:00Z Y l A/1\n");
    struct sample_set set = read_set(s, hour_before, hour_after, CLOCK_HOUR, 100);
    assert_int_equal(set.count, 1);
    assert_str(set.items[0].id, S("right"));
    assert_false(set.items[0].downloaded);
}

static void hours_follow_each_other(void **state)
{
    struct trial *s = *state;
    struct samples *samples = samples_new(S("one"), 10);
    for (int hour = 0; hour < 30; hour++) {
        struct str id = samples_new_id(samples, s->arena);
        samples_query(samples,
                      &(struct sample){
                          .id = id, .time = NOON + hour * CLOCK_HOUR, .placed = SAMPLE_HIT, .lan = S("10.0.0.0/8"), .package = S("A/1")});
        if (hour % 2) flush(s, samples);
    }
    flush(s, samples);
    assert_int_equal(read_set(s, NOON, NOON + 30 * CLOCK_HOUR, CLOCK_HOUR, 100).count, 30);
    assert_int_equal(read_set(s, NOON + 13 * CLOCK_HOUR, NOON + 15 * CLOCK_HOUR, CLOCK_HOUR, 100).count, 2);
    assert_ok(samples_drop(s->store, sample_io(s), NOON + 13 * CLOCK_HOUR, &s->error), &s->error);
    assert_int_equal(read_set(s, NOON, NOON + 30 * CLOCK_HOUR, CLOCK_HOUR, 100).count, 18);
    samples_free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(queries_meet_their_results),
        SAMPLE_TEST(a_sample_is_like_the_whole),
        SAMPLE_TEST(a_flood_of_results_makes_no_sample_wrong),
        SAMPLE_TEST(p16_queries_of_a_cut_hour_are_estimated),
        SAMPLE_TEST(counts_that_make_no_sense_count_what_is_there),
        SAMPLE_TEST(what_makes_no_sense_is_left_out),
        SAMPLE_TEST(hours_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
