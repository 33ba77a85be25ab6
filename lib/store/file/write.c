#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/store/common.h"
#include "lib/store/file/file_internal.h"
#include "lib/store/pieces_internal.h"

static const char new_directory[] = "~new";

enum { CHUNK = 64 * 1024, ABANDONED_AFTER = CLOCK_DAY };

/* A file that is being written. */
struct draft {
    int directory, fd;
    uint64_t length;
    char name[48];
};

static void draft_discard(struct draft *draft)
{
    unlinkat(draft->directory, draft->name, 0);
    close(draft->fd);
    close(draft->directory);
}

/* A writer locks its draft for as long as it lives, so that whoever can lock it knows that the writer is gone. On a file system without
 * locks age tells: nobody writes for a day without a byte. */
static bool is_abandoned(int directory, const char *name, const struct stat *st)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int number = fd < 0 ? errno : flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (fd >= 0) close(fd);
    if (number == 0) return true;
    return number != EWOULDBLOCK && clock_real() - (int64_t)st->st_mtim.tv_sec * CLOCK_SECOND > ABANDONED_AFTER;
}

/* Removes what writers left that were killed. */
static void sweep(int directory)
{
    int fd = dup(directory);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing) {
        if (fd >= 0) close(fd);
        return;
    }
    const struct dirent *entry;
    struct stat st;
    while ((entry = readdir(listing))) {
        if (fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
        if (is_abandoned(directory, entry->d_name, &st)) unlinkat(directory, entry->d_name, 0);
    }
    closedir(listing);
}

/* Another process may sweep between the two steps: then the file is gone, and another one is made. */
static int make_locked(struct draft *draft)
{
    struct stat st = {0};
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(draft->name, sizeof draft->name, "%ld-%016llx", (long)getpid(), (unsigned long long)store_random());
        int fd = openat(draft->directory, draft->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0) return -1;
        bool is_taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (!is_taken && fstat(fd, &st) == 0 && st.st_nlink > 0) return fd;
        unlinkat(draft->directory, draft->name, 0);
        close(fd);
    }
    errno = EAGAIN;
    return -1;
}

static enum status draft_start(struct file_store *file, struct draft *draft, struct error *error)
{
    char name[STORE_KEY_LENGTH + 1];
    draft->length = 0;
    draft->directory = file_open_parent(file, S("~new/x"), true, name);
    if (draft->directory < 0) return error_errno(error, errno, STR_FMT "/%s", STR_ARG(file->store.name), new_directory);
    if (!atomic_exchange(&file->swept, true)) sweep(draft->directory);
    draft->fd = make_locked(draft);
    if (draft->fd >= 0) return STATUS_OK;
    int number = errno;
    close(draft->directory);
    return error_errno(error, number, STR_FMT ": a new file", STR_ARG(file->store.name));
}

static enum status draft_write(struct file_store *file, struct draft *draft, struct str bytes, struct error *error)
{
    if (io_write_at(draft->fd, draft->length, bytes, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(file->store.name));
    draft->length += bytes.length;
    store_count(&file->store.counters.bytes_out, bytes.length);
    return STATUS_OK;
}

/* The kernel stamps files by its tick, within which a freed inode may be taken again by a file of the same size: the ETag
 * needs a finer moment. */
static enum status draft_settle(struct file_store *file, struct draft *draft, struct stat *st, struct error *error)
{
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[1] = times[0];
    if (futimens(draft->fd, times) != 0 || fsync(draft->fd) != 0 || fstat(draft->fd, st) != 0)
        return error_errno(error, errno, STR_FMT ": writing", STR_ARG(file->store.name));
    return STATUS_OK;
}

/* 0, or errno. */
static int move_into_place(struct file_store *file, struct draft *draft, struct str key, enum store_condition condition)
{
    char name[STORE_KEY_LENGTH + 1];
    int parent = file_open_parent(file, key, true, name);
    if (parent < 0) return errno;
    bool if_absent = condition == STORE_IF_ABSENT;
    int failed = if_absent ? linkat(draft->directory, draft->name, parent, name, 0) : renameat(draft->directory, draft->name, parent, name);
    int number = failed ? errno : 0;
    struct stat st;
    if (number == EEXIST && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) number = EISDIR;
    if (number == 0 && fsync(parent) != 0) number = errno;
    close(parent);
    return number;
}

/* Whoever removes the last object of a directory removes the directory too, perhaps between our opening it and moving into
 * it: then it is made again. */
static enum status draft_publish(struct file_store *file, struct draft *draft, struct str key, enum store_condition condition,
                                 struct error *error)
{
    int number = ENOENT;
    for (int attempt = 0; attempt < 1000 && number == ENOENT; attempt++) number = move_into_place(file, draft, key, condition);
    ENSURE(number != EEXIST, error, STATUS_PRECONDITION, STR_FMT "/" STR_FMT ": exists already", STR_ARG(file->store.name), STR_ARG(key));
    ENSURE(number != ENOTDIR && number != EISDIR && number != ELOOP, error, STATUS_INVALID,
           STR_FMT "/" STR_FMT ": a key can't be both an object and the start of another key's path on file://", STR_ARG(file->store.name),
           STR_ARG(key));
    if (number != 0) return error_errno(error, number, STR_FMT "/" STR_FMT, STR_ARG(file->store.name), STR_ARG(key));
    return STATUS_OK;
}

static enum status draft_finish(const struct store_call *call, struct draft *draft, const struct store_put *put,
                                struct store_object *object, struct error *error)
{
    struct file_store *file = (struct file_store *)call->store;
    struct stat st;
    TRY(draft_settle(file, draft, &st, error));
    TRY(draft_publish(file, draft, call->key, put->condition, error));
    *object = file_describe(arena_copy(call->io.arena, call->key), &st, arena_buffer(call->io.arena, FILE_ETAG));
    return STATUS_OK;
}

/* What is to be written: one of them. */
struct content {
    struct str bytes;
    const struct store_source *source;
    const struct store_pieces *pieces;
};

static enum status copy_stream(struct file_store *file, struct draft *draft, const struct store_source *source, struct error *error)
{
    char chunk[CHUNK];
    for (;;) {
        ssize_t count = stream_read(source->stream, chunk, sizeof chunk, error);
        if (count < 0) return error->status;
        if (count == 0) break;
        TRY(draft_write(file, draft, str_make(chunk, (size_t)count), error));
    }
    ENSURE(source->size == UINT64_MAX || source->size == draft->length, error, STATUS_CORRUPT,
           "what was to be stored has %llu bytes, not the %llu announced", (unsigned long long)draft->length,
           (unsigned long long)source->size);
    return STATUS_OK;
}

static enum status copy_object(const struct store_call *call, struct draft *draft, const struct store_piece *piece, struct error *error)
{
    const struct store_get get = {.offset = piece->offset, .length = piece->length, .if_match = piece->if_match};
    const struct store_call read = {call->store, call->io, piece->key};
    struct file_opened opened;
    struct store_object object;
    TRY(pieces_fault(file_open_object(&read, &get, &opened, &object, error), error));
    enum status status =
        io_copy_range((struct io_place){opened.fd, piece->offset}, (struct io_place){draft->fd, draft->length}, piece->length, error);
    close(opened.fd);
    if (status != STATUS_OK) return error_context(error, STR_FMT "/" STR_FMT, STR_ARG(call->store->name), STR_ARG(piece->key));
    draft->length += piece->length;
    return STATUS_OK;
}

static enum status copy_pieces(const struct store_call *call, struct draft *draft, const struct store_pieces *pieces, struct error *error)
{
    struct file_store *file = (struct file_store *)call->store;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct store_piece *piece = &pieces->items[i];
        TRY(str_empty(piece->key) ? draft_write(file, draft, piece->bytes, error) : copy_object(call, draft, piece, error));
    }
    return STATUS_OK;
}

static enum status fill(const struct store_call *call, struct draft *draft, const struct content *content, struct error *error)
{
    struct file_store *file = (struct file_store *)call->store;
    if (content->source) return copy_stream(file, draft, content->source, error);
    if (content->pieces) return copy_pieces(call, draft, content->pieces, error);
    return draft_write(file, draft, content->bytes, error);
}

static enum status write_object(const struct store_call *call, const struct content *content, const struct store_put *put,
                                struct store_object *object, struct error *error)
{
    struct draft draft;
    store_count(&call->store->counters.requests, 1);
    TRY(draft_start((struct file_store *)call->store, &draft, error));
    enum status status = fill(call, &draft, content, error);
    if (status == STATUS_OK) status = draft_finish(call, &draft, put, object, error);
    draft_discard(&draft);
    return status;
}

enum status file_put(const struct store_call *call, struct str body, const struct store_put *put, struct store_object *object,
                     struct error *error)
{
    return write_object(call, &(struct content){.bytes = body}, put, object, error);
}

enum status file_upload(const struct store_call *call, const struct store_source *source, const struct store_put *put,
                        struct store_object *object, struct error *error)
{
    return write_object(call, &(struct content){.source = source}, put, object, error);
}

enum status file_compose(const struct store_call *call, const struct store_pieces *pieces, const struct store_put *put,
                         struct store_object *object, struct error *error)
{
    return write_object(call, &(struct content){.pieces = pieces}, put, object, error);
}

/* Removes the directories above `key` that hold nothing more; rmdir refuses the others. */
static void prune(const struct file_store *file, struct str key)
{
    char name[STORE_KEY_LENGTH + 1];
    size_t slash;
    while ((slash = str_find_last(key, '/')) < key.length) {
        key = str_first(key, slash);
        int parent = file_open_parent(file, key, false, name);
        if (parent < 0) return;
        int failed = unlinkat(parent, name, AT_REMOVEDIR);
        close(parent);
        if (failed) return;
    }
}

enum status file_remove(const struct store_call *call, struct error *error)
{
    struct file_store *file = (struct file_store *)call->store;
    struct str key = call->key;
    char name[STORE_KEY_LENGTH + 1];
    store_count(&file->store.counters.requests, 1);
    int parent = file_open_parent(file, key, false, name);
    int number = parent < 0 || unlinkat(parent, name, 0) != 0 ? errno : 0;
    if (number == 0 && fsync(parent) != 0) number = errno;
    if (parent >= 0) close(parent);
    if (number == ENOENT || number == ENOTDIR || number == EISDIR) return STATUS_OK; /* no such object, then or now */
    if (number != 0) return error_errno(error, number, STR_FMT "/" STR_FMT, STR_ARG(file->store.name), STR_ARG(key));
    prune(file, key);
    return STATUS_OK;
}
