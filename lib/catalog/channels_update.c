#include "base/log.h"
#include "lib/apk/prepare.h"
#include "lib/catalog/channels_internal.h"
#include "lib/catalog/package.h"
#include "lib/store/common.h"

enum { INFO_MAX = 32 * 1024 }; /* bytes: far more than any region takes, for formats that carry the name alone */

/* The time of a change. Last-Modified counts seconds, and If-Range with a date relies on it that no two versions of a channel have the same
 * one (RFC 9110 section 8.8.2.2). So a change counts from the next second on: another version may have been sent in this one. */
int64_t channels_time_of_change(int64_t before)
{
    int64_t next = clock_now() / CLOCK_SECOND * CLOCK_SECOND + CLOCK_SECOND;
    return next > before ? next : before + CLOCK_SECOND;
}

/* --- the settings document */

static enum status change_settings(void *context, struct arena *arena, const struct generation *row, struct str *body, struct error *error)
{
    struct channels_edit *edit = context;
    struct channels channels;
    channels_default(&channels);
    if (row->number > 0) TRY(channels_parse(arena, row, &channels, error));
    struct str before = row->number > 0 ? channels_format(arena, &channels) : S("");
    edit->conflict = edit->expected && row->number != edit->expected->generation;
    if (edit->conflict) return error_set(error, STATUS_NOT_MODIFIED, "another writer was faster");
    TRY(edit->change(edit->context, arena, &channels, error));
    *body = channels_format(arena, &channels);
    ENSURE(body->data, error, STATUS_TOO_LARGE, "the settings of the channels are too large");
    return str_equal(before, *body) ? error_set(error, STATUS_NOT_MODIFIED, "no change") : STATUS_OK;
}

enum status channels_edit_settings(struct catalog catalog, struct channels_edit *edit, struct channels *result, struct error *error)
{
    struct generation row;
    TRY(generation_update(channels_settings(catalog), change_settings, edit, &row, error));
    return channels_parse(catalog.io.arena, &row, result, error);
}

static enum status set_depth(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    const unsigned *depth = context;
    (void)arena, (void)error;
    if (*depth > channels->depth) channels->depth = *depth;
    return STATUS_OK;
}

/* --- moving version 0.1's document */

/* Its channels, in an array whose indexes are the entries' tags. */
struct taken {
    struct arena *arena;
    struct channel *items;
    size_t count, capacity;
};

static enum status take_channel(void *context, const struct channel *channel, struct error *error)
{
    struct taken *taken = context;
    (void)error;
    taken->items = arena_grow(taken->arena, taken->items, taken->count, &taken->capacity, sizeof *taken->items);
    taken->items[taken->count++] = *channel;
    return STATUS_OK;
}

static enum status put_taken(void *context, struct arena *arena, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct taken *taken = context;
    *value = channels_format_entry(arena, &taken->items[entry->tag]);
    ENSURE(value->data, error, STATUS_TOO_LARGE, "channel " STR_FMT ": its info is too large", STR_ARG(entry->key));
    return STATUS_OK;
}

static enum status write_taken(const struct channels_source *target, const struct taken *taken, struct shards_result *result,
                               struct error *error)
{
    struct arena *arena = target->catalog.io.arena;
    struct shard_entry *entries = arena_array(arena, taken->count, sizeof *entries);
    const struct shards shards = channels_shards(target);
    const struct shards_change change = {entries, taken->count, .change = put_taken, .context = (void *)(uintptr_t)taken};
    for (size_t i = 0; i < taken->count; i++) entries[i] = (struct shard_entry){.key = taken->items[i].id, .tag = i};
    return shards_update(&shards, &change, result, error);
}

static enum status replace_settings(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    (void)arena, (void)error;
    *channels = *(const struct channels *)context;
    return STATUS_OK;
}

/* Each writer fills a folder of its own, and the settings, put if absent, say whose counts. So nobody ever sees half of it, and no writer
 * that is late brings back what has been changed since. */
static enum status begin_shards(struct catalog catalog, const struct channels *old, struct channels *out, struct error *error)
{
    struct channels channels = *old, none = {0};
    struct taken taken = {.arena = catalog.io.arena};
    struct shards_result result = {0};
    const struct channels_source target = {catalog, &channels, NULL};
    const int64_t span = deadline_left(catalog.io.deadline);
    struct channels_edit edit = {.expected = &none, .change = replace_settings, .context = &channels};
    channels.shards = arena_printf(catalog.io.arena, "shards-%016llx", (unsigned long long)store_random());
    TRY(channels_each_old(old->old, S(""), take_channel, &taken, error));
    TRY(write_taken(&target, &taken, &result, error));
    channels.depth = result.depth;
    channels.moved = old->generation;
    catalog.io = io_anew(catalog.io, span);
    TRY(channels_edit_settings(catalog, &edit, out, error));
    const struct channels_source fresh = {{catalog.store, io_anew(catalog.io, span), catalog.app}, &channels, NULL};
    const struct shards shards = channels_shards(&fresh);
    return edit.conflict ? shards_remove(&shards, error) : STATUS_OK;
}

/* Its changes cannot be told from what this version has changed since: they are not read, and whoever made them must hear of it. */
static void warn_of_older_writers(struct catalog catalog, const struct channels *channels)
{
    struct channels old;
    struct error ignored;
    enum status status = channels_load_old(catalog, channels->moved, &old, &ignored);
    if (status == STATUS_OK && old.generation > channels->moved)
        log_warn((struct log){0},
                 "version 0.1 has changed the channels of " STR_FMT
                 " after they were moved; that is not read: make these changes again with "
                 "this version",
                 STR_ARG(catalog.app));
}

enum status channels_open(struct catalog catalog, struct channels *channels, bool *moved, struct error *error)
{
    struct channels old;
    const int64_t span = deadline_left(catalog.io.deadline);
    TRY(channels_load(catalog, NULL, channels, error));
    bool is_old = channels->shards.length == 0;
    if (is_old) {
        old = *channels;
        TRY(begin_shards(catalog, &old, channels, error));
        catalog.io = io_anew(catalog.io, span);
    }
    *moved = is_old && channels->moved > 0;
    warn_of_older_writers(catalog, channels);
    return STATUS_OK;
}

enum status channels_upgrade(struct catalog catalog, bool *moved, struct error *error)
{
    struct channels channels;
    *moved = false;
    TRY(channels_load(catalog, NULL, &channels, error));
    return channels.generation > 0 ? channels_open(catalog, &channels, moved, error) : STATUS_OK;
}

/* --- what is refused */

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
    ENSURE(channel->info.json.length <= INFO_MAX, error, STATUS_INVALID, "channel " STR_FMT ": its info has %zu bytes; %d are allowed",
           STR_ARG(channel->id), channel->info.json.length, INFO_MAX);
    ENSURE(str_is_id(channel->id), error, STATUS_INVALID, "'" STR_FMT "' is not a channel id", STR_ARG(channel->id));
    TRY(check_room_in(APK_V2, channels, channel, error));
    return check_room_in(APK_V1, channels, channel, error);
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
static enum status check_published(struct catalog catalog, const struct channels *channels, struct error *error)
{
    struct versions versions = {.arena = catalog.io.arena};
    struct package package;
    struct error unused;
    if (channels_check_package(channels, catalog.app, APK_V1, &unused) == STATUS_OK) return STATUS_OK;
    struct str prefix = arena_join(catalog.io.arena, S("packages/"), catalog.app, S("/"));
    TRY(store_list(catalog.store, catalog.io, prefix, 0, collect_version, &versions, error));
    for (const struct version *version = versions.first; version; version = version->next) {
        TRY(package_load(catalog, version->id, &package, error));
        TRY(channels_check_package(channels, catalog.app, package.schemes, error));
    }
    return STATUS_OK;
}

static enum status check_room_of(void *context, const struct channel *channel, struct error *error)
{
    return channel->removed ? STATUS_OK : check_room(context, channel, error);
}

static enum status refuse_any(void *context, const struct channel *channel, struct error *error)
{
    (void)context, (void)channel;
    return error_set(error, STATUS_INVALID,
                     "with validator 'store' the formats and the validator of an app that has channels, or had some, may not change");
}

static enum status check_settings(const struct channels_source *now, struct channels *next, struct error *error)
{
    bool formats = now->channels->formats != next->formats, validator = now->channels->validator != next->validator;
    if ((formats || validator) && now->channels->validator == CHANNELS_VALIDATOR_STORE)
        TRY(channels_each(now, S(""), refuse_any, NULL, error));
    if (!formats) return STATUS_OK;
    TRY(check_published(now->catalog, next, error));
    return channels_each(now, S(""), check_room_of, next, error);
}

/* --- changing them */

enum status channels_configure(struct catalog catalog, channels_change_fn *change, void *context, struct channels *result,
                               struct error *error)
{
    bool moved;
    struct channels now;
    const struct channels_source source = {catalog, &now, NULL};
    const int64_t span = deadline_left(catalog.io.deadline);
    for (;;) {
        catalog.io = io_anew(catalog.io, span);
        TRY(channels_open(catalog, &now, &moved, error));
        struct channels next = now;
        struct channels_edit edit = {.expected = &now, .change = replace_settings, .context = &next};
        TRY(change(context, catalog.io.arena, &next, error));
        TRY(check_settings(&source, &next, error));
        catalog.io = io_anew(catalog.io, span);
        if (next.formats != now.formats) {
            next.serial++;
            next.formats_changed = channels_time_of_change(now.formats_changed);
        }
        TRY(channels_edit_settings(catalog, &edit, result, error));
        if (!edit.conflict) return STATUS_OK;
    }
}

struct setting {
    const struct channels_set *set;
    const struct channels *channels;
    bool checks_only;
};

static enum status make_channel(const struct setting *setting, struct arena *arena, const struct shard_entry *entry,
                                struct channel *channel, struct error *error)
{
    *channel = (struct channel){.id = entry->key, .serial = setting->channels->serial};
    return setting->set->info(setting->set->context, arena, entry, &channel->info, error);
}

/* With the store's own ETag nothing tells a cache that a channel's bytes changed, so they must not: not even when the channel is taken
 * away and comes back. */
static enum status check_frozen(const struct channels *channels, const struct channel *before, const struct channel *now,
                                struct error *error)
{
    bool same = channels->validator != CHANNELS_VALIDATOR_STORE || str_equal(before->info.json, now->info.json);
    ENSURE(same, error, STATUS_INVALID,
           "channel " STR_FMT ": with validator 'store' the info of a published channel may not change; it was " STR_FMT, STR_ARG(now->id),
           STR_ARG(before->info.json));
    return STATUS_OK;
}

/* A channel that is the same as before keeps its time. */
static enum status set_entry(void *context, struct arena *arena, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct setting *setting = context;
    struct channel before = {0}, now;
    bool is_there = value->data != NULL;
    TRY(make_channel(setting, arena, entry, &now, error));
    if (is_there) {
        TRY(channels_parse_entry(arena, entry->key, *value, &before, error));
        TRY(check_frozen(setting->channels, &before, &now, error));
        channels_age(setting->channels, &before);
        is_there = !before.removed;
    }
    if (setting->checks_only || (is_there && str_equal(before.info.json, now.info.json))) return STATUS_OK;
    now.changed = is_there ? channels_time_of_change(before.changed) : clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    *value = channels_format_entry(arena, &now);
    ENSURE(value->data, error, STATUS_TOO_LARGE, "channel " STR_FMT ": its info is too large", STR_ARG(entry->key));
    return STATUS_OK;
}

static enum status check_all(const struct setting *setting, struct error *error)
{
    struct channel channel;
    struct arena *arena = arena_new();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < setting->set->count && status == STATUS_OK; i++) {
        status = make_channel(setting, arena, &setting->set->entries[i], &channel, error);
        if (status == STATUS_OK) status = check_room(setting->channels, &channel, error);
        arena_reset(arena);
    }
    arena_free(arena);
    return status;
}

static enum status set_formats(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    const unsigned *formats = context;
    (void)arena, (void)error;
    channels->formats = *formats;
    return STATUS_OK;
}

/* The settings to set channels with. The channels are checked before anything is written. */
static enum status prepare(struct catalog catalog, const struct channels_set *set, struct channels *channels, struct error *error)
{
    bool moved;
    unsigned formats = set->formats;
    const int64_t span = deadline_left(catalog.io.deadline);
    TRY(channels_load(catalog, NULL, channels, error));
    struct channels next = *channels;
    if (formats) next.formats = formats;
    const struct setting setting = {set, &next, true};
    TRY(check_all(&setting, error));
    catalog.io = io_anew(catalog.io, span);
    TRY(channels_open(catalog, channels, &moved, error));
    if (formats && formats != channels->formats) TRY(channels_configure(catalog, set_formats, &formats, channels, error));
    return STATUS_OK;
}

enum status channels_write(const struct channels_source *target, const struct shards_change *change, size_t *written, struct error *error)
{
    struct shards_result result;
    struct channels ignored;
    struct catalog catalog = target->catalog;
    const struct shards shards = channels_shards(target);
    const int64_t span = deadline_left(catalog.io.deadline);
    TRY(shards_update(&shards, change, &result, error));
    *written = result.written;
    if (result.depth <= target->channels->depth) return STATUS_OK;
    catalog.io = io_anew(catalog.io, span);
    struct channels_edit edit = {.change = set_depth, .context = &result.depth};
    return channels_edit_settings(catalog, &edit, &ignored, error);
}

enum status channels_set(struct catalog catalog, const struct channels_set *set, size_t *changed, struct error *error)
{
    struct channels channels;
    const int64_t span = deadline_left(catalog.io.deadline);
    struct setting setting = {set, &channels, true};
    struct shards_change change = {set->entries, set->count, .change = set_entry, .context = &setting};
    TRY(prepare(catalog, set, &channels, error));
    catalog.io = io_anew(catalog.io, span);
    const struct channels_source target = {catalog, &channels, NULL};
    if (channels.validator == CHANNELS_VALIDATOR_STORE) TRY(channels_write(&target, &change, changed, error));
    setting.checks_only = false;
    change.progress = set->progress;
    change.progress_context = set->progress_context;
    return channels_write(&target, &change, changed, error);
}

struct removal {
    const struct channels *channels;
    bool checks_only;
};

static enum status remove_entry(void *context, struct arena *arena, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct removal *removal = context;
    struct channel channel = {.removed = true};
    if (value->data) TRY(channels_parse_entry(arena, entry->key, *value, &channel, error));
    ENSURE(!removal->checks_only || !channel.removed, error, STATUS_NOT_FOUND, "there is no channel '" STR_FMT "'", STR_ARG(entry->key));
    if (removal->checks_only || channel.removed) return STATUS_OK;
    channel.removed = true;
    *value = removal->channels->validator == CHANNELS_VALIDATOR_STORE ? channels_format_entry(arena, &channel) : (struct str){NULL, 0};
    return STATUS_OK;
}

enum status channels_remove(struct catalog catalog, const struct str *ids, size_t count, struct error *error)
{
    bool moved;
    size_t written;
    struct channels channels;
    struct removal removal = {&channels, true};
    struct shard_entry *entries = arena_array(catalog.io.arena, count, sizeof *entries);
    const struct shards_change change = {entries, count, .change = remove_entry, .context = &removal};
    const struct channels_source target = {catalog, &channels, NULL};
    for (size_t i = 0; i < count; i++) entries[i] = (struct shard_entry){.key = ids[i], .tag = i};
    TRY(channels_open(catalog, &channels, &moved, error));
    TRY(channels_write(&target, &change, &written, error));
    removal.checks_only = false;
    return channels_write(&target, &change, &written, error);
}
