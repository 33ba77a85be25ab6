#include <jansson.h>
#include <stdio.h>

#include "base/csv.h"
#include "base/json.h"
#include "cli/channel.h"
#include "cli/stored.h"
#include "lib/catalog/channels.h"

static struct str store_url, info, from, formats, url_info, filename, validator;
static bool json;

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

static enum status take_info(void *context, struct arena *arena, const struct shard_entry *entry, struct apk_info *out, struct error *error)
{
    (void)context;
    return apk_info_parse(arena, info.length > 0 ? info : S("{}"), entry->key, out, error);
}

static enum status collect(struct arena *arena, const struct str *words, int count, struct channels_set *change, struct error *error)
{
    ENSURE((count == 2) != (from.data != NULL), error, STATUS_INVALID, "say either CHANNEL or --from FILE.csv");
    ENSURE(!from.data || !info.data, error, STATUS_INVALID, "--info goes with one CHANNEL, not with --from");
    if (formats.data) TRY(channels_parse_formats(formats, &change->formats, error));
    if (from.data) return channel_table_read(arena, from, change, error);
    TRY(stored_check_id(words[1], "CHANNEL", error));
    change->entries = arena_new_of(arena, struct shard_entry);
    change->entries->key = words[1];
    change->count = 1;
    change->info = take_info;
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
    struct channels_set change = {0};
    size_t changed = 0;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(collect(arena, words, count, &change, error));
    TRY(stored_open(arena, store_url, &store, error));
    enum status status = channels_set((struct catalog){store, command_io(arena), words[0]}, &change, &changed, error);
    if (from.data) channel_table_end(&change);
    TRY(status);
    fprintf(stderr, "%zu set, %zu of them new or changed\n", change.count, changed);
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

static enum status run_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    TRY(stored_check_id(words[0], "APP", error));
    for (int i = 1; i < count; i++) TRY(stored_check_id(words[i], "CHANNEL", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(channels_remove((struct catalog){store, command_io(arena), words[0]}, words + 1, (size_t)count - 1, error));
    fprintf(stderr, "%d removed\n", count - 1);
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

static void print_config(struct arena *arena, const struct channels *channels)
{
    struct json_writer line = command_json(arena);
    json_open_object(&line, NULL);
    channels_put_settings(&line, channels);
    json_close(&line);
    json_t *whole = json ? NULL : json_loads(arena_cstr(arena, buf_str(line.out)), 0, NULL);
    if (json) return command_print(&line);
    json_dumpf(whole, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(whole);
}

static enum status update_config(struct arena *arena, struct store *store, struct str app, struct channels *channels, struct error *error)
{
    TRY(channels_configure((struct catalog){store, command_io(arena), app}, apply_config, NULL, channels, error));
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
        TRY(channels_load((struct catalog){store, command_io(arena), words[0]}, NULL, &channels, error));
    print_config(arena, &channels);
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

int cmd_channel(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_set, "add channels, or change their info"},
        {"list", channel_list_command, "list them"},
        {"remove", cmd_remove, "take them away"},
        {"config", cmd_config, "formats, info in URLs, file names, validators"},
    };
    return command_choose("channel", entries, sizeof entries / sizeof *entries, argc, argv);
}
