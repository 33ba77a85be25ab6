#include "tests/unit/unit.h"

#include <fcntl.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"

static int saved, ends[2];

/* What is written to stderr lands in a pipe until `captured`. */
static void capture(void)
{
    saved = dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static struct str captured(struct arena *arena)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    char *text = arena_alloc(arena, 32768);
    ssize_t length = read(ends[0], text, 32767);
    close(ends[0]);
    return str_make(text, length > 0 ? (size_t)length : 0);
}

/* 2026-11-22T10:00:00.123Z stands in front. */
static void assert_line(struct str line, struct str wanted)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z ";
    assert_true(line.length > 25);
    for (size_t i = 0; i < 25; i++) assert_true(shape[i] == '0' ? line.data[i] >= '0' && line.data[i] <= '9' : line.data[i] == shape[i]);
    assert_str(str_from(line, 25), wanted);
}

static const struct log plain, traced = {{"abc-1", 5}, {"1-2", 3}};

static void writes_a_line(void **state)
{
    capture();
    log_warn(plain, "%d of %s", 1, "x");
    assert_line(captured(*state), S("warn 1 of x\n"));
    capture();
    log_error((struct log){S("abc-1")}, "text");
    assert_line(captured(*state), S("error request=abc-1 text\n"));
    capture();
    log_error(traced, "text");
    assert_line(captured(*state), S("error request=abc-1 trace=1-2 text\n"));
    capture();
    log_info(plain, "%s", "");
    assert_line(captured(*state), S("info \n"));
}

static void stamps_with_the_real_clock(void **state)
{
    clock_set_now(0);
    capture();
    log_warn(plain, "x");
    assert_false(str_starts(captured(*state), S("1970")));
}

static void makes_control_bytes_visible(void **state)
{
    capture();
    log_warn((struct log){S("a\nb\x1b")}, "c\r\nd\te\x7f");
    assert_line(captured(*state), S("warn request=a?b? c??d?e?\n"));
}

static void cuts_long_lines(void **state)
{
    for (int length = 4050; length <= 4100; length++) {
        capture();
        log_warn(plain, "%0*d", length, 7);
        struct str line = captured(*state);
        assert_true(line.length <= 4096);
        assert_int_equal(str_find(line, '\n'), line.length - 1); /* one line, and its end is there */
        arena_reset(*state);
    }
    char id[300];
    memset(id, 'i', sizeof id);
    capture();
    log_warn((struct log){str_make(id, sizeof id)}, "text");
    assert_true(str_ends(captured(*state), S("iii text\n")));
}

/* --- JSON */

static void free_json(void *context)
{
    json_decref(context);
}

/* One line, one object. */
static json_t *captured_json(struct arena *arena)
{
    json_error_t error;
    struct str line = captured(arena);
    assert_int_equal(str_find(line, '\n'), line.length - 1);
    json_t *json = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json) fail_msg("%s in '" STR_FMT "'", error.text, STR_ARG(line));
    arena_defer(arena, free_json, json);
    return json;
}

static void assert_field(const json_t *json, const char *name, const char *value)
{
    const char *own = json_string_value(json_object_get(json, name));
    if (!own || strcmp(own, value) != 0) fail_msg("%s is '%s', not '%s'", name, own ? own : "", value);
}

static void writes_json(void **state)
{
    log_set_json(true);
    capture();
    log_warn(traced, "a \"word\"\nand %d", 1);
    json_t *json = captured_json(*state);
    assert_field(json, "level", "WARN");
    assert_field(json, "requestId", "abc-1");
    assert_field(json, "traceId", "1-2");
    assert_field(json, "message", "a \"word\"\nand 1");
    assert_int_equal(strlen(json_string_value(json_object_get(json, "timestamp"))), strlen("2026-11-22T10:00:00.123Z"));
    capture();
    log_info(plain, "text");
    assert_int_equal(json_object_size(captured_json(*state)), 3);
    log_set_json(false);
}

/* Whatever the bytes and the length. */
static void json_stays_whole(void **state)
{
    static const char *const units[] = {"\x01", "\"", "\xff", "\xe4\xbd\xa0", "x"};
    log_set_json(true);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char text[9000] = "";
        size_t unit = strlen(units[i]);
        for (size_t k = 0; k < (sizeof text - 1) / unit; k++) memcpy(text + k * unit, units[i], unit);
        const struct log log = {str_of(text), str_of(text)};
        capture();
        log_warn(log, "%s", text);
        assert_true(json_string_length(json_object_get(captured_json(*state), "message")) > 4000);
    }
    log_set_json(false);
}

static void heeds_its_level(void **state)
{
    assert_true(log_enabled(LOG_INFO) && !log_enabled(LOG_DEBUG)); /* at first */
    capture();
    log_debug(plain, "not to be seen");
    assert_int_equal(captured(*state).length, 0);
    log_set_level(LOG_ERROR);
    assert_true(log_enabled(LOG_ERROR) && !log_enabled(LOG_WARN));
    log_set_level(LOG_NONE);
    assert_false(log_enabled(LOG_ERROR));
    capture();
    log_error(plain, "not to be seen");
    assert_int_equal(captured(*state).length, 0);
    log_set_level(LOG_DEBUG);
    capture();
    log_debug(plain, "seen");
    assert_line(captured(*state), S("debug seen\n"));
    log_set_level(LOG_INFO);
}

static void reads_level_names(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error", "none"};
    enum log_level level;
    for (int i = 0; i < 5; i++) assert_true(log_level_parse(str_of(names[i]), &level) && (int)level == i);
    assert_false(log_level_parse(S("WARN"), &level));
    assert_false(log_level_parse(S(""), &level));
    assert_false(log_level_parse(S("warning"), &level));
    assert_int_equal(level, LOG_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(heeds_its_level),
        test_with_arena(writes_a_line),
        test_with_arena(stamps_with_the_real_clock),
        test_with_arena(makes_control_bytes_visible),
        test_with_arena(cuts_long_lines),
        test_with_arena(writes_json),
        test_with_arena(json_stays_whole),
        cmocka_unit_test(reads_level_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
