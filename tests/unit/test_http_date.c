#include "tests/unit/unit.h"

#include "lib/http/date.h"

static const int64_t example = INT64_C(784111777000); /* RFC 9110 §5.6.7 */

static void reads_all_three_forms(void **state)
{
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                        " Sun, 06 Nov 1994 08:49:37 GMT "};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int64_t moment = 0;
        assert_true(http_date_parse(unit_guarded(*state, str_of(forms[i])), &moment));
        assert_int_equal(moment, example);
    }
    int64_t moment = 0;
    assert_true(http_date_parse(S("Wed Nov 16 08:49:37 1994"), &moment) && moment == example + 10 * (int64_t)CLOCK_DAY);
    assert_true(http_date_parse(S("Thu, 01 Jan 1970 00:00:00 GMT"), &moment) && moment == 0);
    assert_true(http_date_parse(S("Fri, 31 Dec 9999 23:59:59 GMT"), &moment) && moment == INT64_C(253402300799000));
    assert_true(http_date_parse(S("Sat, 31 Dec 2016 23:59:60 GMT"), &moment) && moment == INT64_C(1483228799000)); /* a leap second */
}

static void writes_fixdate(void **state)
{
    assert_str(http_date(*state, example), S("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_str(http_date(*state, example + 999), S("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_str(http_date(*state, 0), S("Thu, 01 Jan 1970 00:00:00 GMT"));
    for (int64_t moment = 0; moment < INT64_C(253402300800000); moment += 1234567891 * INT64_C(1000)) {
        int64_t again = -1;
        assert_true(http_date_parse(http_date(*state, moment), &again) && again == moment);
        arena_reset(*state);
    }
}

static void refuses_what_is_no_date(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "-1",
        ",",
        "Sun,",
        "yesterday",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994  8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994T08:49:37 GMT",
        "Sun,x06 Nov 1994 08:49:37 GMT",
        "Sun, 06xNov 1994 08:49:37 GMT",
        "S n, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 31-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov 31 08:49:37 1994",
        "Sun Nov    08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov  6  8:49:37 1994",
    };
    int64_t moment = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (http_date_parse(unit_guarded(*state, str_of(wrong[i])), &moment)) fail_msg("'%s' was taken", wrong[i]);
    assert_false(http_date_parse((struct str){NULL, 0}, &moment));
    assert_false(http_date_parse(S("Sun, 06 Nov 1994\00008:49:37 GMT"), &moment));
    assert_int_equal(moment, 42);
}

/* Every prefix of a date, at a page's end. */
static void reads_no_further(void **state)
{
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
    int64_t moment;
    for (size_t i = 0; i < 3; i++)
        for (size_t length = 0; length < strlen(forms[i]); length++) {
            assert_false(http_date_parse(unit_guarded(*state, str_make(forms[i], length)), &moment));
            arena_reset(*state);
        }
}

static int year_of(const char *text)
{
    int64_t moment = 0;
    assert_true(http_date_parse(str_of(text), &moment));
    return clock_calendar(moment).year;
}

/* RFC 9110 §5.6.7: more than 50 years ahead is the past. */
static void puts_two_digits_into_a_century(void **state)
{
    (void)state;
    struct calendar now = {.year = 2026, .month = 11, .day = 22};
    int64_t moment;
    assert_true(clock_from_calendar(&now, &moment));
    clock_set_now(moment);
    assert_int_equal(year_of("Sunday, 06-Nov-94 08:49:37 GMT"), 1994);
    assert_int_equal(year_of("Sunday, 06-Nov-26 08:49:37 GMT"), 2026);
    assert_int_equal(year_of("Sunday, 06-Nov-76 08:49:37 GMT"), 2076);
    assert_int_equal(year_of("Sunday, 06-Nov-77 08:49:37 GMT"), 1977);
    assert_int_equal(year_of("Sunday, 06-Nov-00 08:49:37 GMT"), 2000);
}

static void reads_the_times_of_access_logs(void **state)
{
    int64_t moment, wanted;
    assert_true(http_date_parse(S("Sun, 06 Nov 1994 08:49:37 GMT"), &wanted));
    assert_true(http_log_time_parse(S("06/Nov/1994:08:49:37 +0000"), &moment));
    assert_int_equal(moment, wanted);
    assert_true(http_log_time_parse(S("06/Nov/1994:16:49:37 +0800"), &moment));
    assert_int_equal(moment, wanted);
    assert_true(http_log_time_parse(S("05/Nov/1994:23:19:37 -0930"), &moment));
    assert_int_equal(moment, wanted);
    static const char *const wrong[] = {"",
                                        "06/Nov/1994:08:49:37",
                                        "06/Nov/1994:08:49:37 0000",
                                        "06/Nov/1994:08:49:37 +2400",
                                        "06/Nov/1994:08:49:37 +0060",
                                        "06/Nov/1994:08:49:61 +0000",
                                        "31/Feb/1994:08:49:37 +0000",
                                        "06/NOV/1994:08:49:37 +0000",
                                        "01/Jan/1970:00:00:00 +0001",
                                        "6/Nov/1994:08:49:37 +0000",
                                        "06/Nov/1994:08:49:37 +0000 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(http_log_time_parse(unit_guarded(*state, str_of(wrong[i])), &moment));
        arena_reset(*state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(reads_all_three_forms),           test_with_arena(writes_fixdate),
        test_with_arena(refuses_what_is_no_date),         test_with_arena(reads_no_further),
        cmocka_unit_test(puts_two_digits_into_a_century), test_with_arena(reads_the_times_of_access_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
