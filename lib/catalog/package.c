#include "lib/catalog/package.h"

#include "base/json.h"
#include "lib/catalog/record.h"
#include "lib/config/config.h"

bool package_is_version(struct str id)
{
    return str_is_version(id) && str_find_str(id, S("..")) == id.length;
}

bool package_is_base(struct str name)
{
    const struct str start = S("base-"), end = S(".apk");
    if (str_equal(name, S(PACKAGE_FIRST_BASE))) return true;
    bool is_framed = name.length == start.length + PACKAGE_BASE_DIGITS + end.length && str_starts(name, start) && str_ends(name, end);
    for (size_t i = start.length; is_framed && i < start.length + PACKAGE_BASE_DIGITS; i++) {
        char c = name.data[i];
        is_framed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return is_framed;
}

struct str package_folder(struct arena *arena, struct str app, struct str version)
{
    return arena_join(arena, S("packages/"), app, S("/"), version, S("/"));
}

struct str package_base_key(struct arena *arena, const struct package *package)
{
    return arena_join(arena, package_folder(arena, package->app, package->version), package->base);
}

struct str package_json_key(struct arena *arena, struct str app, struct str version)
{
    return arena_join(arena, package_folder(arena, app, version), S("package.json"));
}

static enum status parse_region(struct config *config, struct package *package, struct error *error)
{
    struct config region;
    TRY(config_object(config, "region", CONFIG_REQUIRED, &region, error));
    TRY(config_whole(&region, "offset", CONFIG_REQUIRED, 0, package->size, &package->region.offset, error));
    TRY(config_whole(&region, "length", CONFIG_REQUIRED, 1, package->size - package->region.offset, &package->region.length, error));
    return config_end(&region, error);
}

/* Records of version 0.1 do not name it. */
static enum status parse_base(struct config *config, struct package *package, struct error *error)
{
    package->base = S(PACKAGE_FIRST_BASE);
    TRY(config_text(config, "base", CONFIG_OPTIONAL, &package->base, error));
    if (!package_is_base(package->base))
        return config_refuse(config, "base", error, "must be base.apk, or base-….apk with 32 hexadecimal digits");
    return STATUS_OK;
}

enum status package_parse(struct arena *arena, struct str json, struct package *out, struct error *error)
{
    struct config config;
    struct package package = {0};
    struct str scheme = {0};
    TRY(config_open(arena, json, "package.json", &config, error));
    TRY(config_id(&config, "app", CONFIG_REQUIRED, &package.app, error));
    TRY(config_version(&config, "version", CONFIG_REQUIRED, &package.version, error));
    TRY(parse_base(&config, &package, error));
    TRY(config_whole(&config, "size", CONFIG_REQUIRED, 1, INT64_MAX, &package.size, error));
    TRY(config_sha256(&config, "sha256", CONFIG_REQUIRED, &package.sha256, error));
    TRY(config_text(&config, "scheme", CONFIG_REQUIRED, &scheme, error));
    if (!apk_schemes_parse(scheme, &package.schemes)) return config_refuse(&config, "scheme", error, "must be like v1 or v2+v3");
    TRY(parse_region(&config, &package, error));
    TRY(config_text(&config, "package", CONFIG_OPTIONAL, &package.name, error));
    TRY(config_whole(&config, "version_code", CONFIG_OPTIONAL, 0, INT64_MAX, &package.version_code, error));
    TRY(config_text(&config, "etag", CONFIG_REQUIRED, &package.etag, error));
    TRY(config_time(&config, "modified", CONFIG_REQUIRED, &package.modified, error));
    TRY(config_time(&config, "published", CONFIG_REQUIRED, &package.published, error));
    TRY(config_end(&config, error));
    *out = package;
    return STATUS_OK;
}

struct str package_format(struct arena *arena, const struct package *package)
{
    struct buf out = buf_in(arena, 16384);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "app", package->app);
    json_put_text(&json, "version", package->version);
    json_put_text(&json, "base", package->base);
    json_put_number(&json, "size", package->size);
    json_put_text(&json, "sha256", package->sha256);
    json_put_text(&json, "scheme", apk_schemes_name(arena, package->schemes));
    json_open_object(&json, "region");
    json_put_number(&json, "offset", package->region.offset);
    json_put_number(&json, "length", package->region.length);
    json_close(&json);
    json_put_text(&json, "package", package->name);
    json_put_number(&json, "version_code", package->version_code);
    json_put_text(&json, "etag", package->etag);
    json_put_text(&json, "modified", clock_format_time(arena, package->modified));
    json_put_text(&json, "published", clock_format_time(arena, package->published));
    json_close(&json);
    buf_add_byte(&out, '\n');
    return out.overflow ? (struct str){NULL, 0} : buf_str(&out);
}

enum status package_load(struct catalog catalog, struct str version, struct package *package, struct error *error)
{
    struct str text;
    int64_t put;
    enum status status =
        record_read(catalog.store, catalog.io, package_json_key(catalog.io.arena, catalog.app, version), &text, &put, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status, "the package " STR_FMT "/" STR_FMT " is not published", STR_ARG(catalog.app), STR_ARG(version));
    TRY(status);
    if (package_parse(catalog.io.arena, text, package, error) != STATUS_OK) {
        error_context(error, "packages/" STR_FMT "/" STR_FMT, STR_ARG(catalog.app), STR_ARG(version));
        return error->status = STATUS_CORRUPT;
    }
    bool is_it = str_equal(package->app, catalog.app) && str_equal(package->version, version);
    ENSURE(is_it, error, STATUS_CORRUPT, "package.json of " STR_FMT "/" STR_FMT " speaks of another package", STR_ARG(catalog.app),
           STR_ARG(version));
    package->recorded = put;
    return STATUS_OK;
}

/* The file names of an app's version, the record's not among them. */
struct bases {
    struct arena *arena;
    size_t count, capacity, folder_length;
    struct str *keys;
    bool found;
};

static bool note_base(void *context, const struct store_object *object)
{
    struct bases *bases = context;
    bases->found = true;
    if (!package_is_base(str_from(object->key, bases->folder_length))) return true;
    bases->keys = arena_grow(bases->arena, bases->keys, bases->count, &bases->capacity, sizeof *bases->keys);
    bases->keys[bases->count++] = arena_copy(bases->arena, object->key);
    return true;
}

enum status package_unpublish(struct catalog catalog, struct str version, struct error *error)
{
    struct str folder = package_folder(catalog.io.arena, catalog.app, version);
    struct bases bases = {.arena = catalog.io.arena, .folder_length = folder.length};
    TRY(store_list(catalog.store, catalog.io, folder, 0, note_base, &bases, error)); /* no HEAD: it fails without words */
    ENSURE(bases.found, error, STATUS_NOT_FOUND, "the package " STR_FMT "/" STR_FMT " is not published", STR_ARG(catalog.app),
           STR_ARG(version));
    TRY(store_remove(catalog.store, catalog.io, package_json_key(catalog.io.arena, catalog.app, version), error));
    for (size_t i = 0; i < bases.count; i++) TRY(store_remove(catalog.store, catalog.io, bases.keys[i], error));
    return STATUS_OK;
}
