/* The specification's vectors, A1 to A7. */
#include "tests/unit/admission_sample.h"

static const double EXACT = 1e-12;
#define FIXED "\"mode\":\"fixed\",\"threshold\":0.3"

static struct admission_answer ask(const struct admission_profile *profile, const char *now)
{
    return sample_ask(profile, sample_client("c"), now, 0.5);
}

static void a1_within_the_lead_all_are_admitted(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":1");
    static const char *const admitted[] = {"2026-08-29T10:00:00Z", "2026-08-30T10:00:00Z", "2026-09-30T10:00:00Z", "2100-01-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof admitted / sizeof *admitted; i++) {
        assert_true(ask(&profile, admitted[i]).admit);
        assert_near(ask(&profile, admitted[i]).probability, 1, 0);
    }
    assert_false(ask(&profile, "2026-08-29T09:59:59Z").admit);
}

static void a2_probability_grows_from_release_to_deadline(void **state)
{
    struct admission_profile profile = sample_profile(*state, FIXED);
    struct admission_answer early = ask(&profile, "2026-08-21T10:00:00Z"), late = ask(&profile, "2026-08-29T12:00:00Z");
    assert_near(early.probability, 0.1, EXACT);
    assert_false(early.admit);
    assert_near(late.probability, 1, 0);
    assert_true(late.admit);
    assert_near(early.threshold, 0.3, 0);
    assert_true(early.start_at == ADMISSION_NEVER);
    assert_int_equal(early.retry_after, 300);
}

static void a2_just_at_the_threshold_is_not_above_it(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":0.1");
    assert_false(ask(&profile, "2026-08-21T10:00:00Z").admit);
    assert_true(ask(&profile, "2026-08-21T10:00:01Z").admit);
}

static void before_the_release_nobody_is_admitted(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":0,\"account\":{\"membership\":{\"gold\":0.05}}");
    struct admission_client client = sample_client("c");
    client.membership = S("gold");
    struct admission_answer answer = sample_ask(&profile, client, "2026-08-20T09:59:59Z", 0);
    assert_false(answer.admit);
    assert_near(answer.probability, 0, 0);
    assert_in_range(answer.retry_after, 1, 301);
    assert_true(sample_ask(&profile, client, "2026-08-20T10:00:00Z", 0).admit);
}

static void a3_slots_weigh_the_hours(void **state)
{
    struct admission_profile profile = sample_profile(*state, FIXED ",\"slots\":[{\"from\":\"08:00\",\"to\":\"10:01\",\"coefficient\":1.5},"
                                                                    "{\"from\":\"18:00\",\"to\":\"20:00\",\"coefficient\":0.5}]");
    assert_near(ask(&profile, "2026-08-26T10:00:00Z").probability, 0.9, EXACT);
    assert_near(ask(&profile, "2026-08-26T10:01:00Z").probability, 0.6 + 1.0 / 14400, EXACT);
    assert_near(ask(&profile, "2026-08-26T18:00:00Z").probability, 0.5 * (0.6 + 1.0 / 30), EXACT);
    assert_near(ask(&profile, "2026-08-28T08:00:00Z").probability, 1, 0);
}

static void a3_slots_are_in_the_profiles_timezone(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, FIXED ",\"timezone\":\"+08:00\",\"slots\":[{\"from\":\"18:00\",\"to\":\"18:30\",\"coefficient\":0.5}]");
    assert_near(ask(&profile, "2026-08-26T10:00:00Z").probability, 0.3, EXACT);
    assert_near(ask(&profile, "2026-08-26T09:59:59Z").probability, 0.6, 1e-5);
    assert_near(ask(&profile, "2026-08-26T18:00:00Z").probability, 0.6 + 1.0 / 30, EXACT);
}

#define ACCOUNT                                                                                                                            \
    ",\"account\":{\"initial_coefficient\":0.5,\"gap\":[{\"from\":\"5d\",\"add\":0.01},{\"from\":\"15d\",\"add\":0.02},"                   \
    "{\"from\":\"30d\",\"add\":0.03},{\"from\":\"90d\",\"add\":0.04}],\"credit\":[{\"from\":100,\"add\":0.01},{\"from\":500,\"add\":0.03}" \
    "],"                                                                                                                                   \
    "\"points\":[{\"from\":10,\"add\":0.02}],\"membership\":{\"gold\":0.05,\"silver\":0.02},\"cap_total\":0.05}"

static double initial(const struct admission_profile *profile, int64_t gap)
{
    struct admission_client client = sample_client("c");
    client.login = sample_time("2026-08-21T10:00:00Z");
    client.last_login = client.login - gap;
    return admission_initial(profile, &client, sample_time("2026-08-29T09:00:00Z"));
}

static void a4_a_long_gap_is_a_head_start(void **state)
{
    static const struct {
        int64_t days;
        double add;
    } vectors[] = {{0, 0}, {4, 0}, {5, 0.01}, {14, 0.01}, {15, 0.02}, {29, 0.02}, {30, 0.03}, {89, 0.03}, {90, 0.04}, {5000, 0.04}};
    struct admission_profile profile = sample_profile(*state, FIXED ACCOUNT);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_near(initial(&profile, vectors[i].days * CLOCK_DAY), vectors[i].add, 0);
    assert_near(initial(&profile, 5 * (int64_t)CLOCK_DAY - 1), 0, 0);
    assert_near(initial(&profile, -(int64_t)CLOCK_DAY), 0, 0);
    profile.account.initial_coefficient = 1; /* the second span is 10 days now */
    assert_near(initial(&profile, 9 * (int64_t)CLOCK_DAY), 0, 0);
    assert_near(initial(&profile, 10 * (int64_t)CLOCK_DAY), 0.01, 0);
}

static void a4_parts_add_up_to_the_cap(void **state)
{
    struct admission_profile profile = sample_profile(*state, FIXED ACCOUNT);
    struct admission_client client = sample_client("c");
    client.credit = 100;
    assert_near(sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0).probability, 0.11, EXACT);
    client.membership = S("silver");
    assert_near(sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0).probability, 0.13, EXACT);
    client.points = 10;
    assert_near(sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0).probability, 0.15, EXACT);
    client.credit = UINT64_MAX;
    assert_near(sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0).probability, 0.15, EXACT);
    client.membership = S("Gold");
    client.points = 9;
    assert_near(sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0).probability, 0.13, EXACT);
}

/* The client waits for eight days, and its gap stays. Without a login its first question of the session stands for it. */
static void a4_the_gap_is_between_two_logins(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"sticky\"" ACCOUNT);
    struct admission_client client = sample_client("c"), silent = sample_client("c");
    client.login = sample_time("2026-08-21T10:00:00Z");
    client.last_login = silent.last_login = client.login - 14 * (int64_t)CLOCK_DAY;
    struct admission_answer first = sample_ask(&profile, client, "2026-08-21T10:00:00Z", 0);
    struct admission_answer later = sample_ask(&profile, client, "2026-08-29T09:59:59Z", 0);
    assert_true(first.start_at == later.start_at);
    assert_true(first.asked_since == ADMISSION_NEVER);
    struct admission_answer asked = sample_ask(&profile, silent, "2026-08-21T10:00:00Z", 0);
    assert_true(asked.start_at == first.start_at && asked.asked_since == client.login);
    silent.asked_since = asked.asked_since;
    asked = sample_ask(&profile, silent, "2026-08-29T09:59:59Z", 0);
    assert_true(asked.start_at == first.start_at && asked.asked_since == client.login);
}

static void a4_the_cap_is_the_gaps(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, FIXED ",\"account\":{\"gap\":[{\"from\":\"5d\",\"add\":0.2}],\"membership\":{\"gold\":0.1},"
                                     "\"credit\":[{\"from\":1,\"add\":0.3}]}");
    struct admission_client client = sample_client("c");
    client.login = sample_time("2026-08-21T10:00:00Z");
    client.last_login = client.login - 6 * (int64_t)CLOCK_DAY;
    assert_near(admission_initial(&profile, &client, client.login), 0.05, EXACT);
    client.membership = S("gold");
    assert_near(admission_initial(&profile, &client, client.login), 0.15, EXACT);
    client.credit = 1;
    assert_near(admission_initial(&profile, &client, client.login), 0.45, EXACT);
    profile.account.cap_total = 0.25;
    assert_near(admission_initial(&profile, &client, client.login), 0.25, EXACT);
}

static void a4_frequent_users_start_at_the_release(void **state)
{
    static const char *const modes[] = {"fixed", "sticky", "paced"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct admission_profile profile =
            sample_profile(*state, arena_cstr(*state, arena_printf(*state,
                                                                   "\"threshold\":1,\"mode\":\"%s\",\"account\":{\"cap_total\":0.05,"
                                                                   "\"frequent\":{\"logins_per_week\":5}}",
                                                                   modes[i])));
        struct admission_client client = sample_client("c");
        client.logins_per_week = 4;
        assert_false(sample_ask(&profile, client, "2026-08-20T10:00:00Z", 0).admit);
        client.logins_per_week = 5;
        assert_false(sample_ask(&profile, client, "2026-08-20T09:59:59Z", 0).admit);
        assert_true(sample_ask(&profile, client, "2026-08-20T10:00:00Z", 0).admit);
    }
}

/* The case: lead 24 h, 20 h left. */
static void a5_there_is_one_first_span(void **state)
{
    struct admission_profile profile = sample_profile(*state, FIXED ",\"levels\":{\"r1\":0.06,\"r2\":0.04}");
    assert_enum(ask(&profile, "2026-08-29T14:00:00Z").level, ADMISSION_HIGHEST, admission_level_name);
    assert_enum(ask(&profile, "2026-08-29T09:59:59Z").level, ADMISSION_LOWEST, admission_level_name);
    profile = sample_profile(*state, FIXED ",\"levels\":{\"r1\":0.06,\"r2\":0.04,\"lead\":\"1h\"}");
    assert_enum(ask(&profile, "2026-08-29T14:00:00Z").level, ADMISSION_LOWEST, admission_level_name);
}

static void a5_the_level_follows_what_remains(void **state)
{
    struct admission_profile profile = sample_profile(*state, FIXED);
    static const struct {
        const char *now;
        enum admission_level level;
    } vectors[] = {
        {"2026-08-20T10:00:00Z", ADMISSION_LOWEST},  {"2026-08-24T10:00:00Z", ADMISSION_LOWEST},
        {"2026-08-24T10:00:01Z", ADMISSION_NORMAL},  {"2026-08-26T10:00:00Z", ADMISSION_NORMAL},
        {"2026-08-26T10:00:01Z", ADMISSION_HIGHEST}, {"2026-08-30T09:00:00Z", ADMISSION_HIGHEST},
        {"2026-10-01T00:00:00Z", ADMISSION_HIGHEST}, {"2026-08-01T00:00:00Z", ADMISSION_LOWEST},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) assert_int_equal(ask(&profile, vectors[i].now).level, vectors[i].level);
    profile.levels.lead = 8 * (int64_t)CLOCK_DAY;
    assert_enum(ask(&profile, "2026-08-22T10:00:00Z").level, ADMISSION_HIGHEST, admission_level_name);
    assert_enum(ask(&profile, "2026-08-22T09:59:59Z").level, ADMISSION_LOWEST, admission_level_name);
}

static void a5_the_level_says_where_from_and_how_fast(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, FIXED ",\"levels\":{\"r1\":0.6,\"r2\":0.4,\"lead\":\"1h\",\"lowest\":{\"source\":\"peer\",\"speed\":262144},"
                                     "\"normal\":{\"source\":\"any\",\"speed\":1048576},\"highest\":{\"source\":\"cdn\",\"speed\":null}}");
    struct admission_answer answer = ask(&profile, "2026-08-21T10:00:00Z");
    assert_enum(answer.source, ADMISSION_PEER, admission_source_name);
    assert_int_equal(answer.speed_limit, 262144);
    answer = ask(&profile, "2026-08-25T10:00:00Z");
    assert_enum(answer.source, ADMISSION_ANY, admission_source_name);
    assert_int_equal(answer.speed_limit, 1048576);
    answer = ask(&profile, "2026-08-29T10:00:00Z");
    assert_enum(answer.source, ADMISSION_CDN, admission_source_name);
    assert_int_equal(answer.speed_limit, 0);
}

/* The published text lets the third, 21 % against 40 %, "continue": against its own rule, which is the one kept here. */
static void a6_a_fresh_number_starts_and_pauses(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"random\",\"interval\":\"2m\"");
    struct admission_answer answer = sample_ask(&profile, sample_client("c"), "2026-08-21T22:00:00Z", 0.10);
    assert_near(answer.probability, 0.15, EXACT);
    assert_near(answer.threshold, 0.10, 0);
    assert_true(answer.admit);
    assert_int_equal(answer.retry_after, 120);
    assert_false(sample_ask(&profile, sample_client("c"), "2026-08-22T10:00:00Z", 0.50).admit);
    assert_false(sample_ask(&profile, sample_client("c"), "2026-08-22T12:24:00Z", 0.40).admit);
    assert_true(sample_ask(&profile, sample_client("c"), "2026-08-29T10:00:00Z", 0.999999).admit);
}

static void a6_fresh_numbers_are_fresh(void **state)
{
    double sum = 0, last = -1;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        double number = admission_fresh();
        assert_true(number >= 0 && number < 1 && number != last);
        sum += last = number;
    }
    assert_near(sum / 10000, 0.5, 0.02);
}

/* The method's simplest form: one probability before the first span, another from then on. */
static void a6_steps_are_two_fixed_probabilities(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"steps\",\"before\":0.1,\"after\":0.8" ACCOUNT);
    struct admission_client client = sample_client("c");
    assert_near(sample_ask(&profile, client, "2026-08-20T09:59:59Z", 0.05).probability, 0, 0);
    assert_near(sample_ask(&profile, client, "2026-08-20T10:00:00Z", 0.05).probability, 0.1, 0);
    assert_true(sample_ask(&profile, client, "2026-08-20T10:00:00Z", 0.05).admit);
    assert_false(sample_ask(&profile, client, "2026-08-29T09:59:59Z", 0.1).admit);
    assert_near(sample_ask(&profile, client, "2026-08-29T10:00:00Z", 0.5).probability, 0.8, 0);
    assert_true(sample_ask(&profile, client, "2026-08-29T10:00:00Z", 0.79).admit);
    assert_false(sample_ask(&profile, client, "2026-09-29T10:00:00Z", 0.8).admit);
    client.credit = 100;
    assert_near(sample_ask(&profile, client, "2026-08-29T09:59:59Z", 0.1).probability, 0.11, EXACT);
    profile = sample_profile(*state, "\"mode\":\"steps\",\"before\":0.1,\"after\":0.8,\"threshold\":0.3");
    assert_false(sample_ask(&profile, client, "2026-08-29T09:59:59Z", 0).admit);
    assert_true(sample_ask(&profile, client, "2026-08-29T10:00:00Z", 1).admit);
    assert_near(sample_ask(&profile, client, "2026-08-29T10:00:00Z", 1).threshold, 0.3, 0);
}

static void a7_conditions_are_free_names(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"sticky\",\"ask\":[\"on-release\",\"live-room\"]");
    struct admission_client client = sample_client("c");
    struct str conditions[] = {S("unmetered"), S("Live-Room")};
    assert_true(sample_ask(&profile, client, "2026-08-30T10:00:00Z", 0).admit); /* it judges by itself */
    client.conditions = conditions;
    client.condition_count = 2;
    struct admission_answer answer = sample_ask(&profile, client, "2026-08-30T10:00:00Z", 0);
    assert_false(answer.admit);
    assert_true(answer.start_at == ADMISSION_NEVER);
    assert_int_equal(answer.retry_after, 300);
    conditions[1] = S("live-room");
    assert_true(sample_ask(&profile, client, "2026-08-30T10:00:00Z", 0).admit);
}

static void a7_regions(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":0,\"audience\":{\"regions\":[\"north\",\"south\"]}");
    struct admission_client client = sample_client("c");
    assert_false(sample_ask(&profile, client, "2026-09-21T10:00:00Z", 0).admit);
    client.region = S("south");
    assert_true(sample_ask(&profile, client, "2026-09-21T10:00:00Z", 0).admit);
    client.region = S("South");
    struct admission_answer answer = sample_ask(&profile, client, "2026-09-21T10:00:00Z", 0);
    assert_false(answer.admit);
    assert_near(answer.probability, 0, 0);
    assert_int_equal(answer.retry_after, 3600);
}

/* Those in the share start as late and as early as anyone: the share's number is not the one for starting. */
static void a7_a_share_of_the_devices(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"sticky\",\"audience\":{\"share\":0.25}");
    int chosen = 0, started = 0;
    for (int i = 0; i < 20000; i++) {
        struct admission_client client = sample_client(arena_cstr(*state, arena_printf(*state, "device-%d", i)));
        if (!admission_is_for(&profile, &client)) continue;
        chosen++;
        started += sample_ask(&profile, client, "2026-08-24T22:00:00Z", 0).admit;
    }
    assert_in_range(chosen, 4700, 5300);
    assert_in_range(started * 100 / chosen, 46, 54);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a1_within_the_lead_all_are_admitted),
        test_with_arena(a2_probability_grows_from_release_to_deadline),
        test_with_arena(a2_just_at_the_threshold_is_not_above_it),
        test_with_arena(before_the_release_nobody_is_admitted),
        test_with_arena(a3_slots_weigh_the_hours),
        test_with_arena(a3_slots_are_in_the_profiles_timezone),
        test_with_arena(a4_a_long_gap_is_a_head_start),
        test_with_arena(a4_parts_add_up_to_the_cap),
        test_with_arena(a4_the_gap_is_between_two_logins),
        test_with_arena(a4_the_cap_is_the_gaps),
        test_with_arena(a4_frequent_users_start_at_the_release),
        test_with_arena(a5_there_is_one_first_span),
        test_with_arena(a5_the_level_follows_what_remains),
        test_with_arena(a5_the_level_says_where_from_and_how_fast),
        test_with_arena(a6_a_fresh_number_starts_and_pauses),
        test_with_arena(a6_fresh_numbers_are_fresh),
        test_with_arena(a6_steps_are_two_fixed_probabilities),
        test_with_arena(a7_conditions_are_free_names),
        test_with_arena(a7_regions),
        test_with_arena(a7_a_share_of_the_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
