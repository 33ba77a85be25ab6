#include "lib/catalog/patch.h"

#include "base/json.h"
#include "lib/catalog/package.h"
#include "lib/catalog/record.h"
#include "lib/config/config.h"

/* --- names */

/* What stands behind the versions in the names of a format. */
static struct str mark_of(unsigned format)
{
    return format == PATCH_FORMAT_2 ? S("@2") : S("");
}

struct str patch_name(struct arena *arena, const struct patch *patch)
{
    return arena_join(arena, patch->from, S(".."), patch->to, mark_of(patch->format));
}

static bool are_digits(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return text.length == PATCH_DIFF_DIGITS;
}

static bool take(struct str *rest, struct str text)
{
    if (!str_starts(*rest, text)) return false;
    *rest = str_from(*rest, text.length);
    return true;
}

bool patch_is_diff(struct str name, const struct patch *patch)
{
    struct str rest = name;
    if (!take(&rest, patch->from) || !take(&rest, S("..")) || !take(&rest, patch->to) || !take(&rest, mark_of(patch->format))) return false;
    if (str_equal(rest, S(".diff"))) return true;
    return take(&rest, S("@")) && str_ends(rest, S(".diff")) && are_digits(str_first(rest, rest.length - 5));
}

struct str patch_diff_key(struct arena *arena, const struct patch *patch)
{
    struct str folder = arena_join(arena, S("patches/"), patch->app, S("/"));
    if (!str_empty(patch->diff)) return arena_join(arena, folder, patch->diff);
    return arena_join(arena, folder, patch_name(arena, patch), S(".diff"));
}

struct str patch_json_key(struct arena *arena, const struct patch *patch)
{
    return arena_join(arena, S("patches/"), patch->app, S("/"), patch_name(arena, patch), S(".json"));
}

/* At the last "..", since a version may end in a dot but not begin with one: "1...2" leads from "1." to "2". */
static bool cut_versions(struct str name, struct patch *patch)
{
    for (size_t i = name.length; i-- > 1;) {
        if (name.data[i - 1] != '.' || name.data[i] != '.') continue;
        patch->from = str_first(name, i - 1);
        patch->to = str_from(name, i + 1);
        return package_is_version(patch->from) && package_is_version(patch->to);
    }
    return false;
}

bool patch_parse_name(struct str name, struct patch *patch)
{
    struct str mark = mark_of(PATCH_FORMAT_2);
    bool is_format2 = str_ends(name, mark);
    patch->format = is_format2 ? PATCH_FORMAT_2 : PATCH_FORMAT_1;
    return cut_versions(is_format2 ? str_first(name, name.length - mark.length) : name, patch);
}

enum status patch_check_names(const struct patch *patch, struct error *error)
{
    struct str app = patch->app, from = patch->from, to = patch->to;
    ENSURE(str_is_id(app), error, STATUS_INVALID, "'" STR_FMT "' is not an app's id", STR_ARG(app));
    ENSURE(package_is_version(from) && package_is_version(to), error, STATUS_INVALID,
           "a patch leads from one version's id to another's, neither with '..' in it: not from '" STR_FMT "' to '" STR_FMT "'",
           STR_ARG(from), STR_ARG(to));
    ENSURE(!str_equal(from, to), error, STATUS_INVALID, "a patch leads from one version to another, not from " STR_FMT " to itself",
           STR_ARG(from));
    return STATUS_OK;
}

/* --- the record */

/* Records of format 1 do not say it: those of older versions are as they were, and older versions read them. */
static enum status parse_format(struct config *config, struct patch *patch, struct error *error)
{
    uint64_t format = PATCH_FORMAT_1;
    TRY(config_whole(config, "format", CONFIG_OPTIONAL, PATCH_FORMAT_1, PATCH_FORMAT_2, &format, error));
    patch->format = (unsigned)format;
    TRY(config_text(config, "diff", CONFIG_OPTIONAL, &patch->diff, error));
    if (!str_empty(patch->diff) && !patch_is_diff(patch->diff, patch))
        return config_refuse(config, "diff", error,
                             "must be the two versions with '..' between, of format 2 with '@2', perhaps '@' and 32 hexadecimal digits, "
                             "and .diff");
    return STATUS_OK;
}

enum status patch_parse(struct arena *arena, struct str json, struct patch *out, struct error *error)
{
    struct config config;
    struct patch patch = {0};
    TRY(config_open(arena, json, "patch", &config, error));
    TRY(config_id(&config, "app", CONFIG_REQUIRED, &patch.app, error));
    TRY(config_version(&config, "from", CONFIG_REQUIRED, &patch.from, error));
    TRY(config_version(&config, "to", CONFIG_REQUIRED, &patch.to, error));
    TRY(parse_format(&config, &patch, error));
    TRY(config_whole(&config, "size", CONFIG_REQUIRED, 1, INT64_MAX, &patch.size, error));
    TRY(config_sha256(&config, "sha256", CONFIG_REQUIRED, &patch.sha256, error));
    TRY(config_sha256(&config, "from_sha256", CONFIG_REQUIRED, &patch.from_sha256, error));
    TRY(config_sha256(&config, "to_sha256", CONFIG_REQUIRED, &patch.to_sha256, error));
    TRY(config_text(&config, "etag", CONFIG_REQUIRED, &patch.etag, error));
    TRY(config_time(&config, "modified", CONFIG_REQUIRED, &patch.modified, error));
    TRY(config_time(&config, "published", CONFIG_REQUIRED, &patch.published, error));
    TRY(config_end(&config, error));
    *out = patch;
    return STATUS_OK;
}

struct str patch_format(struct arena *arena, const struct patch *patch)
{
    struct buf out = buf_in(arena, 16384);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "app", patch->app);
    json_put_text(&json, "from", patch->from);
    json_put_text(&json, "to", patch->to);
    if (patch->format == PATCH_FORMAT_2) json_put_number(&json, "format", patch->format);
    json_put_text_if_any(&json, "diff", patch->diff);
    json_put_number(&json, "size", patch->size);
    json_put_text(&json, "sha256", patch->sha256);
    json_put_text(&json, "from_sha256", patch->from_sha256);
    json_put_text(&json, "to_sha256", patch->to_sha256);
    json_put_text(&json, "etag", patch->etag);
    json_put_text(&json, "modified", clock_format_time(arena, patch->modified));
    json_put_text(&json, "published", clock_format_time(arena, patch->published));
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* What the record is looked up by. */
static bool is_same_patch(const struct patch *one, const struct patch *other)
{
    return str_equal(one->app, other->app) && str_equal(one->from, other->from) && str_equal(one->to, other->to) &&
           one->format == other->format;
}

enum status patch_load(struct catalog catalog, struct patch *patch, struct error *error)
{
    struct str text;
    struct patch wanted = {.app = catalog.app, .from = patch->from, .to = patch->to, .format = patch->format}, found;
    struct arena *arena = catalog.io.arena;
    int64_t put;
    if (wanted.format == 0) wanted.format = PATCH_FORMAT_1;
    TRY(patch_check_names(&wanted, error));
    enum status status = record_read(catalog.store, catalog.io, patch_json_key(arena, &wanted), &text, &put, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status, "there is no patch from " STR_FMT "/" STR_FMT " to " STR_FMT "%s", STR_ARG(catalog.app),
                         STR_ARG(wanted.from), STR_ARG(wanted.to), wanted.format == PATCH_FORMAT_2 ? " of format 2" : "");
    TRY(status);
    if (patch_parse(arena, text, &found, error) != STATUS_OK) {
        error_context(error, "patches/" STR_FMT "/" STR_FMT, STR_ARG(catalog.app), STR_ARG(patch_name(arena, &wanted)));
        return error->status = STATUS_CORRUPT;
    }
    ENSURE(is_same_patch(&found, &wanted), error, STATUS_CORRUPT, "the record of the patch " STR_FMT "/" STR_FMT " speaks of another one",
           STR_ARG(catalog.app), STR_ARG(patch_name(arena, &wanted)));
    found.recorded = put;
    *patch = found;
    return STATUS_OK;
}

/* --- withdrawing */

struct withdrawal {
    struct arena *arena;
    struct str version;
    struct name {
        struct str key;
        struct name *next;
    } * records, *diffs;
};

static void note(struct arena *arena, struct name **names, struct str key)
{
    struct name *name = arena_new_of(arena, struct name);
    *name = (struct name){arena_copy(arena, key), *names};
    *names = name;
}

/* A record's or a patch's name, of any format: what stands behind an '@' is not looked at. */
static bool note_name(void *context, const struct store_object *object)
{
    struct withdrawal *withdrawal = context;
    struct patch patch;
    struct str name = str_from(object->key, str_find_last(object->key, '/') + 1);
    struct str versions = str_first(name, str_find_last(name, '.'));
    if (!cut_versions(str_cut(&versions, '@'), &patch)) return true;
    if (!str_equal(patch.from, withdrawal->version) && !str_equal(patch.to, withdrawal->version)) return true;
    note(withdrawal->arena, str_ends(name, S(".diff")) ? &withdrawal->diffs : &withdrawal->records, object->key);
    return true;
}

enum status patch_withdraw(struct catalog catalog, struct str version, struct error *error)
{
    struct withdrawal withdrawal = {.arena = catalog.io.arena, .version = version};
    const int64_t span = deadline_left(catalog.io.deadline);
    TRY(store_list(catalog.store, catalog.io, arena_join(catalog.io.arena, S("patches/"), catalog.app, S("/")), 0, note_name, &withdrawal,
                   error));
    for (const struct name *name = withdrawal.records; name; name = name->next)
        TRY(store_remove(catalog.store, io_anew(catalog.io, span), name->key, error));
    for (const struct name *name = withdrawal.diffs; name; name = name->next)
        TRY(store_remove(catalog.store, io_anew(catalog.io, span), name->key, error));
    return STATUS_OK;
}
