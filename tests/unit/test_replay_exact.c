/* The replay comes to the very numbers of the yardstick, whatever the policy and the demand. */
#include "base/random.h"
#include "tests/unit/replay_model.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 150 };

static uint64_t below(uint64_t *random, uint64_t limit)
{
    return random_next(random) % limit;
}

static struct str one_of(uint64_t *random, const char *const *texts, size_t count)
{
    return str_of(texts[below(random, count)]);
}

#define ONE_OF(random, ...)                                                                                                                \
    one_of(random, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static struct str random_window(uint64_t *random)
{
    return ONE_OF(random, "{\"last\":\"5m\"}", "{\"last\":\"3h\"}", "{\"last\":\"24h\"}", "{\"since\":\"06:05\"}",
                  "{\"slot\":\"06:00-24:00\"}", "{\"slot\":\"22:00-02:00\"}",
                  "{\"slots\":[\"06:00-12:00\",\"12:00-18:00\",\"18:00-24:00\"]}");
}

static struct str random_rule(struct arena *arena, uint64_t *random, const char *least)
{
    uint64_t of = 1 + below(random, 5);
    struct str confidence = below(random, 3) ? S("null") : ONE_OF(random, "0.2", "0.6", "1"), window = random_window(random);
    return arena_printf(arena, "\"%s\":%llu,\"of\":%llu,\"confidence\":" STR_FMT ",\"include_current\":%s,\"window\":" STR_FMT, least,
                        (unsigned long long)(1 + below(random, of)), (unsigned long long)of, STR_ARG(confidence),
                        below(random, 2) ? "true" : "false", STR_ARG(window));
}

static struct str random_policy(struct arena *arena, uint64_t *random)
{
    struct str small = below(random, 3) ? S("") : S("\"small\":{\"size\":200,\"t1\":0},");
    struct str room = below(random, 3) ? S("") : S("\"room\":{\"t1\":0},");
    struct str displace = ONE_OF(random, "0", "0.25", "1", "2.5"), grace = ONE_OF(random, "5m", "1h", "2d");
    struct str trigger = ONE_OF(random, "background", "background", "pending"), zone = ONE_OF(random, "+00:00", "+08:00", "-03:30");
    struct str placing = random_rule(arena, random, "m"), evicting = random_rule(arena, random, "n");
    return arena_printf(arena,
                        "{\"place\":{\"t1\":%llu,\"t2\":0," STR_FMT STR_FMT "\"displace\":" STR_FMT "," STR_FMT
                        "},\"evict\":{\"t3\":%llu,\"grace\":\"" STR_FMT "\"," STR_FMT "},\"trigger\":\"" STR_FMT
                        "\",\"timezone\":\"" STR_FMT "\"}",
                        (unsigned long long)below(random, 4), STR_ARG(small), STR_ARG(room), STR_ARG(displace), STR_ARG(placing),
                        (unsigned long long)below(random, 4), STR_ARG(grace), STR_ARG(evicting), STR_ARG(trigger), STR_ARG(zone));
}

/* Few objects that many ask for, and bursts, pauses and days between requests. */
static void random_trace(struct arena *arena, uint64_t *random, struct trace *trace)
{
    uint32_t objects = 2 + (uint32_t)below(random, 60), lans = 1 + (uint32_t)below(random, 3);
    size_t count = 1 + below(random, 400);
    int64_t time = (int64_t)below(random, 3 * (uint64_t)CLOCK_DAY);
    struct error error;
    *trace = (struct trace){.objects = objects, .lans = lans, .count = count};
    trace->sizes = arena_array(arena, objects, sizeof *trace->sizes);
    trace->requests = arena_array(arena, count, sizeof *trace->requests);
    for (uint32_t i = 0; i < objects; i++) trace->sizes[i] = below(random, 10) ? 1 + below(random, 1000) : 0;
    for (size_t i = 0; i < count; i++) {
        static const int64_t pauses[] = {0, CLOCK_SECOND, CLOCK_MINUTE, 4 * CLOCK_MINUTE, CLOCK_HOUR, CLOCK_DAY, 40 * (int64_t)CLOCK_DAY};
        uint64_t pause = below(random, 100);
        time += pauses[pause < 99 ? pause % (pause < 90 ? 4 : 6) : 6];
        uint64_t object = below(random, objects), other = below(random, objects);
        trace->requests[i] = (struct trace_request){
            .time = time, .lan = (uint32_t)below(random, lans), .object = (uint32_t)(object < other ? object : other)};
    }
    assert_ok(trace_finish(arena, trace, &error), &error);
}

static void assert_same(const struct simulated *one, const struct simulated *other, struct str policy, uint64_t seed)
{
    if (memcmp(one, other, sizeof *one) == 0) return;
    fail_msg("seed %llu: %llu hits, %llu placed, %llu evicted; by the yardstick %llu, %llu, %llu: " STR_FMT, (unsigned long long)seed,
             (unsigned long long)one->hits, (unsigned long long)one->bytes_placed, (unsigned long long)one->evicted,
             (unsigned long long)other->hits, (unsigned long long)other->bytes_placed, (unsigned long long)other->evicted, STR_ARG(policy));
}

static void any_replay_is_as_by_the_yardstick(void **state)
{
    uint64_t hits = 0, evicted = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct arena *arena = arena_new();
        uint64_t random = seed;
        struct trace trace;
        struct policy policy;
        struct simulated ours, model;
        struct error error;
        random_trace(arena, &random, &trace);
        struct str text = random_policy(arena, &random);
        assert_ok(policy_parse(arena, text, &policy, &error), &error);
        const struct simulation how = {.storage = (double)(1 + below(&random, 100)) / 100,
                                       .every = below(&random, 2) ? CLOCK_HOUR : 7 * (int64_t)CLOCK_MINUTE,
                                       .link = below(&random, 3) ? 0 : 1 + below(&random, 50)};
        assert_ok(simulate_policy(&trace, &policy, &how, &ours, &error), &error);
        model_policy(&trace, &policy, &how, &model);
        assert_same(&ours, &model, text, seed);
        hits += ours.hits;
        evicted += ours.evicted;
        arena_free(arena);
    }
    assert_true(hits > ROUNDS && evicted > ROUNDS); /* there was something to compare */
    (void)state;
}

/* Hot packages, which have more cells than are summed each time, and others in thousands. */
static void a_week_is_as_by_the_yardstick(void **state)
{
    static const char *const policies[] = {
        "{\"place\":{\"t1\":1,\"t2\":0,\"displace\":0.25}}",
        "{\"place\":{\"t1\":2,\"t2\":1,\"displace\":0,\"room\":{\"t1\":0}},\"evict\":{\"t3\":1,\"window\":{\"last\":\"6h\"}}}",
        "{\"place\":{\"t1\":3,\"t2\":1},\"evict\":{\"t3\":2,\"window\":{\"slots\":[\"06:00-12:00\",\"12:00-18:00\"]}},\"trigger\":"
        "\"pending\"}"};
    const struct trace_recipe recipe = {.seed = 7, .lans = 2, .apps = 60, .requests = 12000};
    const struct simulation how = {.storage = 0.1, .every = CLOCK_HOUR, .link = 20000000};
    struct trace trace;
    struct error error;
    assert_ok(trace_make(*state, &recipe, &trace, &error), &error);
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct policy policy;
        struct simulated ours, model;
        assert_ok(policy_parse(*state, str_of(policies[i]), &policy, &error), &error);
        assert_ok(simulate_policy(&trace, &policy, &how, &ours, &error), &error);
        model_policy(&trace, &policy, &how, &model);
        assert_same(&ours, &model, str_of(policies[i]), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_replay_is_as_by_the_yardstick),
        test_with_arena(a_week_is_as_by_the_yardstick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
