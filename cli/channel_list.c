#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/channel.h"
#include "cli/stored.h"

static struct str store_url, prefix, after;
static uint64_t limit;
static bool json;

static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"prefix", 0, OPTION_TEXT, &prefix, "TEXT", "only channels whose id begins so"},
    {"after", 0, OPTION_TEXT, &after, "CHANNEL", "only channels behind this one: the last one of the page before"},
    {"limit", 0, OPTION_SIZE, &limit, "N", "at most so many (default all)", .positive = true},
    {"json", 0, OPTION_FLAG, &json, NULL, "print a JSON object for each channel, one a line, removed ones too (validator store)"},
};
static const struct command command = {
    .name = "channel list",
    .arguments = "APP",
    .summary = "Lists an app's channels, sorted by id: id, tab, info.",
    .example = "pakhus channel list --store s3://packages GAME --prefix hua --limit 100",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

struct item {
    struct str id, text;
};

/* The first ones by id: with a limit, what stands behind them is dropped now and then. */
struct list {
    struct arena *arena;
    struct item *items;
    size_t count, capacity;
};

static int by_id(const void *a, const void *b)
{
    return str_compare(((const struct item *)a)->id, ((const struct item *)b)->id);
}

static void sort(struct list *list)
{
    if (list->count > 0) qsort(list->items, list->count, sizeof *list->items, by_id);
    if (limit > 0 && list->count > limit) list->count = (size_t)limit;
}

static struct str line_of(struct arena *arena, const struct channel *channel)
{
    if (!json) return arena_join(arena, channel->id, S("\t"), channel->info.json, S("\n"));
    struct buf out = buf_in(arena, 1 << 20);
    struct json_writer line = json_writer(&out);
    json_open_object(&line, NULL);
    json_put_text(&line, "channel", channel->id);
    json_put_raw(&line, "info", channel->info.json);
    json_put_text(&line, "changed", clock_format_time(arena, channel->changed));
    if (channel->removed) json_put_bool(&line, "removed", true);
    json_close(&line);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* Keeps its own copies, and those alone: what was dropped goes with the old arena. */
static void drop_rest(struct list *list)
{
    struct arena *arena = arena_new();
    sort(list);
    struct item *items = arena_array(arena, list->count, sizeof *items);
    for (size_t i = 0; i < list->count; i++)
        items[i] = (struct item){arena_copy(arena, list->items[i].id), arena_copy(arena, list->items[i].text)};
    arena_free(list->arena);
    *list = (struct list){arena, items, list->count, list->count};
}

static enum status take(void *context, const struct channel *channel, struct error *error)
{
    struct list *list = context;
    (void)error;
    if ((channel->removed && !json) || (after.data && str_compare(channel->id, after) <= 0)) return STATUS_OK;
    list->items = arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = (struct item){arena_copy(list->arena, channel->id), line_of(list->arena, channel)};
    if (limit > 0 && list->count >= limit + 10000) drop_rest(list);
    return STATUS_OK;
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct channels channels;
    struct list list = {.arena = arena_new()};
    (void)count;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_open(arena, store_url, &store, error));
    const struct channels_source source = {{store, command_io(arena), words[0]}, &channels, NULL};
    enum status status = channels_load(source.catalog, NULL, &channels, error);
    if (status == STATUS_OK) status = channels_each(&source, prefix, take, &list, error);
    sort(&list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) fwrite(list.items[i].text.data, 1, list.items[i].text.length, stdout);
    arena_free(list.arena);
    return status;
}

int channel_list_command(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
