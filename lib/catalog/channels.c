#include "lib/catalog/channels.h"

#include <stdlib.h>

#include "base/json.h"
#include "lib/apk/info.h"
#include "lib/apk/prepare.h"
#include "lib/catalog/package.h"
#include "lib/config/config.h"
#include "lib/http/disposition.h"

enum { BODY_MAX = 64 << 20 };
static const char *const validator_names[] = {"package", "store", NULL};
static const char *const url_info_names[] = {"signed", "unsigned", "never", NULL};

static void channels_default(struct channels *channels)
{
    *channels = (struct channels){.formats = APK_WALLE, .filename = S("{app}-{version}-{channel}.apk")};
}

static bool find_name(const char *const *names, struct str name, int *index)
{
    for (int i = 0; names[i]; i++)
        if (str_equal(name, str_of(names[i]))) return *index = i, true;
    return false;
}

bool channels_validator_parse(struct str name, enum channels_validator *validator)
{
    int index;
    if (!find_name(validator_names, name, &index)) return false;
    *validator = (enum channels_validator)index;
    return true;
}

bool channels_url_info_parse(struct str name, enum channels_url_info *url_info)
{
    int index;
    if (!find_name(url_info_names, name, &index)) return false;
    *url_info = (enum channels_url_info)index;
    return true;
}

/* A v1 package carries one format, and those that have no form but there could never be another one. */
static enum status check_v1_alone(unsigned formats, struct error *error)
{
    unsigned in_comment = formats & apk_formats_in(APK_IN_COMMENT), only = in_comment & ~apk_formats_in(APK_IN_BLOCK);
    ENSURE(!only || !(in_comment & (in_comment - 1)), error, STATUS_INVALID,
           "%s is for v1 packages, and they carry one format: leave out %s, or %s", apk_formats_text(only, "or").text,
           apk_formats_text(only, "and").text, apk_formats_text(in_comment & ~only, "and").text);
    return STATUS_OK;
}

enum status channels_parse_formats(struct str list, unsigned *out, struct error *error)
{
    unsigned formats = 0;
    TRY(apk_formats_parse(list, &formats, error));
    ENSURE(formats, error, STATUS_INVALID, "at least one format is needed");
    TRY(check_v1_alone(formats, error));
    *out = formats;
    return STATUS_OK;
}

/* --- the object */

static enum status parse_formats(struct config *config, struct channels *channels, struct error *error)
{
    struct config array;
    size_t count;
    struct str list = {NULL, 0};
    TRY(config_array(config, "formats", CONFIG_OPTIONAL, &array, &count, error));
    if (!array.object) return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        struct str name;
        TRY(config_item_text(&array, i, &name, error));
        list = arena_printf(config->arena, STR_FMT "%s" STR_FMT, STR_ARG(list), i ? "," : "", STR_ARG(name));
    }
    if (channels_parse_formats(list, &channels->formats, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(array.path));
    return STATUS_OK;
}

struct collect {
    struct arena *arena;
    struct channel *items;
    size_t count;
};

static enum status collect_channel(void *context, struct str id, struct config *member, struct error *error)
{
    struct collect *collect = context;
    struct channel *channel = &collect->items[collect->count++];
    ENSURE(str_is_id(id), error, STATUS_INVALID, STR_FMT ": not a channel id", STR_ARG(member->path));
    char *json = json_dumps(member->object, JSON_COMPACT);
    ENSURE(json, error, STATUS_INTERNAL, "out of memory");
    struct str text = arena_copy(collect->arena, str_of(json));
    free(json);
    channel->id = id;
    if (apk_info_parse(collect->arena, text, id, &channel->info, error) == STATUS_OK) return STATUS_OK;
    return error_context(error, STR_FMT, STR_ARG(member->path));
}

static int by_id(const void *a, const void *b)
{
    return str_compare(((const struct channel *)a)->id, ((const struct channel *)b)->id);
}

static void sort_items(struct channel *items, size_t count)
{
    if (count > 0) qsort(items, count, sizeof *items, by_id);
}

/* "changed": {"2026-08-20T10:00:00Z":["huawei",…]}: channels come in thousands at a time, so the times are few. */
static enum status parse_changed(struct config *config, struct channels *channels, struct error *error)
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
            struct channel *channel = (struct channel *)(uintptr_t)channels_find(channels, id);
            if (channel) channel->changed = moment;
        }
    }
    return STATUS_OK;
}

static enum status parse_items(struct config *config, const char *name, struct channel **items, size_t *count, struct error *error)
{
    struct collect collect = {.arena = config->arena};
    collect.items = arena_array(config->arena, json_object_size(json_object_get(config->object, name)), sizeof(struct channel));
    TRY(config_each_object(config, name, CONFIG_OPTIONAL, collect_channel, &collect, error));
    sort_items(collect.items, collect.count);
    *items = collect.items;
    *count = collect.count;
    return STATUS_OK;
}

static enum status channels_parse(struct arena *arena, struct str json, struct channels *out, struct error *error)
{
    struct channels channels;
    struct config config;
    int validator = 0, url_info = 0;
    channels_default(&channels);
    TRY(config_open(arena, json, "channels", &config, error));
    TRY(parse_formats(&config, &channels, error));
    TRY(config_choice(&config, "validator", CONFIG_OPTIONAL, validator_names, &validator, error));
    TRY(config_choice(&config, "url_info", CONFIG_OPTIONAL, url_info_names, &url_info, error));
    TRY(config_text(&config, "filename", CONFIG_OPTIONAL, &channels.filename, error));
    TRY(channels_check_filename(channels.filename, error));
    TRY(parse_items(&config, "channels", &channels.items, &channels.count, error));
    TRY(parse_items(&config, "removed", &channels.removed, &channels.removed_count, error));
    TRY(parse_changed(&config, &channels, error));
    TRY(config_end(&config, error));
    channels.validator = (enum channels_validator)validator;
    channels.url_info = (enum channels_url_info)url_info;
    *out = channels;
    return STATUS_OK;
}

static int by_change(const void *a, const void *b)
{
    const struct channel *one = *(const struct channel *const *)a, *other = *(const struct channel *const *)b;
    if (one->changed != other->changed) return one->changed < other->changed ? -1 : 1;
    return str_compare(one->id, other->id);
}

static void put_changed(struct arena *arena, struct json_writer *json, const struct channels *channels)
{
    const struct channel **sorted = arena_array(arena, channels->count, sizeof *sorted);
    for (size_t i = 0; i < channels->count; i++) sorted[i] = &channels->items[i];
    if (channels->count > 0) qsort(sorted, channels->count, sizeof *sorted, by_change);
    json_new_line(json);
    json_open_object(json, "changed");
    for (size_t i = 0; i < channels->count; i++) {
        if (i == 0 || sorted[i]->changed != sorted[i - 1]->changed) {
            if (i > 0) json_close(json);
            json_new_line(json);
            json_open_array(json, clock_format_time(arena, sorted[i]->changed).data);
        }
        json_put_text(json, NULL, sorted[i]->id);
    }
    if (channels->count > 0) json_close(json);
    json_close(json);
}

static void put_table(struct json_writer *json, const char *name, const struct channel *items, size_t count)
{
    json_open_object(json, name);
    for (size_t i = 0; i < count; i++) {
        json_new_line(json);
        json_name(json, items[i].id);
        json_put_raw(json, NULL, items[i].info.json);
    }
    json_close(json);
}

struct str channels_format(struct arena *arena, const struct channels *channels)
{
    struct buf out = buf_in(arena, BODY_MAX);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_open_array(&json, "formats");
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (channels->formats >> i & 1) json_put_word(&json, NULL, apk_format_name(i));
    json_close(&json);
    json_put_word(&json, "validator", validator_names[channels->validator]);
    json_put_word(&json, "url_info", url_info_names[channels->url_info]);
    json_put_text(&json, "filename", channels->filename);
    put_table(&json, "channels", channels->items, channels->count);
    if (channels->removed_count > 0) put_table(&json, "removed", channels->removed, channels->removed_count);
    put_changed(arena, &json, channels);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return out.overflow ? (struct str){NULL, 0} : buf_str(&out);
}

static const struct channel *find(const struct channel *items, size_t count, struct str id)
{
    struct channel wanted = {.id = id};
    if (count == 0) return NULL;
    return bsearch(&wanted, items, count, sizeof wanted, by_id);
}

const struct channel *channels_find(const struct channels *channels, struct str id)
{
    return find(channels->items, channels->count, id);
}

/* --- file names */

enum { PLACEHOLDER_COUNT = 3 };
static const struct str placeholders[PLACEHOLDER_COUNT] = {{"{app}", 5}, {"{version}", 9}, {"{channel}", 9}};

/* Which placeholder the text begins with, or PLACEHOLDER_COUNT. */
static size_t placeholder_at(struct str text)
{
    size_t i = 0;
    while (i < PLACEHOLDER_COUNT && !str_starts(text, placeholders[i])) i++;
    return i;
}

static struct str fill_template(struct arena *arena, struct str template, const struct str values[PLACEHOLDER_COUNT])
{
    struct buf out = buf_in(arena, 1024);
    while (template.length > 0) {
        size_t i = placeholder_at(template);
        bool found = i < PLACEHOLDER_COUNT;
        buf_add(&out, found ? values[i] : str_first(template, 1));
        template = str_from(template, found ? placeholders[i].length : 1);
    }
    return buf_str(&out);
}

struct str channels_filename(struct arena *arena, const struct channels *channels, struct str app, struct str version, struct str channel)
{
    if (channel.length == 0) return arena_printf(arena, STR_FMT "-" STR_FMT ".apk", STR_ARG(app), STR_ARG(version));
    const struct str values[PLACEHOLDER_COUNT] = {app, version, channel};
    struct str name = fill_template(arena, channels->filename, values);
    if (http_is_filename(name, S(".apk"))) return name;
    return arena_printf(arena, STR_FMT ".apk", STR_ARG(channel)); /* three ids of 128 bytes make it too long */
}

enum status channels_check_filename(struct str template, struct error *error)
{
    char sample[256];
    size_t used = 0; /* the template, each placeholder as one letter */
    for (struct str rest = template; rest.length > 0 && used < sizeof sample;) {
        size_t i = placeholder_at(rest);
        bool found = i < PLACEHOLDER_COUNT;
        ENSURE(found || (rest.data[0] != '{' && rest.data[0] != '}'), error, STATUS_INVALID,
               "the file name may hold {app}, {version} and {channel}, and no other braces");
        sample[used++] = found ? 'x' : rest.data[0];
        rest = str_from(rest, found ? placeholders[i].length : 1);
    }
    ENSURE(http_is_filename(str_make(sample, used), S(".apk")), error, STATUS_INVALID,
           "the file name must end in .apk, be shorter than 180 bytes, not begin with a dot or a space, and hold none of / \\ : * ? \" < > "
           "| %% ;");
    return STATUS_OK;
}

/* --- the row */

static struct str row_of(struct arena *arena, struct str app)
{
    return arena_printf(arena, "channels/" STR_FMT "/", STR_ARG(app));
}

static enum status parse_row(struct arena *arena, const struct generation *row, struct channels *channels, struct error *error)
{
    channels_default(channels);
    if (row->number > 0 && channels_parse(arena, row->body, channels, error) != STATUS_OK) {
        error_context(error, STR_FMT, STR_ARG(row->key));
        return error->status = STATUS_CORRUPT;
    }
    channels->generation = row->number;
    return STATUS_OK;
}

enum status channels_load(struct catalog catalog, uint64_t known, struct channels *channels, struct error *error)
{
    struct generation row;
    TRY(generation_newest(catalog.store, catalog.io, row_of(catalog.io.arena, catalog.app), known, &row, error));
    return parse_row(catalog.io.arena, &row, channels, error);
}

static enum status check_room_in(unsigned scheme, const struct channels *channels, const struct channel *channel, struct error *error)
{
    unsigned char region[APK_REGION_DEFAULT];
    struct error why;
    enum apk_place place = apk_format_place(scheme);
    unsigned formats = channels->formats & apk_formats_in(place), chosen;
    if (!formats || apk_formats_choose(place, formats, &chosen, &why) != STATUS_OK) return STATUS_OK;
    if (apk_fill((struct apk_filling){scheme, region, sizeof region}, formats, &channel->info, &why) == STATUS_OK) return STATUS_OK;
    return error_set(error, STATUS_INVALID, "channel " STR_FMT ": %s", STR_ARG(channel->id), why.text);
}

/* Info must fit into every kind of package that the formats have a form in. */
static enum status check_room(const struct channels *channels, const struct channel *channel, struct error *error)
{
    ENSURE(str_is_id(channel->id), error, STATUS_INVALID, "'" STR_FMT "' is not a channel id", STR_ARG(channel->id));
    TRY(check_room_in(APK_V2, channels, channel, error));
    return check_room_in(APK_V1, channels, channel, error);
}

static enum status check_same(const struct channel *items, size_t count, const struct channels *new, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct channel *now = channels_find(new, items[i].id);
        ENSURE(!now || str_equal(now->info.json, items[i].info.json), error, STATUS_INVALID,
               "channel " STR_FMT ": with validator 'store' the info of a published channel may not change; it was " STR_FMT,
               STR_ARG(items[i].id), STR_ARG(items[i].info.json));
    }
    return STATUS_OK;
}

/* With the store's own ETag nothing tells a cache that a channel's bytes changed, so they must not: not even when the channel is taken
 * away and comes back. */
static enum status check_frozen(const struct channels *old, const struct channels *new, struct error *error)
{
    if (old->validator != CHANNELS_VALIDATOR_STORE || old->count + old->removed_count == 0) return STATUS_OK;
    ENSURE(old->formats == new->formats && old->validator == new->validator, error, STATUS_INVALID,
           "with validator 'store' the formats and the validator of an app that has channels, or had some, may not change");
    TRY(check_same(old->items, old->count, new, error));
    return check_same(old->removed, old->removed_count, new, error);
}

static void remember(struct channels *new, const struct channel *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!channels_find(new, items[i].id)) new->removed[new->removed_count++] = items[i];
}

static void remember_removed(struct arena *arena, const struct channels *old, struct channels *new)
{
    if (new->validator != CHANNELS_VALIDATOR_STORE || old->validator != CHANNELS_VALIDATOR_STORE) return;
    new->removed = arena_array(arena, old->count + old->removed_count, sizeof *new->removed);
    new->removed_count = 0;
    remember(new, old->items, old->count);
    remember(new, old->removed, old->removed_count);
    sort_items(new->removed, new->removed_count);
}

/* The time of a change. Last-Modified counts seconds, and If-Range with a date relies on it that no two versions of a channel have the same
 * one (RFC 9110 section 8.8.2.2). So a change counts from the next second on: another version may have been sent in this one. */
static int64_t time_of_change(int64_t before)
{
    int64_t next = clock_now() / CLOCK_SECOND * CLOCK_SECOND + CLOCK_SECOND;
    return next > before ? next : before + CLOCK_SECOND;
}

/* A channel that is the same as before keeps its time. */
static void stamp(const struct channels *old, struct channels *new)
{
    int64_t now = clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    for (size_t i = 0; i < new->count; i++) {
        const struct channel *before = channels_find(old, new->items[i].id);
        bool same = before && old->formats == new->formats &&str_equal(before->info.json, new->items[i].info.json);
        new->items[i].changed = same ? before->changed : before ? time_of_change(before->changed) : now;
    }
}

/* --- v1 packages carry one format */

enum status channels_check_package(const struct channels *channels, struct str app, unsigned schemes, struct error *error)
{
    enum apk_place place = apk_format_place(schemes);
    unsigned formats = channels->formats & apk_formats_in(place), chosen;
    struct error why;
    if (place != APK_IN_COMMENT || apk_formats_choose(place, formats, &chosen, &why) == STATUS_OK) return STATUS_OK;
    return error_set(error, STATUS_INVALID, STR_FMT " has packages that are signed with v1 only, and those carry no more than one of %s",
                     STR_ARG(app), apk_formats_text(formats, "and").text);
}

struct versions {
    struct arena *arena;
    struct version {
        struct str id;
        struct version *next;
    } * first;
};

static bool collect_version(void *context, const struct store_object *object)
{
    struct versions *versions = context;
    if (!str_ends(object->key, S("/package.json"))) return true;
    struct str version = str_first(object->key, object->key.length - 13);
    version = str_from(version, str_find_last(version, '/') + 1);
    struct version *entry = arena_new_of(versions->arena, struct version);
    *entry = (struct version){arena_copy(versions->arena, version), versions->first};
    versions->first = entry;
    return true;
}

/* Only where the formats are such that it matters, which for most apps is never. */
static enum status check_published(struct store *store, struct io io, struct str app, const struct channels *channels, struct error *error)
{
    struct versions versions = {.arena = io.arena};
    struct package package;
    struct error unused;
    if (channels_check_package(channels, app, APK_V1, &unused) == STATUS_OK) return STATUS_OK;
    struct str prefix = arena_printf(io.arena, "packages/" STR_FMT "/", STR_ARG(app));
    TRY(store_list(store, io, prefix, 0, collect_version, &versions, error));
    for (const struct version *version = versions.first; version; version = version->next) {
        TRY(package_load((struct catalog){store, io, app}, version->id, &package, error));
        TRY(channels_check_package(channels, app, package.schemes, error));
    }
    return STATUS_OK;
}

/* --- changing it */

struct update {
    struct store *store;
    struct io io;
    struct str app;
    channels_change_fn *change;
    void *context;
};

static enum status change_row(void *context, struct arena *arena, const struct generation *row, struct str *body, struct error *error)
{
    struct update *update = context;
    struct channels old, new;
    TRY(parse_row(arena, row, &old, error));
    new = old;
    TRY(update->change(update->context, arena, &new, error));
    sort_items(new.items, new.count);
    TRY(check_frozen(&old, &new, error));
    remember_removed(arena, &old, &new);
    if (old.formats != new.formats) TRY(check_published(update->store, update->io, update->app, &new, error));
    for (size_t i = 0; i < new.count; i++) TRY(check_room(&new, &new.items[i], error));
    stamp(&old, &new);
    *body = channels_format(arena, &new);
    ENSURE(body->data, error, STATUS_TOO_LARGE, "the channels of one app may not take more than 64 MiB");
    return STATUS_OK;
}

enum status channels_update(struct catalog catalog, channels_change_fn *change, void *context, struct channels *result, struct error *error)
{
    struct update update = {catalog.store, catalog.io, catalog.app, .change = change, .context = context};
    struct generation row;
    TRY(generation_update(catalog.store, catalog.io, row_of(catalog.io.arena, catalog.app), change_row, &update, &row, error));
    return parse_row(catalog.io.arena, &row, result, error);
}
