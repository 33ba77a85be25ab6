/* A policy, and caches, on small traces of which it is plain what comes of them. */
#include "lib/replay/simulate.h"
#include "tests/unit/unit.h"

static const struct simulation USUAL = {.storage = 1, .every = CLOCK_HOUR};

static void read_text(struct arena *arena, const char *text, struct trace *trace)
{
    struct error error;
    FILE *file = fmemopen(arena_cstr(arena, str_of(text)), strlen(text), "r");
    assert_non_null(file);
    assert_ok(trace_read(arena, file, CLOCK_SECOND, &(struct trace_sample){.most = SIZE_MAX}, trace, &error), &error);
    fclose(file);
}

static struct simulated simulated_by(struct arena *arena, const struct trace *trace, const char *json, const struct simulation *how)
{
    struct policy policy;
    struct simulated result;
    struct error error;
    assert_ok(policy_parse(arena, str_of(json), &policy, &error), &error);
    assert_ok(simulate_policy(trace, &policy, how, &result, &error), &error);
    return result;
}

/* Each asks twice for something of its own: LANs times objects are 9 · 10^10. */
static void three_hundred_thousand_lans_take_little(void **state)
{
    enum { LANS = 300000 };
    struct trace trace;
    struct error error;
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int i = 0; i < 2 * LANS; i++) fprintf(file, "%d,o%d,7,l%d\n", i / 100, i % LANS, i % LANS);
    rewind(file);
    assert_ok(trace_read(*state, file, CLOCK_SECOND, &(struct trace_sample){.most = SIZE_MAX}, &trace, &error), &error);
    fclose(file);
    assert_int_equal(trace.pairs, LANS);
    struct simulated ours = simulated_by(*state, &trace, "{\"place\":{\"t1\":0,\"t2\":0}}", &USUAL), cache;
    assert_int_equal(ours.hits, LANS);
    assert_int_equal(ours.storage, 7 * LANS);
    simulate_cache(&trace, CACHE_LRU, 1, 1, &cache);
    assert_int_equal(cache.hits, LANS);
    assert_int_equal(cache.bytes_placed, 7 * LANS);
}

static void pairs_of_a_lan_stand_side_by_side(void **state)
{
    static const uint32_t pairs[] = {0, 2, 1, 3, 0, 2}, objects[] = {0, 1, 0, 2};
    struct trace trace;
    read_text(*state, "1,a,5,x\n2,a,5,y\n3,b,6,x\n4,c,7,y\n5,a,5,x\n6,a,5,y\n", &trace);
    assert_int_equal(trace.pairs, 4);
    for (size_t i = 0; i < trace.count; i++) assert_int_equal(trace.requests[i].pair, pairs[i]);
    assert_memory_equal(trace.pair_objects, objects, sizeof objects);
    assert_true(trace.first_pairs[0] == 0 && trace.first_pairs[1] == 2 && trace.first_pairs[2] == 4);
    assert_true(trace.working_set[0] == 11 && trace.working_set[1] == 12);
}

/* Nothing is asked for in x for days; then all is as it was at first. */
static void a_lan_that_slept_wakes(void **state)
{
    struct trace trace;
    read_text(*state, "0,a,5,x\n1,a,5,x\n864000,b,5,y\n1728000,b,5,y\n1728001,a,5,x\n1728002,a,5,x\n1740000,b,5,y\n", &trace);
    const char *policy = "{\"place\":{\"t1\":0,\"t2\":0,\"m\":1,\"of\":1,\"window\":{\"last\":\"1h\"}},"
                         "\"evict\":{\"t3\":1,\"n\":1,\"of\":1,\"window\":{\"last\":\"1h\"}}}";
    struct simulated result = simulated_by(*state, &trace, policy, &USUAL);
    assert_int_equal(result.hits, 2); /* of a, each time the second request */
    assert_int_equal(result.bytes_placed, 25);
    assert_int_equal(result.evicted, 4); /* the last one is still there */
}

/* a is marked, and nobody asks for it any more; b is marked, stays so over an evaluation, and the next request for it places it. */
static void a_mark_that_fades_takes_up_nothing(void **state)
{
    struct trace trace;
    read_text(*state, "0,a,5,x\n1,a,5,x\n7190,b,7,x\n7195,b,7,x\n7201,b,7,x\n7202,b,7,x\n", &trace);
    const char *policy = "{\"place\":{\"t1\":1,\"t2\":0,\"m\":2,\"of\":2,\"window\":{\"last\":\"5m\"}},\"trigger\":\"pending\"}";
    struct simulated result = simulated_by(*state, &trace, policy, &USUAL);
    assert_int_equal(result.evicted, 0);
    assert_int_equal(result.bytes_placed, 7);
    assert_int_equal(result.storage, 7);
    assert_int_equal(result.hits, 1);
}

/* A copy takes 285 million years at a byte a second: the second one comes after all time that can be counted. */
static void what_comes_too_late_never_comes(void **state)
{
    struct trace trace;
    struct simulation slow = USUAL;
    slow.link = 1;
    read_text(*state, "1,a,9007199254740992,x\n2,b,9007199254740992,x\n3,c,9007199254740992,x\n4,a,1,x\n5,b,1,x\n6,c,1,x\n", &trace);
    struct simulated result = simulated_by(*state, &trace, "{\"place\":{\"t1\":0,\"t2\":0}}", &slow);
    assert_int_equal(result.hits, 0);
    assert_true(result.bytes_placed == UINT64_C(3) << 53);
}

/* Each copy takes ten seconds. Of a sample of a quarter each stands for four: the second one waits for all of them, the first one for none.
 */
static void a_sample_keeps_the_link_for_the_others(void **state)
{
    struct trace trace;
    struct simulation slow = USUAL;
    read_text(*state, "0,a,100,x\n0,b,100,x\n9,a,100,x\n11,a,100,x\n21,b,100,x\n49,b,100,x\n51,b,100,x\n", &trace);
    slow.link = 10;
    assert_int_equal(simulated_by(*state, &trace, "{\"place\":{\"t1\":0,\"t2\":0}}", &slow).hits, 4);
    slow.share = 0.25;
    assert_int_equal(simulated_by(*state, &trace, "{\"place\":{\"t1\":0,\"t2\":0}}", &slow).hits, 2);
}

/* What is missed once is placed for a day, and goes at each next evaluation as nobody asks for it: thousands of times in two months. */
static void bytes_placed_stop_at_the_most(void **state)
{
    struct trace trace;
    struct simulation often = USUAL;
    struct str text = S("");
    often.every = BUCKET;
    for (int day = 0; day < 60; day++) text = arena_join(*state, text, arena_printf(*state, "%d,a,9007199254740992,x\n", day * 86400));
    read_text(*state, text.data, &trace);
    const char *policy = "{\"place\":{\"t1\":0,\"t2\":0,\"m\":1,\"of\":1,\"window\":{\"last\":\"1d\"}},"
                         "\"evict\":{\"t3\":1,\"n\":1,\"of\":1,\"window\":{\"last\":\"5m\"},\"grace\":\"5m\"}}";
    struct simulated result = simulated_by(*state, &trace, policy, &often);
    assert_true(result.evicted > 2048);
    assert_true(result.bytes_placed == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(three_hundred_thousand_lans_take_little),
        test_with_arena(pairs_of_a_lan_stand_side_by_side),
        test_with_arena(a_lan_that_slept_wakes),
        test_with_arena(a_mark_that_fades_takes_up_nothing),
        test_with_arena(what_comes_too_late_never_comes),
        test_with_arena(a_sample_keeps_the_link_for_the_others),
        test_with_arena(bytes_placed_stop_at_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
