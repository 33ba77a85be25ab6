#include "lib/catalog/patch.h"

#include "base/json.h"
#include "lib/catalog/package.h"
#include "lib/catalog/record.h"
#include "lib/config/config.h"

/* --- names */

static struct str key_of(struct arena *arena, struct str app, struct str from, struct str to, struct str ending)
{
    return arena_join(arena, S("patches/"), app, S("/"), from, S(".."), to, ending);
}

static bool are_digits(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return text.length == PATCH_DIFF_DIGITS;
}

bool patch_is_diff(struct str name, struct str from, struct str to)
{
    if (!str_ends(name, S(".diff"))) return false;
    struct str digits = str_first(name, name.length - 5), versions = str_cut(&digits, '@');
    bool are_these = versions.length == from.length + 2 + to.length && str_starts(versions, from) && str_ends(versions, to) &&
                     str_starts(str_from(versions, from.length), S(".."));
    return are_these && (!digits.data || are_digits(digits));
}

struct str patch_diff_key(struct arena *arena, const struct patch *patch)
{
    if (!str_empty(patch->diff)) return arena_join(arena, S("patches/"), patch->app, S("/"), patch->diff);
    return key_of(arena, patch->app, patch->from, patch->to, S(".diff"));
}

struct str patch_json_key(struct arena *arena, struct str app, struct str from, struct str to)
{
    return key_of(arena, app, from, to, S(".json"));
}

/* At the last "..", since a version may end in a dot but not begin with one: "1...2" leads from "1." to "2". */
bool patch_versions(struct str name, struct str *from, struct str *to)
{
    for (size_t i = name.length; i-- > 1;) {
        if (name.data[i - 1] != '.' || name.data[i] != '.') continue;
        *from = str_first(name, i - 1);
        *to = str_from(name, i + 1);
        return package_is_version(*from) && package_is_version(*to);
    }
    return false;
}

enum status patch_check_names(struct str app, struct str from, struct str to, struct error *error)
{
    ENSURE(str_is_id(app), error, STATUS_INVALID, "'" STR_FMT "' is not an app's id", STR_ARG(app));
    ENSURE(package_is_version(from) && package_is_version(to), error, STATUS_INVALID,
           "a patch leads from one version's id to another's, neither with '..' in it: not from '" STR_FMT "' to '" STR_FMT "'",
           STR_ARG(from), STR_ARG(to));
    ENSURE(!str_equal(from, to), error, STATUS_INVALID, "a patch leads from one version to another, not from " STR_FMT " to itself",
           STR_ARG(from));
    return STATUS_OK;
}

/* --- the record */

static enum status parse_diff(struct config *config, struct patch *patch, struct error *error)
{
    TRY(config_text(config, "diff", CONFIG_OPTIONAL, &patch->diff, error));
    if (!str_empty(patch->diff) && !patch_is_diff(patch->diff, patch->from, patch->to))
        return config_refuse(config, "diff", error,
                             "must be the two versions with '..' between, perhaps '@' and 32 hexadecimal digits, and .diff");
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
    TRY(parse_diff(&config, &patch, error));
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

enum status patch_load(struct catalog catalog, struct str from, struct str to, struct patch *patch, struct error *error)
{
    struct str text;
    int64_t put;
    TRY(patch_check_names(catalog.app, from, to, error));
    enum status status =
        record_read(catalog.store, catalog.io, patch_json_key(catalog.io.arena, catalog.app, from, to), &text, &put, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status, "there is no patch from " STR_FMT "/" STR_FMT " to " STR_FMT, STR_ARG(catalog.app), STR_ARG(from),
                         STR_ARG(to));
    TRY(status);
    if (patch_parse(catalog.io.arena, text, patch, error) != STATUS_OK) {
        error_context(error, "patches/" STR_FMT "/" STR_FMT ".." STR_FMT, STR_ARG(catalog.app), STR_ARG(from), STR_ARG(to));
        return error->status = STATUS_CORRUPT;
    }
    bool is_it = str_equal(patch->app, catalog.app) && str_equal(patch->from, from) && str_equal(patch->to, to);
    ENSURE(is_it, error, STATUS_CORRUPT, "the record of the patch " STR_FMT "/" STR_FMT ".." STR_FMT " speaks of another one",
           STR_ARG(catalog.app), STR_ARG(from), STR_ARG(to));
    patch->recorded = put;
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

/* patches/<app>/<from>..<to>.json, or a patch's name */
static bool note_name(void *context, const struct store_object *object)
{
    struct withdrawal *withdrawal = context;
    struct str from, to, name = str_from(object->key, str_find_last(object->key, '/') + 1);
    struct str versions = str_first(name, str_find_last(name, '.'));
    if (!patch_versions(str_cut(&versions, '@'), &from, &to)) return true;
    if (!str_equal(from, withdrawal->version) && !str_equal(to, withdrawal->version)) return true;
    note(withdrawal->arena, patch_is_diff(name, from, to) ? &withdrawal->diffs : &withdrawal->records, object->key);
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
