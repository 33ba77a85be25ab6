#include "tests/unit/unit.h"

#include <fcntl.h>
#include <time.h>

#include "base/clock.h"

static void stands_still_where_it_is_told(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * CLOCK_SECOND, now = clock_now();
    assert_true(now >= before && now < before + 10 * CLOCK_SECOND);
    clock_set_now(1234567);
    assert_int_equal(clock_now(), 1234567);
    int64_t monotonic = clock_monotonic(); /* goes on all the same */
    usleep(3000);
    assert_true(clock_monotonic() > monotonic);
    assert_int_equal(clock_now(), 1234567);
    clock_set_now(0);
    assert_int_equal(clock_now(), 0);
}

static void counts_down_to_a_deadline(void **state)
{
    (void)state;
    int64_t left = deadline_left(deadline_in(5000));
    assert_true(left > 4000 && left <= 5000);
    assert_int_equal(deadline_left(deadline_in(0)), 0);
    assert_int_equal(deadline_left(deadline_in(-5)), 0);
    assert_int_equal(deadline_left((struct deadline){0}), 0);
}

static void bears_extreme_deadlines(void **state)
{
    (void)state;
    assert_true(deadline_left(deadline_in(INT64_MAX)) > INT64_MAX / 2);
    assert_int_equal(deadline_left(deadline_in(INT64_MIN)), 0);
    assert_int_equal(deadline_left((struct deadline){INT64_MIN}), 0);
    assert_true(deadline_left((struct deadline){INT64_MAX}) > INT64_MAX / 2);
}

static void takes_the_earlier_deadline(void **state)
{
    (void)state;
    assert_true(deadline_left(deadline_within(deadline_in(60000), 1000)) <= 1000);
    struct deadline near = deadline_in(1000);
    assert_int_equal(deadline_within(near, 60000).at, near.at);
    assert_int_equal(deadline_within(near, INT64_MAX).at, near.at);
}

static void reads_spans(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t span;
    } right[] = {{"90s", 90000},
                 {"5m", 300000},
                 {"12h", 43200000},
                 {"7d", 604800000},
                 {"800ms", 800},
                 {"0s", 0},
                 {"007m", 420000},
                 {"365250d", INT64_C(31557600000000)},
                 {"31557600000000ms", INT64_C(31557600000000)}};
    static const char *const wrong[] = {"",
                                        "5",
                                        "s",
                                        "ms",
                                        "-5s",
                                        "+5s",
                                        "5 s",
                                        " 5s",
                                        "5s ",
                                        "5S",
                                        "5M",
                                        "1.5h",
                                        "5sm",
                                        "5mss",
                                        "1h30m",
                                        "5y",
                                        "365251d",
                                        "31557600000001ms",
                                        "9223372036854775807d",
                                        "18446744073709551616s"};
    struct arena *arena = *state;
    int64_t span = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(clock_parse_span(unit_guarded(arena, str_of(wrong[i])), &span));
    assert_false(clock_parse_span((struct str){NULL, 0}, &span));
    assert_int_equal(span, 42);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(clock_parse_span(unit_guarded(arena, str_of(right[i].text)), &span));
        assert_int_equal(span, right[i].span);
    }
}

static void writes_spans(void **state)
{
    static const struct {
        int64_t span;
        const char *text;
    } spans[] = {{0, "0s"},      {1, "1ms"},      {1000, "1s"},     {1001, "1001ms"},  {90000, "90s"},
                 {300000, "5m"}, {3600000, "1h"}, {86400000, "1d"}, {172800000, "2d"}, {90 * 60000, "90m"}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) assert_str(clock_format_span(*state, spans[i].span), str_of(spans[i].text));
}

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        int64_t moment;
    } right[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-08-20T10:00:00Z", INT64_C(1787220000000)},
        {"2026-08-20T18:00:00+08:00", INT64_C(1787220000000)},
        {"2026-08-20T06:30:00-03:30", INT64_C(1787220000000)},
        {"2026-08-20t10:00:00z", INT64_C(1787220000000)}, /* RFC 3339 §5.6 allows it */
        {"2026-08-20 10:00:00Z", INT64_C(1787220000000)},
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520)},   /* RFC 3339 §5.8 */
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000)}, /* RFC 3339 §5.8 */
        {"1937-01-01T12:00:27.87+00:20", -1},                 /* RFC 3339 §5.8, before our years */
        {"2000-02-29T00:00:00.9999999999999999999999Z", INT64_C(951782400999)},
        {"2026-08-20T10:00:00.001-00:00", INT64_C(1787220000001)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        int64_t moment = -1;
        assert_int_equal(clock_parse_time(unit_guarded(arena, str_of(right[i].text)), &moment), right[i].moment >= 0);
        assert_int_equal(moment, right[i].moment);
    }
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const wrong[] = {
        "", "Z", "2026", "2026-08-20", "2026-08-20T10:00Z", "2026-08-20T10:00:00", "2026-08-20T10:00:00.Z", "2026-08-20T10:00:00,5Z",
        "2026-08-20T10:00:00+0800", "2026-08-20T10:00:00+08", "2026-08-20T10:00:00+8:00", "2026-08-20T10:00:00+24:00",
        "2026-08-20T10:00:00+08:60", "2026-08-20T10:00:00ZZ", "2026-08-20T10:00:00Z ", " 2026-08-20T10:00:00Z", "2026-8-20T10:00:00Z",
        "2026-08-20X10:00:00Z", "26-08-20T10:00:00Z", "2026/08/20T10:00:00Z", "+026-08-20T10:00:00Z", "20260820T100000Z",
        /* no such day or hour */
        "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-02-31T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z", "2026-06-30T23:59:60Z",
        /* out of the years, as written or in UTC */
        "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "1969-12-31T23:59:59-08:00"};
    struct arena *arena = *state;
    int64_t moment = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (clock_parse_time(unit_guarded(arena, str_of(wrong[i])), &moment)) fail_msg("'%s' was taken", wrong[i]);
    }
    assert_false(clock_parse_time((struct str){NULL, 0}, &moment));
    assert_int_equal(moment, 42);
}

static void reads_zones(void **state)
{
    static const char *const wrong[] = {"+",       "-",      "8",      "08:00", "+8:00",  "+0800",  "+08:0",
                                        "+08:00 ", "+24:00", "+00:60", "UTC",   "++8:00", "+-1:00", "ZZ"};
    struct arena *arena = *state;
    int64_t offset = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(clock_parse_zone(unit_guarded(arena, str_of(wrong[i])), &offset));
    assert_int_equal(offset, 42);
    assert_true(clock_parse_zone(S("+08:00"), &offset) && offset == 8 * CLOCK_HOUR);
    assert_true(clock_parse_zone(S("-03:30"), &offset) && offset == -(3 * CLOCK_HOUR + 30 * CLOCK_MINUTE));
    assert_true(clock_parse_zone(S("+23:59"), &offset) && offset == CLOCK_DAY - CLOCK_MINUTE);
    assert_true(clock_parse_zone(S("Z"), &offset) && offset == 0);
    offset = 1;
    assert_true(clock_parse_zone((struct str){NULL, 0}, &offset) && offset == 0);
}

static void writes_times(void **state)
{
    struct arena *arena = *state;
    assert_str(clock_format_time(arena, 0), S("1970-01-01T00:00:00Z"));
    assert_str(clock_format_time(arena, 1), S("1970-01-01T00:00:00.001Z"));
    assert_str(clock_format_time(arena, INT64_C(1787220000050)), S("2026-08-20T10:00:00.050Z"));
    assert_str(clock_format_time(arena, INT64_C(253402300799999)), S("9999-12-31T23:59:59.999Z"));
    assert_str(clock_format_time(arena, -1), S("1969-12-31T23:59:59.999Z"));
}

/* Against the C library, over 12,000 years and at each turn of a day. */
static void knows_the_calendar(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 3600000; day += 13) {
        time_t seconds = (time_t)(day * 86400 + (day % 2 ? 0 : 86399));
        struct tm tm;
        gmtime_r(&seconds, &tm);
        struct calendar c = clock_calendar((int64_t)seconds * 1000 + 999);
        bool same = c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 && c.day == tm.tm_mday && c.hour == tm.tm_hour &&
                    c.minute == tm.tm_min && c.second == tm.tm_sec && c.weekday == tm.tm_wday;
        if (!same) fail_msg("day %lld", (long long)day);
        int64_t back = -1;
        if (c.year < 1 || c.year > 9999)
            assert_false(clock_from_calendar(&c, &back));
        else
            assert_true(clock_from_calendar(&c, &back) && back == (int64_t)seconds * 1000);
    }
}

static void bears_extreme_moments(void **state)
{
    int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, -1, -CLOCK_DAY, -CLOCK_DAY - 1};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        struct calendar c = clock_calendar(extremes[i]);
        assert_true(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.weekday >= 0 && c.weekday <= 6);
        assert_true(c.hour >= 0 && c.hour <= 23 && c.minute >= 0 && c.minute <= 59 && c.second >= 0 && c.second <= 59);
        assert_true(clock_format_time(*state, extremes[i]).length >= 20);
    }
}

static void refuses_what_no_calendar_has(void **state)
{
    (void)state;
    struct calendar right = {.year = 2024, .month = 2, .day = 29};
    int64_t moment = 42;
    assert_true(clock_from_calendar(&right, &moment) && moment == INT64_C(1709164800000));
    struct calendar wrong[] = {{.year = 2023, .month = 2, .day = 29},
                               {.year = 2024, .month = 2, .day = 30},
                               {.year = 2024, .month = 2, .day = 31},
                               {.year = 2024, .month = 0, .day = 1},
                               {.year = 2024, .month = 13, .day = 1},
                               {.year = 2024, .month = 1, .day = 0},
                               {.year = 2024, .month = 1, .day = 32},
                               {.year = 0, .month = 1, .day = 1},
                               {.year = 10000, .month = 1, .day = 1},
                               {.year = 2024, .month = 1, .day = 1, .hour = 24},
                               {.year = 2024, .month = 1, .day = 1, .hour = -1},
                               {.year = 2024, .month = 1, .day = 1, .minute = 60},
                               {.year = 2024, .month = 1, .day = 1, .minute = -1},
                               {.year = 2024, .month = 1, .day = 1, .second = 60},
                               {.year = 2024, .month = 1, .day = 1, .second = -1}};
    moment = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(clock_from_calendar(&wrong[i], &moment));
    assert_int_equal(moment, 42);
}

static void times_of_day_and_zones_are_written_as_they_are_read(void **state)
{
    static const char *const times[] = {"00:00", "06:05", "23:59", "24:00"}, *const zones[] = {"Z", "+08:00", "-03:30"};
    static const char *const wrong[] = {"", "6:00", "06:60", "24:01", "25:00", "06:00:00", "06-00"};
    int64_t value;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(clock_parse_day_time(str_of(times[i]), &value));
        assert_str(clock_format_day_time(*state, value), str_of(times[i]));
    }
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        assert_true(clock_parse_zone(str_of(zones[i]), &value));
        assert_str(clock_format_zone(*state, value), str_of(zones[i]));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(clock_parse_day_time(str_of(wrong[i]), &value));
}

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int64_t moment_of(const char *text)
{
    int64_t moment;
    assert_true(clock_parse_time(str_of(text), &moment));
    return moment;
}

static void follows_a_file(void **state)
{
    (void)state;
    static const char file[] = "/tmp/pakhus-test-clock.XXXXXX";
    static char name[sizeof file];
    struct error error;
    clock_set_now(INT64_MIN);
    memcpy(name, file, sizeof file);
    assert_error(clock_follow("/no/such/file", &error), STATUS_INVALID, &error, "/no/such/file");
    close(mkstemp(name));
    assert_error(clock_follow(name, &error), STATUS_INVALID, &error, "holds no time");
    write_file(name, "noon\n");
    assert_error(clock_follow(name, &error), STATUS_INVALID, &error, "holds no time");
    assert_in_range(clock_now(), clock_real() - CLOCK_MINUTE, clock_real() + CLOCK_MINUTE); /* a refused file changes nothing */

    write_file(name, "2026-08-20T10:00:00Z\n");
    assert_ok(clock_follow(name, &error), &error);
    assert_int_equal(clock_now(), moment_of("2026-08-20T10:00:00Z"));
    write_file(name, "2026-08-20T11:00:00+01:00");
    assert_int_equal(clock_now(), moment_of("2026-08-20T10:00:00Z"));
    write_file(name, "2026-08-27T09:00:00.250Z \r\n");
    assert_int_equal(clock_now(), moment_of("2026-08-27T09:00:00.250Z"));

    static const char *const nonsense[] = {"", "later", "2026-08-27T25:00:00Z", "2026-08-28T09:00:00Z and a half"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        write_file(name, nonsense[i]);
        assert_int_equal(clock_now(), moment_of("2026-08-27T09:00:00.250Z"));
    }
    unlink(name);
    assert_int_equal(clock_now(), moment_of("2026-08-27T09:00:00.250Z"));
    clock_set_now(5); /* --now is stronger */
    assert_int_equal(clock_now(), 5);
    clock_set_now(INT64_MIN);
}

static void what_is_known_ages_with_the_file(void **state)
{
    (void)state;
    static char name[] = "/tmp/pakhus-test-clock.XXXXXX";
    struct error error;
    close(mkstemp(name));
    write_file(name, "2026-08-20T10:00:00Z");
    assert_ok(clock_follow(name, &error), &error);
    int64_t before = clock_aging();
    write_file(name, "2026-08-20T12:00:00Z");
    int64_t later = clock_aging();
    assert_in_range(later - before, 2 * CLOCK_HOUR, 2 * CLOCK_HOUR + CLOCK_MINUTE);
    write_file(name, "2026-08-20T11:00:00Z"); /* back, and on to where it was */
    assert_true(clock_aging() >= later);
    write_file(name, "2026-08-20T12:00:00Z");
    assert_in_range(clock_aging() - later, 0, CLOCK_MINUTE);

    static const char *const others[] = {"2026-08-19T00:00:00Z", "2026-08-21T00:00:00Z"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int64_t known = clock_aging();
        write_file(name, others[i]);
        assert_ok(clock_follow(name, &error), &error); /* from here on another time: none has gone by, and none is taken back */
        assert_in_range(clock_aging() - known, 0, CLOCK_MINUTE);
    }
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_down_to_a_deadline),
        cmocka_unit_test(bears_extreme_deadlines),
        cmocka_unit_test(takes_the_earlier_deadline),
        test_with_arena(reads_spans),
        test_with_arena(writes_spans),
        test_with_arena(reads_times),
        test_with_arena(refuses_what_is_no_time),
        test_with_arena(reads_zones),
        test_with_arena(writes_times),
        cmocka_unit_test(knows_the_calendar),
        test_with_arena(bears_extreme_moments),
        cmocka_unit_test(refuses_what_no_calendar_has),
        cmocka_unit_test(stands_still_where_it_is_told),
        test_with_arena(times_of_day_and_zones_are_written_as_they_are_read),
        cmocka_unit_test(follows_a_file),
        cmocka_unit_test(what_is_known_ages_with_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
