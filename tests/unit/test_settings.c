/* The table of settings, how they are read and named, and docs/settings.md, which repeats it. */
#include "base/clock.h"
#include "functions/common/settings.h"
#include "tests/unit/document.h"
#include "tests/unit/unit.h"

static int clear(void **state)
{
    for (enum setting_id id = 0; id < SETTINGS; id++) unsetenv(settings[id].variable);
    return unit_arena(state);
}

static void test_an_empty_variable_is_not_set(void **state)
{
    uint64_t number = 7;
    int64_t span = 8;
    struct error error;
    (void)state;
    setenv("PAKHUS_THREADS", "", 1);
    assert_null(setting(SETTING_THREADS).data);
    assert_ok(setting_number(SETTING_THREADS, &number, &error), &error);
    assert_ok(setting_span(SETTING_TOKEN_WINDOW, &span, &error), &error);
    assert_true(number == 7 && span == 8);
}

static void test_numbers_have_bounds(void **state)
{
    static const char *const wrong[] = {"0", "257", "-1", "1.5", " 1", "0x10", "99999999999999999999", "many"};
    uint64_t number = 7;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("PAKHUS_GATHER_WORKERS", wrong[i], 1);
        assert_error(setting_number(SETTING_GATHER_WORKERS, &number, &error), STATUS_INVALID, &error, "not a whole number from 1 to 256");
        assert_error(settings_check(&error), STATUS_INVALID, &error, "PAKHUS_GATHER_WORKERS is '");
    }
    assert_int_equal(number, 7);
    setenv("PAKHUS_GATHER_WORKERS", "256", 1);
    assert_ok(setting_number(SETTING_GATHER_WORKERS, &number, &error), &error);
    assert_int_equal(number, 256);
}

/* The last test: what was given stays given. */
static void test_errors_name_what_was_typed(void **state)
{
    int64_t span = 0;
    struct error error;
    (void)state;
    setenv("PAKHUS_TOKEN_WINDOW", "soon", 1);
    assert_error(setting_span(SETTING_TOKEN_WINDOW, &span, &error), STATUS_INVALID, &error, "PAKHUS_TOKEN_WINDOW is 'soon'");
    setting_give(SETTING_TOKEN_WINDOW, S("later"));
    assert_error(setting_span(SETTING_TOKEN_WINDOW, &span, &error), STATUS_INVALID, &error, "--token-window is 'later'");
    setting_give(SETTING_TOKEN_WINDOW, str_first(S("2s and more"), 2));
    assert_ok(setting_span(SETTING_TOKEN_WINDOW, &span, &error), &error);
    assert_int_equal(span, 2 * CLOCK_SECOND);
    assert_string_equal(getenv("PAKHUS_TOKEN_WINDOW"), "2s"); /* child processes see it */
    assert_string_equal(setting_option(SETTING_TOKEN_WINDOW), "token-window");
}

/* --- docs/settings.md */

static struct str row_of(struct arena *arena, enum setting_id id)
{
    const struct setting *row = &settings[id];
    struct str bounds = S("");
    if (row->kind == SETTING_NUMBER) bounds = arena_printf(arena, "; %lld to %lld", (long long)row->min, (long long)row->max);
    return arena_printf(arena, "| `%s` | `--%s %s` | %s" STR_FMT " | %s | %s |\n", row->variable, setting_option(id), row->argument,
                        row->help, STR_ARG(bounds), row->otherwise ? row->otherwise : "", row->readers);
}

static void test_the_document_has_this_table(void **state)
{
    struct str text = unit_document(*state, "docs/settings.md"),
               head = S("| variable | option | | default | functions that read it |\n| --- | --- | --- | --- | --- |\n");
    size_t at = str_find_str(text, head);
    assert_true(at < text.length);
    text = str_from(text, at + head.length);
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        struct str row = row_of(*state, id);
        assert_str(str_first(text, row.length), row);
        text = str_from(text, row.length);
    }
    assert_true(str_starts(text, S("\n"))); /* no row more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_variable_is_not_set, clear, unit_arena_free),
        cmocka_unit_test_setup_teardown(test_numbers_have_bounds, clear, unit_arena_free),
        cmocka_unit_test_setup_teardown(test_the_document_has_this_table, clear, unit_arena_free),
        cmocka_unit_test_setup_teardown(test_errors_name_what_was_typed, clear, unit_arena_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
