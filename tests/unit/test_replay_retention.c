/* T3 and C2 by replaying recorded demand: the trace that is made of it, and the choice. */
#include "lib/replay/retention.h"

#include "base/hash.h"
#include "base/random.h"
#include "lib/demand/demand.h"
#include "tests/unit/package_facts.h"
#include "tests/unit/scratch_store.h"

struct fixture {
    struct arena *arena;
    struct store *store;
    struct registry registry;
    struct policy policy;
    struct demand *demand;
    struct error error;
    int64_t now;
};

static struct io io_of(struct fixture *f)
{
    return (struct io){.arena = f->arena, .deadline = deadline_in(60 * CLOCK_SECOND)};
}

static void set_policy(struct fixture *f, const char *json)
{
    assert_ok(policy_parse(f->arena, str_of(json), &f->policy, &f->error), &f->error);
}

static void register_edge(struct fixture *f, const char *json)
{
    struct edge edge;
    assert_ok(edge_parse(f->arena, str_of(json), &edge, &f->error), &f->error);
    assert_ok(registry_put_edge(f->store, io_of(f), &edge, &f->error), &f->error);
    assert_ok(registry_load(f->store, io_of(f), &f->registry, &f->error), &f->error);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->store = scratch_store(f->arena);
    assert_true(clock_parse_time(S("2026-08-25T00:00:00Z"), &f->now));
    set_policy(f, "{\"place\":{\"t1\":3,\"t2\":2,\"m\":10,\"of\":10,\"window\":{\"last\":\"1d\"}},"
                  "\"evict\":{\"t3\":4,\"n\":1,\"of\":2,\"include_current\":false,\"window\":{\"last\":\"1d\"},\"grace\":\"1h\"},"
                  "\"trigger\":\"immediate\"}");
    register_edge(f, "{\"edge\":\"shop-1\",\"address\":\"shop-1.lan\",\"lans\":[\"10.0.0.0/8\"],\"quota\":1000,\"store\":\"pull\"}");
    f->demand = demand_new(&(struct demand_options){0});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    clock_set_now(f->now);
    demand_free(f->demand);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* At so many hours before now. */
static void ask(struct fixture *f, const char *lan, const char *package, int hours_ago, int times)
{
    int64_t at = f->now - hours_ago * (int64_t)CLOCK_HOUR;
    clock_set_now(at);
    for (int i = 0; i < times; i++)
        demand_count(f->demand,
                     &(struct demand_request){.lan = str_of(lan), .registered = true, .package = str_of(package), .hit = i % 3 == 0}, at);
    assert_ok(demand_flush(f->demand, f->store, io_of(f), &f->error), &f->error);
}

static struct recording recording_of(struct fixture *f, uint64_t most)
{
    return (struct recording){
        .store = f->store, .registry = &f->registry, .policy = &f->policy, .facts = facts_of, .now = f->now, .most = most};
}

static struct recorded record(struct fixture *f, uint64_t most)
{
    const struct recording how = recording_of(f, most);
    struct recorded recorded;
    assert_ok(recorded_read(&how, io_of(f), &recorded, &f->error), &f->error);
    return recorded;
}

/* --- the trace */

static void what_was_counted_is_a_trace_again(void **state)
{
    struct fixture *f = *state;
    ask(f, "10.0.0.0/8", "A/100", 30, 5);
    ask(f, "10.0.0.0/8", "B/70", 29, 2);
    ask(f, "10.0.0.0/8", "GONE/50", 29, 7);
    ask(f, "10.0.0.0/8", "A/90..100", 29, 7); /* a patch that nobody made, nor will */
    ask(f, "172.16.0.0/12", "A/100", 28, 9);  /* no edge serves it */
    ask(f, "10.0.0.0/8", "A/100", 3, 1);
    ask(f, "10.0.0.0/8", "A/100", 20 * 24, 1); /* before the time that is looked at */
    f->policy.generate_patches = false;
    struct recorded recorded = record(f, 1000);
    const struct trace *trace = &recorded.trace;
    assert_int_equal(recorded.factor, 1);
    assert_int_equal(trace->count, 8);
    assert_int_equal(trace->lans, 1);
    assert_int_equal(trace->objects, 2);
    assert_int_equal(recorded.quotas[0], 1000);
    assert_int_equal(trace->bytes, 6 * 100 + 2 * 70);
    assert_int_equal(trace->working_set[0], 170);
    for (size_t i = 0; i < trace->count; i++) {
        int hours_ago = i < 5 ? 30 : i < 7 ? 29 : 3;
        int64_t bucket = f->now - hours_ago * (int64_t)CLOCK_HOUR;
        assert_in_range(trace->requests[i].time, bucket, bucket + BUCKET - 1);
        assert_int_equal(trace->sizes[trace->requests[i].object], hours_ago == 29 ? 70 : 100);
    }
    assert_int_equal(recorded.count_count, 3); /* windows of a day: of A in two of them, of B in one */
    assert_int_equal(recorded.counts[0], 1);
    assert_int_equal(recorded.counts[1], 2);
    assert_int_equal(recorded.counts[2], 5);
}

static void what_is_too_much_is_divided_and_sums_stay(void **state)
{
    struct fixture *f = *state;
    for (int hour = 1; hour <= 40; hour++) {
        ask(f, "10.0.0.0/8", "A/100", hour, 10);
        ask(f, "10.0.0.0/8", "B/70", hour, 1);
    }
    struct recorded recorded = record(f, 60);
    uint64_t counts[2] = {0};
    for (size_t i = 0; i < recorded.trace.count; i++) counts[recorded.trace.requests[i].object]++;
    assert_int_equal(recorded.factor, 8); /* 440 / 60 */
    assert_int_equal(recorded.trace.count, 55);
    assert_int_equal(counts[0] + counts[1], 55);
    assert_true((counts[0] == 50 && counts[1] == 5) || (counts[0] == 5 && counts[1] == 50));
    assert_int_equal(recorded.counts[recorded.count_count - 1], 240); /* not divided: a window of a whole day */
}

/* A name whose hash is that low, or not. */
static const char *name_whose_hash_is(struct fixture *f, bool low)
{
    for (int i = 0;; i++) {
        struct str name = arena_printf(f->arena, "N%d/100", i);
        uint64_t hash = hash64(HASH64, name);
        if ((random_next(&hash) < UINT64_MAX / 20) == low) return name.data;
    }
}

/* A release that nearly all ask for: without it the sample is empty, and with it would be as large as the whole. */
static void a_sample_is_no_larger_than_it_may_be(void **state)
{
    struct fixture *f = *state;
    struct recorded recorded;
    for (int low = 0; low < 2; low++) {
        ask(f, "10.0.0.0/8", name_whose_hash_is(f, low), 30 - low, 300);
        struct recording how = recording_of(f, 30);
        how.packages = true;
        enum status status = recorded_read(&how, io_of(f), &recorded, &f->error);
        if (status == STATUS_OK)
            assert_in_range(recorded.trace.count, 1, 60);
        else
            assert_error(status, STATUS_TOO_LARGE, &f->error, "a few packages have nearly all of the");
    }
}

static enum status counted_facts(void *context, struct io io, const struct package_name *name, struct package_facts *facts,
                                 struct error *error)
{
    ++*(size_t *)context;
    return facts_of(NULL, io, name, facts, error);
}

/* Of packages that are left out nothing is asked: their catalogue may be large. */
static void a_sample_asks_about_its_own_packages_alone(void **state)
{
    enum { PACKAGES = 100 };
    struct fixture *f = *state;
    size_t asked = 0;
    struct recorded recorded;
    for (int i = 0; i < PACKAGES; i++) ask(f, "10.0.0.0/8", arena_printf(f->arena, "N%d/10", i).data, 30, 3);
    struct recording how = recording_of(f, 30);
    how.packages = true;
    how.facts = counted_facts;
    how.context = &asked;
    assert_ok(recorded_read(&how, io_of(f), &recorded, &f->error), &f->error);
    assert_in_range(asked, 1, PACKAGES / 4);
    assert_int_equal(asked, recorded.trace.objects);
    assert_int_equal(recorded.trace.count, 3 * asked);
    assert_true(recorded.share < 0.2 && recorded.asked == (double)asked / PACKAGES);
    assert_int_equal(recorded.quotas[0], (uint64_t)(1000 * recorded.share));
    assert_int_equal(recorded.count_count, 0);
}

static void an_edge_of_several_lans_is_one(void **state)
{
    struct fixture *f = *state;
    register_edge(f, "{\"edge\":\"shop-2\",\"address\":\"shop-2.lan\",\"site\":\"two\",\"lans\":[\"10.1.0.0/16\",\"10.2.0.0/"
                     "16\"],\"quota\":5,\"store\":\"pull\"}");
    ask(f, "two@10.1.0.0/16", "A/100", 5, 2);
    ask(f, "two@10.2.0.0/16", "A/100", 5, 3);
    ask(f, "10.0.0.0/8", "A/100", 5, 1);
    struct recorded recorded = record(f, 1000);
    assert_int_equal(recorded.trace.lans, 2);
    assert_int_equal(recorded.trace.objects, 1);
    assert_int_equal(recorded.trace.count, 6);
    assert_int_equal(recorded.counts[recorded.count_count - 1], 5);
    assert_int_equal(recorded.quotas[0] + recorded.quotas[1], 1005);
}

static void nothing_asked_for_is_told(void **state)
{
    struct fixture *f = *state;
    struct recorded recorded;
    const struct recording how = recording_of(f, 1000);
    assert_error(recorded_read(&how, io_of(f), &recorded, &f->error), STATUS_NOT_FOUND, &f->error, "no edge's LAN asked for anything");
    ask(f, "10.0.0.0/8", "GONE/50", 29, 7);
    assert_error(recorded_read(&how, io_of(f), &recorded, &f->error), STATUS_NOT_FOUND, &f->error, "no edge's LAN asked for anything");
}

/* --- the choice */

static void the_rule_takes_the_leanest_of_what_is_as_good(void **state)
{
    (void)state;
    const struct replayed present = {.byte_hit = 0.5, .bytes_placed = 100, .bytes_kept = 50};
    const struct replayed one[] = {present, {0.9, 101, 10}};
    assert_int_equal(retention_pick(one, 2), 0); /* more hits, but more bytes placed */
    const struct replayed two[] = {present, {0.6, 100, 90}, {0.599, 100, 80}, {0.59, 90, 10}};
    assert_int_equal(retention_pick(two, 4), 2); /* within half a percent of 0.6, and keeps less */
    const struct replayed three[] = {present, {0.5, 100, 50}, {0.5, 99, 50}};
    assert_int_equal(retention_pick(three, 3), 2);
    const struct replayed four[] = {present, present, {0.499, 100, 51}};
    assert_int_equal(retention_pick(four, 3), 0);
}

/* A is asked for three times a day and nine times the next one, and what was evicted has to come back: a lower T3 keeps it. */
static void what_comes_back_is_better_kept(void **state)
{
    struct fixture *f = *state;
    struct retention retention;
    struct replayed present;
    for (int day = 9; day > 0; day--) ask(f, "10.0.0.0/8", "A/100", day * 24 - 1, day % 2 ? 9 : 3);
    struct recorded recorded = record(f, 100000);
    assert_ok(retention_replay(&recorded, &f->policy, &present, &f->error), &f->error);
    assert_ok(retention_choose(&recorded, &f->policy, &retention, &f->error), &f->error);
    assert_true(present.bytes_placed > 100);
    assert_int_equal(retention.replayed.bytes_placed, 100);
    assert_true(retention.replayed.byte_hit > present.byte_hit);
    assert_in_range(retention.t3, 1, 3);
    assert_true(retention.c2 == 0);
}

/* B was wanted once, and then by one device a day: as long as it costs next to no hits it may go. */
static void what_hardly_anybody_wants_goes(void **state)
{
    struct fixture *f = *state;
    struct retention retention;
    struct replayed present;
    f->policy.evict.t3 = 1; /* evicts only what nobody asks for */
    for (int day = 9; day > 0; day--) {
        ask(f, "10.0.0.0/8", "A/100", day * 24 - 1, 400);
        ask(f, "10.0.0.0/8", "B/100", day * 24 - 1, day == 9 ? 20 : 1);
    }
    struct recorded recorded = record(f, 100000);
    assert_ok(retention_replay(&recorded, &f->policy, &present, &f->error), &f->error);
    assert_ok(retention_choose(&recorded, &f->policy, &retention, &f->error), &f->error);
    assert_in_range(retention.t3, 2, 400);
    assert_true(retention.replayed.bytes_kept < present.bytes_kept);
    assert_true(retention.replayed.bytes_placed <= present.bytes_placed);
    assert_true(retention.replayed.byte_hit > 0.99 * present.byte_hit);
}

/* The same, by confidence and with a trace that is divided. */
static void c2_is_chosen_where_the_policy_goes_by_confidence(void **state)
{
    struct fixture *f = *state;
    struct retention retention;
    struct replayed present;
    f->policy.evict.confidence = 0.5; /* of two windows one is enough */
    for (int day = 9; day > 0; day--) ask(f, "10.0.0.0/8", "A/100", day * 24 - 1, day % 2 ? 90 : 0);
    f->policy.place.t1 = 20;
    f->policy.evict.t3 = 40;
    struct recorded recorded = record(f, 250);
    assert_int_equal(recorded.factor, 2);
    assert_ok(retention_replay(&recorded, &f->policy, &present, &f->error), &f->error);
    assert_ok(retention_choose(&recorded, &f->policy, &retention, &f->error), &f->error);
    assert_true(retention.replayed.bytes_placed < present.bytes_placed);
    assert_true(retention.c2 > 0.99 && retention.c2 < 1.01);
}

static void what_makes_no_difference_is_told(void **state)
{
    struct fixture *f = *state;
    struct retention retention;
    ask(f, "10.0.0.0/8", "A/100", 5, 2); /* not even placed */
    struct recorded recorded = record(f, 1000);
    assert_error(retention_choose(&recorded, &f->policy, &retention, &f->error), STATUS_INVALID, &f->error,
                 "every candidate gives the same result");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_counted_is_a_trace_again),
        TEST(what_is_too_much_is_divided_and_sums_stay),
        TEST(a_sample_is_no_larger_than_it_may_be),
        TEST(a_sample_asks_about_its_own_packages_alone),
        TEST(an_edge_of_several_lans_is_one),
        TEST(nothing_asked_for_is_told),
        cmocka_unit_test(the_rule_takes_the_leanest_of_what_is_as_good),
        TEST(what_comes_back_is_better_kept),
        TEST(what_hardly_anybody_wants_goes),
        TEST(c2_is_chosen_where_the_policy_goes_by_confidence),
        TEST(what_makes_no_difference_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
