#include "tests/unit/unit.h"

#include <jansson.h>

#include "lib/http/problem.h"

static void free_json(void *context)
{
    json_decref(context);
}

static json_t *parsed(struct arena *arena, struct str text)
{
    json_error_t error;
    json_t *json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json) fail_msg("%s in '" STR_FMT "'", error.text, STR_ARG(text));
    arena_defer(arena, free_json, json);
    return json;
}

static void tells_the_problem(void **state)
{
    struct str text = http_problem(*state, 404, "unknown-channel", S("there is no channel 'x'"), S("req-1"));
    assert_str(text, S("{\"type\":\"unknown-channel\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"there is no channel "
                       "'x'\",\"instance\":\"req-1\"}\n"));
    text = http_problem(*state, 500, "internal", (struct str){NULL, 0}, (struct str){NULL, 0});
    assert_str(text, S("{\"type\":\"internal\",\"title\":\"Internal Server Error\",\"status\":500,\"detail\":\"\"}\n"));
}

static void escapes_what_it_is_given(void **state)
{
    struct str hostile = S("\",\"status\":200,\"a\":\"\\\r\n\0\x1b");
    json_t *json = parsed(*state, http_problem(*state, 400, "x", hostile, S("\"}"))), *detail = json_object_get(json, "detail");
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 400);
    assert_str(str_make(json_string_value(detail), json_string_length(detail)), hostile);
    assert_string_equal(json_string_value(json_object_get(json, "instance")), "\"}");
    assert_int_equal(json_object_size(json), 5);
}

/* Whatever the length and the bytes, it is whole JSON. */
static void stays_whole(void **state)
{
    static const char *const units[] = {"\x01", "\"", "\xff", "\xe4\xbd\xa0", "x"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char text[3000];
        size_t unit = strlen(units[i]);
        for (size_t k = 0; k < sizeof text / unit; k++) memcpy(text + k * unit, units[i], unit);
        struct str all = str_make(text, sizeof text / unit * unit);
        json_t *json = parsed(*state, http_problem(*state, 400, "x", all, all));
        assert_true(json_string_length(json_object_get(json, "detail")) >= 1024);
        assert_true(json_string_length(json_object_get(json, "instance")) >= 256);
    }
}

/* 1024 is in the middle of a character: the others survive. */
static void cuts_a_text_between_characters(void **state)
{
    char text[1026];
    for (size_t i = 0; i < 342; i++) memcpy(text + 3 * i, "\xe4\xbd\xa0", 3);
    json_t *json = parsed(*state, http_problem(*state, 400, "x", str_make(text, sizeof text), S("")));
    const char *detail = json_string_value(json_object_get(json, "detail"));
    assert_memory_equal(detail, text, 1023);
    assert_string_equal(detail + 1023, "\xef\xbf\xbd");
}

static void knows_the_reasons(void **state)
{
    (void)state;
    static const int known[] = {400, 403, 404, 405, 412, 413, 414, 416, 500, 501, 502, 503, 504};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) assert_string_not_equal(http_reason(known[i]), "Error");
    assert_string_equal(http_reason(416), "Range Not Satisfiable");
    assert_string_equal(http_reason(0), "Error");
    assert_string_equal(http_reason(-1), "Error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tells_the_problem),  test_with_arena(escapes_what_it_is_given),
        test_with_arena(stays_whole),        test_with_arena(cuts_a_text_between_characters),
        cmocka_unit_test(knows_the_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
