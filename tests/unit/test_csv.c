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
    assert_status(csv_next(&csv, *state, &row, &error), STATUS_NOT_FOUND);
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

static void assert_fields(struct arena *arena, struct csv *csv, size_t line, const char *first, const char *second)
{
    struct csv_row row = next(arena, csv);
    assert_int_equal(row.line, line);
    assert_int_equal(row.count, second ? 2 : 1);
    assert_str(row.fields[0], str_of(first));
    if (second) assert_str(row.fields[1], str_of(second));
}

static void assert_end(struct arena *arena, struct csv *csv)
{
    struct csv_row row;
    struct error error;
    assert_status(csv_next(csv, arena, &row, &error), STATUS_NOT_FOUND);
}

static void lines_end_in_three_ways(void **state)
{
    struct csv csv = csv_of(S("a,1\rb,2\r\r\nc,\"x\ry\"\nd,4\r"));
    assert_fields(*state, &csv, 1, "a", "1");
    assert_fields(*state, &csv, 2, "b", "2");
    assert_fields(*state, &csv, 4, "c", "x\ry");
    assert_fields(*state, &csv, 6, "d", "4");
    assert_end(*state, &csv);
}

static void blank_lines_are_skipped(void **state)
{
    struct csv csv = csv_of(S("  \n\t\r\na\n \n \n b\n  "));
    assert_fields(*state, &csv, 3, "a", NULL);
    assert_fields(*state, &csv, 6, " b", NULL);
    assert_end(*state, &csv);
}

static void remarks(void **state)
{
    struct csv csv = csv_of(S("# a list\nmeituan # x, \"y\n91com#z\n  # more\na,b # c\n\"d\"#e\n#"));
    csv.remarks = CSV_REMARKS;
    assert_fields(*state, &csv, 2, "meituan ", NULL);
    assert_fields(*state, &csv, 3, "91com", NULL);
    assert_fields(*state, &csv, 5, "a", "b # c");
    assert_fields(*state, &csv, 6, "d", NULL);
    assert_end(*state, &csv);
}

static void remarks_on_lines_of_their_own(void **state)
{
    struct csv csv = csv_of(S("#x\na#b,c\n"));
    csv.remarks = CSV_REMARK_LINES;
    assert_fields(*state, &csv, 2, "a#b", "c");
    csv = csv_of(S("#x,y\n"));
    assert_fields(*state, &csv, 1, "#x", "y");
}

static void text_that_is_not_utf8(void **state)
{
    struct error error;
    (void)state;
    assert_ok(csv_check_text(S("a,\xe5\x8d\x8e\r\n"), &error), &error);
    assert_ok(csv_check_text(S(""), &error), &error);
    assert_error(csv_check_text(S("a\r\nb\rc\xbb\xaa\n"), &error), STATUS_INVALID, &error, "line 3: the byte 0xbb is not UTF-8");
    assert_error(csv_check_text(S("\xff\xfeh\0i\0"), &error), STATUS_INVALID, &error, "the file is UTF-16");
    assert_error(csv_check_text(S("\xfe\xff\0h\0i"), &error), STATUS_INVALID, &error, "the file is UTF-16");
    assert_error(csv_check_text(S("h\0i\0"), &error), STATUS_INVALID, &error, "the file is UTF-16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {test_with_arena(rows),
                                       test_with_arena(refused),
                                       test_with_arena(lines_end_in_three_ways),
                                       test_with_arena(blank_lines_are_skipped),
                                       test_with_arena(remarks),
                                       test_with_arena(remarks_on_lines_of_their_own),
                                       test_with_arena(text_that_is_not_utf8)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
