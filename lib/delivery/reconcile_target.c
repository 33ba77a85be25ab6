/* Copying to a store, and into a directory. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/delivery/reconcile_internal.h"
#include "lib/transfer/part.h"

enum { CHUNK = 1 << 20 };

/* --- a stream that ends with the time it was given: a store bounds its parts, not the whole */

struct bounded {
    struct stream inner;
    struct deadline deadline;
};

static ssize_t bounded_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct bounded *bounded = context;
    if (deadline_left(bounded->deadline) > 0) return stream_read(bounded->inner, buffer, capacity, error);
    error_set(error, STATUS_TIMEOUT, "there was no time to copy all of it");
    return -1;
}

static void bounded_close(void *context)
{
    struct bounded *bounded = context;
    stream_close(&bounded->inner);
}

static enum status open_bounded(const struct target *target, const struct incoming *in, uint64_t offset, struct stream *stream,
                                struct error *error)
{
    struct bounded *bounded = arena_new_of(in->io.arena, struct bounded);
    TRY(in->source->open(in->source->context, in->io, offset, &bounded->inner, error));
    bounded->deadline = target->end;
    *stream = (struct stream){.read = bounded_read, .close = bounded_close, .context = bounded};
    return STATUS_OK;
}

static enum status compare(struct str got, struct str wanted, struct error *error)
{
    bool right = wanted.length == 0 || str_equal(got, wanted);
    ENSURE(right, error, STATUS_CORRUPT, "what was copied has not the SHA-256 " STR_FMT, STR_ARG(wanted));
    return STATUS_OK;
}

/* --- into the edge's store */

static struct store_put put_of(const struct target *target, const struct package_name *name)
{
    const char *type = name->from.length > 0 ? NULL : "application/vnd.android.package-archive";
    return (struct store_put){.content_type = type, .resume = true, .end = target->end};
}

/* On an edge that splices. `stream` may be NULL, as in struct installation. */
static enum status install(const struct target *target, const struct incoming *in, const struct stream *stream, struct error *error)
{
    const struct package_maker *maker = target->how->maker;
    const struct installation how = {in->io, target->store, in->name, in->source, stream, target->end};
    return maker->install(maker->context, &how, error);
}

static enum status upload(const struct target *target, const struct incoming *in, struct stream stream, struct error *error)
{
    const struct store_put put = put_of(target, in->name);
    if (target->edge->splices) return install(target, in, &stream, error);
    return store_upload(target->store, in->io, edge_key(in->io.arena, in->name), stream, in->source->size, &put, NULL, error);
}

static enum status check_size(uint64_t got, uint64_t wanted, struct error *error)
{
    ENSURE(got == wanted, error, STATUS_CORRUPT, "it has %llu bytes there, not %llu", (unsigned long long)got, (unsigned long long)wanted);
    return STATUS_OK;
}

static enum status copy_within_service(const struct target *target, const struct incoming *in, struct error *error)
{
    const struct store_put put = put_of(target, in->name);
    const int64_t span = deadline_left(in->io.deadline);
    struct str key = edge_key(in->io.arena, in->name);
    struct store_object object;
    if (target->edge->splices) return install(target, in, NULL, error);
    TRY(store_compose(target->store, in->io, key, in->source->piece, 1, &put, NULL, error));
    TRY(store_head(target->store, io_anew(in->io, span), key, &object, error));
    return check_size(object.size, in->source->size, error);
}

/* What the service will not do, or did otherwise than it should: it may be done without it. */
static bool is_refusal(enum status status)
{
    return status == STATUS_DENIED || status == STATUS_INVALID || status == STATUS_UNSUPPORTED || status == STATUS_CORRUPT;
}

/* False: it has to pass through here. */
static bool copied_within_service(struct target *target, const struct incoming *in, enum status *status, struct error *error)
{
    static const struct log nobody;
    if (!target->copies || !in->source->piece) return false;
    *status = copy_within_service(target, in, error);
    if (!is_refusal(*status)) return true;
    log_warn(nobody, "edge=" STR_FMT " its store did not copy from the origin, so this and all else passes through here: %s",
             STR_ARG(target->edge->id), error->text);
    return target->copies = false;
}

static enum status stream_into_store(const struct target *target, const struct incoming *in, struct str *sha256, struct error *error)
{
    struct arena *arena = in->io.arena;
    struct stream stream;
    struct progress progress = progress_start("copy", target->how->visible ? in->source->size : 0);
    TRY(open_bounded(target, in, 0, &stream, error));
    struct watch *watch = watch_new(arena, stream, target->how->visible ? &progress : NULL);
    struct stream watched = watch_stream(watch);
    enum status status = upload(target, in, watched, error);
    stream_close(&watched);
    progress_end(&progress);
    TRY(status);
    *sha256 = watch_sha256(watch, arena);
    return compare(*sha256, in->source->sha256, error);
}

static enum status put_into_store(struct target *target, const struct incoming *in, struct str *sha256, struct error *error)
{
    enum status status;
    *sha256 = in->source->sha256;
    if (copied_within_service(target, in, &status, error)) return status;
    return stream_into_store(target, in, sha256, error);
}

/* --- into a directory, by way of FILE.part */

static struct str file_of(const struct target *target, struct arena *arena, const struct package_name *name)
{
    return arena_join(arena, str_of(target->directory), S("/"), edge_key(arena, name));
}

/* What FILE.part.json says of the source: bytes that changed there are not put behind those that came before. */
static enum status take_up(struct part *part, const struct package_source *source, struct error *error)
{
    const struct resume_source *known = resume_find(&part->resume, S("origin"));
    bool same = known && str_equal(known->validator, source->validator);
    if (part->offset > 0 && !same) TRY(part_begin_again(part, source->size, source->sha256, error));
    part->resume.sources[0] = (struct resume_source){S("origin"), source->validator};
    part->resume.source_count = 1;
    return part_remember(part, error);
}

static enum status append_all(struct part *part, struct stream stream, uint64_t size, struct error *error)
{
    char *chunk = arena_buffer(part->arena, CHUNK);
    ssize_t count;
    while ((count = stream_read(stream, chunk, CHUNK, error)) > 0) {
        ENSURE((uint64_t)count <= size - part->offset, error, STATUS_CORRUPT, "there are more than %llu bytes", (unsigned long long)size);
        TRY(part_append(part, str_make(chunk, (size_t)count), error));
    }
    if (count < 0) return error->status;
    ENSURE(part->offset == size, error, STATUS_CORRUPT, "there are %llu bytes, not %llu", (unsigned long long)part->offset,
           (unsigned long long)size);
    return STATUS_OK;
}

/* A copy with another digest is no use, and begun again the next time. */
static enum status check_part(struct part *part, const struct package_source *source, struct str *sha256, struct error *error)
{
    struct error ignored;
    *sha256 = part_sha256(part);
    enum status status = compare(*sha256, source->sha256, error);
    if (status != STATUS_OK) part_begin_again(part, source->size, source->sha256, &ignored);
    return status;
}

static enum status load_part(const struct target *target, const struct incoming *in, struct part *part, struct error *error)
{
    struct stream stream;
    TRY(take_up(part, in->source, error));
    if (part->offset == in->source->size) return STATUS_OK;
    TRY(open_bounded(target, in, part->offset, &stream, error));
    enum status status = append_all(part, stream, in->source->size, error);
    stream_close(&stream);
    return status;
}

static enum status put_into_directory(const struct target *target, const struct incoming *in, struct str *sha256, struct error *error)
{
    struct part *part;
    struct arena *arena = in->io.arena;
    struct str label = edge_key(arena, in->name), path = file_of(target, arena, in->name);
    struct progress progress = progress_start(label.data, in->source->size);
    struct progress *shown = target->how->visible ? &progress : NULL;
    TRY(part_open(arena, path.data, &(struct part_options){in->source->size, in->source->sha256, shown}, &part, error));
    enum status status = load_part(target, in, part, error);
    if (shown) progress_end(shown);
    TRY(status);
    TRY(check_part(part, in->source, sha256, error));
    return part_finish(part, error);
}

/* An edge that pulls and splices: the base comes resumably, then is published into the store that its directory is. */
static ssize_t read_file(void *context, void *buffer, size_t capacity, struct error *error)
{
    size_t count = fread(buffer, 1, capacity, context);
    if (count > 0 || !ferror((FILE *)context)) return (ssize_t)count;
    error_errno(error, errno, "reading what was copied");
    return -1;
}

static enum status install_file(const struct target *target, const struct incoming *in, const char *path, struct error *error)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return error_errno(error, errno, "%s", path);
    const struct stream stream = {.read = read_file, .context = file};
    enum status status = install(target, in, &stream, error);
    fclose(file);
    if (status == STATUS_OK) unlink(path);
    return status;
}

/* It came whole, and could not be installed or said to be held: it need not come again. */
static bool came_before(struct arena *arena, const char *path, const struct package_source *source)
{
    struct stat there;
    if (source->sha256.length == 0 || stat(path, &there) != 0 || (uint64_t)there.st_size != source->size) return false;
    return str_equal(part_file_sha256(arena, path), source->sha256);
}

enum status target_put(struct target *target, const struct incoming *in, struct str *sha256, struct error *error)
{
    if (!target->directory) return put_into_store(target, in, sha256, error);
    const char *path = file_of(target, in->io.arena, in->name).data;
    *sha256 = in->source->sha256;
    if (!came_before(in->io.arena, path, in->source)) TRY(put_into_directory(target, in, sha256, error));
    return target->store ? install_file(target, in, path, error) : STATUS_OK;
}

enum status target_remove(const struct target *target, struct io io, const struct package_name *name, struct error *error)
{
    const struct package_maker *maker = target->how->maker;
    if (target->directory) {
        struct str path = file_of(target, io.arena, name);
        if (unlink(path.data) != 0 && errno != ENOENT) return error_errno(error, errno, "%s", path.data);
        unlink(arena_printf(io.arena, "%s.part", path.data).data);
        unlink(arena_printf(io.arena, "%s.part.json", path.data).data);
    }
    if (!target->store) return STATUS_OK;
    if (target->edge->splices)
        return maker->uninstall(maker->context, &(struct installation){.io = io, .edge = target->store, .name = name}, error);
    return store_remove(target->store, io, edge_key(io.arena, name), error);
}

/* --- what is there */

static enum status digest_stored(struct store *store, struct io io, struct str key, struct str *sha256, struct error *error)
{
    struct stream stream;
    struct store_object object;
    TRY(store_stream(store, io, key, NULL, &stream, &object, error));
    struct watch *watch = watch_new(io.arena, stream, NULL);
    struct stream watched = watch_stream(watch);
    enum status status = stream_drain(watched, error);
    stream_close(&watched);
    *sha256 = watch_sha256(watch, io.arena);
    return status;
}

static enum status stored_key(const struct target *target, struct io io, const struct package_name *name, struct str *key,
                              struct error *error)
{
    const struct package_maker *maker = target->how->maker;
    const struct installation what = {.io = io, .edge = target->store, .name = name};
    if (target->edge->splices) return maker->locate(maker->context, &what, key, error);
    *key = edge_key(io.arena, name);
    return STATUS_OK;
}

static enum status check_stored(const struct target *target, struct io io, const struct package_name *name, const struct held_package *held,
                                struct error *error)
{
    struct str key, sha256;
    struct store_object object;
    const struct io brief = {.arena = io.arena, .deadline = deadline_within(io.deadline, EDGE_PATIENCE)};
    TRY(stored_key(target, brief, name, &key, error));
    TRY(store_head(target->store, brief, key, &object, error));
    TRY(check_size(object.size, held->size, error));
    if (!target->how->verify) return STATUS_OK;
    TRY(digest_stored(target->store, io, key, &sha256, error));
    return compare(sha256, held->sha256, error);
}

static enum status check_file(const struct target *target, struct io io, const struct package_name *name, const struct held_package *held,
                              struct error *error)
{
    struct stat there;
    struct str path = file_of(target, io.arena, name);
    if (stat(path.data, &there) != 0) return error_errno(error, errno, "%s", path.data);
    TRY(check_size((uint64_t)there.st_size, held->size, error));
    if (!target->how->verify) return STATUS_OK;
    return compare(part_file_sha256(io.arena, path.data), held->sha256, error);
}

enum status target_check(const struct target *target, struct io io, const struct package_name *name, const struct held_package *held,
                         struct error *error)
{
    return target->store ? check_stored(target, io, name, held, error) : check_file(target, io, name, held, error);
}
