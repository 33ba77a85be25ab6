#include "functions/common/maker.h"

#include "functions/common/filled.h"
#include "lib/apk/overlay.h"
#include "lib/catalog/patch.h"

/* Bytes of an object of the origin, with a region written over where there is one. */
struct made {
    struct store *store;
    struct str key, etag;
    struct apk_region region;
    const char *filled; /* NULL: as it is */
};

static enum status open_made(void *context, struct io io, uint64_t offset, struct stream *stream, struct error *error)
{
    const struct made *made = context;
    const struct store_get get = {.offset = offset, .if_match = made->etag};
    struct store_object object;
    TRY(store_stream(made->store, io, made->key, &get, stream, &object, error));
    *stream = apk_overlay_stream(io.arena, *stream, offset, made->region, made->filled);
    return STATUS_OK;
}

/* What is an object of the origin as it is can be copied by the service; who makes a channel package knows its digest then. */
static void source_of(struct arena *arena, const struct made *made, uint64_t size, struct str sha256, struct package_source *source)
{
    struct made *kept = arena_new_of(arena, struct made);
    struct store_piece *piece = arena_new_of(arena, struct store_piece);
    *kept = *made;
    *piece = (struct store_piece){.store = made->store, .key = made->key, .if_match = made->etag};
    *source = (struct package_source){.size = size, .sha256 = sha256, .validator = sha256, .open = open_made, .context = kept};
    if (!made->filled) source->piece = piece;
}

static enum status find_patch(struct app *app, struct io io, const struct package_name *name, struct package_source *source,
                              struct error *error)
{
    struct patch patch = {.from = name->from, .to = name->version, .format = name->format};
    const struct patch *known;
    enum status status = app_patch(app, io, name, &known, error); /* knows it in a copied store too */
    if (status == STATUS_OK) patch = *known;
    if (status == STATUS_NOT_FOUND) status = patch_produce((struct catalog){app->store, io, name->app}, &patch, NULL, error);
    TRY(status);
    const struct made made = {.store = app->store, .key = patch_diff_key(io.arena, &patch), .etag = patch.etag};
    source_of(io.arena, &made, patch.size, patch.sha256, source);
    return STATUS_OK;
}

static enum status fill_channel(struct app *app, struct io io, const struct package *package, const struct package_name *name,
                                struct filled *filled, struct error *error)
{
    struct app_channel wanted = {.app = name->app, .id = name->channel};
    TRY(app_channel(app, io, &wanted, error));
    return filled_make(io.arena, package, wanted.channels, &wanted.channel.info, filled, error);
}

static enum status find(void *context, struct io io, const struct package_name *name, struct package_source *source, struct error *error)
{
    struct app *app = context;
    const struct package *package;
    struct filled filled;
    if (name->from.length > 0) return find_patch(app, io, name, source, error);
    TRY(app_package(app, io, name->app, name->version, &package, error));
    struct made made = {.store = app->store, .key = package_base_key(io.arena, package), .etag = package->etag};
    if (name->channel.length > 0) {
        TRY(fill_channel(app, io, package, name, &filled, error));
        made.region = package->region;
        made.filled = filled.bytes.data;
    }
    source_of(io.arena, &made, package->size, made.filled ? (struct str){NULL, 0} : package->sha256, source);
    if (made.filled) source->validator = filled.etag;
    return STATUS_OK;
}

/* --- edges that splice: their store is one of ours, with the packages that are wanted there */

/* One writer fills an edge: there a patch needs no name of its own. */
static struct patch patch_on_edge(const struct package_name *name)
{
    return (struct patch){.app = name->app, .from = name->from, .to = name->version, .format = name->format};
}

static enum status install_patch(struct app *app, const struct installation *how, struct error *error)
{
    const struct package_name *name = how->name;
    struct store *edge = how->edge;
    struct io io = how->io;
    const struct store_put put = {.end = how->end};
    struct patch patch = patch_on_edge(name);
    struct store_object object;
    struct str key = patch_diff_key(io.arena, &patch);
    TRY(patch_load((struct catalog){app->store, io, name->app}, &patch, error));
    patch.diff = (struct str){NULL, 0};
    const int64_t span = deadline_left(io.deadline);
    TRY(how->stream ? store_upload(edge, io, key, *how->stream, patch.size, NULL, NULL, error)
                    : store_compose(edge, io, key, how->source->piece, 1, &put, NULL, error));
    io = io_anew(io, span);
    TRY(store_head(edge, io, key, &object, error));
    ENSURE(object.size == patch.size, error, STATUS_CORRUPT, STR_FMT " has %llu bytes, not %llu", STR_ARG(key),
           (unsigned long long)object.size, (unsigned long long)patch.size);
    patch.etag = object.etag;
    patch.modified = object.modified;
    return store_put(edge, io, patch_json_key(io.arena, &patch), patch_format(io.arena, &patch), NULL, NULL, error);
}

static enum status uninstall(void *context, const struct installation *what, struct error *error)
{
    const struct package_name *name = what->name;
    struct arena *arena = what->io.arena;
    const struct patch patch = patch_on_edge(name);
    (void)context;
    if (name->from.length > 0) {
        TRY(store_remove(what->edge, what->io, patch_json_key(arena, &patch), error));
        return store_remove(what->edge, what->io, patch_diff_key(arena, &patch), error);
    }
    enum status status = package_unpublish((struct catalog){what->edge, what->io, name->app}, name->version, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status install(void *context, const struct installation *how, struct error *error)
{
    struct app *app = context;
    const struct package *package;
    if (how->name->from.length > 0) return install_patch(app, how, error);
    TRY(app_package(app, how->io, how->name->app, how->name->version, &package, error));
    TRY(uninstall(context, how, error)); /* what was there has rotted, or was published anew: it would pass for published */
    struct package copy = *package;
    if (how->stream) return package_publish(how->edge, how->io, *how->stream, &copy, error);
    return package_compose(how->edge, how->io, &(struct package_pieces){how->source->piece, 1, how->end}, &copy, error);
}

static enum status locate(void *context, const struct installation *what, struct str *key, struct error *error)
{
    const struct package_name *name = what->name;
    struct package package;
    const struct patch patch = patch_on_edge(name);
    (void)context;
    if (name->from.length > 0) return *key = patch_diff_key(what->io.arena, &patch), STATUS_OK;
    TRY(package_load((struct catalog){what->edge, what->io, name->app}, name->version, &package, error));
    *key = package_base_key(what->io.arena, &package);
    return STATUS_OK;
}

static enum status refresh(void *context, struct io io, struct store *edge, struct str id, struct error *error)
{
    struct app *app = context;
    return channels_copy((struct catalog){app->store, io, id}, (struct catalog){edge, io, id}, error);
}

struct package_maker maker_of(struct app *app)
{
    return (struct package_maker){
        .find = find, .install = install, .uninstall = uninstall, .locate = locate, .refresh = refresh, .context = app};
}
