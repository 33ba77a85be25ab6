#include "base/json.h"
#include "lib/report/report.h"
#include "lib/store/store.h"
#include "tests/unit/scratch_store.h"

#include <jansson.h>

static const char HOSTILE[] = "</script><script>&\xe2\x80\xa8\xe2\x80\xa9";

static void put(struct store *store, struct arena *arena, const char *key, struct str body)
{
    struct error error;
    struct io io = {.arena = arena, .deadline = deadline_in(10000)};
    assert_ok(store_put(store, io, str_of(key), body, &(struct store_put){0}, NULL, &error), &error);
}

static void test_names_end_no_script(void **state)
{
    struct arena *arena = arena_new();
    struct buf page = buf_in(arena, REPORT_PAGE_LIMIT), json = buf_in(arena, 4096);
    (void)state;
    json_quote(&json, str_of(HOSTILE));
    report_write(&page, buf_str(&json));
    struct str text = buf_str(&page), begin = S("id=\"data\">");
    struct str island = str_from(text, str_find_str(text, begin) + begin.length);
    island = str_first(island, str_find_str(island, S("</script>")));
    assert_int_equal(str_find(island, '<') + str_find(island, '>') + str_find(island, '&'), 3 * island.length);
    assert_int_equal(str_find_str(island, S("\xe2\x80")), island.length);
    json_t *read = json_loadb(island.data, island.length, JSON_DECODE_ANY, NULL);
    assert_string_equal(json_string_value(read), HOSTILE);
    json_decref(read);
    arena_free(arena);
}

static void test_collects(void **state)
{
    struct arena *arena = arena_new();
    struct store *store = scratch_store(arena);
    struct error error;
    struct str text;
    int64_t now;
    (void)state;
    assert_true(clock_parse_time(S("2026-11-30T12:00:00Z"), &now));
    put(store, arena, "edges/a.json",
        S("{\"edge\":\"a\",\"address\":\"192.168.0.5\",\"lans\":[\"192.168.0.0/24\"],\"store\":\"pull\",\"location\":[31.2,121.5]}"));
    put(store, arena, "edges/b.json",
        S("{\"edge\":\"b\",\"address\":\"192.168.1.5\",\"lans\":[\"192.168.1.0/24\"],\"store\":\"pull\",\"location\":[31.2,121.5]}"));
    put(store, arena, "decisions/2026-11-30/100000-1.jsonl", S("{\"edge\":\"a\",\"n\":1}\nnonsense\n{\"edge\":\"</script>\",\"n\":2}\n"));
    put(store, arena, "decisions/2026-11-30/110000-1.jsonl", S("{\"edge\":\"a\",\"n\":3}\n"));
    put(store, arena, "decisions/2026-11-20/110000-1.jsonl", S("{\"edge\":\"a\",\"n\":4}\n"));
    struct report_question question = {store, {.arena = arena, .deadline = deadline_in(10000)}, now};
    assert_ok(report_collect(&question, &text, &error), &error);
    json_t *all = json_loadb(text.data, text.length, 0, NULL), *decisions = json_object_get(all, "decisions");
    json_t *edges = json_object_get(all, "edges"), *map = json_object_get(edges, "map");
    assert_int_equal(json_integer_value(json_object_get(edges, "count")), 2);
    assert_int_equal(json_array_size(map), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(map, 0), "edges")), 2);
    assert_int_equal(json_array_size(decisions), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(decisions, i), "n")), 3 - (json_int_t)i);
    json_t *days = json_object_get(json_object_get(all, "demand"), "days");
    assert_int_equal(json_array_size(days), 7);
    assert_string_equal(json_string_value(json_object_get(json_array_get(days, 6), "day")), "2026-11-30");
    json_decref(all);
    arena_free(arena);
}

static json_t *collected(struct arena *arena, struct store *store)
{
    struct error error;
    struct str text;
    struct report_question question = {store, {.arena = arena, .deadline = deadline_in(10000)}, INT64_C(1796040000000)};
    assert_ok(report_collect(&question, &text, &error), &error);
    assert_in_range(text.length, 1, REPORT_JSON_LIMIT - 1);
    return json_loadb(text.data, text.length, 0, NULL);
}

static void test_a_damaged_release_hides_no_other(void **state)
{
    struct arena *arena = arena_new();
    struct store *store = scratch_store(arena);
    (void)state;
    put(store, arena, "releases/BAD/9999999999999999", S("{"));
    put(store, arena, "releases/GOOD/9999999999999999", S("{\"app\":\"GOOD\",\"current\":\"1.0\",\"staged\":[]}\n"));
    json_t *all = collected(arena, store), *shown = json_object_get(json_object_get(all, "apps"), "shown");
    assert_int_equal(json_array_size(shown), 2);
    assert_non_null(json_object_get(json_array_get(shown, 0), "damaged"));
    json_t *good = json_object_get(json_array_get(shown, 1), "release");
    assert_string_equal(json_string_value(json_object_get(good, "current")), "1.0");
    json_decref(all);
    arena_free(arena);
}

/* A line may have 2,048 bytes; so many of them would not fit. */
static void test_a_list_ends_where_the_page_would_be_too_large(void **state)
{
    struct arena *arena = arena_new();
    struct store *store = scratch_store(arena);
    struct buf lines = buf_in(arena, 2 << 20);
    (void)state;
    for (int i = 0; i < 600; i++) buf_printf(&lines, "{\"edge\":\"%01900d\",\"n\":%d}\n", 0, i);
    put(store, arena, "decisions/2026-11-30/100000-1.jsonl", buf_str(&lines));
    put(store, arena, "alerts/2026-11-30/100000-1.jsonl", buf_str(&lines));
    json_t *all = collected(arena, store), *decisions = json_object_get(all, "decisions");
    assert_in_range(json_array_size(decisions), 150, 160);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(decisions, 0), "n")), 599);
    json_decref(all);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_end_no_script),
        cmocka_unit_test(test_collects),
        cmocka_unit_test(test_a_damaged_release_hides_no_other),
        cmocka_unit_test(test_a_list_ends_where_the_page_would_be_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
