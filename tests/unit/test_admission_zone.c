/* Times of day: an offset, a zone's name with its changes of offset, the device's own. */
#include "lib/admission/zone_internal.h"
#include "tests/unit/admission_sample.h"

static void need_time_zones(void)
{
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) skip();
}

static void a_zone_has_its_offsets(void **state)
{
    struct day_zone zone;
    struct error error;
    need_time_zones();
    assert_ok(
        zone_resolve(*state, S("Europe/Berlin"), sample_time("2026-08-20T10:00:00Z"), sample_time("2027-06-01T00:00:00Z"), &zone, &error),
        &error);
    assert_int_equal(zone.count, 3);
    assert_true(zone.items[0].from == sample_time("2026-08-20T10:00:00Z") && zone.items[0].offset == 2 * CLOCK_HOUR);
    assert_true(zone.items[1].from == sample_time("2026-10-25T01:00:00Z") && zone.items[1].offset == CLOCK_HOUR);
    assert_true(zone.items[2].from == sample_time("2027-03-28T01:00:00Z") && zone.items[2].offset == 2 * CLOCK_HOUR);
    assert_ok(zone_resolve(*state, S("Asia/Shanghai"), 0, CLOCK_DAY, &zone, &error), &error);
    assert_int_equal(zone.count, 1);
    assert_int_equal(zone.items[0].offset, 8 * CLOCK_HOUR);
}

static void the_process_keeps_its_own_zone(void **state)
{
    struct day_zone zone;
    struct error error;
    need_time_zones();
    setenv("TZ", "XYZ-5", 1);
    assert_ok(zone_resolve(*state, S("Europe/Berlin"), 0, CLOCK_DAY, &zone, &error), &error);
    assert_string_equal(getenv("TZ"), "XYZ-5");
    unsetenv("TZ");
    assert_ok(zone_resolve(*state, S("Europe/Berlin"), 0, CLOCK_DAY, &zone, &error), &error);
    assert_null(getenv("TZ"));
}

static void what_is_no_zone_is_refused(void **state)
{
    static const char *const wrong[] = {"", "Z", "+08:00", "-03:00", "device", "../passwd", "/etc/passwd", "a b", "8", "Europe/Berlin\n"};
    struct day_zone zone;
    struct error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (zone_is_name(str_of(wrong[i]))) fail_msg("'%s' was taken", wrong[i]);
    assert_true(zone_is_name(S("Etc/GMT+8")) && zone_is_name(S("America/Port-au-Prince")) && zone_is_name(S("UTC")));
    need_time_zones();
    assert_error(zone_resolve(*state, S("Shanghai"), 0, 1, &zone, &error), STATUS_NOT_FOUND, &error,
                 "there is no time zone 'Shanghai' in /usr/share/zoneinfo; give a name such as Asia/Shanghai");
    assert_error(zone_resolve(*state, S("Europe"), 0, 1, &zone, &error), STATUS_NOT_FOUND, &error, "there is no time zone 'Europe'");
    assert_error(zone_resolve(*state, S("UTC"), 0, 4000 * (int64_t)CLOCK_DAY, &zone, &error), STATUS_INVALID, &error,
                 "more than ten years");
}

#define AUTUMN                                                                                                                             \
    "{\"resource\":\"a\",\"release\":\"2026-10-20T00:00:00Z\",\"deadline\":\"2026-10-30T00:00:00Z\",\"lead\":\"1h\",\"mode\":\"fixed\","   \
    "\"threshold\":0.3,\"slots\":[{\"from\":\"20:00\",\"to\":\"21:00\",\"coefficient\":0.5}],\"timezone\":\"Europe/Berlin\""

/* What is published has the offsets in it; published again as it was shown, it is the same. */
static void publishing_writes_the_offsets(void **state)
{
    struct admission_profile profile;
    struct error error;
    struct str text, again;
    need_time_zones();
    assert_ok(admission_profile_prepare(*state, S(AUTUMN "}\n"), &text, &profile, &error), &error);
    assert_str(text, S(AUTUMN ",\n \"timezone_offsets\":[{\"from\":\"2026-10-20T00:00:00Z\",\"offset\":\"+02:00\"},"
                              "{\"from\":\"2026-10-25T01:00:00Z\",\"offset\":\"+01:00\"}]}"));
    assert_ok(admission_profile_prepare(*state, text, &again, &profile, &error), &error);
    assert_str(again, text);
    assert_error(admission_profile_prepare(*state,
                                           S(AUTUMN ",\"timezone_offsets\":[{\"from\":\"2026-10-20T00:00:00Z\",\"offset\":\"+02:00\"}]}"),
                                           &text, &profile, &error),
                 STATUS_INVALID, &error, "profile.timezone_offsets: these are not the offsets of Europe/Berlin");
}

/* 20:00 in Berlin is 18:00 UTC until the clocks go back, and 19:00 from then on. Nothing of this machine's zones is needed. */
static void a3_slots_follow_the_zone(void **state)
{
    struct admission_profile profile;
    struct error error;
    struct admission_client client = sample_client("c");
    assert_ok(admission_profile_parse(*state,
                                      S(AUTUMN ",\"timezone_offsets\":[{\"from\":\"2026-10-20T00:00:00Z\",\"offset\":\"+02:00\"},"
                                               "{\"from\":\"2026-10-25T01:00:00Z\",\"offset\":\"+01:00\"}]}"),
                                      &profile, &error),
              &error);
    assert_near(sample_ask(&profile, client, "2026-10-24T18:00:00Z", 0).probability, 0.5 * 0.475, 1e-12);
    assert_near(sample_ask(&profile, client, "2026-10-24T19:12:00Z", 0).probability, 0.48, 1e-12);
    assert_near(sample_ask(&profile, client, "2026-10-25T18:00:00Z", 0).probability, 0.575, 1e-12);
    assert_near(sample_ask(&profile, client, "2026-10-25T19:12:00Z", 0).probability, 0.5 * 0.58, 1e-12);
}

static void a3_slots_follow_the_device(void **state)
{
    struct admission_profile profile = sample_profile(*state, "\"mode\":\"fixed\",\"threshold\":0.3,\"timezone\":\"device\",\"slots\":[{"
                                                              "\"from\":\"18:00\",\"to\":\"18:30\",\"coefficient\":0.5}]");
    struct admission_client client = sample_client("c");
    struct error error;
    assert_error(admission_client_fits(&profile, &client, &error), STATUS_INVALID, &error, "give its offset from UTC as 'timezone'");
    assert_ok(admission_client_set(*state, &client, ADMISSION_TIMEZONE, S("+08:00"), "'timezone'", &error), &error);
    assert_ok(admission_client_fits(&profile, &client, &error), &error);
    assert_near(sample_ask(&profile, client, "2026-08-26T10:00:00Z", 0).probability, 0.3, 1e-12);
    client.offset = 0;
    assert_near(sample_ask(&profile, client, "2026-08-26T10:00:00Z", 0).probability, 0.6, 1e-12);
}

/* A release of two hours, in which the slots of some zones are 0 all the time: these devices are spread evenly. */
static void a8_devices_in_a_zone_without_a_slot_start_too(void **state)
{
    static const char *const modes[] = {"sticky", "paced"};
    for (size_t i = 0; i < 2; i++) {
        struct admission_profile profile;
        struct error error;
        struct admission_client client = sample_client("c");
        struct str text =
            arena_printf(*state,
                         "{\"resource\":\"a\",\"release\":\"2026-08-20T10:00:00Z\",\"deadline\":\"2026-08-20T12:00:00Z\",\"lead\":\"0s\","
                         "\"mode\":\"%s\",\"timezone\":\"device\",\"slots\":[{\"from\":\"06:00\",\"to\":\"18:00\",\"coefficient\":0}]}",
                         modes[i]);
        assert_ok(admission_profile_parse(*state, text, &profile, &error), &error);
        client.has_offset = true;
        assert_near((double)(admission_start(&profile, &client, 0.5, 0) - sample_time("2026-08-20T11:00:00Z")), 0, 1);
        client.offset = -8 * CLOCK_HOUR;
        assert_near((double)(admission_start(&profile, &client, 0.5, 0) - sample_time("2026-08-20T11:00:00Z")), 0, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(a_zone_has_its_offsets),
        test_with_arena(the_process_keeps_its_own_zone),
        test_with_arena(what_is_no_zone_is_refused),
        test_with_arena(publishing_writes_the_offsets),
        test_with_arena(a3_slots_follow_the_zone),
        test_with_arena(a3_slots_follow_the_device),
        test_with_arena(a8_devices_in_a_zone_without_a_slot_start_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
