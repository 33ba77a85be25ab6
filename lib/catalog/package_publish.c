#include "base/clock.h"
#include "lib/catalog/package.h"
#include "lib/store/common.h"
#include "lib/transfer/watch.h"

/* Nobody takes so long between a base and its record. */
enum { ABANDONED_AFTER = CLOCK_HOUR };

/* One publication. The base is sent, or joined in the store of pieces; then the stream yields the same bytes, for comparing them with what
 * is published already. */
struct publication {
    struct store *store;
    struct io io;
    int64_t span; /* ms that each step may take */
    struct stream stream;
    const struct package_pieces *pieces;
    struct package *package;
};

static struct io step(const struct publication *publication)
{
    return (struct io){.arena = publication->io.arena, .deadline = deadline_in(publication->span)};
}

/* Pieces whose digest is known are copied without being read. */
static bool is_known(const struct publication *publication)
{
    return publication->pieces && !str_empty(publication->package->sha256);
}

/* --- the base */

/* A copy that is resumed needs the name that the interrupted one had. */
static struct str new_base(const struct publication *publication)
{
    struct arena *arena = publication->io.arena;
    if (is_known(publication))
        return arena_join(arena, S("base-"), str_first(publication->package->sha256, PACKAGE_BASE_DIGITS), S(".apk"));
    return arena_printf(arena, "base-%016llx%016llx.apk", (unsigned long long)store_random(), (unsigned long long)store_random());
}

static enum status digest_stored(const struct publication *publication, struct str key, struct str *sha256, struct error *error)
{
    struct stream stream;
    struct store_object object;
    struct arena *arena = publication->io.arena;
    TRY(store_stream(publication->store, step(publication), key, NULL, &stream, &object, error));
    struct watch *watch = watch_new(arena, stream, NULL);
    struct stream watched = watch_stream(watch);
    enum status status = stream_drain(watched, error);
    stream_close(&watched);
    *sha256 = watch_sha256(watch, arena);
    return status;
}

static enum status join_base(const struct publication *publication, struct str key, struct store_put *put, struct error *error)
{
    struct package *package = publication->package;
    put->resume = is_known(publication);
    put->end = publication->pieces->end;
    TRY(store_compose(publication->store, step(publication), key, publication->pieces->items, publication->pieces->count, put, NULL,
                      error));
    return put->resume ? STATUS_OK : digest_stored(publication, key, &package->sha256, error);
}

static enum status send_base(const struct publication *publication, struct str key, struct store_put *put, struct error *error)
{
    struct package *package = publication->package;
    struct watch *watch = watch_new(publication->io.arena, publication->stream, NULL);
    TRY(store_upload(publication->store, step(publication), key, watch_stream(watch), package->size, put, NULL, error));
    package->sha256 = watch_sha256(watch, publication->io.arena);
    return STATUS_OK;
}

static void remove_base(const struct publication *publication, struct str key)
{
    struct error ignored; /* the next publication of this version removes it */
    store_remove(publication->store, step(publication), key, &ignored);
}

static enum status check_base(const struct publication *publication, struct str key, struct error *error)
{
    struct package *package = publication->package;
    struct store_object object;
    TRY(store_head(publication->store, step(publication), key, &object, error));
    ENSURE(object.size == package->size, error, STATUS_CORRUPT, STR_FMT " has %llu bytes in the store, not %llu", STR_ARG(key),
           (unsigned long long)object.size, (unsigned long long)package->size);
    ENSURE(!str_empty(object.etag), error, STATUS_UNSUPPORTED,
           STR_FMT ": the store returned no ETag; Pakhus needs one to detect changed objects", STR_ARG(key));
    package->etag = object.etag;
    package->modified = object.modified;
    return STATUS_OK;
}

static enum status put_base(const struct publication *publication, struct error *error)
{
    struct package *package = publication->package;
    struct store_put put = {.content_type = "application/vnd.android.package-archive"};
    package->base = new_base(publication);
    struct str key = package_base_key(publication->io.arena, package);
    TRY((publication->pieces ? join_base : send_base)(publication, key, &put, error));
    enum status status = check_base(publication, key, error);
    if (status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED) remove_base(publication, key);
    return status;
}

/* --- bases that no record names */

struct strays {
    const struct publication *publication;
    struct str named;
    size_t folder_length;
    int64_t before; /* only those that were put before this time */
};

static bool remove_stray(void *context, const struct store_object *object)
{
    const struct strays *strays = context;
    bool is_base = package_is_base(str_from(object->key, strays->folder_length));
    if (is_base && !str_equal(object->key, strays->named) && object->modified < strays->before)
        remove_base(strays->publication, object->key);
    return true;
}

/* Interrupted publishers left them. */
static void remove_strays(const struct publication *publication, const struct package *published, int64_t before)
{
    struct error ignored;
    struct arena *arena = publication->io.arena;
    struct str folder = package_folder(arena, published->app, published->version);
    struct strays strays = {publication, package_base_key(arena, published), folder.length, before};
    store_list(publication->store, step(publication), folder, 0, remove_stray, &strays, &ignored);
}

/* --- the record */

static enum status put_record(const struct publication *publication, enum store_condition condition, struct error *error)
{
    const struct store_put put = {.condition = condition, .content_type = "application/json"};
    struct arena *arena = publication->io.arena;
    const struct package *package = publication->package;
    struct str key = package_json_key(arena, package->app, package->version);
    struct str text = package_format(arena, package);
    ENSURE(text.data, error, STATUS_TOO_LARGE, "the package's own name is too long to be recorded");
    return store_put(publication->store, step(publication), key, text, &put, NULL, error);
}

static enum status load_record(const struct publication *publication, struct package *record, struct error *error)
{
    const struct package *package = publication->package;
    return package_load((struct catalog){publication->store, step(publication), package->app}, package->version, record, error);
}

/* Another publisher put its record first: with the same bytes both have published. */
static enum status yield_to_other(const struct publication *publication, struct error *error)
{
    struct package winner;
    struct package *package = publication->package;
    TRY(load_record(publication, &winner, error));
    if (!str_equal(winner.base, package->base)) remove_base(publication, package_base_key(publication->io.arena, package));
    ENSURE(str_equal(winner.sha256, package->sha256), error, STATUS_PRECONDITION,
           "another publisher published this version with other bytes at the same time: choose another version");
    *package = winner;
    return STATUS_OK;
}

/* --- a version that is published already */

static enum status is_in_place(const struct publication *publication, const struct package *record, bool *in_place, struct error *error)
{
    struct store_object object;
    enum status status = store_head(publication->store, step(publication), package_base_key(publication->io.arena, record), &object, error);
    *in_place = status == STATUS_OK && object.size == record->size && str_equal(object.etag, record->etag);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status check_same(const struct package *record, struct str sha256, struct error *error)
{
    ENSURE(str_equal(record->sha256, sha256), error, STATUS_PRECONDITION,
           STR_FMT "/" STR_FMT " is published with other bytes, and a published version never changes: choose another version",
           STR_ARG(record->app), STR_ARG(record->version));
    return STATUS_OK;
}

static enum status compare(const struct publication *publication, const struct package *record, struct error *error)
{
    struct arena *arena = publication->io.arena;
    if (is_known(publication)) return check_same(record, publication->package->sha256, error);
    struct watch *watch = watch_new(arena, publication->stream, NULL);
    TRY(stream_drain(watch_stream(watch), error));
    return check_same(record, watch_sha256(watch, arena), error);
}

/* The stored base is missing or another object than the record describes: the same bytes are put again under another name. */
static enum status mend(const struct publication *publication, const struct package *record, struct error *error)
{
    struct arena *arena = publication->io.arena;
    struct package *package = publication->package;
    if (is_known(publication)) TRY(check_same(record, package->sha256, error));
    TRY(put_base(publication, error));
    if (check_same(record, package->sha256, error) != STATUS_OK) {
        remove_base(publication, package_base_key(arena, package));
        return error->status;
    }
    package->published = record->published;
    TRY(put_record(publication, STORE_ANY, error));
    if (!str_equal(package->base, record->base)) remove_base(publication, package_base_key(arena, record));
    return STATUS_OK;
}

static enum status publish_again(const struct publication *publication, const struct package *record, struct error *error)
{
    bool in_place;
    TRY(is_in_place(publication, record, &in_place, error));
    if (!in_place) return mend(publication, record, error);
    TRY(compare(publication, record, error));
    *publication->package = *record;
    remove_strays(publication, record, clock_real() - ABANDONED_AFTER);
    return STATUS_OK;
}

/* --- a version that is not */

/* Another publisher put its record while this base was put, and removed every other base, this one among them. */
static enum status give_way(const struct publication *publication, struct error *error)
{
    struct package winner;
    struct error ignored;
    struct str sha256 = publication->package->sha256;
    bool is_sent = !publication->pieces && str_empty(sha256); /* then nothing is left of the stream to compare */
    if (is_sent || load_record(publication, &winner, &ignored) != STATUS_OK) return error->status;
    TRY(str_empty(sha256) ? compare(publication, &winner, error) : check_same(&winner, sha256, error));
    *publication->package = winner;
    return STATUS_OK;
}

/* Every other base that is there now belongs to someone who lost, or will. */
static enum status publish_first(const struct publication *publication, struct error *error)
{
    enum status status = put_base(publication, error);
    if (status == STATUS_NOT_FOUND) return give_way(publication, error);
    TRY(status);
    publication->package->published = clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    status = put_record(publication, STORE_IF_ABSENT, error);
    if (status == STATUS_PRECONDITION) return yield_to_other(publication, error);
    TRY(status);
    remove_strays(publication, publication->package, INT64_MAX);
    return STATUS_OK;
}

static enum status publish(const struct publication *publication, struct error *error)
{
    struct package record;
    struct str version = publication->package->version;
    ENSURE(package_is_version(version), error, STATUS_INVALID,
           "the version '" STR_FMT "' has '..' in it, as only the names of patches have (from..to): choose another one", STR_ARG(version));
    enum status status = load_record(publication, &record, error);
    if (status == STATUS_OK) return publish_again(publication, &record, error);
    return status == STATUS_NOT_FOUND ? publish_first(publication, error) : status;
}

enum status package_publish(struct store *store, struct io io, struct stream stream, struct package *package, struct error *error)
{
    const struct publication publication = {
        .store = store, .io = io, .span = deadline_left(io.deadline), .stream = stream, .package = package};
    return publish(&publication, error);
}

enum status package_compose(struct store *store, struct io io, const struct package_pieces *pieces, struct package *package,
                            struct error *error)
{
    struct publication publication = {.store = store, .io = io, .span = deadline_left(io.deadline), .pieces = pieces, .package = package};
    uint64_t size;
    TRY(store_stream_pieces(store, io, pieces->items, pieces->count, &publication.stream, &size, error));
    enum status status = publish(&publication, error);
    stream_close(&publication.stream);
    return status;
}
