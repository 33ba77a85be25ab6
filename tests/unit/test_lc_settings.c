#include <stdio.h>
#include <stdlib.h>

#include "runtime/lc_settings.h"
#include "tests/unit/unit.h"

static int clear(void **state)
{
    static const char *const names[] = {"THREADS", "LISTEN", "LOG", "ADMIN", "ADMIN_SECRET", "RESPONSE_MODE", "CLOCK", "METRICS"};
    char variable[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(variable, sizeof variable, "LC_%s", names[i]);
        unsetenv(variable);
        snprintf(variable, sizeof variable, "OWN_%s", names[i]);
        unsetenv(variable);
    }
    log_set_level(LOG_INFO);
    return unit_arena(state);
}

static struct lc_settings read_settings(const char *prefix)
{
    struct lc_settings settings;
    struct error error;
    assert_ok(lc_settings_read(prefix, &settings, &error), &error);
    return settings;
}

static void what_holds_unless_set(void **state)
{
    (void)state;
    struct lc_settings settings = read_settings("OWN");
    assert_int_equal(settings.threads, 16);
    assert_string_equal(settings.listen, "127.0.0.1:8080");
    assert_int_equal(settings.admin_secret.length, 0);
    assert_false(settings.streaming);
    assert_false(settings.emf);
}

static void metrics_are_emf_or_none(void **state)
{
    (void)state;
    struct lc_settings settings;
    struct error error;
    setenv("OWN_METRICS", "emf", 1);
    assert_true(read_settings("OWN").emf);
    setenv("OWN_METRICS", "prometheus", 1);
    assert_error(lc_settings_read("OWN", &settings, &error), STATUS_INVALID, &error, "the setting METRICS is 'prometheus', not emf");
}

static void the_own_prefix_comes_first(void **state)
{
    (void)state;
    setenv("LC_THREADS", "2", 1);
    setenv("OWN_THREADS", "3", 1);
    setenv("LC_LISTEN", ":1", 1);
    setenv("OWN_LISTEN", "", 1);
    assert_int_equal(read_settings("OWN").threads, 3);
    assert_int_equal(read_settings(NULL).threads, 2);
    assert_int_equal(read_settings("OTHER").threads, 2);
    assert_string_equal(read_settings("OWN").listen, ":1");
}

static void everything_is_read(void **state)
{
    (void)state;
    setenv("LC_LOG", "error", 1);
    setenv("LC_RESPONSE_MODE", "streaming", 1);
    setenv("LC_ADMIN_SECRET", "s", 1);
    struct lc_settings settings = read_settings(NULL);
    assert_true(settings.streaming);
    assert_str(settings.admin_secret, S("s"));
    assert_false(log_enabled(LOG_WARN));
    assert_true(log_enabled(LOG_ERROR));
}

static void refuses(const char *variable, const char *value, const char *says)
{
    struct lc_settings settings;
    struct error error;
    setenv(variable, value, 1);
    assert_error(lc_settings_read("OWN", &settings, &error), STATUS_INVALID, &error, says);
    unsetenv(variable);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refuses("OWN_THREADS", "0", "THREADS");
    refuses("OWN_THREADS", "1025", "1 to 1024");
    refuses("OWN_THREADS", "-1", "'-1'");
    refuses("OWN_THREADS", "4x", "'4x'");
    refuses("LC_LOG", "Info", "debug, info, warn");
    refuses("LC_RESPONSE_MODE", "stream", "buffered nor streaming");
    refuses("OWN_CLOCK", "/no/such/file", "the setting CLOCK: '/no/such/file'");
}

#define SETTINGS_TEST(function) cmocka_unit_test_setup_teardown(function, clear, unit_arena_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(what_holds_unless_set), SETTINGS_TEST(metrics_are_emf_or_none), SETTINGS_TEST(the_own_prefix_comes_first),
        SETTINGS_TEST(everything_is_read),    SETTINGS_TEST(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
