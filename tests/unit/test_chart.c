/* Charts are well-formed, stay in their frame, and say what they are given. */
#include "lib/chart/chart.h"
#include "tests/unit/unit.h"

static const double x[] = {0, 1, 2, 3}, y[] = {0, 10, 5, 40};

static struct chart sample(void)
{
    return (struct chart){.title = S("a < b & \"c\""),
                          .x_title = S("hours"),
                          .y_title = S("MB/s"),
                          .series = {{S("first"), x, y, 4, .area = true}},
                          .series_count = 1};
}

static bool has(struct str text, const char *part)
{
    return str_find_str(text, str_of(part)) < text.length;
}

static void titles_axes_and_legend_are_there(void **state)
{
    struct chart chart = sample();
    struct str svg = chart_svg(*state, &chart);
    assert_true(str_starts(svg, S("<svg xmlns=")) && str_ends(svg, S("</svg>\n")));
    assert_true(has(svg, ">a &lt; b &amp; &quot;c&quot;</text>"));
    assert_true(has(svg, ">hours</text>") && has(svg, ">MB/s</text>") && has(svg, ">first</text>"));
    assert_true(has(svg, ">40</text>") && has(svg, ">0.5</text>"));
    assert_true(has(svg, "<polygon"));
}

/* x from 76 to 936, y from 422 (0) up to 112 (the largest). */
static void points_are_where_they_belong(void **state)
{
    struct chart chart = sample();
    chart.series[0].area = false;
    struct str svg = chart_svg(*state, &chart);
    assert_true(has(svg, "points=\"76.0,422.0 362.7,344.5 649.3,383.2 936.0,112.0\""));
    assert_false(has(svg, "<polygon"));
}

static void what_is_above_is_cut_off(void **state)
{
    struct chart chart = sample();
    chart.y_most = 10;
    chart.line = (struct chart_tick){5, S("limit")};
    chart.mark = (struct chart_tick){2, S("now")};
    struct str svg = chart_svg(*state, &chart);
    assert_true(has(svg, "clip-path=\"url(#plot)\"") && has(svg, "936.0,-818.0"));
    assert_true(has(svg, ">limit</text>") && has(svg, ">now</text>") && has(svg, "y1=\"267.0\""));
}

/* Right of a dot in the left half, left of it in the right one. */
static void dots_have_names(void **state)
{
    static const struct str names[] = {{"zero", 4}, {"o<e", 3}, {"two", 3}, {"three", 5}};
    struct chart chart = sample();
    chart.series[0].labels = names;
    struct str svg = chart_svg(*state, &chart);
    assert_true(has(svg, "cx=\"362.7\" cy=\"344.5\"") && has(svg, "<text x=\"370.7\" y=\"348.5\" class=\"note\">o&lt;e</text>"));
    assert_true(has(svg, "cx=\"936.0\" cy=\"112.0\"") &&
                has(svg, "<text x=\"928.0\" y=\"116.0\" text-anchor=\"end\" class=\"note\">three</text>"));
    assert_false(has(svg, "<polyline") || has(svg, "<polygon") || has(svg, "class=\"axis\" x1=\"362.7\" y1=\"344.5\""));
}

/* The second and third of four at one place stand below the first; the fourth, at another height, just below them. */
static void names_of_dots_give_way(void **state)
{
    static const struct str names[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    static const double same[] = {1, 1, 1, 1}, heights[] = {20, 20, 20, 18};
    struct chart chart = sample();
    chart.series[0] = (struct chart_series){S("dots"), same, heights, 4, .labels = names};
    chart.series[chart.series_count++] = (struct chart_series){S("all"), x, y, 4, .area = false};
    struct str svg = chart_svg(*state, &chart);
    assert_true(has(svg, "x=\"370.7\" y=\"271.0\" class=\"note\">a<") && has(svg, "x=\"370.7\" y=\"284.0\" class=\"note\">b<"));
    assert_true(has(svg, "x=\"370.7\" y=\"297.0\" class=\"note\">c<") && has(svg, "x=\"370.7\" y=\"310.0\" class=\"note\">d<"));
    assert_true(has(svg, "class=\"axis\" x1=\"362.7\" y1=\"267.0\" x2=\"370.7\" y2=\"280.0\""));
}

/* A sum that is rounded is no reason to stay. */
static void names_give_way_at_every_height(void **state)
{
    static const struct str names[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    static const double same[] = {1, 1, 1};
    for (int i = 0; i < 2000; i++) {
        struct arena *arena = arena_new();
        double height = i / 50.0, heights[] = {height, height, height};
        struct chart chart = sample();
        chart.series[0] = (struct chart_series){S("dots"), same, heights, 3, .labels = names};
        assert_true(has(chart_svg(arena, &chart), ">c<"));
        arena_free(arena);
    }
    (void)state;
}

static void nothing_is_drawn_as_nothing(void **state)
{
    struct chart empty = {.series_count = 0}, flat = sample();
    static const double zeros[] = {0, 0, 0, 0};
    flat.series[0].x = flat.series[0].y = zeros;
    assert_false(has(chart_svg(*state, &empty), "nan"));
    assert_false(has(chart_svg(*state, &flat), "nan") || has(chart_svg(*state, &flat), "inf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(titles_axes_and_legend_are_there), test_with_arena(points_are_where_they_belong),
        test_with_arena(what_is_above_is_cut_off),         test_with_arena(dots_have_names),
        test_with_arena(names_of_dots_give_way),           test_with_arena(nothing_is_drawn_as_nothing),
        test_with_arena(names_give_way_at_every_height),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
