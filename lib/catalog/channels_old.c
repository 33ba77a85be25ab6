/* The document of version 0.1: `channels/<app>/<n>`, with the settings and all channels in one object. It is read, and moved into shards by
 * the next writer. */
#include <stdlib.h>

#include "lib/catalog/channels_internal.h"
#include "lib/config/config.h"

struct channels_old {
    struct channel *items; /* by id, in byte order */
    size_t count;
    struct channel *removed; /* likewise */
    size_t removed_count;
};

enum status channels_take_info(struct config *info, struct channel *channel, struct error *error)
{
    char *json = json_dumps(info->object, JSON_COMPACT);
    ENSURE(json, error, STATUS_INTERNAL, "out of memory");
    struct str text = arena_copy(info->arena, str_of(json));
    free(json);
    if (apk_info_parse(info->arena, text, channel->id, &channel->info, error) == STATUS_OK) return STATUS_OK;
    return error_context(error, STR_FMT, STR_ARG(info->path));
}

struct collect {
    struct channel *items;
    size_t count;
};

static enum status collect_channel(void *context, struct str id, struct config *member, struct error *error)
{
    struct collect *collect = context;
    struct channel *channel = &collect->items[collect->count++];
    ENSURE(str_is_id(id), error, STATUS_INVALID, STR_FMT ": not a channel id", STR_ARG(member->path));
    channel->id = id;
    return channels_take_info(member, channel, error);
}

static int by_id(const void *a, const void *b)
{
    return str_compare(((const struct channel *)a)->id, ((const struct channel *)b)->id);
}

const struct channel *channels_find_old(const struct channels_old *old, struct str id)
{
    const struct channel wanted = {.id = id};
    if (!old || old->count == 0) return NULL;
    return bsearch(&wanted, old->items, old->count, sizeof wanted, by_id);
}

/* "changed": {"2026-08-20T10:00:00Z":["huawei",…]}: channels come in thousands at a time, so the times are few. */
static enum status parse_changed(struct config *config, const struct channels_old *old, struct error *error)
{
    struct config table, ids;
    const char *time;
    json_t *value;
    TRY(config_object(config, "changed", CONFIG_OPTIONAL, &table, error));
    json_object_foreach(table.object, time, value)
    {
        int64_t moment;
        size_t count;
        if (!clock_parse_time(str_of(time), &moment)) return config_refuse(&table, time, error, "is not a time");
        TRY(config_array(&table, time, CONFIG_REQUIRED, &ids, &count, error));
        for (size_t i = 0; i < count; i++) {
            struct str id;
            TRY(config_item_text(&ids, i, &id, error));
            struct channel *channel = (struct channel *)(uintptr_t)channels_find_old(old, id);
            if (channel) channel->changed = moment;
        }
    }
    return STATUS_OK;
}

static enum status parse_items(struct config *config, const char *name, struct channel **items, size_t *count, struct error *error)
{
    const size_t most = json_object_size(json_object_get(config->object, name));
    struct collect collect = {.items = arena_array(config->arena, most, sizeof(struct channel))};
    TRY(config_each_object(config, name, CONFIG_OPTIONAL, collect_channel, &collect, error));
    if (collect.count > 0) qsort(collect.items, collect.count, sizeof *collect.items, by_id);
    *items = collect.items;
    *count = collect.count;
    return STATUS_OK;
}

static enum status parse(struct arena *arena, struct str body, struct channels *channels, struct error *error)
{
    struct config config;
    struct channels_old *old = arena_new_of(arena, struct channels_old);
    TRY(config_open(arena, body, "channels", &config, error));
    TRY(channels_parse_settings(&config, channels, error));
    TRY(parse_items(&config, "channels", &old->items, &old->count, error));
    TRY(parse_items(&config, "removed", &old->removed, &old->removed_count, error));
    TRY(parse_changed(&config, old, error));
    for (size_t i = 0; i < old->removed_count; i++) old->removed[i].removed = true;
    channels->old = old;
    return config_end(&config, error);
}

static struct str row_of(struct arena *arena, struct str app)
{
    return arena_join(arena, S("channels/"), app, S("/"));
}

static bool note_first(void *context, const struct store_object *object)
{
    (void)object;
    *(bool *)context = true;
    return false;
}

/* The generations count down from 9999999999999999, and stand before settings and shards in a listing: only where there is none, all of
 * those would be listed to find that out. */
enum status channels_load_old(struct catalog catalog, uint64_t known, struct channels *channels, struct error *error)
{
    struct generation row;
    bool found = false;
    struct str prefix = row_of(catalog.io.arena, catalog.app);
    channels_default(channels);
    TRY(store_list(catalog.store, catalog.io, arena_join(catalog.io.arena, prefix, S("9")), 1, note_first, &found, error));
    if (!found) return STATUS_OK;
    TRY(generation_newest((struct generations){catalog.store, catalog.io, prefix}, known, &row, error));
    if (row.number > 0 && parse(catalog.io.arena, row.body, channels, error) != STATUS_OK) {
        error_context(error, STR_FMT, STR_ARG(row.key));
        return error->status = STATUS_CORRUPT;
    }
    channels->generation = row.number;
    return STATUS_OK;
}

enum status channels_each_old(const struct channels_old *old, struct str prefix, channels_each_fn *each, void *context, struct error *error)
{
    for (size_t i = 0; old && i < old->count; i++)
        if (str_starts(old->items[i].id, prefix)) TRY(each(context, &old->items[i], error));
    for (size_t i = 0; old && i < old->removed_count; i++)
        if (str_starts(old->removed[i].id, prefix)) TRY(each(context, &old->removed[i], error));
    return STATUS_OK;
}
