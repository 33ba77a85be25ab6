/* Windows and rules: P8 to P11, P14, P15 with the specification's vectors; policies that are refused. */
#include "lib/policy/meaning.h"
#include "lib/policy/policy.h"
#include "tests/unit/unit.h"

static int64_t at(const char *text)
{
    int64_t moment = 0;
    assert_true(clock_parse_time(str_of(text), &moment));
    return moment;
}

static struct policy policy_of(struct arena *arena, const char *json)
{
    struct policy policy;
    struct error error;
    assert_ok(policy_parse(arena, str_of(json), &policy, &error), &error);
    return policy;
}

static void assert_span(struct arena *arena, struct span span, const char *from, const char *to)
{
    assert_str(clock_format_time(arena, span.from), str_of(from));
    assert_str(clock_format_time(arena, span.to), str_of(to));
}

/* --- P8 */

static void p8_the_last_twelve_hours(void **state)
{
    const struct window window = {.kind = WINDOW_LAST, .last = 12 * (int64_t)CLOCK_HOUR};
    int64_t now = at("2026-08-25T19:05:00Z");
    assert_span(*state, window_span(&window, 0, now, 0), "2026-08-25T07:05:00Z", "2026-08-25T19:10:00Z");
    assert_span(*state, window_span(&window, 0, now, 1), "2026-08-24T19:05:00Z", "2026-08-25T07:05:00Z");
    assert_span(*state, window_span(&window, 0, now, 2), "2026-08-24T07:05:00Z", "2026-08-24T19:05:00Z");
    assert_span(*state, window_span(&window, 0, at("2026-08-25T19:09:59.999Z"), 0), "2026-08-25T07:05:00Z", "2026-08-25T19:10:00Z");
}

static void p8_since_a_fixed_moment(void **state)
{
    const struct window window = {.kind = WINDOW_SINCE, .from = 0};
    int64_t now = at("2026-08-25T12:00:00Z");
    assert_span(*state, window_span(&window, 0, now, 0), "2026-08-25T00:00:00Z", "2026-08-25T12:05:00Z");
    assert_span(*state, window_span(&window, 0, now, 1), "2026-08-24T00:00:00Z", "2026-08-25T00:00:00Z");
    int64_t zone = 8 * (int64_t)CLOCK_HOUR;
    assert_span(*state, window_span(&window, zone, now, 0), "2026-08-24T16:00:00Z", "2026-08-25T12:05:00Z");
    const struct window evening = {.kind = WINDOW_SINCE, .from = 18 * (int64_t)CLOCK_HOUR};
    assert_span(*state, window_span(&evening, 0, now, 0), "2026-08-24T18:00:00Z", "2026-08-25T12:05:00Z");
}

static void p8_a_fixed_slot_each_day(void **state)
{
    const struct window window = {.kind = WINDOW_SLOT, .begins = {6 * (int64_t)CLOCK_HOUR}, .slots = 1, .length = 18 * (int64_t)CLOCK_HOUR};
    int64_t now = at("2026-08-25T12:00:00Z");
    assert_span(*state, window_span(&window, 0, now, 0), "2026-08-25T06:00:00Z", "2026-08-26T00:00:00Z");
    assert_span(*state, window_span(&window, 0, now, 1), "2026-08-24T06:00:00Z", "2026-08-25T00:00:00Z");
    assert_span(*state, window_span(&window, 0, at("2026-08-25T05:59:59Z"), 0), "2026-08-24T06:00:00Z", "2026-08-25T00:00:00Z");
    const struct window night = {.kind = WINDOW_SLOT, .begins = {22 * (int64_t)CLOCK_HOUR}, .slots = 1, .length = 8 * (int64_t)CLOCK_HOUR};
    assert_span(*state, window_span(&night, 0, now, 0), "2026-08-24T22:00:00Z", "2026-08-25T06:00:00Z");
}

/* The method's days 21 to 24: earlier windows are whole, whatever the time of day is now. */
static void p8_earlier_days_are_whole(void **state)
{
    const struct window day = {.kind = WINDOW_SINCE, .from = 0};
    for (int minute = 0; minute < 2; minute++) {
        int64_t now = minute ? at("2026-08-25T23:00:00Z") : at("2026-08-25T00:03:00Z");
        assert_span(*state, window_span(&day, 0, now, 1), "2026-08-24T00:00:00Z", "2026-08-25T00:00:00Z");
        assert_span(*state, window_span(&day, 0, now, 4), "2026-08-21T00:00:00Z", "2026-08-22T00:00:00Z");
    }
}

static struct window window_of(struct arena *arena, const char *json)
{
    return policy_of(arena, arena_printf(arena, "{\"place\":{\"window\":%s}}", json).data).place.window;
}

static void p8_slots_of_a_day_follow_one_another(void **state)
{
    const struct window thirds = window_of(*state, "{\"slots\":[\"06:00-12:00\",\"12:00-18:00\",\"18:00-24:00\"]}");
    int64_t now = at("2026-08-25T13:00:00Z");
    assert_span(*state, window_span(&thirds, 0, now, 0), "2026-08-25T12:00:00Z", "2026-08-25T18:00:00Z");
    assert_span(*state, window_span(&thirds, 0, now, 1), "2026-08-25T06:00:00Z", "2026-08-25T12:00:00Z");
    assert_span(*state, window_span(&thirds, 0, now, 2), "2026-08-24T18:00:00Z", "2026-08-25T00:00:00Z");
    assert_span(*state, window_span(&thirds, 0, now, 5), "2026-08-23T18:00:00Z", "2026-08-24T00:00:00Z");
    assert_span(*state, window_span(&thirds, 0, at("2026-08-25T05:59:59Z"), 0), "2026-08-24T18:00:00Z", "2026-08-25T00:00:00Z");
    const struct window night = window_of(*state, "{\"slots\":[\"10:00-16:00\",\"22:00-04:00\"]}");
    assert_span(*state, window_span(&night, 0, at("2026-08-25T02:00:00Z"), 0), "2026-08-24T22:00:00Z", "2026-08-25T04:00:00Z");
    assert_span(*state, window_span(&night, 0, at("2026-08-25T02:00:00Z"), 1), "2026-08-24T10:00:00Z", "2026-08-24T16:00:00Z");
}

static void p8_since_a_date(void **state)
{
    const struct window launch = window_of(*state, "{\"since\":\"2026-08-21T06:00\"}");
    const int64_t zone = 8 * (int64_t)CLOCK_HOUR;
    assert_span(*state, window_span(&launch, 0, at("2026-08-25T12:00:00Z"), 0), "2026-08-21T06:00:00Z", "2026-08-25T12:05:00Z");
    assert_span(*state, window_span(&launch, zone, at("2026-08-25T12:00:00Z"), 0), "2026-08-20T22:00:00Z", "2026-08-25T12:05:00Z");
    assert_span(*state, window_span(&launch, 0, at("2026-08-01T12:00:00Z"), 0), "2026-08-21T06:00:00Z", "2026-08-21T06:00:00Z");
    assert_span(*state, window_span(&launch, 0, at("2026-10-25T12:00:00Z"), 0), "2026-09-24T12:05:00Z", "2026-10-25T12:05:00Z");
    struct policy policy = policy_of(*state, "{\"place\":{\"window\":{\"since\":\"2026-08-21\"}}}");
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    assert_int_equal(policy_place_spans(&policy, at("2026-08-25T12:00:00Z"), spans), 1);
    assert_enum(policy_places(&policy.place, 1000, false, (uint64_t[]){5001}), RULE_T1, policy_rule_name);
    assert_enum(policy_places(&policy.place, 1000, false, (uint64_t[]){5000}), RULE_NONE, policy_rule_name);
}

/* P10: the windows include the current one (days 21–25) or end just before it (20–24). */
static void p10_with_or_without_the_current_window(void **state)
{
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    int64_t now = at("2026-08-25T23:00:00Z");
    struct policy with = policy_of(*state, "{\"place\":{\"window\":{\"slot\":\"00:00-24:00\"}}}");
    assert_int_equal(policy_place_spans(&with, now, spans), 5);
    assert_span(*state, spans[0], "2026-08-25T00:00:00Z", "2026-08-26T00:00:00Z");
    assert_span(*state, spans[4], "2026-08-21T00:00:00Z", "2026-08-22T00:00:00Z");
    struct policy without = policy_of(*state, "{\"place\":{\"include_current\":false,\"window\":{\"slot\":\"00:00-24:00\"}}}");
    assert_int_equal(policy_place_spans(&without, now, spans), 6);
    assert_span(*state, spans[0], "2026-08-25T00:00:00Z", "2026-08-26T00:00:00Z");
    assert_span(*state, spans[5], "2026-08-20T00:00:00Z", "2026-08-21T00:00:00Z");
    assert_str(clock_format_time(*state, policy_horizon(&without, now)), S("2026-08-20T00:00:00Z"));
}

/* --- P9 to P11 */

static enum policy_rule places(struct arena *arena, const char *rest, const uint64_t *counts)
{
    struct str json = arena_printf(arena, "{\"place\":{\"t1\":5000,\"t2\":1000,\"of\":5%s}}", rest);
    struct policy policy = policy_of(arena, json.data);
    return policy_places(&policy.place, 1000, false, counts);
}

static void p9_above_t1(void **state)
{
    assert_enum(places(*state, "", (uint64_t[]){5001, 0, 0, 0, 0}), RULE_T1, policy_rule_name);
    assert_enum(places(*state, "", (uint64_t[]){5000, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    assert_enum(places(*state, "", (uint64_t[]){UINT64_MAX, 0, 0, 0, 0}), RULE_T1, policy_rule_name);
}

static void p10_three_of_five_days_above_t2(void **state)
{
    const char *rest = ",\"m\":3";
    assert_enum(places(*state, rest, (uint64_t[]){1001, 900, 1500, 0, 4000}), RULE_M_OF_M, policy_rule_name);
    assert_enum(places(*state, rest, (uint64_t[]){1001, 900, 1500, 0, 1000}), RULE_NONE, policy_rule_name);
    assert_enum(places(*state, ",\"m\":3,\"include_current\":false", (uint64_t[]){0, 1001, 1001, 0, 0, 1001}), RULE_M_OF_M,
                policy_rule_name);
    assert_enum(places(*state, ",\"m\":3,\"include_current\":false", (uint64_t[]){1001, 1001, 1001, 0, 0, 0}), RULE_NONE, policy_rule_name);
}

static void what_is_small_has_a_t1_of_its_own(void **state)
{
    const char *rest = ",\"small\":{\"size\":1000,\"t1\":7}";
    assert_enum(places(*state, rest, (uint64_t[]){8, 0, 0, 0, 0}), RULE_T1, policy_rule_name);
    assert_enum(places(*state, rest, (uint64_t[]){7, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    struct policy roomy = policy_of(*state, "{\"place\":{\"room\":{\"t1\":0}}}");
    assert_enum(policy_places(&roomy.place, 1000, true, (uint64_t[]){1, 0, 0, 0, 0}), RULE_T1, policy_rule_name);
    assert_enum(policy_places(&roomy.place, 1000, true, (uint64_t[]){0, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    assert_enum(policy_places(&roomy.place, 1000, false, (uint64_t[]){1, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    rest = ",\"small\":{\"size\":999,\"t1\":7}";
    assert_enum(places(*state, rest, (uint64_t[]){8, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    struct policy plain = policy_of(*state, "{}");
    assert_enum(policy_places(&plain.place, 0, true, (uint64_t[]){1, 0, 0, 0, 0}), RULE_NONE, policy_rule_name);
    struct policy policy = policy_of(*state, "{\"place\":{\"small\":{\"size\":999,\"t1\":7}}}");
    assert_non_null(strstr(arena_cstr(*state, policy_format(*state, &policy)), "\"small\":{\"size\":999,\"t1\":7},"));
}

static void counts_above_t2(uint64_t counts[5], unsigned above)
{
    for (unsigned i = 0; i < 5; i++) counts[i] = i < above ? 1001 : 1000;
}

/* With C1 = 4/5 records at 4/5, 4/5, 3/5, 5/5, 2/5: the 1st, 2nd and 4th. */
static void p11_confidence(void **state)
{
    static const unsigned above[] = {4, 4, 3, 5, 2};
    static const bool placed[] = {true, true, false, true, false};
    for (int i = 0; i < 5; i++) {
        uint64_t counts[5];
        counts_above_t2(counts, above[i]);
        assert_enum(places(*state, ",\"confidence\":0.8", counts), placed[i] ? RULE_CONFIDENCE : RULE_NONE, policy_rule_name);
    }
}

/* --- P14, P15 */

static enum policy_rule evicts(struct arena *arena, const char *rest, const uint64_t *counts, const char *since)
{
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    struct str json = arena_printf(arena, "{\"evict\":{\"t3\":300,\"of\":5,\"window\":{\"slot\":\"06:00-24:00\"}%s}}", rest);
    struct policy policy = policy_of(arena, json.data);
    const int64_t now = at("2026-08-26T00:00:00Z"); /* the current slot has just ended */
    policy_evict_spans(&policy, now, spans);
    return policy_evicts(&policy.evict, counts, spans, at(since), now);
}

static void p14_three_of_five_days_under_t3(void **state)
{
    assert_enum(evicts(*state, ",\"n\":3", (uint64_t[]){299, 0, 299, 300, 900}, "2026-08-01T00:00:00Z"), RULE_M_OF_M, policy_rule_name);
    assert_enum(evicts(*state, ",\"n\":3", (uint64_t[]){299, 0, 300, 300, 900}, "2026-08-01T00:00:00Z"), RULE_NONE, policy_rule_name);
}

/* With C2 = 3/5 packages at 0, 3/5, 2/5, 0, 4/5: the 2nd and 5th. */
static void p15_confidence(void **state)
{
    static const unsigned under[] = {0, 3, 2, 0, 4};
    static const bool evicted[] = {false, true, false, false, true};
    for (int i = 0; i < 5; i++) {
        uint64_t counts[5];
        for (unsigned w = 0; w < 5; w++) counts[w] = w < under[i] ? 299 : 300;
        assert_enum(evicts(*state, ",\"confidence\":0.6", counts, "2026-08-01T00:00:00Z"), evicted[i] ? RULE_CONFIDENCE : RULE_NONE,
                    policy_rule_name);
    }
}

/* Four whole days of 3000, 3000, 50, 50: the day that has just begun is not a slow one. */
static void p14_a_window_that_is_not_over_is_never_under(void **state)
{
    struct policy policy = policy_of(*state, "{\"evict\":{\"t3\":300,\"n\":3,\"of\":5,\"window\":{\"slot\":\"06:00-24:00\"}}}");
    struct span spans[POLICY_WINDOWS_MAXIMUM + 1];
    int64_t early = at("2026-08-25T06:03:00Z"), before = at("2026-08-25T05:55:00Z"), since = at("2026-08-01T00:00:00Z");
    policy_evict_spans(&policy, before, spans);
    assert_enum(policy_evicts(&policy.evict, (uint64_t[]){50, 50, 3000, 3000, 3000}, spans, since, before), RULE_NONE, policy_rule_name);
    policy_evict_spans(&policy, early, spans);
    assert_enum(policy_evicts(&policy.evict, (uint64_t[]){0, 50, 50, 3000, 3000}, spans, since, early), RULE_NONE, policy_rule_name);
    assert_enum(policy_evicts(&policy.evict, (uint64_t[]){0, 50, 50, 50, 3000}, spans, since, early), RULE_M_OF_M, policy_rule_name);
    struct policy last = policy_of(*state, "{\"evict\":{\"t3\":300,\"n\":3,\"of\":5,\"window\":{\"last\":\"24h\"}}}");
    policy_evict_spans(&last, early, spans);
    assert_enum(policy_evicts(&last.evict, (uint64_t[]){0, 50, 50, 3000, 3000}, spans, since, early), RULE_M_OF_M, policy_rule_name);
}

static void windows_before_a_package_was_there_say_nothing(void **state)
{
    const uint64_t none[5] = {0};
    assert_enum(evicts(*state, ",\"n\":3", none, "2026-08-23T06:00:00Z"), RULE_M_OF_M, policy_rule_name);
    assert_enum(evicts(*state, ",\"n\":3", none, "2026-08-23T06:00:01Z"), RULE_NONE, policy_rule_name);
    assert_enum(evicts(*state, ",\"n\":3", none, "2027-01-01T00:00:00Z"), RULE_NONE, policy_rule_name);
}

/* --- policies as text */

static void a_policy_is_written_as_it_is_read(void **state)
{
    static const char text[] =
        "{\"place\":{\"t1\":5000,\"t2\":1000,\"m\":3,\"of\":5,\"displace\":1,\"confidence\":null,\"include_current\":true,"
        "\"window\":{\"last\":\"1d\"}},\"evict\":{\"t3\":300,\"n\":3,\"of\":5,\"grace\":\"1h\",\"confidence\":0.6,"
        "\"include_current\":false,\"window\":{\"slot\":\"06:00-24:00\"}},\"trigger\":\"immediate\","
        "\"missing_patch\":\"full\",\"timezone\":\"+08:00\"}\n";
    struct policy policy = policy_of(*state, text);
    assert_int_equal(policy.trigger, TRIGGER_IMMEDIATE);
    assert_int_equal(policy.zone, 8 * CLOCK_HOUR);
    assert_false(policy.generate_patches);
    assert_str(policy_format(*state, &policy), str_of(text));
    struct policy since = policy_of(*state, "{\"place\":{\"window\":{\"since\":\"07:30\"}}}");
    struct policy again = policy_of(*state, arena_cstr(*state, policy_format(*state, &since)));
    assert_int_equal(again.place.window.kind, WINDOW_SINCE);
    assert_int_equal(again.place.window.from, 7 * CLOCK_HOUR + 30 * CLOCK_MINUTE);
}

static void what_is_not_said_is_as_in_the_sample(void **state)
{
    struct policy said = policy_of(*state, "{}"), usual;
    policy_default(&usual);
    assert_str(policy_format(*state, &said), policy_format(*state, &usual));
    assert_int_equal(policy_of(*state, "{\"place\":{\"t1\":10}}").place.t2, 2);
}

static void everything_is_placed_where_both_thresholds_are_zero(void **state)
{
    struct policy policy = policy_of(*state, "{\"place\":{\"t1\":0,\"t2\":0}}");
    assert_true(policy.place.t1 == 0 && policy.place.t2 == 0);
    policy = policy_of(*state, "{\"place\":{\"t1\":0}}");
    assert_true(policy.place.t1 == 0 && policy.place.t2 == 0);
}

static void thresholds_have_plain_names(void **state)
{
    struct policy policy = policy_of(*state, "{\"place\":{\"threshold\":50,\"repeat_threshold\":7,\"small\":{\"size\":9,\"threshold\":3},"
                                             "\"room\":{\"threshold\":2}},\"evict\":{\"threshold\":4}}");
    assert_true(policy.place.t1 == 50 && policy.place.t2 == 7 && policy.place.small_t1 == 3 && policy.place.room_t1 == 2);
    assert_int_equal(policy.evict.t3, 4);
    assert_int_equal(policy_of(*state, "{\"place\":{\"threshold\":10}}").place.t2, 2);
    assert_int_equal(policy_of(*state, "{\"place\":{\"threshold\":10,\"t1\":10}}").place.t1, 10); /* both, as policy_show prints them */
}

static void what_is_shown_has_both_names_and_can_be_read(void **state)
{
    struct policy policy = policy_of(*state, "{\"place\":{\"t1\":50,\"t2\":7,\"small\":{\"size\":9,\"t1\":3},\"room\":{\"t1\":2}},"
                                             "\"evict\":{\"t3\":4}}");
    const char *shown = arena_cstr(*state, policy_show(*state, &policy));
    static const char *const parts[] = {"\"place\":{\"threshold\":50,\"t1\":50,\"repeat_threshold\":7,\"t2\":7,",
                                        "\"small\":{\"size\":9,\"threshold\":3,\"t1\":3}",
                                        "\"room\":{\"threshold\":2,\"t1\":2}",
                                        "\"evict\":{\"threshold\":4,\"t3\":4,",
                                        "\"meaning\":{\"place.threshold\":\"T1: A package missed more often than this",
                                        "\"evict.confidence\":\"C2: "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) assert_non_null(strstr(shown, parts[i]));
    struct policy again = policy_of(*state, shown);
    assert_str(policy_format(*state, &again), policy_format(*state, &policy));
    assert_null(strstr(arena_cstr(*state, policy_format(*state, &policy)), "threshold")); /* older instances read the short names alone */
}

static void a_rule_has_a_name_in_words(void **state)
{
    (void)state;
    assert_string_equal(policy_rule_text(DECISION_PLACE, RULE_T1), "place threshold");
    assert_string_equal(policy_rule_text(DECISION_ALERT, RULE_T1), "place threshold");
    assert_string_equal(policy_rule_text(DECISION_PLACE, RULE_M_OF_M), "repeat threshold");
    assert_string_equal(policy_rule_text(DECISION_EVICT, RULE_M_OF_M), "evict threshold");
    assert_string_equal(policy_rule_text(DECISION_MARK, RULE_CONFIDENCE), "place confidence");
    assert_string_equal(policy_rule_text(DECISION_EVICT, RULE_CONFIDENCE), "evict confidence");
    assert_string_equal(policy_rule_text(DECISION_EVICT, RULE_HAND), "by hand");
}

static void the_wrong_field_is_named(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"place\":{\"t1\":-1}}", "policy.place.t1"},
        {"{\"place\":{\"t1\":1.5}}", "policy.place.t1"},
        {"{\"place\":{\"t1\":10,\"t2\":10}}", "policy.place.t2"},
        {"{\"place\":{\"t1\":0,\"t2\":5}}", "policy.place.t2: must be below the place threshold, 0"},
        {"{\"place\":{\"t1\":18446744073709551615}}", "policy.place.t1: is too large a number: 9223372036854775807 is the most"},
        {"{\"place\":{\"m\":6,\"of\":5}}", "policy.place.m"},
        {"{\"place\":{\"of\":65}}", "policy.place.of"},
        {"{\"place\":{\"of\":0}}", "policy.place.of"},
        {"{\"place\":{\"confidence\":1.1}}", "policy.place.confidence"},
        {"{\"place\":{\"confidence\":0}}", "policy.place.confidence"},
        {"{\"place\":{\"confidence\":1e-9}}", "policy.place.confidence"},
        {"{\"place\":{\"small\":{\"size\":0,\"t1\":1}}}", "policy.place.small.size"},
        {"{\"place\":{\"small\":{\"size\":9}}}", "policy.place.small.threshold: is missing"},
        {"{\"place\":{\"t1\":1,\"threshold\":2}}",
         "policy.place.threshold: is 2, but t1, another name for it, is 1: leave one of them out"},
        {"{\"evict\":{\"t3\":1,\"threshold\":2}}", "policy.evict.threshold: is 2, but t3"},
        {"{\"place\":{\"threshold\":5,\"repeat_threshold\":5}}", "policy.place.repeat_threshold: must be below the place threshold, 5"},
        {"{\"meaning\":7}", "policy.meaning"},
        {"{\"place\":{\"repeat_threshold\":-1}}", "policy.place.repeat_threshold"},
        {"{\"place\":{\"t9\":1}}", "policy.place.t9"},
        {"{\"place\":{\"window\":{}}}", "policy.place.window"},
        {"{\"place\":{\"window\":{\"lest\":\"1d\"}}}", "policy.place.window.lest: unknown field"},
        {"{\"place\":{\"window\":{\"last\":\"1h\",\"since\":\"00:00\"}}}", "policy.place.window"},
        {"{\"place\":{\"window\":{\"last\":\"7m\"}}}", "policy.place.window.last"},
        {"{\"place\":{\"window\":{\"last\":\"0s\"}}}", "policy.place.window.last"},
        {"{\"place\":{\"window\":{\"last\":\"32d\"}}}", "policy.place.window.last"},
        {"{\"place\":{\"window\":{\"since\":\"24:00\"}}}", "policy.place.window.since"},
        {"{\"place\":{\"window\":{\"since\":\"7:30\"}}}", "policy.place.window.since"},
        {"{\"place\":{\"window\":{\"since\":\"2026-02-30\"}}}", "policy.place.window.since"},
        {"{\"place\":{\"window\":{\"since\":\"2026-08-21T06\"}}}", "policy.place.window.since"},
        {"{\"place\":{\"window\":{\"since\":\"2026-08-21T06:01\"}}}", "policy.place.window.since"},
        {"{\"evict\":{\"window\":{\"since\":\"2026-08-21\"}}}", "policy.evict.window"},
        {"{\"evict\":{\"window\":{\"slots\":[]}}}", "policy.evict.window.slots"},
        {"{\"evict\":{\"window\":{\"slots\":[\"06:00-12:00\",\"12:00-17:00\"]}}}", "equal length"},
        {"{\"evict\":{\"window\":{\"slots\":[\"06:00-12:00\",\"11:00-17:00\"]}}}", "must not overlap"},
        {"{\"evict\":{\"window\":{\"slots\":[\"06:00-12:00\",\"04:00-10:00\"]}}}", "must be in order"},
        {"{\"evict\":{\"window\":{\"slots\":[\"02:00-10:00\",\"20:00-04:00\"]}}}", "must not overlap"},
        {"{\"evict\":{\"window\":{\"slot\":\"06:00\"}}}", "policy.evict.window.slot"},
        {"{\"evict\":{\"window\":{\"slot\":\"06:00-06:00\"}}}", "policy.evict.window.slot"},
        {"{\"evict\":{\"window\":{\"slot\":\"06:01-07:00\"}}}", "policy.evict.window.slot"},
        {"{\"evict\":{\"n\":6}}", "policy.evict.n"},
        {"{\"trigger\":\"soon\"}", "policy.trigger"},
        {"{\"missing_patch\":true}", "policy.missing_patch"},
        {"{\"timezone\":\"8\"}", "policy.timezone"},
        {"{\"quota\":1}", "policy.quota"},
        {"[]", "policy"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct policy policy;
        struct error error;
        assert_error(policy_parse(*state, str_of(wrong[i][0]), &policy, &error), STATUS_INVALID, &error, wrong[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(p8_the_last_twelve_hours),
        test_with_arena(p8_since_a_fixed_moment),
        test_with_arena(p8_a_fixed_slot_each_day),
        test_with_arena(p8_earlier_days_are_whole),
        test_with_arena(p8_slots_of_a_day_follow_one_another),
        test_with_arena(p8_since_a_date),
        test_with_arena(p14_a_window_that_is_not_over_is_never_under),
        test_with_arena(p10_with_or_without_the_current_window),
        test_with_arena(p9_above_t1),
        test_with_arena(p10_three_of_five_days_above_t2),
        test_with_arena(what_is_small_has_a_t1_of_its_own),
        test_with_arena(p11_confidence),
        test_with_arena(p14_three_of_five_days_under_t3),
        test_with_arena(p15_confidence),
        test_with_arena(windows_before_a_package_was_there_say_nothing),
        test_with_arena(a_policy_is_written_as_it_is_read),
        test_with_arena(what_is_not_said_is_as_in_the_sample),
        test_with_arena(everything_is_placed_where_both_thresholds_are_zero),
        test_with_arena(thresholds_have_plain_names),
        test_with_arena(what_is_shown_has_both_names_and_can_be_read),
        test_with_arena(a_rule_has_a_name_in_words),
        test_with_arena(the_wrong_field_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
