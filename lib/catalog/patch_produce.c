#include "base/map.h"
#include "lib/catalog/package.h"
#include "lib/catalog/patch.h"
#include "lib/store/common.h"
#include "lib/transfer/sha256.h"
#include "lib/transfer/spool.h"
#include "lib/transfer/watch.h"

struct production {
    struct store *store;
    struct arena *arena; /* the production's own */
    int64_t span;        /* what each step with the store is given */
    struct progress *progress;
    struct package from, to; /* as published */
    struct str json_key;
    struct str given; /* a patch that was made elsewhere; empty: it is made here */
    struct patch patch;
};

static struct io step(const struct production *production)
{
    return (struct io){.arena = production->arena, .deadline = deadline_in(production->span)};
}

/* --- what is there already */

static bool is_between(const struct production *production, const struct patch *patch)
{
    return str_equal(patch->from_sha256, production->from.sha256) && str_equal(patch->to_sha256, production->to.sha256);
}

static enum status load(const struct production *production, struct patch *patch, struct error *error)
{
    *patch = production->patch;
    return patch_load((struct catalog){production->store, step(production), production->patch.app}, patch, error);
}

/* Whether the record and what it speaks of belong together; the patch itself is not read. */
static enum status is_whole(struct production *production, const struct patch *patch, bool *whole, struct error *error)
{
    struct store_object object = {0};
    enum status status = store_head(production->store, step(production), patch_diff_key(production->arena, patch), &object, error);
    *whole = status == STATUS_OK && object.size == patch->size && str_equal(object.etag, patch->etag) && is_between(production, patch);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* A record that speaks of something else is in the way: what it was written for is gone. */
static enum status find_published(struct production *production, bool *found, struct error *error)
{
    struct patch seen;
    *found = false;
    enum status status = load(production, &seen, error);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    if (status == STATUS_OK) TRY(is_whole(production, &seen, found, error));
    if (status != STATUS_OK && status != STATUS_CORRUPT) return status;
    if (!*found) return store_remove(production->store, step(production), production->json_key, error);
    production->patch = seen;
    return STATUS_OK;
}

/* --- bases */

static enum status fetch_base(struct production *production, const struct package *package, struct patch_package *base, struct error *error)
{
    struct stream stream;
    struct store_object object;
    struct arena *arena = production->arena;
    int fd;
    struct str key = package_base_key(arena, package);
    TRY(store_stream(production->store, step(production), key, NULL, &stream, &object, error));
    struct stream watched = watch_stream(watch_new(arena, stream, production->progress));
    enum status status = spool_stream(arena, watched, &fd, error);
    stream_close(&watched);
    TRY(status);
    if (patch_open(arena, fd, production->progress, base, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(key));
    ENSURE(str_equal(base->side.sha256, package->sha256), error, STATUS_CORRUPT, STR_FMT " is not what was published: its SHA-256 differs",
           STR_ARG(key));
    return STATUS_OK;
}

/* --- the patch */

struct diff {
    struct str bytes;
    struct str sha256;
};

static enum status spool_diff(struct arena *arena, struct stream stream, struct diff *diff, struct error *error)
{
    struct map map;
    struct watch *watch = watch_new(arena, stream, NULL);
    int fd;
    TRY(spool_stream(arena, watch_stream(watch), &fd, error));
    TRY(map_file(arena, fd, &map, error));
    *diff = (struct diff){str_make(map.bytes, map.length), watch_sha256(watch, arena)};
    return STATUS_OK;
}

static enum status open_diff(struct production *production, const struct patch_package *from, const struct patch_package *to,
                             struct stream *stream, struct error *error)
{
    struct patch_made made;
    struct arena *arena = production->arena;
    if (production->given.length > 0) return *stream = stream_of(arena, production->given), STATUS_OK;
    if (production->patch.format == PATCH_FORMAT_1) return *stream = patch_make(arena, from, to, production->progress), STATUS_OK;
    TRY(patch_make_format2(arena, from, to, production->progress, &made, error));
    *stream = stream_of(arena, made.bytes);
    return STATUS_OK;
}

static enum status make_diff(struct production *production, const struct patch_package *from, const struct patch_package *to,
                             struct diff *diff, struct error *error)
{
    struct arena *arena = production->arena;
    struct stream stream;
    TRY(open_diff(production, from, to, &stream, error));
    enum status status = spool_diff(arena, stream, diff, error);
    stream_close(&stream);
    TRY(status);
    return patch_check(arena, stream_of(arena, diff->bytes), from, to, production->progress, error);
}

/* --- patches that no record names */

struct strays {
    const struct production *production;
    struct str named; /* key */
    struct stray {
        struct str key;
        struct stray *next;
    } * first;
};

static bool note_stray(void *context, const struct store_object *object)
{
    struct strays *strays = context;
    const struct patch *patch = &strays->production->patch;
    struct arena *arena = strays->production->arena;
    struct str name = str_from(object->key, str_find_last(object->key, '/') + 1);
    if (!patch_is_diff(name, patch) || str_equal(object->key, strays->named)) return true;
    struct stray *stray = arena_new_of(arena, struct stray);
    *stray = (struct stray){arena_copy(arena, object->key), strays->first};
    strays->first = stray;
    return true;
}

static bool is_still_named(const struct production *production)
{
    struct patch now;
    struct error ignored;
    return load(production, &now, &ignored) == STATUS_OK && str_equal(now.diff, production->patch.diff);
}

static void remove_diff(const struct production *production, struct str key)
{
    struct error ignored; /* the next production of this patch removes it */
    store_remove(production->store, step(production), key, &ignored);
}

/* Interrupted producers left them; or it is another producer's, which will find our record. That record is looked at again after the
 * listing, so that what a later record names is not among them. */
static void remove_strays(const struct production *production)
{
    struct error ignored;
    struct arena *arena = production->arena;
    const struct patch *patch = &production->patch;
    struct strays strays = {.production = production, .named = patch_diff_key(arena, patch)};
    struct str prefix = arena_join(arena, S("patches/"), patch->app, S("/"), patch_name(arena, patch));
    if (store_list(production->store, step(production), prefix, 0, note_stray, &strays, &ignored) != STATUS_OK) return;
    if (!strays.first || !is_still_named(production)) return;
    for (const struct stray *stray = strays.first; stray; stray = stray->next) remove_diff(production, stray->key);
}

/* --- publishing */

static struct str new_name(const struct production *production)
{
    struct arena *arena = production->arena;
    return arena_printf(arena, STR_FMT "@%016llx%016llx.diff", STR_ARG(patch_name(arena, &production->patch)),
                        (unsigned long long)store_random(), (unsigned long long)store_random());
}

static enum status put_diff(struct production *production, const struct diff *diff, struct error *error)
{
    struct store_object object;
    struct patch *patch = &production->patch;
    patch->diff = new_name(production);
    struct str key = patch_diff_key(production->arena, patch);
    TRY(store_upload(production->store, step(production), key, stream_of(production->arena, diff->bytes), diff->bytes.length, NULL, NULL,
                     error));
    TRY(store_head(production->store, step(production), key, &object, error));
    ENSURE(object.size == diff->bytes.length, error, STATUS_CORRUPT, STR_FMT " has %llu bytes in the store, not %zu", STR_ARG(key),
           (unsigned long long)object.size, diff->bytes.length);
    patch->size = diff->bytes.length;
    patch->sha256 = diff->sha256;
    patch->from_sha256 = production->from.sha256;
    patch->to_sha256 = production->to.sha256;
    patch->etag = object.etag;
    patch->modified = object.modified;
    patch->published = clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    return STATUS_OK;
}

static enum status put_record(const struct production *production, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "application/json"};
    struct str text = patch_format(production->arena, &production->patch);
    return store_put(production->store, step(production), production->json_key, text, &once, NULL, error);
}

/* One attempt. STATUS_PRECONDITION: another producer's record is there; STATUS_NOT_FOUND: that producer has removed our patch already. */
static enum status put_both(struct production *production, const struct diff *diff, struct error *error)
{
    enum status status = put_diff(production, diff, error);
    if (status == STATUS_OK) status = put_record(production, error);
    if (status == STATUS_PRECONDITION) remove_diff(production, patch_diff_key(production->arena, &production->patch));
    return status;
}

static enum status publish(struct production *production, const struct diff *diff, struct error *error)
{
    enum { ATTEMPTS = 3 }; /* others may be at the same patch */
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool found;
        enum status status = put_both(production, diff, error);
        if (status == STATUS_OK) return remove_strays(production), STATUS_OK;
        if (status != STATUS_PRECONDITION && status != STATUS_NOT_FOUND) return status;
        TRY(find_published(production, &found, error));
        if (found) return STATUS_OK;
    }
    return error_set(error, STATUS_UNAVAILABLE, "gave up after repeated concurrent updates of " STR_FMT "; try again",
                     STR_ARG(production->json_key));
}

/* --- */

static enum status produce(struct production *production, struct error *error)
{
    struct patch_package from, to;
    struct diff diff;
    if (production->progress) production->progress->total = 2 * production->from.size + 4 * production->to.size;
    TRY(fetch_base(production, &production->from, &from, error));
    TRY(fetch_base(production, &production->to, &to, error));
    TRY(make_diff(production, &from, &to, &diff, error));
    return publish(production, &diff, error);
}

static enum status find_or_produce(struct production *production, struct error *error)
{
    bool found;
    const struct patch *patch = &production->patch;
    TRY(package_load((struct catalog){production->store, step(production), patch->app}, patch->from, &production->from, error));
    TRY(package_load((struct catalog){production->store, step(production), patch->app}, patch->to, &production->to, error));
    TRY(find_published(production, &found, error));
    if (!found) return produce(production, error);
    remove_strays(production);
    return STATUS_OK;
}

static enum status run(struct catalog catalog, struct patch *patch, struct str given, struct progress *progress, struct error *error)
{
    struct patch wanted = {.app = catalog.app, .from = patch->from, .to = patch->to, .format = patch->format};
    if (wanted.format == 0) wanted.format = PATCH_FORMAT_1;
    TRY(patch_check_names(&wanted, error));
    struct arena *arena = arena_new();
    struct production production = {.store = catalog.store,
                                    .arena = arena,
                                    .span = deadline_left(catalog.io.deadline),
                                    .progress = progress,
                                    .json_key = patch_json_key(arena, &wanted),
                                    .given = given,
                                    .patch = wanted};
    enum status status = find_or_produce(&production, error);
    if (status == STATUS_OK) status = patch_parse(catalog.io.arena, patch_format(arena, &production.patch), patch, error);
    arena_free(arena);
    return status;
}

enum status patch_produce(struct catalog catalog, struct patch *patch, struct progress *progress, struct error *error)
{
    return run(catalog, patch, S(""), progress, error);
}

static struct str digest_of(struct arena *arena, struct str bytes)
{
    struct sha256 *sha256 = sha256_new(arena);
    sha256_add(sha256, bytes.data, bytes.length);
    return sha256_end(sha256, arena);
}

enum status patch_publish(struct catalog catalog, struct patch *patch, struct str diff, struct progress *progress, struct error *error)
{
    struct patch_header header;
    struct arena *arena = catalog.io.arena;
    TRY(patch_read(arena, stream_of(arena, diff), &header, error));
    ENSURE(patch->format == 0 || patch->format == header.format, error, STATUS_INVALID, "the patch has format %d, not %u",
           (int)header.format, patch->format);
    patch->format = header.format;
    TRY(run(catalog, patch, diff, progress, error));
    ENSURE(str_equal(patch->sha256, digest_of(arena, diff)), error, STATUS_INVALID,
           "another patch from " STR_FMT "/" STR_FMT " to " STR_FMT " in format %u is published already", STR_ARG(patch->app),
           STR_ARG(patch->from), STR_ARG(patch->to), patch->format);
    return STATUS_OK;
}
