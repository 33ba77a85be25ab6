#include "tests/unit/unit.h"

#include "base/csv.h"

static struct csv_row next(struct arena *arena, struct csv *csv)
{
    struct csv_row row;
    struct error error;
    assert_ok(csv_next(csv, arena, &row, &error), &error);
    return row;
}

static void rows(void **state)
{
    struct csv csv = csv_of(S("\xef\xbb\xbf"
                              "a,b\r\n\r\n\"x, \"\"y\"\"\",\"two\nlines\"\nlast,"));
    struct csv_row row = next(*state, &csv);
    assert_int_equal(row.count, 2);
    assert_str(row.fields[0], S("a"));
    row = next(*state, &csv);
    assert_int_equal(row.line, 3);
    assert_str(row.fields[0], S("x, \"y\""));
    assert_str(row.fields[1], S("two\nlines"));
    row = next(*state, &csv);
    assert_int_equal(row.line, 5);
    assert_int_equal(row.count, 2);
    assert_str(row.fields[1], S(""));
    struct error error;
    assert_int_equal(csv_next(&csv, *state, &row, &error), STATUS_NOT_FOUND);
}

static void refused(void **state)
{
    struct csv_row row;
    struct error error;
    struct csv open = csv_of(S("a\n\"b")), behind = csv_of(S("\"a\"b"));
    next(*state, &open);
    assert_error(csv_next(&open, *state, &row, &error), STATUS_INVALID, &error, "line 2: a quoted field has no end");
    assert_error(csv_next(&behind, *state, &row, &error), STATUS_INVALID, &error, "behind a closing quote");
    char commas[CSV_FIELDS_MAXIMUM + 1];
    memset(commas, ',', sizeof commas);
    struct csv wide = csv_of(str_make(commas, sizeof commas));
    assert_error(csv_next(&wide, *state, &row, &error), STATUS_INVALID, &error, "over 64 fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(rows), test_with_arena(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
