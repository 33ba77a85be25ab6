#include "tests/unit/unit.h"

#include <jansson.h>
#include <math.h>

#include "base/json.h"

static void commas_and_brackets_are_the_writers(void **state)
{
    struct buf out = buf_in(*state, 1000);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "app", S("GAME"));
    json_open_array(&json, "sizes");
    json_put_number(&json, NULL, UINT64_MAX);
    json_put_signed(&json, NULL, INT64_MIN);
    json_open_object(&json, NULL);
    json_close(&json);
    json_open_array(&json, NULL);
    json_put_bool(&json, NULL, true);
    json_close(&json);
    json_close(&json);
    json_put_null(&json, "none");
    json_put_text_if_any(&json, "left out", S(""));
    json_put_real(&json, "share", 0.1, 9);
    json_put_fixed(&json, "ratio", 0.5, 3);
    json_put_raw(&json, "raw", S("[1]"));
    json_put_word(&json, "word", "last");
    json_close(&json);
    assert_false(out.overflow);
    assert_str(buf_str(&out),
               S("{\"app\":\"GAME\",\"sizes\":[18446744073709551615,-9223372036854775808,{},[true]],\"none\":null,\"share\":0.1,"
                 "\"ratio\":0.500,\"raw\":[1],\"word\":\"last\"}"));
}

static void what_is_missing_is_null(void **state)
{
    struct buf out = buf_in(*state, 1000);
    struct json_writer json = json_writer(&out);
    json_open_array(&json, NULL);
    json_put_number_or_null(&json, NULL, true, 0);
    json_put_number_or_null(&json, NULL, false, 7);
    json_put_real_or_null(&json, NULL, true, 0.25, 9);
    json_put_real_or_null(&json, NULL, false, 0.25, 9);
    json_close(&json);
    assert_str(buf_str(&out), S("[0,null,0.25,null]"));
}

static void values_may_begin_lines(void **state)
{
    struct buf out = buf_in(*state, 1000);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    for (int i = 0; i < 2; i++) {
        json_new_line(&json);
        json_name(&json, i ? S("b\"") : S("a"));
        json_put_number(&json, NULL, 1);
    }
    json_close(&json);
    assert_str(buf_str(&out), S("{\n\"a\":1,\n\"b\\\"\":1}"));
}

static void a_value_stands_alone(void **state)
{
    struct buf out = buf_in(*state, 10);
    struct json_writer json = json_writer(&out);
    json_put_text(&json, NULL, S("x"));
    assert_str(buf_str(&out), S("\"x\""));
}

static void data_is_never_changed(void **state)
{
    static const struct str bad[] = {{"\xff", 1}, {"a\xc3", 2}, {"\xed\xa0\x80", 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf text = buf_in(*state, 100), name = buf_in(*state, 100), lossy = buf_in(*state, 100);
        struct json_writer json = json_writer(&text), named = json_writer(&name), loose = json_writer(&lossy);
        json_put_text(&json, NULL, bad[i]);
        assert_true(text.overflow);
        json_open_object(&named, NULL);
        json_name(&named, bad[i]);
        assert_true(name.overflow);
        json_put_lossy(&loose, NULL, bad[i]);
        assert_false(lossy.overflow);
    }
}

static void what_json_cannot_say_is_refused(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf real = buf_in(*state, 1000), fixed = buf_in(*state, 1000);
        struct json_writer json = json_writer(&real), other = json_writer(&fixed);
        json_put_real(&json, NULL, bad[i], 9);
        json_put_fixed(&other, NULL, bad[i], 3);
        assert_true(real.overflow && fixed.overflow);
    }
    struct buf large = buf_in(*state, 1000);
    struct json_writer json = json_writer(&large);
    json_put_fixed(&json, NULL, -1.7976931348623157e308, 17);
    assert_false(large.overflow);
    assert_true(large.length > 309);
}

static void what_does_not_fit_is_told(void **state)
{
    struct buf out = buf_in(*state, 8);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "name", S("value"));
    json_close(&json);
    assert_true(out.overflow);
}

static void depth_is_bounded(void **state)
{
    struct buf out = buf_in(*state, 1000);
    struct json_writer json = json_writer(&out);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) json_open_array(&json, NULL);
    assert_false(out.overflow);
    json_open_array(&json, NULL);
    assert_true(out.overflow);
}

/* Whatever is written, another reader reads the same. */
static void random_texts_are_read_back(void **state)
{
    srand(7);
    for (int round = 0; round < 2000; round++) {
        struct buf out = buf_in(*state, 4096);
        struct json_writer json = json_writer(&out);
        char text[40];
        size_t length = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < length; i++) text[i] = (char)(1 + rand() % 127);
        json_open_array(&json, NULL);
        json_put_text(&json, NULL, str_make(text, length));
        json_close(&json);
        json_t *read = json_loadb(out.data, out.length, 0, NULL);
        assert_non_null(read);
        const json_t *value = json_array_get(read, 0);
        assert_str(str_make(json_string_value(value), json_string_length(value)), str_make(text, length));
        json_decref(read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(commas_and_brackets_are_the_writers),
        test_with_arena(what_is_missing_is_null),
        test_with_arena(values_may_begin_lines),
        test_with_arena(a_value_stands_alone),
        test_with_arena(data_is_never_changed),
        test_with_arena(what_json_cannot_say_is_refused),
        test_with_arena(what_does_not_fit_is_told),
        test_with_arena(depth_is_bounded),
        test_with_arena(random_texts_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
