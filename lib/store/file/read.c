#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/store/file/file_internal.h"

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int open_root(const char *root, bool create)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the root itself may be a link: the operator named it */
    if (fd >= 0 || errno != ENOENT || !create) return fd;
    if (mkdir(root, 0777) != 0 && errno != EEXIST) return -1;
    return open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Closes `parent`. */
static int open_child(int parent, const char *name, bool create)
{
    int fd = openat(parent, name, DIRECTORY);
    if (fd < 0 && errno == ENOENT && create && (mkdirat(parent, name, 0777) == 0 || errno == EEXIST)) {
        fsync(parent);
        fd = openat(parent, name, DIRECTORY);
    }
    int number = errno;
    close(parent);
    errno = number;
    return fd;
}

int file_open_parent(const struct file_store *file, struct str key, bool create, char *name)
{
    int fd = open_root(file->root, create);
    while (fd >= 0) {
        size_t slash = str_find(key, '/');
        if (slash > 0) memcpy(name, key.data, slash);
        name[slash] = 0;
        if (slash == key.length) break;
        fd = open_child(fd, name, create);
        key = str_from(key, slash + 1);
    }
    return fd;
}

struct store_object file_describe(struct str key, const struct stat *st, char *etag)
{
    unsigned long long nanoseconds = (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL + (unsigned long long)st->st_mtim.tv_nsec;
    int length =
        snprintf(etag, FILE_ETAG, "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino, (unsigned long long)st->st_size, nanoseconds);
    return (struct store_object){
        .key = key,
        .etag = str_make(etag, (size_t)length),
        .size = (uint64_t)st->st_size,
        .modified = (int64_t)st->st_mtim.tv_sec * CLOCK_SECOND + st->st_mtim.tv_nsec / 1000000,
    };
}

static enum status open_file(const struct store_call *call, struct file_opened *opened, struct store_object *object, struct error *error)
{
    char name[STORE_KEY_LENGTH + 1];
    struct stat st;
    struct str key = call->key, store = call->store->name;
    store_count(&call->store->counters.requests, 1);
    int parent = file_open_parent((struct file_store *)call->store, key, false, name);
    opened->fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int number = errno;
    if (parent >= 0) close(parent);
    bool is_link = opened->fd < 0 && number == ELOOP;
    ENSURE(!is_link, error, STATUS_NOT_FOUND, STR_FMT "/" STR_FMT ": is a symbolic link, which a store does not follow", STR_ARG(store),
           STR_ARG(key));
    if (opened->fd < 0) return error_errno(error, number, STR_FMT "/" STR_FMT, STR_ARG(store), STR_ARG(key));
    if (fstat(opened->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(opened->fd);
        return error_set(error, STATUS_NOT_FOUND, STR_FMT "/" STR_FMT ": not a file", STR_ARG(store), STR_ARG(key));
    }
    *object = file_describe(arena_copy(call->io.arena, key), &st, arena_buffer(call->io.arena, FILE_ETAG));
    return STATUS_OK;
}

static enum status resolve(const struct store_get *get, const struct store_object *object, struct file_opened *opened, struct error *error)
{
    ENSURE(str_empty(get->if_match) || str_equal(get->if_match, object->etag), error, STATUS_PRECONDITION,
           "'" STR_FMT "' is not the version that was asked for", STR_ARG(object->key));
    ENSURE(str_empty(get->if_none_match) || !str_equal(get->if_none_match, object->etag), error, STATUS_NOT_MODIFIED,
           "'" STR_FMT "' has not changed", STR_ARG(object->key));
    bool is_range = get->offset > 0 || get->length > 0;
    ENSURE(!is_range || get->offset < object->size, error, STATUS_INVALID, "'" STR_FMT "' ends before byte %llu", STR_ARG(object->key),
           (unsigned long long)get->offset);
    opened->offset = get->offset;
    opened->length = get->length ? get->length : object->size - get->offset;
    ENSURE(opened->length <= object->size - get->offset, error, STATUS_CORRUPT, "'" STR_FMT "' ends at %llu, within the range asked for",
           STR_ARG(object->key), (unsigned long long)object->size);
    return STATUS_OK;
}

enum status file_open_object(const struct store_call *call, const struct store_get *get, struct file_opened *opened,
                             struct store_object *object, struct error *error)
{
    TRY(open_file(call, opened, object, error));
    enum status status = resolve(get, object, opened, error);
    if (status != STATUS_OK) close(opened->fd);
    return status;
}

static enum status read_part(struct file_opened *opened, char *buffer, size_t length, const struct store_object *object,
                             struct error *error)
{
    while (length > 0) {
        ssize_t count = pread(opened->fd, buffer, length, (off_t)opened->offset);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_errno(error, errno, "reading '" STR_FMT "'", STR_ARG(object->key));
        ENSURE(count > 0, error, STATUS_CORRUPT, "'" STR_FMT "' was cut off while it was read", STR_ARG(object->key));
        buffer += count;
        length -= (size_t)count;
        opened->offset += (uint64_t)count;
        opened->length -= (uint64_t)count;
    }
    return STATUS_OK;
}

static enum status read_whole(struct io io, const struct store_get *get, struct file_opened *opened, struct store_object *object,
                              struct error *error)
{
    ENSURE(opened->length <= get->limit, error, STATUS_TOO_LARGE, "'" STR_FMT "' has %llu bytes where %zu are allowed",
           STR_ARG(object->key), (unsigned long long)opened->length, get->limit);
    size_t length = (size_t)opened->length;
    char *body = arena_buffer(io.arena, length + 1);
    body[length] = 0;
    object->body = str_make(body, length);
    return read_part(opened, body, length, object, error);
}

enum status file_get(const struct store_call *call, const struct store_get *get, struct store_object *object, struct error *error)
{
    struct file_opened opened;
    TRY(file_open_object(call, get, &opened, object, error));
    enum status status = read_whole(call->io, get, &opened, object, error);
    close(opened.fd);
    if (status == STATUS_OK) store_count(&call->store->counters.bytes_in, object->body.length);
    return status;
}

enum status file_head(const struct store_call *call, struct store_object *object, struct error *error)
{
    struct file_opened opened;
    TRY(open_file(call, &opened, object, error));
    close(opened.fd);
    return STATUS_OK;
}

struct file_stream {
    struct arena *arena; /* its own, since it may outlive the call that opened it */
    struct store *store;
    struct file_opened opened;
    struct store_object object;
};

static ssize_t stream_next(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct file_stream *stream = context;
    size_t length = capacity < stream->opened.length ? capacity : (size_t)stream->opened.length;
    if (read_part(&stream->opened, buffer, length, &stream->object, error) != STATUS_OK) return -1;
    store_count(&stream->store->counters.bytes_in, length);
    return (ssize_t)length;
}

static void stream_end(void *context)
{
    struct file_stream *stream = context;
    close(stream->opened.fd);
    arena_free(stream->arena);
}

enum status file_stream(const struct store_call *call, const struct store_get *get, struct stream *out, struct store_object *object,
                        struct error *error)
{
    struct file_opened opened;
    TRY(file_open_object(call, get, &opened, object, error));
    struct arena *arena = arena_new();
    struct file_stream *stream = arena_new_of(arena, struct file_stream);
    *stream = (struct file_stream){arena, call->store, opened, {.key = arena_copy(arena, call->key)}};
    *out = (struct stream){stream_next, stream_end, stream};
    return STATUS_OK;
}

/* A directory that is not there lists as an empty one, since the first write makes it. */
enum status file_check(struct store *store, struct error *error)
{
    const char *root = ((struct file_store *)store)->root;
    int fd = open_root(root, false);
    if (fd < 0) return error_errno(error, errno, "the directory %s", root);
    close(fd);
    return STATUS_OK;
}
