#include "cli/simulate_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "base/buf.h"
#include "lib/chart/chart.h"
#include "lib/config/config.h"

enum { BESIDE_MOST = 64, NAME_MOST = 64, NAME_COLUMN = 36 };
static const uint64_t BYTES_MOST = UINT64_C(1) << 53;

struct rows_row *rows_add(struct rows *rows, struct str name, enum rows_kind kind)
{
    rows->rows = arena_grow(rows->arena, rows->rows, rows->count, &rows->capacity, sizeof *rows->rows);
    struct rows_row *row = &rows->rows[rows->count++];
    *row = (struct rows_row){.name = name, .kind = kind};
    return row;
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static double served(const struct rows_row *row)
{
    return ratio(row->result.bytes_hit, row->result.bytes) * 100;
}

static double placed(const struct rows_row *row)
{
    return ratio(row->result.bytes_placed, row->result.bytes) * 100;
}

/* --- from other simulators */

static enum status read_name(struct config *item, struct str *name, struct error *error)
{
    TRY(config_text(item, "policy", CONFIG_REQUIRED, name, error));
    bool plain = name->length >= 1 && name->length <= NAME_MOST;
    for (size_t i = 0; i < name->length; i++) plain = plain && (unsigned char)name->data[i] >= 0x20 && name->data[i] != 0x7f;
    return plain ? STATUS_OK : config_refuse(item, "policy", error, "must be a name of 1 to %d bytes", NAME_MOST);
}

static enum status read_row(struct rows *rows, struct config *item, struct error *error)
{
    const struct trace *trace = rows->trace;
    struct simulated result = {.requests = trace->count, .bytes = trace->bytes};
    struct str name;
    double hits, byte_hits;
    TRY(read_name(item, &name, error));
    TRY(config_number(item, "hit_ratio", CONFIG_REQUIRED, 0, 1, &hits, error));
    TRY(config_number(item, "byte_hit_ratio", CONFIG_REQUIRED, 0, 1, &byte_hits, error));
    TRY(config_whole(item, "bytes_placed", CONFIG_REQUIRED, 0, BYTES_MOST, &result.bytes_placed, error));
    TRY(config_whole(item, "storage", CONFIG_REQUIRED, 0, BYTES_MOST, &result.storage, error));
    TRY(config_whole(item, "bytes", CONFIG_OPTIONAL, 0, BYTES_MOST, &result.bytes, error));
    TRY(config_whole(item, "evicted", CONFIG_OPTIONAL, 0, BYTES_MOST, &result.evicted, error));
    if (result.bytes != trace->bytes)
        return config_refuse(item, "bytes", error, "is not the %llu that this trace asks for", (unsigned long long)trace->bytes);
    result.hits = (uint64_t)llround(hits * (double)result.requests);
    result.bytes_hit = (uint64_t)llround(byte_hits * (double)result.bytes);
    rows_add(rows, name, ROWS_BESIDE)->result = result;
    return config_end(item, error);
}

enum status rows_read(struct rows *rows, struct str json, struct error *error)
{
    struct config array, item;
    size_t count;
    TRY(config_open_array(rows->arena, json, "rows", &array, &count, error));
    ENSURE(count <= BESIDE_MOST, error, STATUS_TOO_LARGE, "rows: more than %d", BESIDE_MOST);
    for (size_t i = 0; i < count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(read_row(rows, &item, error));
    }
    return STATUS_OK;
}

/* --- the table */

/* printf counts bytes; of a letter in UTF-8 all but one are beyond its column. */
static int column_of(struct str name)
{
    int width = NAME_COLUMN;
    for (size_t i = 0; i < name.length; i++) width += ((unsigned char)name.data[i] & 0xc0) == 0x80;
    return width;
}

void rows_print(const struct rows *rows)
{
    printf("%-*s   hits   byte hits   bytes placed   of all   storage\n", NAME_COLUMN, "policy");
    for (size_t i = 0; i < rows->count; i++) {
        const struct rows_row *row = &rows->rows[i];
        if (row->kind == ROWS_TRIED) continue;
        printf("%-*s %6.2f %% %8.2f %% %12.3f GB %6.2f %% %7.3f GB\n", column_of(row->name), row->name.data,
               ratio(row->result.hits, row->result.requests) * 100, served(row), (double)row->result.bytes_placed / 1e9, placed(row),
               (double)row->result.storage / 1e9);
    }
}

void rows_print_json(const struct rows *rows)
{
    struct json_writer json = command_json(rows->arena);
    json_open_array(&json, NULL);
    bool first = true;
    for (size_t i = 0; i < rows->count; i++) {
        const struct simulated *row = &rows->rows[i].result;
        if (rows->rows[i].kind == ROWS_TRIED) continue;
        if (!first) json_new_line(&json);
        first = false;
        json_open_object(&json, NULL);
        json_put_text(&json, "policy", rows->rows[i].name);
        json_put_fixed(&json, "hit_ratio", ratio(row->hits, row->requests), 6);
        json_put_fixed(&json, "byte_hit_ratio", ratio(row->bytes_hit, row->bytes), 6);
        json_put_number(&json, "bytes_placed", row->bytes_placed);
        json_put_number(&json, "storage", row->storage);
        json_put_number(&json, "bytes", row->bytes);
        json_put_number(&json, "evicted", row->evicted);
        json_close(&json);
    }
    json_close(&json);
    command_print(&json);
}

/* --- pictures */

static struct chart_series over_time(const struct rows *rows, const char *name, const double *values, bool area)
{
    struct arena *arena = rows->arena;
    const struct trace *trace = rows->trace;
    double *x = arena_array(arena, SIMULATED_POINTS, sizeof *x), *y = arena_array(arena, SIMULATED_POINTS, sizeof *y);
    double days = (double)(trace->requests[trace->count - 1].time - trace->requests[0].time) / CLOCK_DAY;
    for (int i = 0; i < SIMULATED_POINTS; i++) {
        x[i] = (i + 1) * days / SIMULATED_POINTS;
        y[i] = values[i] / 1e9;
    }
    return (struct chart_series){.name = str_of(name), .x = x, .y = y, .count = SIMULATED_POINTS, .area = area};
}

struct str rows_draw_time(const struct rows *rows)
{
    const struct rows_row *first = &rows->rows[0];
    struct chart chart = {
        .title = S("Demand, and what edges want and hold"),
        .note = {arena_printf(rows->arena, "%.1f %% of all bytes asked for come from edges, for %.1f %% of them placed", served(first),
                              placed(first))},
        .x_title = S("days"),
        .y_title = S("GB"),
    };
    chart.series[chart.series_count++] = over_time(rows, "asked for, in each two hundredth of the time", first->result.demand, true);
    chart.series[chart.series_count++] = over_time(rows, "wanted", first->result.wanted, false);
    chart.series[chart.series_count++] = over_time(rows, "held", first->result.held, false);
    return chart_svg(rows->arena, &chart);
}

static int by_placed(const void *a, const void *b)
{
    const struct simulated *one = &(*(struct rows_row *const *)a)->result, *other = &(*(struct rows_row *const *)b)->result;
    return one->bytes_placed < other->bytes_placed ? -1 : one->bytes_placed > other->bytes_placed;
}

/* The settings that were tried are ours. */
static bool is_of(const struct rows_row *row, enum rows_kind kind)
{
    return row->kind == kind || (kind == ROWS_OURS && row->kind == ROWS_TRIED);
}

/* All of a kind, what places least first. */
static struct rows_row **sorted(const struct rows *rows, enum rows_kind kind, size_t *count)
{
    struct rows_row **found = arena_array(rows->arena, rows->count, sizeof(struct rows_row *));
    *count = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (is_of(&rows->rows[i], kind)) found[(*count)++] = &rows->rows[i];
    qsort(found, *count, sizeof *found, by_placed);
    return found;
}

/* What is not dominated: more byte hits than all that place less. */
static struct chart_series front_of(const struct rows *rows, const char *name, enum rows_kind kind)
{
    size_t count, kept = 0;
    struct rows_row **found = sorted(rows, kind, &count);
    double *x = arena_array(rows->arena, count, sizeof *x), *y = arena_array(rows->arena, count, sizeof *y);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && served(found[i]) <= y[kept - 1]) continue;
        x[kept] = placed(found[i]);
        y[kept++] = served(found[i]);
    }
    return (struct chart_series){.name = str_of(name), .x = x, .y = y, .count = kept};
}

static struct chart_series dots_of(const struct rows *rows, const char *name, enum rows_kind kind)
{
    size_t count;
    struct rows_row **found = sorted(rows, kind, &count);
    double *x = arena_array(rows->arena, count, sizeof *x), *y = arena_array(rows->arena, count, sizeof *y);
    struct str *labels = arena_array(rows->arena, count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        x[i] = placed(found[i]);
        y[i] = served(found[i]);
        labels[i] = found[i]->name;
    }
    return (struct chart_series){.name = str_of(name), .x = x, .y = y, .count = count, .labels = labels};
}

struct str rows_draw_front(const struct rows *rows)
{
    struct chart chart = {
        .title = S("Bytes served from edges, for bytes placed there"),
        .note = {S("Each line: the settings that no other of its kind beats in both.")},
        .x_title = S("% of all bytes placed"),
        .y_title = S("% of all bytes served from edges"),
    };
    chart.series[chart.series_count++] = front_of(rows, "pakhus", ROWS_OURS);
    chart.series[chart.series_count++] = front_of(rows, "LRU, FIFO, LFU, LRU that admits at the n-th request", ROWS_CACHE);
    struct chart_series chosen = dots_of(rows, "chosen, and what it is compared with", ROWS_CHOSEN);
    if (chosen.count > 0) chart.series[chart.series_count++] = chosen;
    struct chart_series beside = dots_of(rows, "others", ROWS_BESIDE);
    if (beside.count > 0) chart.series[chart.series_count++] = beside;
    return chart_svg(rows->arena, &chart);
}
