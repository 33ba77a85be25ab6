/* A8 and A9 as properties, over random profiles and clients. */
#include <math.h>
#include <stdlib.h>

#include "tests/unit/admission_random.h"

static int setup(void **state)
{
    seed = 42;
    return unit_arena(state);
}

static struct admission_profile random_profile(struct arena *arena, const char *mode)
{
    struct admission_profile profile;
    struct error error;
    int64_t release = sample_time("2026-08-20T10:00:00Z") + random_below(2 * (int64_t)CLOCK_DAY),
            span = 1 + random_below(12 * (int64_t)CLOCK_DAY);
    struct str slots = random_slots(arena), pacing = random_slots(arena), zone = random_zone(arena, release, span);
    struct str from = clock_format_time(arena, release), to = clock_format_time(arena, release + span);
    struct str text =
        arena_printf(arena,
                     "{\"resource\":\"r%lld\",\"mode\":\"%s\",\"release\":\"" STR_FMT "\",\"deadline\":\"" STR_FMT
                     "\",\"lead\":\"%lldms\",\"size\":%lld," STR_FMT ",\"slots\":" STR_FMT ",\"pacing\":" STR_FMT
                     ",\"account\":{\"credit\":[{\"from\":1,\"add\":0.04}]}}",
                     (long long)random_below(1000), mode, STR_ARG(from), STR_ARG(to), (long long)random_below(span + span / 4 + 1),
                     (long long)random_below(2000000000) + 1, STR_ARG(zone), STR_ARG(slots), STR_ARG(pacing));
    assert_ok(admission_profile_parse(arena, text, &profile, &error), &error);
    return profile;
}

static struct admission_client random_client(struct arena *arena)
{
    struct admission_client client = sample_client(arena_cstr(arena, arena_printf(arena, "c%llu", (unsigned long long)random_bits())));
    if (random_below(2)) client.hours = (uint32_t)random_below(DAY_ALL_HOURS) + 1;
    if (random_below(2)) client.bandwidth = (uint64_t)random_below(5000000) + 1;
    client.credit = (uint64_t)random_below(2);
    return client;
}

static void start_and_admission_agree(struct arena *arena, const char *mode)
{
    for (int round = 0; round < 300; round++) {
        struct admission_profile profile = random_profile(arena, mode);
        struct admission_client client = random_client(arena);
        struct admission_answer first, answer;
        double probability = 0;
        admission_decide(&profile, &client, profile.release - 1, 0, &first);
        assert_false(first.admit);
        assert_true(first.start_at >= profile.release && first.start_at <= admission_profile_end(&profile));
        int64_t step = (profile.deadline - profile.release) / 60 + 1;
        for (int64_t now = profile.release - step; now < profile.deadline + step; now += 1 + random_below(2 * step)) {
            admission_decide(&profile, &client, now, 0, &answer);
            assert_true(answer.start_at == first.start_at);
            assert_int_equal(answer.admit, now >= first.start_at);
            assert_int_equal(answer.admit, answer.probability >= 1 || answer.probability > answer.threshold);
            assert_true(answer.probability >= probability - 1e-12 && answer.probability <= 1);
            assert_true(answer.retry_after >= 1);
            if (!answer.admit) assert_true(now + answer.retry_after * CLOCK_SECOND >= answer.start_at);
            probability = answer.probability;
        }
        admission_decide(&profile, &client, first.start_at, 0, &answer);
        assert_true(answer.admit);
        admission_decide(&profile, &client, first.start_at - 1, 0, &answer);
        assert_false(answer.admit);
    }
}

static void a8_start_and_admission_agree(void **state)
{
    start_and_admission_agree(*state, "sticky");
}

static void a9_start_and_admission_agree(void **state)
{
    start_and_admission_agree(*state, "paced");
}

/* The running maximum, the slow way. */
static double highest_by_steps(const struct admission_profile *profile, int64_t to)
{
    double highest = 0;
    for (int64_t at = profile->release; at <= to; at += CLOCK_MINUTE / 2)
        highest = fmax(highest, day_rate(&profile->slots, &profile->zone, at) * (double)(at - profile->release));
    return highest;
}

static void a8_probability_is_the_running_maximum(void **state)
{
    for (int round = 0; round < 30; round++) {
        struct admission_profile profile = random_profile(*state, "sticky");
        int64_t end = admission_profile_end(&profile), now = profile.release + random_below(end - profile.release + 1);
        double exact = day_highest_product(&profile.slots, &profile.zone, profile.release, now);
        assert_near(exact, highest_by_steps(&profile, now), 4.0 * CLOCK_MINUTE);
        assert_true(exact >= highest_by_steps(&profile, now));
    }
}

static void a9_integral_is_the_sum_of_the_rates(void **state)
{
    for (int round = 0; round < 30; round++) {
        struct admission_profile profile = random_profile(*state, "paced");
        double sum = 0;
        int64_t end = admission_profile_end(&profile), step = CLOCK_MINUTE / 4;
        for (int64_t at = profile.release; at < end; at += step)
            sum += day_rate(&profile.pace, &profile.zone, at) * (double)(end - at < step ? end - at : step);
        double exact = day_integral(&profile.pace, &profile.zone, profile.release, end);
        assert_near(exact, sum, exact * 0.002 + 3.0 * (double)step * 100);
    }
}

/* p is the share of the clients that have started (A8), within five standard deviations. */
static void a8_the_share_that_has_started_is_p(void **state)
{
    enum { CLIENTS = 20000 };
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"sticky\"");
    for (int day = 0; day <= 9; day++) {
        int started = 0;
        int64_t now = profile.release + day * (int64_t)CLOCK_DAY;
        for (int i = 0; i < CLIENTS; i++) {
            struct admission_answer answer;
            char id[32];
            snprintf(id, sizeof id, "client-%d", i);
            struct admission_client client = sample_client(id);
            admission_decide(&profile, &client, now, 0, &answer);
            assert_near(answer.probability, day / 9.0, 1e-12);
            started += answer.admit;
        }
        assert_true(fabs((double)started / CLIENTS - day / 9.0) <= 5 * 0.5 / sqrt(CLIENTS));
    }
}

/* Without slots nothing is left for D − lead: p has reached 1 just there. */
static void a8_nobody_waits_for_the_lead(void **state)
{
    struct admission_profile profile =
        sample_profile(*state, "\"mode\":\"sticky\",\"slots\":[{\"from\":\"00:00\",\"to\":\"24:00\",\"coefficient\":0.5}]");
    struct admission_answer answer = sample_ask(&profile, sample_client("c"), "2026-08-29T09:59:59Z", 0);
    assert_near(answer.probability, 1, 1e-5);
}

/* Starts per hour, over the rate that the slots give that hour, are alike all the time. */
static void a9_the_curve_is_flat_up_to_the_coefficients(void **state)
{
    enum { CLIENTS = 90000, HOURS = 9 * 24 };
    static int hours[HOURS];
    struct admission_profile profile = sample_profile(
        *state, "\"mode\":\"paced\",\"timezone\":\"+08:00\",\"slots\":[{\"from\":\"18:00\",\"to\":\"23:00\",\"coefficient\":0.4},"
                "{\"from\":\"23:00\",\"to\":\"07:00\",\"coefficient\":1.6}]");
    double whole = day_integral(&profile.slots, &profile.zone, profile.release, admission_profile_end(&profile)), chi = 0;
    memset(hours, 0, sizeof hours);
    for (int i = 0; i < CLIENTS; i++) {
        char id[32];
        snprintf(id, sizeof id, "client-%d", i);
        struct admission_client client = sample_client(id);
        int64_t start = admission_start(&profile, &client, admission_hash(profile.resource, client.id), 0);
        hours[(start - profile.release) / CLOCK_HOUR]++;
    }
    for (int hour = 0; hour < HOURS; hour++) {
        double expected =
            CLIENTS * day_rate(&profile.slots, &profile.zone, profile.release + hour * (int64_t)CLOCK_HOUR) * CLOCK_HOUR / whole;
        chi += (hours[hour] - expected) * (hours[hour] - expected) / expected;
    }
    assert_true(chi > HOURS - 5 * sqrt(2 * HOURS) && chi < HOURS + 5 * sqrt(2 * HOURS));
}

static void a9_who_is_off_is_not_told_to_start(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\",\"size\":1000000,\"timezone\":\"+08:00\"");
    for (int i = 0; i < 2000; i++) {
        struct admission_client client = random_client(*state);
        client.bandwidth = 1000;
        int64_t start = admission_start(&profile, &client, random_number(), 0);
        uint32_t hour = (uint32_t)((start + day_offset_at(&profile.zone, start)) % CLOCK_DAY / CLOCK_HOUR);
        if (client.hours) assert_true(client.hours >> hour & 1);
    }
}

/* A megabyte at 100 bytes a second takes 2.8 hours, 3.1 with the tenth in hand; the device is on for five hours a day. */
static void a9_time_is_left_to_be_through_at_the_deadline(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\",\"size\":1000000");
    struct admission_client client = sample_client("c");
    profile.lead = 0;
    client.bandwidth = 100;
    assert_true(admission_parse_hours(S("18-23"), &client.hours));
    int64_t latest = admission_start(&profile, &client, 1 - 1e-12, 0);
    assert_true(llabs(latest - (sample_time("2026-08-29T23:00:00Z") - 11000 * (int64_t)CLOCK_SECOND)) < 2 * CLOCK_SECOND);
    client.bandwidth = 1; /* it can't be: the sooner the better */
    assert_true(admission_start(&profile, &client, 1 - 1e-12, 0) == profile.release);
}

static void the_lead_may_take_all(void **state)
{
    static const char *const modes[] = {"fixed", "random", "sticky", "paced"};
    for (size_t i = 0; i < 4; i++) {
        struct admission_profile profile =
            sample_profile(*state, arena_cstr(*state, arena_printf(*state, "\"threshold\":1,\"mode\":\"%s\"", modes[i])));
        profile.lead = 20 * (int64_t)CLOCK_DAY;
        assert_false(sample_ask(&profile, sample_client("c"), "2026-08-20T09:59:59Z", 0).admit);
        assert_true(sample_ask(&profile, sample_client("c"), "2026-08-20T10:00:00Z", 0.99).admit);
    }
}

/* Who has an initial probability starts earlier, never later; and not all of them at the release. */
static void a4_an_account_starts_earlier(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"paced\"");
    struct admission_client client = sample_client("c");
    int64_t whole = admission_profile_end(&profile) - profile.release;
    for (double number = 0.01; number < 1; number += 0.01) {
        int64_t plain = admission_start(&profile, &client, number, 0) - profile.release;
        int64_t ahead = admission_start(&profile, &client, number, 0.05) - profile.release;
        assert_near((double)plain, number * (double)whole, 1.1);
        assert_near((double)ahead, number * 0.95 * (double)whole, 1.1);
    }
}

static void a8_the_number_is_a_hash_of_client_and_resource(void **state)
{
    (void)state;
    /* the first 53 bits of the output of: printf 'game-2.0\ndevice-1' | sha256sum */
    assert_near(admission_hash(S("game-2.0"), S("device-1")), 0.6298331139153215, 1e-15);
    assert_true(admission_hash(S("game-2.0"), S("device-1")) != admission_hash(S("game-2.1"), S("device-1")));
    assert_true(admission_hash(S("game-2.0"), S("device-1")) != admission_hash(S("game-2.0"), S("device-2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a8_start_and_admission_agree, setup, unit_arena_free),
        cmocka_unit_test_setup_teardown(a9_start_and_admission_agree, setup, unit_arena_free),
        cmocka_unit_test_setup_teardown(a8_probability_is_the_running_maximum, setup, unit_arena_free),
        cmocka_unit_test_setup_teardown(a9_integral_is_the_sum_of_the_rates, setup, unit_arena_free),
        cmocka_unit_test_setup_teardown(a9_who_is_off_is_not_told_to_start, setup, unit_arena_free),
        test_with_arena(a8_the_share_that_has_started_is_p),
        test_with_arena(a8_nobody_waits_for_the_lead),
        test_with_arena(a9_the_curve_is_flat_up_to_the_coefficients),
        test_with_arena(a9_time_is_left_to_be_through_at_the_deadline),
        test_with_arena(the_lead_may_take_all),
        test_with_arena(a4_an_account_starts_earlier),
        test_with_arena(a8_the_number_is_a_hash_of_client_and_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
