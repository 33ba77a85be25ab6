#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cli/simulate.h"
#include "lib/chart/chart.h"
#include "lib/placement/simulate.h"

enum { ROWS_MOST = 64, LANS_USUAL = 20, APPS_USUAL = 400, REQUESTS_USUAL = 400000, REQUESTS_MOST = 50000000 };

static struct str policy_path, storage_text, svg_path, lans_text, requests_text, seed_text;
static int64_t unit = CLOCK_SECOND, every = CLOCK_HOUR;
static uint64_t link_rate;
static bool json, sweep;

static const struct command_option options[] = {
    {"policy", 'p', OPTION_TEXT, &policy_path, "FILE.json", "as 'policy set' takes it; the usual one unless said"},
    {"storage", 0, OPTION_TEXT, &storage_text, "SHARE", "of what its LAN asks for in all, an edge may hold so much; 10% unless said"},
    {"sweep", 0, OPTION_FLAG, &sweep, NULL, "the policy with T1 from 0 up, to see what more bytes placed would bring"},
    {"every", 0, OPTION_SPAN, &every, "SPAN", "between evaluations; 1h unless said"},
    {"link", 0, OPTION_SIZE, &link_rate, "BYTES", "a second that come to an edge; without it copying takes no time"},
    {"unit", 0, OPTION_SPAN, &unit, "SPAN", "what a step of the trace's time column stands for; 1s unless said"},
    {"lans", 0, OPTION_TEXT, &lans_text, "COUNT", "of the made-up week; 20 unless said"},
    {"requests", 'n', OPTION_TEXT, &requests_text, "COUNT", "of the made-up week; 400000 unless said"},
    {"seed", 0, OPTION_TEXT, &seed_text, "NUMBER", "another one makes another week; 1 unless said"},
    {"svg", 0, OPTION_TEXT, &svg_path, "FILE.svg", "draw demand, wanted and held over time; with --sweep what bytes placed bring"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print the rows as JSON"},
};
static const struct command command = {
    .name = "simulate placement",
    .arguments = "[TRACE.csv]",
    .summary =
        "Replays a trace (time, id, size and perhaps LAN), or a made-up week, through a placement policy and, to compare, through caches.",
    .example = "pakhus simulate placement week.csv --policy policy.json --storage 10% --svg week.svg",
    .most = 1,
    COMMAND_OPTIONS(options),
};

struct row {
    struct str name;
    bool ours;
    struct simulated result;
};
struct table {
    struct arena *arena;
    struct trace trace;
    struct policy policy;
    struct simulation how;
    struct row *rows;
    size_t count;
};

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* --- what is simulated */

static struct row *add_row(struct table *table, struct str name, bool ours)
{
    struct row *row = &table->rows[table->count++];
    row->name = name;
    row->ours = ours;
    return row;
}

static void add_caches(struct table *table)
{
    static const struct {
        enum simulated_cache kind;
        unsigned admit;
    } caches[] = {{CACHE_LRU, 1}, {CACHE_FIFO, 1}, {CACHE_LFU, 1}, {CACHE_LRU, 2},
                  {CACHE_LRU, 3}, {CACHE_LRU, 4},  {CACHE_LRU, 6}, {CACHE_LRU, 10}};
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        const char *name = simulated_cache_name(caches[i].kind);
        struct str label = caches[i].admit > 1 ? arena_printf(table->arena, "%s@%u", name, caches[i].admit) : str_of(name);
        simulate_cache(&table->trace, caches[i].kind, caches[i].admit, table->how.storage, &add_row(table, label, false)->result);
    }
}

static enum status add_policy(struct table *table, struct str name, const struct policy *policy, struct error *error)
{
    return simulate_policy(&table->trace, policy, &table->how, &add_row(table, name, true)->result, error);
}

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

/* Small enough that packages up to there have a share of all bytes that their number does not show. */
static uint64_t small_size(const struct table *table, double share)
{
    const struct trace *trace = &table->trace;
    uint64_t *sizes = arena_array(table->arena, trace->objects, sizeof *sizes), all = 0, below = 0;
    memcpy(sizes, trace->sizes, trace->objects * sizeof *sizes);
    qsort(sizes, trace->objects, sizeof *sizes, by_size);
    for (uint32_t i = 0; i < trace->objects; i++) all += sizes[i];
    for (uint32_t i = 0; i < trace->objects; i++) {
        below += sizes[i];
        if ((double)below > share * (double)all) return sizes[i];
    }
    return 0;
}

/* T2 is lower in the same measure as the policy has it. */
static struct policy scaled(const struct policy *policy, uint64_t t1)
{
    struct policy scaled = *policy;
    double share = ratio(policy->place.t2, policy->place.t1);
    scaled.place.t1 = t1;
    scaled.place.t2 = (uint64_t)((double)t1 * share);
    if (scaled.place.t2 >= t1 && t1 > 0) scaled.place.t2 = t1 - 1;
    if (t1 == 0) scaled.place.t2 = 0;
    return scaled;
}

static enum status add_sweep(struct table *table, struct error *error)
{
    static const uint64_t thresholds[] = {0, 1, 2, 3, 5, 8, 13};
    static const double shares[] = {0.05, 0.1, 0.2};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        struct policy policy = scaled(&table->policy, thresholds[i]);
        TRY(add_policy(table, arena_printf(table->arena, "pakhus T1=%llu", (unsigned long long)thresholds[i]), &policy, error));
        for (size_t s = 0; thresholds[i] > 0 && s < sizeof shares / sizeof *shares; s++) {
            policy.place.small_size = small_size(table, shares[s]);
            policy.place.small_t1 = thresholds[i] - 1;
            struct str name = arena_printf(table->arena, "pakhus T1=%llu, ≤%llu B: %llu", (unsigned long long)thresholds[i],
                                           (unsigned long long)policy.place.small_size, (unsigned long long)policy.place.small_t1);
            TRY(add_policy(table, name, &policy, error));
        }
    }
    return STATUS_OK;
}

/* --- the table */

static void print_table(const struct table *table)
{
    printf("policy                        hits   byte hits   bytes placed   of all   storage\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct simulated *row = &table->rows[i].result;
        printf("%-*s %6.2f %% %8.2f %% %12.3f GB %6.2f %% %7.3f GB\n",
               (int)(26 + (str_find_str(table->rows[i].name, S("≤")) < table->rows[i].name.length ? 2 : 0)), table->rows[i].name.data,
               ratio(row->hits, row->requests) * 100, ratio(row->bytes_hit, row->bytes) * 100, (double)row->bytes_placed / 1e9,
               ratio(row->bytes_placed, row->bytes) * 100, (double)row->storage / 1e9);
    }
}

static void print_json(const struct table *table)
{
    struct buf out = buf_in(table->arena, 1 << 20);
    buf_add(&out, S("["));
    for (size_t i = 0; i < table->count; i++) {
        const struct simulated *row = &table->rows[i].result;
        buf_add(&out, i > 0 ? S(",\n{\"policy\":") : S("{\"policy\":"));
        buf_add_json(&out, table->rows[i].name);
        buf_printf(&out,
                   ",\"hit_ratio\":%.6f,\"byte_hit_ratio\":%.6f,\"bytes_placed\":%llu,\"storage\":%llu,\"bytes\":%llu,\"evicted\":%llu}",
                   ratio(row->hits, row->requests), ratio(row->bytes_hit, row->bytes), (unsigned long long)row->bytes_placed,
                   (unsigned long long)row->storage, (unsigned long long)row->bytes, (unsigned long long)row->evicted);
    }
    buf_add(&out, S("]\n"));
    fwrite(out.data, 1, out.length, stdout);
}

/* --- pictures */

static struct chart_series over_time(const struct table *table, const char *name, const double *values, bool area)
{
    struct arena *arena = table->arena;
    const struct trace *trace = &table->trace;
    double *x = arena_array(arena, SIMULATED_POINTS, sizeof *x), *y = arena_array(arena, SIMULATED_POINTS, sizeof *y);
    double days = (double)(trace->requests[trace->count - 1].time - trace->requests[0].time) / CLOCK_DAY;
    for (int i = 0; i < SIMULATED_POINTS; i++) {
        x[i] = (i + 1) * days / SIMULATED_POINTS;
        y[i] = values[i] / 1e9;
    }
    return (struct chart_series){.name = str_of(name), .x = x, .y = y, .count = SIMULATED_POINTS, .area = area};
}

static struct str draw_time(const struct table *table)
{
    const struct simulated *ours = &table->rows[0].result;
    struct chart chart = {
        .title = S("Demand, and what edges want and hold"),
        .note = {arena_printf(table->arena, "%.1f %% of all bytes asked for come from edges, for %.1f %% of them placed",
                              ratio(ours->bytes_hit, ours->bytes) * 100, ratio(ours->bytes_placed, ours->bytes) * 100)},
        .x_title = S("days"),
        .y_title = S("GB"),
    };
    chart.series[chart.series_count++] = over_time(table, "asked for, in each two hundredth of the time", ours->demand, true);
    chart.series[chart.series_count++] = over_time(table, "wanted", ours->wanted, false);
    chart.series[chart.series_count++] = over_time(table, "held", ours->held, false);
    return chart_svg(table->arena, &chart);
}

static int by_placed(const void *a, const void *b)
{
    const struct simulated *one = &(*(struct row *const *)a)->result, *other = &(*(struct row *const *)b)->result;
    return one->bytes_placed < other->bytes_placed ? -1 : one->bytes_placed > other->bytes_placed;
}

/* What is not dominated: more byte hits than all that place less. */
static struct chart_series front_of(const struct table *table, const char *name, bool ours)
{
    struct row **rows = arena_array(table->arena, table->count, sizeof *rows);
    double *x = arena_array(table->arena, table->count, sizeof *x), *y = arena_array(table->arena, table->count, sizeof *y);
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].ours == ours) rows[count++] = &table->rows[i];
    qsort(rows, count, sizeof *rows, by_placed);
    for (size_t i = 0; i < count; i++) {
        double hit = ratio(rows[i]->result.bytes_hit, rows[i]->result.bytes) * 100;
        if (kept > 0 && hit <= y[kept - 1]) continue;
        x[kept] = ratio(rows[i]->result.bytes_placed, rows[i]->result.bytes) * 100;
        y[kept++] = hit;
    }
    return (struct chart_series){.name = str_of(name), .x = x, .y = y, .count = kept};
}

static struct str draw_front(const struct table *table)
{
    struct chart chart = {
        .title = S("Bytes served from edges, for bytes placed there"),
        .note = {S("Each line: the settings that no other of its kind beats in both.")},
        .x_title = S("% of all bytes placed"),
        .y_title = S("% of all bytes served from edges"),
    };
    chart.series[chart.series_count++] = front_of(table, "pakhus, by T1", true);
    chart.series[chart.series_count++] = front_of(table, "LRU, FIFO, LFU, LRU that admits at the n-th request", false);
    return chart_svg(table->arena, &chart);
}

/* --- the command */

static enum status whole(struct str text, const char *name, uint64_t usual, uint64_t most, uint64_t *value, struct error *error)
{
    *value = usual;
    ENSURE(!text.data || (str_to_u64(text, value) && *value >= 1 && *value <= most), error, STATUS_INVALID,
           "--%s must be a number from 1 to %llu", name, (unsigned long long)most);
    return STATUS_OK;
}

static enum status make_week(struct table *table, struct error *error)
{
    struct trace_recipe recipe = {.apps = APPS_USUAL, .seed = 1};
    uint64_t lans;
    TRY(whole(lans_text, "lans", LANS_USUAL, 10000, &lans, error));
    TRY(whole(requests_text, "requests", REQUESTS_USUAL, REQUESTS_MOST, &recipe.requests, error));
    ENSURE(!seed_text.data || str_to_u64(seed_text, &recipe.seed), error, STATUS_INVALID, "--seed must be a whole number");
    recipe.lans = (uint32_t)lans;
    trace_make(table->arena, &recipe, &table->trace);
    return STATUS_OK;
}

static enum status read_trace(struct table *table, struct str path, struct error *error)
{
    FILE *file = str_equal(path, S("-")) ? stdin : fopen(path.data, "re");
    if (!file) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    enum status status = trace_read(table->arena, file, unit, &table->trace, error);
    if (file != stdin) fclose(file);
    return status == STATUS_OK ? status : error_context(error, STR_FMT, STR_ARG(path));
}

static enum status read_storage(double *storage, struct error *error)
{
    struct str text = storage_text.data ? storage_text : S("10%");
    bool percent = str_ends(text, S("%"));
    if (percent) text.length--;
    bool right = str_to_double(text, storage);
    if (percent) *storage /= 100;
    ENSURE(right && *storage > 0 && *storage <= 1, error, STATUS_INVALID, "--storage must be a share such as 10%% or 0.1");
    return STATUS_OK;
}

static enum status read_policy(struct table *table, struct error *error)
{
    struct str text;
    policy_default(&table->policy);
    if (!policy_path.data) return STATUS_OK;
    TRY(command_read(table->arena, policy_path.data, 1 << 20, &text, error));
    return policy_parse(table->arena, text, &table->policy, error);
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct table table = {.arena = arena, .how = {.every = every, .link = link_rate}};
    table.rows = arena_array(arena, ROWS_MOST, sizeof *table.rows);
    TRY(read_storage(&table.how.storage, error));
    TRY(read_policy(&table, error));
    TRY(count > 0 ? read_trace(&table, words[0], error) : make_week(&table, error));
    TRY(sweep ? add_sweep(&table, error) : add_policy(&table, S("pakhus"), &table.policy, error));
    add_caches(&table);
    if (svg_path.data) TRY(simulate_write(svg_path, sweep ? draw_front(&table) : draw_time(&table), error));
    if (json)
        print_json(&table);
    else
        print_table(&table);
    return STATUS_OK;
}

int simulate_placement(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
