#include "lib/catalog/channels_internal.h"

#include "base/json.h"
#include "lib/config/config.h"
#include "lib/http/disposition.h"

static const char *const validator_names[] = {"package", "store", NULL};
static const char *const url_info_names[] = {"signed", "unsigned", "never", NULL};

void channels_default(struct channels *channels)
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

/* --- settings */

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

enum status channels_parse_settings(struct config *config, struct channels *channels, struct error *error)
{
    int validator = 0, url_info = 0;
    TRY(parse_formats(config, channels, error));
    TRY(config_choice(config, "validator", CONFIG_OPTIONAL, validator_names, &validator, error));
    TRY(config_choice(config, "url_info", CONFIG_OPTIONAL, url_info_names, &url_info, error));
    TRY(config_text(config, "filename", CONFIG_OPTIONAL, &channels->filename, error));
    TRY(channels_check_filename(channels->filename, error));
    channels->validator = (enum channels_validator)validator;
    channels->url_info = (enum channels_url_info)url_info;
    return STATUS_OK;
}

static enum status parse_layout(struct config *config, struct channels *channels, struct error *error)
{
    uint64_t depth = 0;
    TRY(config_id(config, "shards", CONFIG_REQUIRED, &channels->shards, error));
    TRY(config_whole(config, "depth", CONFIG_OPTIONAL, 0, SHARD_DEPTH_MAX, &depth, error));
    TRY(config_whole(config, "formats_serial", CONFIG_OPTIONAL, 0, SERIAL_MAX, &channels->serial, error));
    TRY(config_time(config, "formats_changed", CONFIG_OPTIONAL, &channels->formats_changed, error));
    TRY(config_whole(config, "moved", CONFIG_OPTIONAL, 0, INT64_MAX, &channels->moved, error));
    channels->depth = (unsigned)depth;
    return STATUS_OK;
}

enum status channels_parse(struct arena *arena, const struct generation *row, struct channels *out, struct error *error)
{
    struct config config;
    struct channels channels;
    channels_default(&channels);
    enum status status = config_open(arena, row->body, "settings", &config, error);
    if (status == STATUS_OK) status = channels_parse_settings(&config, &channels, error);
    if (status == STATUS_OK) status = parse_layout(&config, &channels, error);
    if (status == STATUS_OK) status = config_end(&config, error);
    if (status != STATUS_OK) {
        error_context(error, STR_FMT, STR_ARG(row->key));
        return error->status = STATUS_CORRUPT;
    }
    channels.generation = row->number;
    *out = channels;
    return STATUS_OK;
}

void channels_put_settings(struct json_writer *json, const struct channels *channels)
{
    json_open_array(json, "formats");
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (channels->formats >> i & 1) json_put_word(json, NULL, apk_format_name(i));
    json_close(json);
    json_put_word(json, "validator", validator_names[channels->validator]);
    json_put_word(json, "url_info", url_info_names[channels->url_info]);
    json_put_text(json, "filename", channels->filename);
}

struct str channels_format(struct arena *arena, const struct channels *channels)
{
    struct buf out = buf_in(arena, 16384);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    channels_put_settings(&json, channels);
    json_put_text(&json, "shards", channels->shards);
    json_put_number(&json, "depth", channels->depth);
    if (channels->serial > 0) {
        json_put_number(&json, "formats_serial", channels->serial);
        json_put_text(&json, "formats_changed", clock_format_time(arena, channels->formats_changed));
    }
    if (channels->moved > 0) json_put_number(&json, "moved", channels->moved);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
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

/* --- packages signed with v1 carry one format */

enum status channels_check_package(const struct channels *channels, struct str app, unsigned schemes, struct error *error)
{
    enum apk_place place = apk_format_place(schemes);
    unsigned formats = channels->formats & apk_formats_in(place), chosen;
    struct error why;
    if (place != APK_IN_COMMENT || apk_formats_choose(place, formats, &chosen, &why) == STATUS_OK) return STATUS_OK;
    return error_set(error, STATUS_INVALID, STR_FMT " has packages that are signed with v1 only, and those carry no more than one of %s",
                     STR_ARG(app), apk_formats_text(formats, "and").text);
}
