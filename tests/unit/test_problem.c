/* The one form of errors, and the table of their types, which docs/problems.md repeats. */
#include "tests/unit/document.h"

#include <jansson.h>

#include "base/problem.h"
#include "functions/common/problems.h"
#include "lib/token/token.h"

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
    struct str text = problem_write(*state, 404, "unknown-channel", S("there is no channel 'x'"), S("req-1"));
    assert_str(text, S("{\"type\":\"unknown-channel\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"there is no channel "
                       "'x'\",\"instance\":\"req-1\"}\n"));
    text = problem_write(*state, 500, NULL, (struct str){NULL, 0}, (struct str){NULL, 0});
    assert_str(text, S("{\"type\":\"internal\",\"title\":\"Internal Server Error\",\"status\":500}\n"));
    text = problem_write(*state, 418, NULL, S(""), S("id"));
    assert_str(text, S("{\"type\":\"about:blank\",\"title\":\"Error\",\"status\":418,\"instance\":\"id\"}\n"));
}

static void escapes_what_it_is_given(void **state)
{
    struct str hostile = S("\",\"status\":200,\"a\":\"\\\r\n\0\x1b");
    json_t *json = parsed(*state, problem_write(*state, 400, "x", hostile, S("\"}"))), *detail = json_object_get(json, "detail");
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
        json_t *json = parsed(*state, problem_write(*state, 400, "x", all, all));
        assert_true(json_string_length(json_object_get(json, "detail")) >= 1024);
        assert_true(json_string_length(json_object_get(json, "instance")) >= 256);
    }
}

/* 1024 is in the middle of a character: the others survive. */
static void cuts_a_text_between_characters(void **state)
{
    char text[1026];
    for (size_t i = 0; i < 342; i++) memcpy(text + 3 * i, "\xe4\xbd\xa0", 3);
    json_t *json = parsed(*state, problem_write(*state, 400, "x", str_make(text, sizeof text), S("")));
    const char *detail = json_string_value(json_object_get(json, "detail"));
    assert_memory_equal(detail, text, 1023);
    assert_string_equal(detail + 1023, "\xef\xbf\xbd");
}

/* --- the table of types */

static const struct problem_row *row_of(const char *type)
{
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        if (strcmp(problems[i].type, type) == 0) return &problems[i];
    return NULL;
}

static void each_type_stands_once_and_has_a_known_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROBLEM_COUNT; i++) {
        assert_ptr_equal(row_of(problems[i].type), &problems[i]);
        assert_string_not_equal(problem_status_of(problems[i].status).title, "Error");
    }
}

/* What lambda-c answers by itself is in the table, but for statuses that only functions answer, with types of their own. */
static void types_of_statuses_mean_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < problem_statuses_count; i++) {
        const struct problem_status *known = &problem_statuses[i];
        const struct problem_row *row = row_of(known->type);
        if (known->status == 502 || known->status == 504) continue;
        assert_non_null(row);
        assert_int_equal(row->status, known->status);
    }
}

static void refusals_of_tokens_have_their_reasons_names(void **state)
{
    for (int reason = TOKEN_MALFORMED; reason < TOKEN_REASONS; reason++) {
        struct str type = arena_printf(*state, "token-%s", token_reason_name((enum token_reason)reason));
        assert_str(str_of(problems[PROBLEM_TOKEN_MALFORMED + (reason - TOKEN_MALFORMED)].type), type);
    }
}

static void the_page_is_the_table(void **state)
{
    struct str page = unit_document(*state, "docs/problems.md"), before = S("| type | status | what it means |\n| --- | --- | --- |\n");
    struct str rest = str_from(page, str_find_str(page, before) + before.length);
    for (size_t i = 0; i < PROBLEM_COUNT; i++) {
        struct str line = arena_printf(*state, "| `%s` | %d | %s |", problems[i].type, problems[i].status, problems[i].meaning);
        assert_str(str_cut(&rest, '\n'), line);
    }
    assert_str(str_cut(&rest, '\n'), S(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(tells_the_problem),
        test_with_arena(escapes_what_it_is_given),
        test_with_arena(stays_whole),
        test_with_arena(cuts_a_text_between_characters),
        cmocka_unit_test(each_type_stands_once_and_has_a_known_status),
        cmocka_unit_test(types_of_statuses_mean_the_same),
        test_with_arena(refusals_of_tokens_have_their_reasons_names),
        test_with_arena(the_page_is_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
