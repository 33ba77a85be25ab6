/* What a reader knows before it looks anything up:
 *
 *     lookup 1 <usable> <sum, 16 hex digits> <serial> <depth>
 *     networks4 <length> …          and networks6, egresses4, egresses6
 *     near <bits, hex>              and nodes: the areas of the grid that have edges */
#include "base/buf.h"
#include "base/log.h"
#include "lib/edges/lookup_internal.h"
#include "lib/store/generation.h"

enum { SETTINGS_LIMIT = 65536 };

static struct generations settings_of(struct store *store, struct io io)
{
    return (struct generations){store, io, S("lookup/settings/")};
}

static bool parse_lengths(struct str line, const char *name, bool lengths[PREFIXES])
{
    uint64_t length;
    if (!str_equal(str_cut(&line, ' '), str_of(name))) return false;
    while (line.data) {
        if (!str_to_u64(str_cut(&line, ' '), &length) || length >= PREFIXES) return false;
        lengths[length] = true;
    }
    return true;
}

static bool parse_areas(struct str line, const char *name, unsigned char areas[LOOKUP_AREAS / 8])
{
    uint64_t byte;
    if (!str_equal(str_cut(&line, ' '), str_of(name)) || line.length != LOOKUP_AREAS / 4) return false;
    for (size_t i = 0; i < LOOKUP_AREAS / 8; i++) {
        if (!str_hex_to_u64(str_make(line.data + 2 * i, 2), &byte)) return false;
        areas[i] = (unsigned char)byte;
    }
    return true;
}

static bool parse_first(struct str line, struct lookup_settings *settings)
{
    uint64_t usable, depth;
    bool is_known = str_equal(str_cut(&line, ' '), S("lookup")) && str_equal(str_cut(&line, ' '), S("1"));
    if (!is_known || !str_to_u64(str_cut(&line, ' '), &usable) || !str_hex_to_u64(str_cut(&line, ' '), &settings->sum)) return false;
    if (usable > 1 || !str_to_u64(str_cut(&line, ' '), &settings->serial)) return false;
    if (!str_to_u64(line, &depth) || depth > SHARD_DEPTH_MAX) return false;
    settings->usable = usable;
    settings->depth = (unsigned)depth;
    return true;
}

static bool parse(struct str body, struct lookup_settings *settings)
{
    return parse_first(str_cut(&body, '\n'), settings) && parse_lengths(str_cut(&body, '\n'), "networks4", settings->networks[0]) &&
           parse_lengths(str_cut(&body, '\n'), "networks6", settings->networks[1]) &&
           parse_lengths(str_cut(&body, '\n'), "egresses4", settings->egresses[0]) &&
           parse_lengths(str_cut(&body, '\n'), "egresses6", settings->egresses[1]) &&
           parse_areas(str_cut(&body, '\n'), "near", settings->areas[0]) && parse_areas(str_cut(&body, '\n'), "nodes", settings->areas[1]);
}

static void put_lengths(struct buf *out, const char *name, const bool lengths[PREFIXES])
{
    buf_add(out, str_of(name));
    for (unsigned i = 0; i < PREFIXES; i++)
        if (lengths[i]) buf_printf(out, " %u", i);
    buf_add_byte(out, '\n');
}

static void put_areas(struct buf *out, const char *name, const unsigned char areas[LOOKUP_AREAS / 8])
{
    buf_printf(out, "%s ", name);
    for (size_t i = 0; i < LOOKUP_AREAS / 8; i++) buf_printf(out, "%02x", areas[i]);
    buf_add_byte(out, '\n');
}

static struct str format(struct arena *arena, const struct lookup_settings *settings)
{
    struct buf out = buf_in(arena, SETTINGS_LIMIT);
    buf_printf(&out, "lookup 1 %d %016llx %llu %u\n", settings->usable, (unsigned long long)settings->sum,
               (unsigned long long)settings->serial, settings->depth);
    put_lengths(&out, "networks4", settings->networks[0]);
    put_lengths(&out, "networks6", settings->networks[1]);
    put_lengths(&out, "egresses4", settings->egresses[0]);
    put_lengths(&out, "egresses6", settings->egresses[1]);
    put_areas(&out, "near", settings->areas[0]);
    put_areas(&out, "nodes", settings->areas[1]);
    return buf_str(&out);
}

static enum status take(const struct generation *newest, struct lookup_settings *out, struct error *error)
{
    struct lookup_settings settings = {.generation = newest->number};
    ENSURE(newest->number == 0 || parse(newest->body, &settings), error, STATUS_CORRUPT,
           STR_FMT ": the settings of the look-up document are damaged", STR_ARG(newest->key));
    *out = settings;
    return STATUS_OK;
}

enum status lookup_settings_read(struct store *store, struct io io, uint64_t known, struct lookup_settings *out, struct error *error)
{
    struct generation newest;
    TRY(generation_newest(settings_of(store, io), known, &newest, error));
    return take(&newest, out, error);
}

enum status lookup_load_settings(void *store, const struct cache_load *load, void **value, struct error *error)
{
    const struct lookup_settings *known = load->previous;
    struct lookup_settings *settings = arena_new_of(load->io.arena, struct lookup_settings);
    enum status status = lookup_settings_read(store, load->io, known ? known->generation : 0, settings, error);
    *value = settings;
    if (status != STATUS_CORRUPT) return status;
    log_warn((struct log){0}, "all edges are read: %s", error->text);
    return STATUS_OK;
}

uint64_t lookup_generation(const void *loaded)
{
    const struct lookup_settings *settings = loaded;
    return settings->usable ? settings->generation : 0;
}

struct update {
    lookup_settings_change *change;
    const void *context;
    struct lookup_settings *out;
};

/* Damaged settings are written again. */
static enum status change_settings(void *context, struct arena *arena, const struct generation *newest, struct str *body,
                                   struct error *error)
{
    const struct update *update = context;
    struct lookup_settings settings = {.generation = newest->number};
    if (newest->number > 0 && take(newest, &settings, error) != STATUS_OK) settings = (struct lookup_settings){0};
    update->change(update->context, &settings);
    *body = format(arena, &settings);
    *update->out = settings;
    if (newest->number > 0 && str_equal(*body, newest->body)) return error_set(error, STATUS_NOT_MODIFIED, "no change");
    return STATUS_OK;
}

enum status lookup_settings_update(struct lookup lookup, lookup_settings_change *change, const void *context, struct lookup_settings *out,
                                   struct error *error)
{
    struct generation newest;
    struct update update = {change, context, out};
    TRY(generation_update(settings_of(lookup.store, lookup.io), change_settings, &update, &newest, error));
    out->generation = newest.number;
    return STATUS_OK;
}

void lookup_list_parse(struct str value, struct lookup_list *list)
{
    *list = (struct lookup_list){0};
    while (value.data) {
        struct str token = str_cut(&value, ' ');
        if (str_equal(token, S("*")) || list->count == LOOKUP_LISTED_MAX)
            list->more = true;
        else if (token.length > 0)
            list->at[list->count++] = token;
    }
}
