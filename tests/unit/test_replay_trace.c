/* Traces: what is written reads back as it was, and what is wrong in one is named by its line. */
#include "lib/replay/trace.h"
#include "tests/unit/unit.h"

static const struct trace_recipe RECIPE = {.seed = 3, .lans = 4, .apps = 50, .requests = 3000};

static enum status read_text(struct arena *arena, const char *text, int64_t unit, struct trace *trace, struct error *error)
{
    FILE *file = fmemopen(arena_cstr(arena, str_of(text)), strlen(text), "r");
    assert_non_null(file);
    enum status status = trace_read(arena, file, unit, &(struct trace_sample){.most = SIZE_MAX}, trace, error);
    fclose(file);
    return status;
}

static char *written(struct arena *arena, const struct trace *trace, int64_t unit)
{
    char *text = NULL;
    size_t length = 0;
    struct error error;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    assert_ok(trace_write(trace, file, unit, &error), &error);
    fclose(file);
    char *copy = arena_cstr(arena, str_make(text, length));
    free(text);
    return copy;
}

static void assert_same(const struct trace *one, const struct trace *other)
{
    assert_int_equal(one->count, other->count);
    assert_int_equal(one->objects, other->objects);
    assert_int_equal(one->lans, other->lans);
    assert_int_equal(one->bytes, other->bytes);
    assert_memory_equal(one->sizes, other->sizes, one->objects * sizeof *one->sizes);
    assert_memory_equal(one->working_set, other->working_set, one->lans * sizeof *one->working_set);
    for (size_t i = 0; i < one->count; i++) {
        const struct trace_request *a = &one->requests[i], *b = &other->requests[i];
        assert_true(a->time == b->time && a->lan == b->lan && a->object == b->object);
    }
}

static void what_is_written_reads_back(void **state)
{
    static const int64_t units[] = {CLOCK_SECOND, 1};
    struct trace made, again;
    struct error error;
    assert_ok(trace_make(*state, &RECIPE, &made, &error), &error);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(read_text(*state, written(*state, &made, units[i]), units[i], &again, &error), &error);
        assert_same(&made, &again);
    }
}

static void names_and_blanks_are_taken(void **state)
{
    struct trace trace;
    struct error error;
    assert_ok(read_text(*state, "# time id size lan\n1 b 7 shop-2\n1, a, 9, shop-1\n\n3,b,8,shop-2\n", CLOCK_MINUTE, &trace, &error),
              &error);
    assert_string_equal(written(*state, &trace, CLOCK_MINUTE), "time,id,size,lan\n1,0,8,0\n1,1,9,1\n3,0,8,0\n");
    assert_int_equal(trace.working_set[0], 8);
    assert_int_equal(trace.bytes, 25);
}

/* LANs and ids with blanks or commas stay what they are. */
static void commas_alone_part_fields_where_there_are_any(void **state)
{
    struct trace trace;
    struct error error;
    assert_ok(read_text(*state,
                        "1,a b,7,shop one\n2, a c ,7, shop two\n3,a b,7,shop one \n"
                        "4,\"a, b\",7,\"shop, one\"\n5,\"a, b\",7,\"shop, two\"\n6\ta\t7\tshop\n7 a 7  shop \n8,a,7,\n9 a 7\n",
                        CLOCK_SECOND, &trace, &error),
              &error);
    static const uint32_t expected[][2] = {{0, 0}, {1, 1}, {0, 0}, {2, 2}, {2, 3}, {3, 4}, {3, 4}, {3, 5}, {3, 5}};
    for (size_t i = 0; i < trace.count; i++) {
        assert_int_equal(trace.requests[i].object, expected[i][0]);
        assert_int_equal(trace.requests[i].lan, expected[i][1]);
    }
    assert_int_equal(trace.count, 9);
}

static void fractions_are_whole_ms_rounded_down(void **state)
{
    static const struct {
        const char *time;
        int64_t unit, expected;
    } times[] = {
        {"1.5", CLOCK_SECOND, 1500},
        {"1.001", CLOCK_SECOND, 1001},
        {"0.29", CLOCK_SECOND, 290},
        {"1.0019999999999999999999", CLOCK_SECOND, 1001},
        {"7.", CLOCK_SECOND, 7000},
        {"7.9", 1, 7},
        {"0.99999999999", CLOCK_MINUTE, 59999},
        {"1.25", CLOCK_DAY, 108000000},
        {"3.0", 1, 3},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct trace trace;
        struct error error;
        const char *text = arena_printf(*state, "%s,a,1\n", times[i].time).data;
        assert_ok(read_text(*state, text, times[i].unit, &trace, &error), &error);
        assert_int_equal(trace.requests[0].time, times[i].expected);
    }
}

static void what_stands_before_the_first_request_is_passed_over(void **state)
{
    static const char *const beginnings[] = {
        "\"time\",\"id\",\"size\"\r\n",
        "\xef\xbb\xbftime,id,size\n",
        "\xef\xbb\xbf",
        "# made by hand\n# in seconds\n\n",
        "\xef\xbb\xbf# made by hand\r\n\r\n  # in seconds\r\n\"time\",\"id\",\"size\"\r\n# and a\r\n",
    };
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        struct trace trace;
        struct error error;
        const char *text = arena_printf(*state, "%s1,a,5\r\n\r\n\"2\",\"a\",\"5\"\r\n", beginnings[i]).data;
        assert_ok(read_text(*state, text, CLOCK_SECOND, &trace, &error), &error);
        assert_true(trace.count == 2 && trace.objects == 1 && trace.bytes == 10);
    }
}

static void a_unit_that_does_not_fit_is_refused(void **state)
{
    struct trace trace;
    struct error error;
    assert_ok(read_text(*state, "61,a,1\n", CLOCK_SECOND, &trace, &error), &error);
    FILE *file = fopen("/dev/null", "we");
    assert_non_null(file);
    assert_error(trace_write(&trace, file, CLOCK_MINUTE, &error), STATUS_INVALID, &error, "no whole numbers of the time column's unit");
    fclose(file);
}

static void what_cannot_be_written_is_said(void **state)
{
    struct trace made;
    struct error error;
    assert_ok(trace_make(*state, &RECIPE, &made, &error), &error);
    FILE *file = fopen("/dev/full", "we");
    assert_non_null(file);
    assert_int_not_equal(trace_write(&made, file, CLOCK_SECOND, &error), STATUS_OK);
    assert_says(&error, "writing the trace: No space left");
    fclose(file);
}

static void lines_that_are_wrong_are_named(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"time,id,size\n", "the trace has no requests"},
        {"1,a,1\nx,a,1\n", "line 2: must be time, id, size"},
        {"1,a\n", "line 1: must be time"},
        {"1,a,-1\n", "line 1: must be time"},
        {"1,a,9007199254740993\n", "line 1: must be time"},
        {"9007199254740993,a,1\n", "line 1: must be time"},
        {"2,a,1\n1,a,1\n", "line 2: its time is before"},
        {"1.5,a,1\n1.499,a,1\n", "line 2: its time is before that"},
        {"-1,a,1\n", "line 1: its time is before 0"},
        {"1.-5,a,1\n", "line 1: must be time"},
        {"1.5e3,a,1\n", "line 1: must be time"},
        {"time,id,size\ntime,id,size\n1,a,1\n", "line 2: must be time"},
        {"\"\n1,a,1\n", "line 1: must be time"},
        {"1,a,1\n# b\n", "line 2: must be time"},
        {"1,a,1\n2,\"a,1\n", "line 2: a quoted field has no end"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct trace trace;
        struct error error = {0};
        assert_error(read_text(*state, wrong[i].text, CLOCK_SECOND, &trace, &error), STATUS_INVALID, &error, wrong[i].words);
    }
}

/* 2^53 bytes, 1,023 times; one request more asks for as much again. */
static void more_bytes_than_can_be_counted_are_refused(void **state)
{
    struct trace trace;
    struct error error;
    struct str most = S("");
    for (int i = 0; i < 1023; i++) most = arena_join(*state, most, S("1,a,9007199254740992\n"));
    assert_ok(read_text(*state, most.data, CLOCK_SECOND, &trace, &error), &error);
    assert_true(trace.bytes == UINT64_C(1023) << 53);
    struct str more = arena_join(*state, most, S("1,a,1\n"));
    assert_error(read_text(*state, more.data, CLOCK_SECOND, &trace, &error), STATUS_TOO_LARGE, &error,
                 "ask for more than 9223372036854775807");
}

/* Packages are kept whole or not at all, and what is kept is numbered as if nothing else had been. */
static void a_sample_keeps_whole_packages(void **state)
{
    enum { OBJECTS = 2000, EACH = 3 };
    struct trace_sample sample = {.most = 1000}, one = {.most = 1};
    struct trace trace;
    struct error error;
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int i = 0; i < OBJECTS * EACH; i++) fprintf(file, "%d,o%d,%d,x\n", i, i % OBJECTS, 1 + i % OBJECTS);
    rewind(file);
    assert_ok(trace_read(*state, file, CLOCK_SECOND, &sample, &trace, &error), &error);
    assert_true(trace.count <= 1000 && trace.count > 500);
    assert_int_equal(trace.count, EACH * trace.objects);
    assert_true(sample.share == 0.125 && sample.asked == (double)trace.count / (OBJECTS * EACH));
    assert_int_equal(trace.pairs, trace.objects);
    for (uint32_t i = 0; i < trace.objects; i++) assert_int_equal(trace.requests[i].object, i);
    rewind(file);
    assert_int_equal(trace_read(*state, file, CLOCK_SECOND, &one, &trace, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "take a larger sample"));
    fclose(file);
}

static struct trace thinned(struct arena *arena, uint32_t lans, struct trace_sample *sample)
{
    const struct trace_recipe recipe = {.seed = 3, .lans = lans, .apps = 50, .requests = 3000};
    struct trace trace;
    struct error error;
    assert_ok(trace_make(arena, &recipe, &trace, &error), &error);
    assert_ok(trace_thin(arena, sample, &trace, &error), &error);
    return trace;
}

/* As many whole LANs as fit: each has some 750 of 3,000 requests. */
static void a_week_is_sampled_by_lans(void **state)
{
    struct trace_sample none = {.most = 3000}, two = {.most = 1700}, few = {.most = 1};
    struct trace whole = thinned(*state, 4, &none), half = thinned(*state, 4, &two);
    assert_true(whole.count == 3000 && whole.lans == 4 && none.share == 1 && none.asked == 1);
    assert_true(half.lans == 2 && half.count <= 1700 && half.count > 1300);
    assert_true(two.share == 1 && two.asked == (double)half.count / 3000);
    assert_true(half.working_set[0] == whole.working_set[0] && half.bytes < whole.bytes);
    struct error error;
    assert_error(trace_thin(*state, &few, &whole, &error), STATUS_INVALID, &error, "take a larger sample");
}

/* What one LAN has too many of is sampled as reading does it. */
static void the_packages_of_one_lan_are_sampled_as_those_that_are_read(void **state)
{
    struct trace_sample all = {.most = SIZE_MAX}, most = {.most = 1000}, again = {.most = 1000};
    struct trace whole = thinned(*state, 1, &all), thin = thinned(*state, 1, &most), read;
    struct error error;
    char *text = written(*state, &whole, CLOCK_SECOND);
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_non_null(file);
    assert_ok(trace_read(*state, file, CLOCK_SECOND, &again, &read, &error), &error);
    fclose(file);
    assert_true(thin.count <= 1000 && most.share < 1 && most.share == again.share && most.asked == again.asked);
    assert_same(&thin, &read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(what_is_written_reads_back),
        test_with_arena(names_and_blanks_are_taken),
        test_with_arena(a_unit_that_does_not_fit_is_refused),
        test_with_arena(what_cannot_be_written_is_said),
        test_with_arena(lines_that_are_wrong_are_named),
        test_with_arena(commas_alone_part_fields_where_there_are_any),
        test_with_arena(fractions_are_whole_ms_rounded_down),
        test_with_arena(more_bytes_than_can_be_counted_are_refused),
        test_with_arena(what_stands_before_the_first_request_is_passed_over),
        test_with_arena(a_sample_keeps_whole_packages),
        test_with_arena(a_week_is_sampled_by_lans),
        test_with_arena(the_packages_of_one_lan_are_sampled_as_those_that_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
