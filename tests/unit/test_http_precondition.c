#include "tests/unit/unit.h"

#include "base/clock.h"
#include "lib/http/precondition.h"

#define BEFORE "Sat, 29 Oct 1994 19:43:30 GMT"
#define SAME   "Sat, 29 Oct 1994 19:43:31 GMT"
#define AFTER  "Sat, 29 Oct 1994 19:43:32 GMT"

/* RFC 9110's own: §8.8.2's Last-Modified less a second or so, with a fraction that HTTP cannot tell. */
static const struct http_validators ours = {.etag = {"\"xyzzy\"", 7}, .modified = INT64_C(783459811000) + 250};

static int judged(struct arena *arena, struct http_conditions c)
{
    struct str *fields[] = {&c.if_match, &c.if_none_match, &c.if_modified_since, &c.if_unmodified_since, &c.if_range};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i]->data) *fields[i] = unit_guarded(arena, *fields[i]);
    return http_precondition(&c, &ours);
}

static void goes_on_without_conditions(void **state)
{
    assert_int_equal(judged(*state, (struct http_conditions){0}), 0);
}

/* RFC 9110 §13.1.1 */
static void judges_if_match(void **state)
{
    static const char *const holds[] = {"\"xyzzy\"",
                                        "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
                                        "\"r2d2xxxx\",\"xyzzy\"",
                                        "*",
                                        " * ",
                                        ", ,\"xyzzy\",",
                                        "W/\"xyzzy\", \"xyzzy\"",
                                        "\"a,b\", \"xyzzy\""};
    static const char *const fails[] = {"\"r2d2xxxx\"", "W/\"xyzzy\"",   "xyzzy", "\"xyzzy", "xyzzy\"",           "",
                                        "\"",           "\"\"",          "W/",    "W/\"",    "w/\"xyzzy\"",       "\"XYZZY\"",
                                        "\"xyzzy \"",   "\"a,\"xyzzy\"", "**",    "*,\"a\"", "garbage, \"xyzzy\""};
    for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
        assert_int_equal(judged(*state, (struct http_conditions){.if_match = str_of(holds[i])}), 0);
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++)
        if (judged(*state, (struct http_conditions){.if_match = str_of(fails[i])}) != 412) fail_msg("'%s'", fails[i]);
}

/* RFC 9110 §13.1.2: the weak comparison. */
static void judges_if_none_match(void **state)
{
    static const char *const same[] = {"\"xyzzy\"", "W/\"xyzzy\"", "\"xyzzy\", \"r2d2xxxx\"",
                                       "W/\"r2d2xxxx\", W/\"xyzzy\", W/\"c3piozzzz\"", "*"};
    static const char *const other[] = {"\"r2d2xxxx\"", "W/\"r2d2xxxx\"", "xyzzy", "\"xyzzy", "", "\"\"", "\"W/\"xyzzy\"\""};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(judged(*state, (struct http_conditions){.if_none_match = str_of(same[i])}), 304);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (judged(*state, (struct http_conditions){.if_none_match = str_of(other[i])}) != 0) fail_msg("'%s'", other[i]);
}

static void judges_dates(void **state)
{
    struct arena *arena = *state;
    assert_int_equal(judged(arena, (struct http_conditions){.if_modified_since = S(BEFORE)}), 0);
    assert_int_equal(judged(arena, (struct http_conditions){.if_modified_since = S(SAME)}), 304); /* the fraction does not count */
    assert_int_equal(judged(arena, (struct http_conditions){.if_modified_since = S(AFTER)}), 304);
    assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = S(BEFORE)}), 412);
    assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = S(SAME)}), 0);
    assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = S(AFTER)}), 0);
    static const char *const no_dates[] = {"", "yesterday", "0", "-1", "1994-10-29T19:43:32Z", AFTER ", " AFTER, "*"};
    for (size_t i = 0; i < sizeof no_dates / sizeof *no_dates; i++) { /* ignored (§13.1.3, §13.1.4) */
        assert_int_equal(judged(arena, (struct http_conditions){.if_modified_since = str_of(no_dates[i])}), 0);
        assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = str_of(no_dates[i])}), 0);
    }
}

/* RFC 9110 §13.2.2 */
static void keeps_the_order(void **state)
{
    struct arena *arena = *state;
    struct str match = S("\"xyzzy\""), other = S("\"other\"");
    /* If-Match makes If-Unmodified-Since void, either way */
    assert_int_equal(judged(arena, (struct http_conditions){.if_match = match, .if_unmodified_since = S(BEFORE)}), 0);
    assert_int_equal(judged(arena, (struct http_conditions){.if_match = other, .if_unmodified_since = S(AFTER)}), 412);
    /* If-None-Match makes If-Modified-Since void, either way */
    assert_int_equal(judged(arena, (struct http_conditions){.if_none_match = other, .if_modified_since = S(AFTER)}), 0);
    assert_int_equal(judged(arena, (struct http_conditions){.if_none_match = match, .if_modified_since = S(BEFORE)}), 304);
    /* the first two come before the others */
    assert_int_equal(judged(arena, (struct http_conditions){.if_match = other, .if_none_match = match}), 412);
    assert_int_equal(judged(arena, (struct http_conditions){.if_match = match, .if_none_match = match}), 304);
    assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = S(BEFORE), .if_none_match = match}), 412);
    assert_int_equal(judged(arena, (struct http_conditions){.if_unmodified_since = S(AFTER), .if_modified_since = S(AFTER)}), 304);
    /* If-Range is not one of them */
    assert_int_equal(judged(arena, (struct http_conditions){.if_range = other}), 0);
}

static bool applies(struct arena *arena, const char *if_range)
{
    struct http_conditions c = {.if_range = unit_guarded(arena, str_of(if_range))};
    return http_if_range(&c, &ours);
}

/* RFC 9110 §13.1.5: the strong comparison; a date only where it is exactly ours. */
static void judges_if_range(void **state)
{
    static const char *const applied[] = {"\"xyzzy\"", " \"xyzzy\" ", SAME, "Saturday, 29-Oct-94 19:43:31 GMT", "Sat Oct 29 19:43:31 1994"};
    static const char *const not_applied[] = {"\"other\"", "W/\"xyzzy\"",          BEFORE,      AFTER, "",         "xyzzy", "*",
                                              "\"xyzzy",   "\"xyzzy\", \"other\"", "yesterday", "W/",  ("W/" SAME)};
    for (size_t i = 0; i < sizeof applied / sizeof *applied; i++)
        if (!applies(*state, applied[i])) fail_msg("'%s'", applied[i]);
    for (size_t i = 0; i < sizeof not_applied / sizeof *not_applied; i++)
        if (applies(*state, not_applied[i])) fail_msg("'%s'", not_applied[i]);
    assert_true(http_if_range(&(struct http_conditions){0}, &ours));
    struct http_validators weak = {.etag = S("W/\"v\""), .modified = 0};
    assert_false(http_if_range(&(struct http_conditions){.if_range = S("W/\"v\"")}, &weak));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(goes_on_without_conditions),
        test_with_arena(judges_if_match),
        test_with_arena(judges_if_none_match),
        test_with_arena(judges_dates),
        test_with_arena(keeps_the_order),
        test_with_arena(judges_if_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
