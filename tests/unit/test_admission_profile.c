/* A7: bad profiles are refused, and the field that is wrong is named. */
#include "tests/unit/admission_sample.h"

#define MODE ",\"mode\":\"paced\""

static void a_whole_profile_is_taken(void **state)
{
    struct admission_profile profile = sample_profile(
        *state,
        "\"urls\":[\"https://cdn.example/a.apk\",\"http://10.0.0.1/a.apk\"],\"size\":7436979,"
        "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"mode\":\"sticky\",\"threshold\":0.3,"
        "\"interval\":\"5m\",\"slots\":[{\"from\":\"00:00\",\"to\":\"02:00\",\"coefficient\":1.5},{\"from\":\"22:00\",\"to\":\"00:00\","
        "\"coefficient\":0.5}],"
        "\"timezone\":\"+08:00\",\"pacing\":[{\"from\":\"18:00\",\"to\":\"23:00\",\"coefficient\":0.5}],\"account\":{},\"levels\":{},"
        "\"audience\":{\"share\":0.5,\"regions\":[\"cn-east\"]},\"ask\":[\"start-up\",\"unmetered\"]");
    assert_int_equal(profile.urls.count, 2);
    assert_int_equal(profile.size, 7436979);
    assert_enum(profile.mode, ADMISSION_STICKY, admission_mode_name);
    assert_int_equal(profile.lead, CLOCK_DAY);
    assert_int_equal(profile.interval, 5 * CLOCK_MINUTE);
    assert_int_equal(profile.ask_count, 2);
    assert_near(profile.account.cap, 0.05, 0);
    assert_near(profile.levels.r1, 0.6, 0);
    assert_near(profile.share, 0.5, 0);
}

struct refusal {
    const char *fields, *says;
};

static void each_is_refused(struct arena *arena, const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct admission_profile profile;
        struct error error = {0};
        assert_error(sample_try(arena, cases[i].fields, &profile, &error), STATUS_INVALID, &error, cases[i].says);
    }
}
#define EACH_IS_REFUSED(cases) each_is_refused(*state, cases, sizeof cases / sizeof *cases)

static void times(void **state)
{
    static const struct refusal cases[] = {
        {"", "profile.resource: is missing"},
        {"\"resource\":\"../x\"", "profile.resource: must be"},
        {"\"resource\":\"a\"", "profile.release: is missing"},
        {"\"resource\":\"a\",\"release\":\"yesterday\"", "profile.release: must be a time"},
        {"\"resource\":\"a\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-20T10:00:00Z\",\"lead\":\"1h\"" MODE,
         "profile.deadline: must be after the release"},
        {"\"resource\":\"a\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-19T10:00:00Z\",\"lead\":\"1h\"" MODE,
         "profile.deadline: must be after the release"},
        {"\"resource\":\"a\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-21T10:00:00Z\"" MODE, "profile.lead: is missing"},
        {"\"resource\":\"a\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-21T10:00:00Z\",\"lead\":\"-1h\"" MODE,
         "profile.lead: must be a duration"},
        {SAMPLE_TIMES MODE ",\"interval\":\"800ms\"", "profile.interval: must be from"},
        {SAMPLE_TIMES MODE ",\"timezone\":\"+8\"",
         "profile.timezone: must be an offset such as +08:00, a name such as Asia/Shanghai, or device"},
        {SAMPLE_TIMES MODE ",\"timezone\":\"../../etc/passwd\"", "profile.timezone: must be an offset"},
        {SAMPLE_TIMES MODE ",\"timezone\":\"Europe/Berlin\"", "profile.timezone: the offsets of Europe/Berlin are missing"},
        {SAMPLE_TIMES MODE ",\"timezone\":\"device\",\"timezone_offsets\":[{\"from\":\"2026-08-20T10:00:00Z\",\"offset\":\"+02:00\"}]",
         "profile.timezone_offsets: goes with a timezone"},
        {SAMPLE_TIMES MODE
         ",\"timezone\":\"Europe/Berlin\",\"timezone_offsets\":[{\"from\":\"2026-08-20T10:00:00Z\",\"offset\":\"+02:00\"},"
         "{\"from\":\"2026-08-20T10:00:00Z\",\"offset\":\"+01:00\"}]",
         "profile.timezone_offsets[1].from: must be after the one before"},
    };
    EACH_IS_REFUSED(cases);
}

static void mode_and_resource(void **state)
{
    static const struct refusal cases[] = {
        {SAMPLE_TIMES, "profile.mode: is missing"},
        {SAMPLE_TIMES ",\"mode\":\"smooth\"", "profile.mode: must be one of fixed, random, sticky, paced, steps"},
        {SAMPLE_TIMES ",\"mode\":\"fixed\"", "profile.threshold: is missing"},
        {SAMPLE_TIMES ",\"mode\":\"fixed\",\"threshold\":1.01", "profile.threshold: must be a number from 0 to 1"},
        {SAMPLE_TIMES ",\"mode\":\"fixed\",\"threshold\":-0.1", "profile.threshold: must be a number from 0 to 1"},
        {SAMPLE_TIMES MODE ",\"size\":0", "profile.size: must be"},
        {SAMPLE_TIMES MODE ",\"sha256\":\"E3B0\"", "profile.sha256: must be 64"},
        {SAMPLE_TIMES MODE ",\"urls\":[\"https://a/\",\"ftp://a/\"]", "profile.urls: number 1 is not"},
        {SAMPLE_TIMES MODE ",\"urls\":[\"a b\"]", "profile.urls: number 0 is not"},
        {SAMPLE_TIMES MODE ",\"audience\":{\"share\":2}", "profile.audience.share: must be"},
        {SAMPLE_TIMES MODE ",\"audience\":{\"regions\":[\"a b\"]}", "profile.audience.regions: number 0"},
        {SAMPLE_TIMES MODE ",\"audience\":{\"country\":1}", "profile.audience.country: unknown field"},
        {SAMPLE_TIMES MODE ",\"ask\":[\"live room\"]", "profile.ask: number 0 is not a name such as live-room"},
        {SAMPLE_TIMES MODE ",\"before\":0.1", "profile.before: unknown field"},
        {SAMPLE_TIMES ",\"mode\":\"steps\",\"after\":1", "profile.before: is missing"},
        {SAMPLE_TIMES ",\"mode\":\"steps\",\"before\":0.2,\"after\":0.1", "profile.after: must not be below before (0.2)"},
        {SAMPLE_TIMES ",\"mode\":\"steps\",\"before\":0.2,\"after\":0.3,\"threshold\":0.3",
         "profile.after: must be above the threshold (0.3), or nobody ever downloads"},
        {SAMPLE_TIMES ",\"mode\":\"steps\",\"before\":0,\"after\":0", "profile.after: must be above the threshold (0)"},
        {SAMPLE_TIMES ",\"mode\":\"steps\",\"before\":0,\"after\":1,\"slots\":[{\"from\":\"00:00\",\"to\":\"01:00\",\"coefficient\":1}]",
         "profile.slots: has no effect in mode steps"},
        {SAMPLE_TIMES MODE ",\"treshold\":0.3", "profile.treshold: unknown field"},
    };
    EACH_IS_REFUSED(cases);
}

static void slots(void **state)
{
    static const struct refusal cases[] = {
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"0:00\",\"to\":\"02:00\",\"coefficient\":1}]",
         "profile.slots[0].from: must be a time of day"},
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"00:00\",\"to\":\"24:01\",\"coefficient\":1}]",
         "profile.slots[0].to: must be a time of day"},
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"24:00\",\"to\":\"02:00\",\"coefficient\":1}]", "profile.slots[0].from: a slot begins"},
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"02:00\",\"to\":\"02:00\",\"coefficient\":1}]",
         "profile.slots[0].to: the slot is empty"},
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"02:00\",\"to\":\"04:00\",\"coefficient\":-1}]",
         "profile.slots[0].coefficient: must be"},
        {SAMPLE_TIMES MODE
         ",\"slots\":[{\"from\":\"02:00\",\"to\":\"04:00\",\"coefficient\":1},{\"from\":\"03:59\",\"to\":\"05:00\",\"coefficient\":1}]",
         "profile.slots[1].from: overlaps slot 0"},
        {SAMPLE_TIMES MODE
         ",\"slots\":[{\"from\":\"02:00\",\"to\":\"04:00\",\"coefficient\":1},{\"from\":\"22:00\",\"to\":\"02:01\",\"coefficient\":1}]",
         "profile.slots[1].from: overlaps slot 0"},
        {SAMPLE_TIMES MODE
         ",\"slots\":[{\"from\":\"22:00\",\"to\":\"02:00\",\"coefficient\":1},{\"from\":\"00:00\",\"to\":\"01:00\",\"coefficient\":1}]",
         "profile.slots[1].from: overlaps slot 0"},
        {SAMPLE_TIMES MODE ",\"slots\":[{\"from\":\"00:00\",\"to\":\"24:00\",\"coefficient\":0}]", "profile.slots: the coefficients are 0"},
        {SAMPLE_TIMES MODE ",\"pacing\":[{\"from\":\"00:00\",\"to\":\"24:00\",\"coefficient\":0}]", "profile.pacing: leaves nothing"},
    };
    EACH_IS_REFUSED(cases);
}

static void account_and_levels(void **state)
{
    static const struct refusal cases[] = {
        {SAMPLE_TIMES MODE ",\"account\":{\"gap\":[{\"from\":\"15d\",\"add\":0.01},{\"from\":\"5d\",\"add\":0.02}]}",
         "profile.account.gap[1].from: must be above"},
        {SAMPLE_TIMES MODE ",\"account\":{\"gap\":[{\"from\":15,\"add\":0.01}]}", "profile.account.gap[0].from: must be a string"},
        {SAMPLE_TIMES MODE ",\"account\":{\"credit\":[{\"from\":0,\"add\":0.01}]}",
         "profile.account.credit[0].from: must be a whole number"},
        {SAMPLE_TIMES MODE ",\"account\":{\"points\":[{\"from\":1,\"add\":1.5}]}", "profile.account.points[0].add: must be"},
        {SAMPLE_TIMES MODE ",\"account\":{\"membership\":{\"gold\":\"much\"}}", "profile.account.membership.gold: must be"},
        {SAMPLE_TIMES MODE ",\"account\":{\"cap\":5}", "profile.account.cap: must be"},
        {SAMPLE_TIMES MODE ",\"account\":{\"cap_total\":5}", "profile.account.cap_total: must be"},
        {SAMPLE_TIMES MODE ",\"account\":{\"frequent\":{}}", "profile.account.frequent.logins_per_week: is missing"},
        {SAMPLE_TIMES MODE ",\"account\":{\"frequent\":{\"logins_per_week\":0}}", "profile.account.frequent.logins_per_week: must be"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"r1\":0.4,\"r2\":0.6}", "profile.levels.r2: must be below r1"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"r1\":0.4}", "profile.levels.r2: must be below r1"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"lowest\":{\"source\":\"disk\"}}", "profile.levels.lowest.source: must be one of"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"lowest\":{\"speed\":0}}", "profile.levels.lowest.speed: must be"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"lowest\":{\"speed\":10},\"normal\":{\"speed\":9}}",
         "profile.levels.normal: speed must not be below"},
        {SAMPLE_TIMES MODE ",\"levels\":{\"normal\":null,\"highest\":{\"speed\":9}}", "profile.levels.highest: speed must not be below"},
    };
    EACH_IS_REFUSED(cases);
}

/* Profiles that were published before this rule are still read. */
static void a4_a_longer_gap_must_not_add_less(void **state)
{
    struct error error;
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"paced\",\"account\":{\"gap\":[{\"from\":\"5d\",\"add\":0.02},{\"from\":\"15d\",\"add\":0.01}]}");
    assert_error(admission_profile_check(&profile, &error), STATUS_INVALID, &error,
                 "profile.account.gap[1].add: must not be below the band before (0.02)");
    profile = sample_profile(*state, "\"mode\":\"paced\",\"account\":{\"points\":[{\"from\":5,\"add\":0.02},{\"from\":6,\"add\":0}]}");
    assert_error(admission_profile_check(&profile, &error), STATUS_INVALID, &error, "profile.account.points[1].add: must not be below");
    profile =
        sample_profile(*state, "\"mode\":\"paced\",\"account\":{\"gap\":[{\"from\":\"5d\",\"add\":0.01},{\"from\":\"15d\",\"add\":0.01}]}");
    assert_ok(admission_profile_check(&profile, &error), &error);
}

static void the_end_of_the_text_is_respected(void **state)
{
    static const char whole[] = "{" SAMPLE_TIMES MODE "}";
    for (size_t length = 0; length <= sizeof whole - 1; length++) {
        struct admission_profile profile;
        struct error error;
        enum status wanted = length == sizeof whole - 1 ? STATUS_OK : STATUS_INVALID;
        assert_int_equal(admission_profile_parse(*state, unit_guarded(*state, str_make(whole, length)), &profile, &error), wanted);
    }
}

static void hours(void **state)
{
    uint32_t bits = 0;
    (void)state;
    assert_true(admission_parse_hours(S("0-24"), &bits));
    assert_int_equal(bits, DAY_ALL_HOURS);
    assert_true(admission_parse_hours(S("18-24,0-2"), &bits));
    assert_int_equal(bits, 0xfc0003);
    assert_true(admission_parse_hours(S("22-1"), &bits));
    assert_int_equal(bits, 0xc00001);
    assert_true(admission_parse_hours(S("23-0"), &bits));
    assert_int_equal(bits, 0x800000);
    static const char *const refused[] = {"", ",", "18", "18-", "-2", "24-2", "3-3", "0-25", "1-2,", "a-b", "1-2-3"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (admission_parse_hours(str_of(refused[i]), &bits)) fail_msg("\"%s\" was taken", refused[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a_whole_profile_is_taken),
        test_with_arena(times),
        test_with_arena(mode_and_resource),
        test_with_arena(slots),
        test_with_arena(account_and_levels),
        test_with_arena(a4_a_longer_gap_must_not_add_less),
        test_with_arena(the_end_of_the_text_is_respected),
        test_with_arena(hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
