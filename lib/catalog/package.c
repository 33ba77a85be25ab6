#include "lib/catalog/package.h"

#include "base/buf.h"
#include "lib/catalog/record.h"
#include "lib/config/config.h"
#include "lib/transfer/watch.h"

bool package_is_version(struct str id)
{
    return str_is_id(id) && str_find_str(id, S("..")) == id.length;
}

struct str package_base_key(struct arena *arena, struct str app, struct str version)
{
    return arena_join(arena, S("packages/"), app, S("/"), version, S("/base.apk"));
}

struct str package_json_key(struct arena *arena, struct str app, struct str version)
{
    return arena_join(arena, S("packages/"), app, S("/"), version, S("/package.json"));
}

static enum status parse_region(struct config *config, struct package *package, struct error *error)
{
    struct config region;
    TRY(config_object(config, "region", CONFIG_REQUIRED, &region, error));
    TRY(config_whole(&region, "offset", CONFIG_REQUIRED, 0, package->size, &package->region.offset, error));
    TRY(config_whole(&region, "length", CONFIG_REQUIRED, 1, package->size - package->region.offset, &package->region.length, error));
    return config_end(&region, error);
}

enum status package_parse(struct arena *arena, struct str json, struct package *out, struct error *error)
{
    struct config config;
    struct package package = {0};
    struct str scheme = {0};
    TRY(config_open(arena, json, "package.json", &config, error));
    TRY(config_id(&config, "app", CONFIG_REQUIRED, &package.app, error));
    TRY(config_id(&config, "version", CONFIG_REQUIRED, &package.version, error));
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
    buf_printf(&out, "{\"app\":\"" STR_FMT "\",\"version\":\"" STR_FMT "\"", STR_ARG(package->app), STR_ARG(package->version));
    buf_printf(&out, ",\"size\":%llu,\"sha256\":\"" STR_FMT "\"", (unsigned long long)package->size, STR_ARG(package->sha256));
    buf_printf(&out, ",\"scheme\":\"" STR_FMT "\"", STR_ARG(apk_schemes_name(arena, package->schemes)));
    buf_printf(&out, ",\"region\":{\"offset\":%llu,\"length\":%llu}", (unsigned long long)package->region.offset,
               (unsigned long long)package->region.length);
    buf_add(&out, S(",\"package\":"));
    buf_add_json(&out, package->name);
    buf_printf(&out, ",\"version_code\":%llu,\"etag\":", (unsigned long long)package->version_code);
    buf_add_json(&out, package->etag);
    buf_printf(&out, ",\"modified\":\"" STR_FMT "\"", STR_ARG(clock_format_time(arena, package->modified)));
    buf_printf(&out, ",\"published\":\"" STR_FMT "\"}\n", STR_ARG(clock_format_time(arena, package->published)));
    return buf_str(&out);
}

enum status package_load(struct store *store, struct io io, struct str app, struct str version, struct package *package,
                         struct error *error)
{
    struct str text;
    enum status status = record_read(store, io, package_json_key(io.arena, app, version), &text, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, status, "the package " STR_FMT "/" STR_FMT " is not published", STR_ARG(app), STR_ARG(version));
    TRY(status);
    if (package_parse(io.arena, text, package, error) != STATUS_OK) {
        error_context(error, "packages/" STR_FMT "/" STR_FMT, STR_ARG(app), STR_ARG(version));
        return error->status = STATUS_CORRUPT;
    }
    bool is_it = str_equal(package->app, app) && str_equal(package->version, version);
    ENSURE(is_it, error, STATUS_CORRUPT, "package.json of " STR_FMT "/" STR_FMT " speaks of another package", STR_ARG(app),
           STR_ARG(version));
    return STATUS_OK;
}

/* The digest of the base that stands in the store. */
static enum status digest_of_stored(struct store *store, struct io io, struct str key, struct str *sha256, struct store_object *object,
                                    struct error *error)
{
    struct stream stream;
    TRY(store_stream(store, io, key, NULL, &stream, object, error));
    struct watch *watch = watch_new(io.arena, stream, NULL);
    struct stream watched = watch_stream(watch);
    enum status status = stream_drain(watched, error);
    stream_close(&watched);
    *sha256 = watch_sha256(watch, io.arena);
    return status;
}

/* A base that stands there without being ours to overwrite: a run that was cut off left it, or another publisher is at work. Equal bytes
 * are as good as our own. */
static enum status adopt_base(struct store *store, struct io io, int64_t span, struct str key, struct watch *ours, struct package *package,
                              struct error *error)
{
    struct str theirs;
    struct store_object object;
    TRY(stream_drain(watch_stream(ours), error));
    package->sha256 = watch_sha256(ours, io.arena);
    TRY(digest_of_stored(store, io_anew(io, span), key, &theirs, &object, error));
    ENSURE(watch_bytes(ours) == package->size, error, STATUS_CORRUPT, "the package has %llu bytes, not %llu",
           (unsigned long long)watch_bytes(ours), (unsigned long long)package->size);
    ENSURE(str_equal(theirs, package->sha256), error, STATUS_PRECONDITION,
           STR_FMT " is there with other bytes, of a publication that did not end: `pakhus unpublish` removes it", STR_ARG(key));
    return STATUS_OK;
}

/* A base on its way into the store: sent, or joined there of pieces; then the stream is of the same bytes, for when they must be compared.
 */
struct base {
    struct stream stream;
    const struct store_piece *pieces;
    size_t count;
    struct deadline end; /* of the joining, as in store_put */
};

static enum status join_base(struct store *store, struct io io, const struct base *base, struct str key, const struct store_put *put,
                             struct package *package, struct error *error)
{
    struct store_object object;
    const int64_t span = deadline_left(io.deadline);
    const bool is_known = !str_empty(package->sha256);
    const struct store_put join = {.condition = put->condition, .content_type = put->content_type, .resume = is_known, .end = base->end};
    TRY(store_compose(store, io, key, base->pieces, base->count, &join, NULL, error));
    if (is_known) return STATUS_OK;
    return digest_of_stored(store, io_anew(io, span), key, &package->sha256, &object, error);
}

static enum status send_base(struct store *store, struct io io, struct watch *watch, struct str key, const struct store_put *put,
                             struct package *package, struct error *error)
{
    TRY(store_upload(store, io, key, watch_stream(watch), package->size, put, NULL, error));
    package->sha256 = watch_sha256(watch, io.arena);
    return STATUS_OK;
}

static enum status put_base(struct store *store, struct io io, const struct base *base, struct package *package, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "application/vnd.android.package-archive"};
    struct store_object object;
    struct watch *watch = watch_new(io.arena, base->stream, NULL);
    struct str key = package_base_key(io.arena, package->app, package->version);
    const int64_t span = deadline_left(io.deadline);
    enum status status =
        base->pieces ? join_base(store, io, base, key, &once, package, error) : send_base(store, io, watch, key, &once, package, error);
    if (status == STATUS_PRECONDITION) status = adopt_base(store, io, span, key, watch, package, error);
    TRY(status);
    TRY(store_head(store, io_anew(io, span), key, &object, error));
    ENSURE(object.size == package->size, error, STATUS_CORRUPT, STR_FMT " has %llu bytes in the store, not %llu", STR_ARG(key),
           (unsigned long long)object.size, (unsigned long long)package->size);
    ENSURE(!str_empty(object.etag), error, STATUS_UNSUPPORTED, STR_FMT ": the store gives it no ETag, which keeps apart what is alike",
           STR_ARG(key));
    package->etag = object.etag;
    package->modified = object.modified;
    return STATUS_OK;
}

static enum status compare_published(struct store *store, struct io io, struct stream stream, struct package *package, struct error *error)
{
    struct package published = {0};
    TRY(package_load(store, io, package->app, package->version, &published, error));
    struct watch *watch = watch_new(io.arena, stream, NULL);
    TRY(stream_drain(watch_stream(watch), error));
    ENSURE(str_equal(watch_sha256(watch, io.arena), published.sha256), error, STATUS_PRECONDITION,
           STR_FMT "/" STR_FMT " is published with other bytes, and a published version never changes: choose another version",
           STR_ARG(package->app), STR_ARG(package->version));
    *package = published;
    return STATUS_OK;
}

static enum status publish(struct store *store, struct io io, const struct base *base, struct package *package, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "application/json"};
    const int64_t span = deadline_left(io.deadline);
    struct package ignored = {0};
    ENSURE(package_is_version(package->version), error, STATUS_INVALID,
           "the version '" STR_FMT "' has '..' in it, as only the names of patches have (from..to): choose another one",
           STR_ARG(package->version));
    enum status status = package_load(store, io, package->app, package->version, &ignored, error);
    if (status == STATUS_OK) return compare_published(store, io, base->stream, package, error);
    if (status != STATUS_NOT_FOUND) return status;
    TRY(put_base(store, io, base, package, error));
    io = io_anew(io, span);
    package->published = clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    struct str key = package_json_key(io.arena, package->app, package->version);
    status = store_put(store, io, key, package_format(io.arena, package), &once, NULL, error);
    if (status != STATUS_PRECONDITION) return status;
    struct str sha256 = package->sha256; /* another publisher was faster by a hair: with the same bytes we have both won */
    TRY(package_load(store, io, package->app, package->version, package, error));
    ENSURE(str_equal(package->sha256, sha256), error, STATUS_PRECONDITION, "another publisher was faster, with other bytes");
    return STATUS_OK;
}

enum status package_publish(struct store *store, struct io io, struct stream stream, struct package *package, struct error *error)
{
    return publish(store, io, &(struct base){.stream = stream}, package, error);
}

enum status package_compose(struct store *store, struct io io, const struct store_piece *pieces, size_t count, struct deadline end,
                            struct package *package, struct error *error)
{
    struct base base = {.pieces = pieces, .count = count, .end = end};
    uint64_t size;
    TRY(store_stream_pieces(store, io, pieces, count, &base.stream, &size, error));
    enum status status = publish(store, io, &base, package, error);
    stream_close(&base.stream);
    return status;
}

static bool find_one(void *context, const struct store_object *object)
{
    (void)object;
    *(bool *)context = true;
    return false;
}

enum status package_unpublish(struct store *store, struct io io, struct str app, struct str version, struct error *error)
{
    bool found = false;
    struct str folder = arena_printf(io.arena, "packages/" STR_FMT "/" STR_FMT "/", STR_ARG(app), STR_ARG(version));
    TRY(store_list(store, io, folder, 1, find_one, &found, error)); /* no HEAD: it fails without words */
    ENSURE(found, error, STATUS_NOT_FOUND, "the package " STR_FMT "/" STR_FMT " is not published", STR_ARG(app), STR_ARG(version));
    TRY(store_remove(store, io, package_json_key(io.arena, app, version), error));
    return store_remove(store, io, package_base_key(io.arena, app, version), error);
}
