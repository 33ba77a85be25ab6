/* The channels of one store in another one: on edges that splice by themselves. Both are written by us, and the channels were checked when
 * they were set in the first, so they are not checked again. */
#include <stdlib.h>

#include "base/hash.h"
#include "lib/catalog/channels_internal.h"

struct copy {
    struct arena *arena;
    const struct channels *settings; /* of the one that is copied */
    struct channels target;
    struct channel *items; /* by id */
    size_t count, capacity;
    struct shard_entry *entries; /* tag: index in items, or NO_ITEM for what is removed */
    size_t entry_count, entry_capacity;
};
static const size_t NO_ITEM = SIZE_MAX;

/* --- whether anything has changed */

static bool hash_key(void *context, const struct store_object *object)
{
    uint64_t *hash = context;
    *hash = hash64(hash64(*hash, object->key), S("\n"));
    return true;
}

/* Generations are never changed: their names tell what there is. A copy that was overtaken by another one and then killed may have left
 * less than this says, so each day all is compared again. */
static enum status state_of(struct catalog catalog, struct str *state, struct error *error)
{
    uint64_t hash = HASH64;
    struct str prefix = arena_join(catalog.io.arena, S("channels/"), catalog.app, S("/"));
    TRY(store_list(catalog.store, catalog.io, prefix, 0, hash_key, &hash, error));
    *state = arena_printf(catalog.io.arena, "%016llx %lld\n", (unsigned long long)hash, (long long)(clock_now() / CLOCK_DAY));
    return STATUS_OK;
}

static struct str state_key(struct catalog catalog)
{
    return arena_join(catalog.io.arena, S("channels/"), catalog.app, S("/copied"));
}

static enum status is_copied(struct catalog to, struct str state, bool *done, struct error *error)
{
    struct store_object object;
    enum status status = store_get(to.store, to.io, state_key(to), NULL, &object, error);
    *done = status == STATUS_OK && str_equal(object.body, state);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- what is to be changed */

static int by_id(const void *a, const void *b)
{
    return str_compare(((const struct channel *)a)->id, ((const struct channel *)b)->id);
}

static enum status take(void *context, const struct channel *channel, struct error *error)
{
    struct copy *copy = context;
    (void)error;
    copy->items = arena_grow(copy->arena, copy->items, copy->count, &copy->capacity, sizeof *copy->items);
    struct channel *item = &copy->items[copy->count++];
    *item = (struct channel){.id = arena_copy(copy->arena, channel->id), .removed = channel->removed};
    item->info = (struct apk_info){arena_copy(copy->arena, channel->info.json), arena_copy(copy->arena, channel->info.channel)};
    return STATUS_OK;
}

static void add_entry(struct copy *copy, struct str id, size_t tag)
{
    copy->entries = arena_grow(copy->arena, copy->entries, copy->entry_count, &copy->entry_capacity, sizeof *copy->entries);
    copy->entries[copy->entry_count++] = (struct shard_entry){.key = id, .tag = tag};
}

static enum status find_extra(void *context, const struct channel *channel, struct error *error)
{
    struct copy *copy = context;
    (void)error;
    if (copy->count > 0 && bsearch(channel, copy->items, copy->count, sizeof *channel, by_id)) return STATUS_OK;
    add_entry(copy, arena_copy(copy->arena, channel->id), NO_ITEM);
    return STATUS_OK;
}

static enum status set_entry(void *context, struct arena *arena, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct copy *copy = context;
    struct channel before = {.removed = true};
    if (entry->tag == NO_ITEM) return *value = (struct str){NULL, 0}, STATUS_OK;
    struct channel now = copy->items[entry->tag];
    if (value->data) {
        TRY(channels_parse_entry(arena, entry->key, *value, &before, error));
        channels_age(&copy->target, &before);
        if (before.removed == now.removed && str_equal(before.info.json, now.info.json)) return STATUS_OK;
    }
    now.serial = copy->target.serial;
    now.changed = before.removed ? clock_now() / CLOCK_SECOND * CLOCK_SECOND : channels_time_of_change(before.changed);
    *value = channels_format_entry(arena, &now);
    ENSURE(value->data, error, STATUS_TOO_LARGE, "channel " STR_FMT ": its info is too large", STR_ARG(entry->key));
    return STATUS_OK;
}

static enum status set_settings(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    const struct channels *ours = context;
    (void)arena, (void)error;
    if (channels->formats != ours->formats) {
        channels->serial++;
        channels->formats_changed = channels_time_of_change(channels->formats_changed);
    }
    channels->formats = ours->formats;
    channels->validator = ours->validator;
    channels->url_info = ours->url_info;
    channels->filename = ours->filename;
    return STATUS_OK;
}

static enum status write_copy(struct catalog to, struct copy *copy, struct error *error)
{
    bool moved;
    size_t written;
    struct channels_edit edit = {.change = set_settings, .context = (void *)(uintptr_t)copy->settings};
    TRY(channels_open(to, &copy->target, &moved, error));
    TRY(channels_edit_settings(to, &edit, &copy->target, error));
    const struct channels_source target = {to, &copy->target, NULL};
    TRY(channels_each(&target, S(""), find_extra, copy, error));
    for (size_t i = 0; i < copy->count; i++) add_entry(copy, copy->items[i].id, i);
    const struct shards_change change = {copy->entries, copy->entry_count, .change = set_entry, .context = copy};
    return channels_write(&target, &change, &written, error);
}

enum status channels_copy(struct catalog from, struct catalog to, struct error *error)
{
    bool done;
    struct str state;
    struct channels settings;
    struct copy copy = {.arena = to.io.arena, .settings = &settings};
    const struct channels_source source = {from, &settings, NULL};
    const int64_t span = deadline_left(to.io.deadline);
    TRY(state_of(from, &state, error));
    TRY(is_copied(to, state, &done, error));
    if (done) return STATUS_OK;
    TRY(channels_load(from, NULL, &settings, error));
    if (settings.generation == 0) return STATUS_OK;
    TRY(channels_each(&source, S(""), take, &copy, error));
    if (copy.count > 0) qsort(copy.items, copy.count, sizeof *copy.items, by_id);
    to.io = io_anew(to.io, span);
    TRY(write_copy(to, &copy, error));
    to.io = io_anew(to.io, span);
    return store_put(to.store, to.io, state_key(to), state, NULL, NULL, error);
}
