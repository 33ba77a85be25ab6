#include "base/json.h"
#include "lib/catalog/channels_internal.h"
#include "lib/config/config.h"

struct generations channels_settings(struct catalog catalog)
{
    return (struct generations){catalog.store, catalog.io, arena_join(catalog.io.arena, S("channels/"), catalog.app, S("/settings/"))};
}

enum status channels_load(struct catalog catalog, const struct channels *known, struct channels *channels, struct error *error)
{
    struct generation row;
    bool is_new = known && known->shards.length > 0;
    TRY(generation_newest(channels_settings(catalog), is_new ? known->generation : 0, &row, error));
    if (row.number > 0) return channels_parse(catalog.io.arena, &row, channels, error);
    return channels_load_old(catalog, known && !is_new ? known->generation : 0, channels, error);
}

/* --- a channel */

static bool is_plain(const struct channel *channel)
{
    const size_t frame = sizeof "{\"channel\":\"\"}" - 1;
    struct str json = channel->info.json;
    if (json.length != frame + channel->id.length) return false;
    return str_starts(json, S("{\"channel\":\"")) && str_equal(str_first(str_from(json, 12), channel->id.length), channel->id);
}

/* The info of most channels is their id alone, and is left out. */
struct str channels_format_entry(struct arena *arena, const struct channel *channel)
{
    struct buf out = buf_in(arena, SHARD_ENTRY_MAX);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "changed", clock_format_time(arena, channel->changed));
    if (channel->serial > 0) json_put_number(&json, "formats_serial", channel->serial);
    if (channel->removed) json_put_bool(&json, "removed", true);
    if (!is_plain(channel)) json_put_raw(&json, "info", channel->info.json);
    json_close(&json);
    return out.overflow ? (struct str){NULL, 0} : buf_str(&out);
}

static enum status parse_info(struct config *config, struct channel *channel, struct error *error)
{
    struct config info;
    TRY(config_object(config, "info", CONFIG_OPTIONAL, &info, error));
    if (!info.object) {
        channel->info = (struct apk_info){arena_join(config->arena, S("{\"channel\":\""), channel->id, S("\"}")), channel->id};
        return STATUS_OK;
    }
    return channels_take_info(&info, channel, error);
}

enum status channels_parse_entry(struct arena *arena, struct str id, struct str value, struct channel *out, struct error *error)
{
    struct config config;
    struct channel channel = {.id = arena_copy(arena, id)};
    ENSURE(str_is_id(id), error, STATUS_CORRUPT, "'" STR_FMT "' is not the id of a channel", STR_ARG(str_first(id, 128)));
    enum status status = config_open(arena, value, "channel", &config, error);
    if (status == STATUS_OK) status = parse_info(&config, &channel, error);
    if (status == STATUS_OK) status = config_time(&config, "changed", CONFIG_REQUIRED, &channel.changed, error);
    if (status == STATUS_OK) status = config_whole(&config, "formats_serial", CONFIG_OPTIONAL, 0, SERIAL_MAX, &channel.serial, error);
    if (status == STATUS_OK) status = config_flag(&config, "removed", CONFIG_OPTIONAL, &channel.removed, error);
    if (status == STATUS_OK) status = config_end(&config, error);
    if (status != STATUS_OK) {
        error_context(error, "channel " STR_FMT, STR_ARG(id));
        return error->status = STATUS_CORRUPT;
    }
    *out = channel;
    return STATUS_OK;
}

/* Other formats make other bytes of every channel. Each of their changes counts as one of the channel, with a later time. */
void channels_age(const struct channels *channels, struct channel *channel)
{
    if (channel->serial >= channels->serial) return;
    int64_t next = channel->changed + (int64_t)(channels->serial - channel->serial) * CLOCK_SECOND;
    channel->changed = next > channels->formats_changed ? next : channels->formats_changed;
}

struct shards channels_shards(const struct channels_source *source)
{
    struct arena *arena = source->catalog.io.arena;
    return (struct shards){
        .store = source->catalog.store,
        .io = source->catalog.io,
        .root = arena_join(arena, S("channels/"), source->catalog.app, S("/"), source->channels->shards, S("/")),
        .depth = source->channels->depth,
        .cache = source->cache,
    };
}

static enum status refuse_unknown(const struct channels_source *source, struct str id, struct error *error)
{
    return error_set(error, STATUS_NOT_FOUND, STR_FMT " has no channel " STR_FMT, STR_ARG(source->catalog.app), STR_ARG(id));
}

enum status channels_find(const struct channels_source *source, struct str id, struct channel *channel, struct error *error)
{
    struct str value;
    if (source->channels->shards.length == 0) {
        const struct channel *old = channels_find_old(source->channels->old, id);
        if (!old) return refuse_unknown(source, id, error);
        return *channel = *old, STATUS_OK;
    }
    const struct shards shards = channels_shards(source);
    enum status status = shards_find(&shards, id, &value, error);
    if (status == STATUS_NOT_FOUND) return refuse_unknown(source, id, error);
    TRY(status);
    TRY(channels_parse_entry(source->catalog.io.arena, id, value, channel, error));
    if (channel->removed) return refuse_unknown(source, id, error);
    channels_age(source->channels, channel);
    return STATUS_OK;
}

void channels_expire(const struct channels_source *source, struct str id)
{
    const struct shards shards = channels_shards(source);
    if (source->channels->shards.length > 0) shards_expire(&shards, id);
}

/* --- all of them */

struct visit {
    const struct channels_source *source;
    channels_each_fn *each;
    void *context;
};

static enum status visit_entry(void *context, struct str key, struct str value, struct error *error)
{
    const struct visit *visit = context;
    struct arena *arena = arena_new();
    struct channel channel;
    enum status status = channels_parse_entry(arena, key, value, &channel, error);
    if (status == STATUS_OK) channels_age(visit->source->channels, &channel);
    if (status == STATUS_OK) status = visit->each(visit->context, &channel, error);
    arena_free(arena);
    return status;
}

enum status channels_each(const struct channels_source *source, struct str prefix, channels_each_fn *each, void *context,
                          struct error *error)
{
    struct visit visit = {source, each, context};
    const struct shards shards = channels_shards(source);
    if (source->channels->shards.length > 0) return shards_each(&shards, prefix, visit_entry, &visit, error);
    return channels_each_old(source->channels->old, prefix, each, context, error);
}
