#include <jansson.h>
#include <stdio.h>

#include "base/json.h"
#include "base/csv.h"
#include "cli/stored.h"
#include "lib/apk/info.h"
#include "lib/catalog/channels.h"

static struct str store_url, info, from, formats, url_info, filename, validator;
static bool json;

/* What one run wants changed. */
struct edit {
    struct channel *items; /* to set */
    size_t count;
    const struct str *removed;
    int removed_count;
};

static struct channel *find_item(struct channels *channels, struct str id)
{
    return (struct channel *)(uintptr_t)channels_find(channels, id);
}

/* --- set */

static const struct command_option set_options[] = {
    STORED_OPTION(&store_url),
    {"info", 'i', OPTION_TEXT, &info, "JSON", "an object of strings; without it {\"channel\":\"CHANNEL\"}"},
    {"from", 'f', OPTION_TEXT, &from, "FILE.csv", "many at once: CHANNEL[,JSON] or CHANNEL # remark a line, or a header channel,KEY,KEY,…"},
    {"formats", 0, OPTION_TEXT, &formats, "LIST", "some of " APK_FORMAT_NAMES "separated by commas; for all of the app's channels"},
};
static const struct command set = {
    .name = "channel set",
    .arguments = "APP [CHANNEL]",
    .summary = "Adds channels to an app, or changes their info.",
    .example = "pakhus channel set --store s3://packages GAME huawei --info '{\"channel\":\"huawei\",\"campaign\":\"x\"}'",
    COMMAND_OPTIONS(set_options),
    .least = 1,
    .most = 2,
};

/* A row under a header: each column that is not empty is a key; the column "info" is a whole object. All of it is UTF-8. */
static struct str row_as_json(struct arena *arena, const struct csv_row *header, const struct csv_row *row)
{
    struct buf out = buf_in(arena, 1 << 20);
    const char *separator = "{";
    for (size_t i = 1; i < row->count && i < header->count; i++) {
        if (row->fields[i].length == 0) continue;
        if (str_equal_nocase(header->fields[i], S("info"))) return row->fields[i];
        buf_add(&out, str_of(separator));
        json_quote(&out, header->fields[i]);
        buf_add_byte(&out, ':');
        json_quote(&out, row->fields[i]);
        separator = ",";
    }
    buf_add(&out, *separator == '{' ? S("{}") : S("}"));
    return buf_str(&out);
}

static enum status set_item(struct arena *arena, struct str id, struct str text, struct channel *item, struct error *error)
{
    TRY(stored_check_id(id, "CHANNEL", error));
    item->id = arena_copy(arena, id);
    return apk_info_parse(arena, text.length > 0 ? text : S("{}"), item->id, &item->info, error);
}

static enum status set_row(struct arena *arena, const struct csv_row *header, const struct csv_row *row, struct channel *item,
                           struct error *error)
{
    struct str text = header->count > 0 ? row_as_json(arena, header, row) : row->count > 1 ? row->fields[1] : (struct str){NULL, 0};
    ENSURE(row->count <= (header->count > 0 ? header->count : 2), error, STATUS_INVALID, "line %zu: more fields than columns", row->line);
    if (set_item(arena, str_trim(row->fields[0]), text, item, error) == STATUS_OK) return STATUS_OK;
    return error_context(error, "line %zu", row->line);
}

/* "Channel , Campaign": the names of columns are read without the blanks around them. */
static bool take_header(const struct csv_row *row, struct csv_row *header)
{
    if (!str_equal_nocase(str_trim(row->fields[0]), S("channel"))) return false;
    *header = *row;
    for (size_t i = 0; i < header->count; i++) header->fields[i] = str_trim(header->fields[i]);
    return true;
}

static size_t count_lines(struct str text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.length; i++) lines += text.data[i] == '\n' || text.data[i] == '\r';
    return lines;
}

static enum status read_rows(struct arena *arena, struct str text, struct edit *edit, struct error *error)
{
    struct csv csv = csv_of(text);
    struct csv_row header = {0}, row = {0};
    enum status status = csv_check_text(text, error);
    edit->items = arena_array(arena, count_lines(text), sizeof(struct channel));
    csv.remarks = CSV_REMARKS; /* as lists of channels for other tools have them: name # remark */
    while (status == STATUS_OK && (status = csv_next(&csv, arena, &row, error)) == STATUS_OK) {
        if (edit->count == 0 && header.count == 0 && take_header(&row, &header)) {
            csv.remarks = CSV_REMARK_LINES;
            continue;
        }
        TRY(set_row(arena, &header, &row, &edit->items[edit->count++], error));
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Sets what is there already in place and appends the rest; of two rows for one channel the later wins. */
static enum status apply_set(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    struct edit *edit = context;
    size_t known = channels->count;
    struct channel *items = arena_array(arena, known + edit->count, sizeof *items);
    if (known > 0) memcpy(items, channels->items, known * sizeof *items);
    channels->items = items;
    if (formats.data) TRY(channels_parse_formats(formats, &channels->formats, error));
    struct channels table = {.items = items, .count = known}; /* sorted: what find_item needs */
    for (size_t i = 0; i < edit->count; i++) {
        struct channel *item = find_item(&table, edit->items[i].id);
        if (!item) item = &items[channels->count++];
        *item = edit->items[i];
    }
    return STATUS_OK;
}

static int by_id_then_line(const void *a, const void *b)
{
    const struct channel *one = a, *other = b;
    int order = str_compare(one->id, other->id);
    return order != 0 ? order : one->changed < other->changed ? -1 : 1;
}

static void keep_last_of_each(struct edit *edit)
{
    size_t kept = 0;
    for (size_t i = 0; i < edit->count; i++) edit->items[i].changed = (int64_t)i; /* the line, until channels_update stamps it */
    if (edit->count > 0) qsort(edit->items, edit->count, sizeof *edit->items, by_id_then_line);
    for (size_t i = 0; i < edit->count; i++)
        if (i + 1 == edit->count || !str_equal(edit->items[i].id, edit->items[i + 1].id)) edit->items[kept++] = edit->items[i];
    edit->count = kept;
}

static enum status collect(struct arena *arena, const struct str *words, int count, struct edit *edit, struct error *error)
{
    struct str text;
    ENSURE((count == 2) != (from.data != NULL), error, STATUS_INVALID, "say either CHANNEL or --from FILE.csv");
    if (!from.data) {
        edit->items = arena_new_of(arena, struct channel);
        edit->count = 1;
        return set_item(arena, words[1], info, &edit->items[0], error);
    }
    ENSURE(!info.data, error, STATUS_INVALID, "--info goes with one CHANNEL, not with --from");
    TRY(command_read(arena, from.data, 256 << 20, &text, error));
    if (read_rows(arena, text, edit, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(from));
    keep_last_of_each(edit);
    return STATUS_OK;
}

static bool find_one(void *context, const struct store_object *object)
{
    (void)object;
    *(bool *)context = true;
    return false;
}

/* Channels may well be set before the first version is published; a mistyped app looks the same. */
static enum status warn_of_unknown_app(struct arena *arena, struct store *store, struct str app, struct error *error)
{
    bool published = false;
    TRY(store_list(store, command_io(arena), arena_join(arena, S("packages/"), app, S("/")), 1, find_one, &published, error));
    if (!published) fprintf(stderr, "warning: no version of " STR_FMT " is published yet: check the name of the app\n", STR_ARG(app));
    return STATUS_OK;
}

static enum status run_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct edit edit = {0};
    struct channels result;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(collect(arena, words, count, &edit, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(channels_update((struct catalog){store, command_io(arena), words[0]}, apply_set, &edit, &result, error));
    fprintf(stderr, "%zu set; " STR_FMT " has %zu channel%s\n", edit.count, STR_ARG(words[0]), result.count, result.count == 1 ? "" : "s");
    return warn_of_unknown_app(arena, store, words[0], error);
}

/* --- remove */

static const struct command_option store_options[] = {STORED_OPTION(&store_url)};
static const struct command removal = {
    .name = "channel remove",
    .arguments = "APP CHANNEL…",
    .summary = "Takes channels from an app.",
    .example = "pakhus channel remove --store s3://packages GAME huawei",
    COMMAND_OPTIONS(store_options),
    .least = 2,
    .most = INT32_MAX,
};

static enum status apply_remove(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    const struct edit *edit = context;
    size_t kept = 0;
    struct channel *items = arena_array(arena, channels->count, sizeof *items);
    for (int i = 0; i < edit->removed_count; i++)
        ENSURE(channels_find(channels, edit->removed[i]), error, STATUS_NOT_FOUND, "there is no channel '" STR_FMT "'",
               STR_ARG(edit->removed[i]));
    for (size_t i = 0; i < channels->count; i++) {
        bool removed = false;
        for (int k = 0; k < edit->removed_count; k++) removed = removed || str_equal(channels->items[i].id, edit->removed[k]);
        if (!removed) items[kept++] = channels->items[i];
    }
    channels->items = items;
    channels->count = kept;
    return STATUS_OK;
}

static enum status run_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct edit edit = {.removed = words + 1, .removed_count = count - 1};
    struct channels result;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(channels_update((struct catalog){store, command_io(arena), words[0]}, apply_remove, &edit, &result, error));
    fprintf(stderr, "%d removed; " STR_FMT " has %zu channel%s\n", count - 1, STR_ARG(words[0]), result.count,
            result.count == 1 ? "" : "s");
    return STATUS_OK;
}

/* --- config */

static const struct command_option config_options[] = {
    STORED_OPTION(&store_url),
    {"formats", 0, OPTION_TEXT, &formats, "LIST", "some of " APK_FORMAT_NAMES "separated by commas"},
    {"url-info", 0, OPTION_TEXT, &url_info, "WHICH", "info in URLs: signed, unsigned or never"},
    {"filename", 0, OPTION_TEXT, &filename, "TEMPLATE", "such as {app}-{version}-{channel}.apk"},
    {"validator", 0, OPTION_TEXT, &validator, "KIND", "package, or store for CDNs that follow redirects by themselves"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};
static const struct command config = {
    .name = "channel config",
    .arguments = "APP",
    .summary = "Shows or changes what holds for all of an app's channels.",
    .example = "pakhus channel config --store s3://packages GAME --formats walle,vasdolly --url-info never",
    COMMAND_OPTIONS(config_options),
    .least = 1,
    .most = 1,
};

static enum status apply_config(void *context, struct arena *arena, struct channels *channels, struct error *error)
{
    (void)context;
    (void)arena;
    if (formats.data) TRY(channels_parse_formats(formats, &channels->formats, error));
    ENSURE(!url_info.data || channels_url_info_parse(url_info, &channels->url_info), error, STATUS_INVALID,
           "--url-info must be signed, unsigned or never");
    ENSURE(!validator.data || channels_validator_parse(validator, &channels->validator), error, STATUS_INVALID,
           "--validator must be package or store");
    if (filename.data) TRY(channels_check_filename(filename, error));
    if (filename.data) channels->filename = filename;
    return STATUS_OK;
}

static void print_config(struct arena *arena, struct channels channels)
{
    channels.count = channels.removed_count = 0;
    json_t *whole = json_loads(arena_cstr(arena, channels_format(arena, &channels)), 0, NULL);
    json_object_del(whole, "channels");
    json_object_del(whole, "changed");
    if (json)
        json_dumpf(whole, stdout, JSON_COMPACT);
    else
        json_dumpf(whole, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(whole);
}

static enum status update_config(struct arena *arena, struct store *store, struct str app, struct channels *channels, struct error *error)
{
    TRY(channels_update((struct catalog){store, command_io(arena), app}, apply_config, NULL, channels, error));
    return warn_of_unknown_app(arena, store, app, error);
}

static enum status run_config(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct channels channels;
    (void)count;
    bool change = formats.data || url_info.data || filename.data || validator.data;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_open(arena, store_url, &store, error));
    if (change)
        TRY(update_config(arena, store, words[0], &channels, error));
    else
        TRY(channels_load((struct catalog){store, command_io(arena), words[0]}, 0, &channels, error));
    print_config(arena, channels);
    return STATUS_OK;
}

/* --- list */

static const struct command_option list_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print the whole object"},
};
static const struct command list = {
    .name = "channel list",
    .arguments = "APP",
    .summary = "Lists an app's channels: id, tab, info.",
    .example = "pakhus channel list --store s3://packages GAME",
    COMMAND_OPTIONS(list_options),
    .least = 1,
    .most = 1,
};

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct channels channels;
    (void)count;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(channels_load((struct catalog){store, command_io(arena), words[0]}, 0, &channels, error));
    struct str whole = json ? channels_format(arena, &channels) : S("");
    fwrite(whole.data, 1, whole.length, stdout);
    for (size_t i = 0; !json && i < channels.count; i++)
        printf(STR_FMT "\t" STR_FMT "\n", STR_ARG(channels.items[i].id), STR_ARG(channels.items[i].info.json));
    return STATUS_OK;
}

static int cmd_set(int argc, char **argv)
{
    return command_main(&set, argc, argv, run_set);
}

static int cmd_remove(int argc, char **argv)
{
    return command_main(&removal, argc, argv, run_remove);
}

static int cmd_config(int argc, char **argv)
{
    return command_main(&config, argc, argv, run_config);
}

static int cmd_list(int argc, char **argv)
{
    return command_main(&list, argc, argv, run_list);
}

int cmd_channel(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_set, "add channels, or change their info"},
        {"list", cmd_list, "list them"},
        {"remove", cmd_remove, "take them away"},
        {"config", cmd_config, "formats, info in URLs, file names, validators"},
    };
    return command_choose("channel", entries, sizeof entries / sizeof *entries, argc, argv);
}
