#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/simulate.h"
#include "lib/chart/chart.h"
#include "lib/fleet/fleet.h"

static const int64_t LIFE_MOST = CLOCK_DAY, SPAN_MOST = 30 * (int64_t)CLOCK_DAY, VIEWS_MOST = 100000000;

static struct str svg_path, nodes_text, changes_text, views_text, seed_text;
static int64_t span = -1, page_life = -1, purge = -1;
static bool json;

static const struct command_option options[] = {
    {"nodes", 'n', OPTION_TEXT, &nodes_text, "COUNT", "first-level nodes, in five regions (default 100)"},
    {"changes", 0, OPTION_TEXT, &changes_text, "COUNT", "resources that change meanwhile (default 40)"},
    {"views", 0, OPTION_TEXT, &views_text, "COUNT", "page views a second, of all nodes together (default 60)"},
    {"span", 0, OPTION_SPAN, &span, "SPAN", "length of the simulation, after an hour in which caches fill (default 4h)"},
    {"page-life", 0, OPTION_SPAN, &page_life, "SPAN", "how long caches keep a page (default 1m)"},
    {"purge", 0, OPTION_SPAN, &purge, "SPAN", "how long a purge takes to reach a node, on the average (default 1m)"},
    {"seed", 0, OPTION_TEXT, &seed_text, "NUMBER", "another seed makes another site (default 1)"},
    {"svg", 0, OPTION_TEXT, &svg_path, "FILE.svg", "draw how nodes come to serve what is new"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print numbers and curves as JSON"},
};
static const struct command command = {
    .name = "simulate token",
    .arguments = "",
    .summary =
        "Changes resources of a site behind a fleet of caches: how soon the last node serves the new copy, and what the origin sends, "
        "with tokens, with purges and with content-hashed names.",
    .example = "pakhus simulate token --nodes 200 --svg fleet.svg",
    COMMAND_OPTIONS(options),
};

/* Bytes that were sent because of changes. */
static double origin_extra(const struct fleet_result *result, const struct fleet_run *run)
{
    return run->origin - result->run[FLEET_NOTHING].origin;
}

static double part(double some, double all)
{
    return all > 0 ? some / all : 0;
}

/* --- the table */

static void print_table(const struct fleet_result *result)
{
    printf("                    the last node's last   old answers            first    from the origin     old versions\n");
    printf("                    old answer, after      to views   to links    level    all     for changes  left in a node\n");
    printf("                    median     most                               hits\n");
    for (int way = 0; way < FLEET_WAYS; way++) {
        const struct fleet_run *run = &result->run[way];
        printf("%-18s %6.0f s %6.0f s  %9.4f %%  %6.2f %%  %6.2f %%  %6.0f MB  %6.1f MB     %6.2f MB\n", run->name, run->last_median,
               run->last_most, part(run->old, run->answers) * 100, part(run->outside_old, run->outside) * 100, run->hits * 100,
               run->origin / 1e6, origin_extra(result, run) / 1e6, run->left_over / 1e6);
    }
}

static void print_notes(struct arena *arena, const struct fleet_plan *plan)
{
    fprintf(stderr, "%u nodes in %u regions, %u changes, %g page views a second for %s; pages live for %s, a purge takes %s. ", plan->nodes,
            plan->regions, plan->changes, plan->views, clock_format_span(arena, plan->span).data,
            clock_format_span(arena, plan->page_life).data, clock_format_span(arena, plan->purge).data);
    fprintf(stderr, "Links are requests from elsewhere, with the URL as it was before all changes.\n");
}

/* --- JSON */

static void put_way(struct json_writer *all, const struct fleet_result *result, const struct fleet_run *run)
{
    json_open_object(all, NULL);
    json_put_word(all, "way", run->name);
    json_put_fixed(all, "last_median", run->last_median, 3);
    json_put_fixed(all, "last_most", run->last_most, 3);
    json_put_fixed(all, "old", part(run->old, run->answers), 8);
    json_put_fixed(all, "old_to_links", part(run->outside_old, run->outside), 8);
    json_put_fixed(all, "hits", run->hits, 6);
    json_put_fixed(all, "origin", run->origin, 0);
    json_put_fixed(all, "origin_for_changes", origin_extra(result, run), 0);
    json_put_fixed(all, "left_over", run->left_over, 0);
    json_open_array(all, "share");
    for (size_t i = 0; i < FLEET_POINTS; i++) json_put_fixed(all, NULL, run->share[i], 5);
    json_close(all);
    json_close(all);
}

static void print_json(struct arena *arena, const struct fleet_plan *plan, const struct fleet_result *result)
{
    struct json_writer all = command_json(arena);
    json_open_object(&all, NULL);
    json_put_number(&all, "nodes", plan->nodes);
    json_put_number(&all, "regions", plan->regions);
    json_put_number(&all, "changes", plan->changes);
    json_put_real(&all, "views", plan->views, 6);
    json_put_real(&all, "step", result->step, 6);
    json_open_array(&all, "ways");
    for (int way = 0; way < FLEET_WAYS; way++) {
        if (way > 0) json_new_line(&all);
        put_way(&all, result, &result->run[way]);
    }
    json_close(&all);
    json_close(&all);
    command_print(&all);
}

/* --- the picture */

static struct chart_series make_series(struct arena *arena, const struct fleet_result *result, const struct fleet_run *run)
{
    double *x = arena_array(arena, FLEET_POINTS, sizeof *x), *y = arena_array(arena, FLEET_POINTS, sizeof *y);
    for (size_t i = 0; i < FLEET_POINTS; i++) {
        x[i] = (double)(i + 1) * result->step;
        y[i] = run->share[i] * 100;
    }
    struct str name = arena_printf(arena, "%s: %.0f MB", run->name, origin_extra(result, run) / 1e6);
    return (struct chart_series){.name = name, .x = x, .y = y, .count = FLEET_POINTS};
}

static struct str draw(struct arena *arena, const struct fleet_plan *plan, const struct fleet_result *result)
{
    static const enum fleet_way drawn[] = {FLEET_TOKENS, FLEET_NAMES, FLEET_PURGE_ONE, FLEET_PURGE_ALL};
    struct chart chart = {
        .title = arena_printf(arena, "How %u nodes come to serve what was changed", plan->nodes),
        .note = {arena_printf(arena, "Pages live for %s in caches, a purge takes %s on the average.",
                              clock_format_span(arena, plan->page_life).data, clock_format_span(arena, plan->purge).data),
                 S("A node counts from its last old answer on, at once if it gave none. Behind each name: what the origin sent for it.")},
        .x_title = S("seconds after a change"),
        .y_title = S("nodes that serve nothing old any more, %"),
        .y_most = 100,
    };
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
        chart.series[chart.series_count++] = make_series(arena, result, &result->run[drawn[i]]);
    return chart_svg(arena, &chart);
}

/* --- the command */

static enum status read_count(struct str text, const char *name, uint64_t most, uint64_t *count, struct error *error)
{
    ENSURE(!text.data || (str_to_u64(text, count) && *count >= 1 && *count <= most), error, STATUS_INVALID,
           "%s must be a number from 1 to %llu", name, (unsigned long long)most);
    return STATUS_OK;
}

static enum status read_span(int64_t given, const char *name, int64_t least, int64_t most, int64_t *value, struct error *error)
{
    ENSURE(given < 0 || (given >= least && given <= most), error, STATUS_INVALID, "%s is too short or too long", name);
    if (given >= 0) *value = given;
    return STATUS_OK;
}

static enum status read_plan(struct fleet_plan *plan, struct error *error)
{
    *plan = FLEET_USUAL;
    uint64_t nodes = plan->nodes, changes = plan->changes, views = (uint64_t)plan->views;
    TRY(read_count(nodes_text, "--nodes", 2000, &nodes, error));
    TRY(read_count(changes_text, "--changes", 1000, &changes, error));
    TRY(read_count(views_text, "--views", 100000, &views, error));
    TRY(read_span(span, "--span", CLOCK_MINUTE, SPAN_MOST, &plan->span, error));
    TRY(read_span(page_life, "--page-life", CLOCK_SECOND, LIFE_MOST, &plan->page_life, error));
    TRY(read_span(purge, "--purge", 0, LIFE_MOST, &plan->purge, error));
    ENSURE(!seed_text.data || str_to_u64(seed_text, &plan->seed), error, STATUS_INVALID, "--seed must be a whole number");
    ENSURE((int64_t)views <= VIEWS_MOST / (plan->span / CLOCK_SECOND + 3600), error, STATUS_INVALID,
           "over a hundred million views: say a shorter --span, or fewer --views");
    plan->nodes = (uint32_t)nodes;
    plan->changes = (uint32_t)changes;
    plan->views = (double)views;
    if (plan->regions > plan->nodes) plan->regions = plan->nodes;
    return STATUS_OK;
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct fleet_result *result = arena_new_of(arena, struct fleet_result);
    struct fleet_plan plan;
    (void)words;
    (void)count;
    TRY(read_plan(&plan, error));
    fleet_simulate(&plan, result);
    if (svg_path.data) TRY(simulate_write(svg_path, draw(arena, &plan, result), error));
    if (json)
        print_json(arena, &plan, result);
    else
        print_table(result);
    print_notes(arena, &plan);
    return STATUS_OK;
}

int simulate_token(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
