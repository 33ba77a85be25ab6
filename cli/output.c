#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { COPY_STEP = 16 << 20, BUFFER_SIZE = 256 << 10, MODE = 0666 }; /* a step: before progress is shown again */

static const char descriptors[] = "/proc/self/fd";

struct output {
    struct arena *arena;
    const char *path, *folder, *temporary;
    int fd;
    bool named; /* `temporary` is there */
    uint64_t length;
};

/* --- opening */

static void remove_temporary(void *context)
{
    const struct output *output = context;
    if (output->named) unlink(output->temporary);
}

/* Links are followed, so that what they point to is replaced, not the link. */
static enum status resolve(struct output *output, const char *path, struct error *error)
{
    struct stat stat;
    if (lstat(path, &stat) != 0 && errno == ENOENT) return output->path = path, STATUS_OK;
    char *resolved = realpath(path, NULL);
    if (!resolved) return error_errno(error, errno, "%s", path);
    arena_defer(output->arena, free, resolved);
    output->path = resolved;
    ENSURE(lstat(resolved, &stat) == 0 && S_ISREG(stat.st_mode), error, STATUS_INVALID, "%s: not a regular file", path);
    return STATUS_OK;
}

static unsigned long long random_number(void)
{
    unsigned long long number = 0;
    (void)!getrandom(&number, sizeof number, 0);
    return number;
}

static void name_neighbours(struct output *output)
{
    struct str path = str_of(output->path);
    size_t slash = str_find_last(path, '/');
    bool has_folder = slash < path.length;
    output->folder = has_folder ? arena_cstr(output->arena, str_first(path, slash + 1)) : ".";
    output->temporary = arena_printf(output->arena, "%s.%016llx.tmp", output->path, random_number()).data;
}

/* What has no name goes by itself, however the process ends. It gets its name through /proc. */
static int open_nameless(const char *folder)
{
    return access(descriptors, X_OK) == 0 ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE) : -1;
}

enum status output_open(struct arena *arena, const char *path, struct output **opened, struct error *error)
{
    struct output *output = arena_new_of(arena, struct output);
    output->arena = arena;
    TRY(resolve(output, path, error));
    name_neighbours(output);
    output->fd = open_nameless(output->folder);
    if (output->fd < 0) {
        output->fd = open(output->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, MODE);
        if (output->fd < 0) return error_errno(error, errno, "%s", path);
        output->named = true;
    }
    arena_defer_close(arena, output->fd);
    arena_defer(arena, remove_temporary, output);
    *opened = output;
    return STATUS_OK;
}

/* --- writing */

static enum status written(const struct output *output, enum status status, struct error *error)
{
    return status == STATUS_OK ? STATUS_OK : error_context(error, "%s", output->path);
}

enum status output_write(struct output *output, const void *bytes, size_t length, struct error *error)
{
    TRY(written(output, io_write_at(output->fd, output->length, str_make(bytes, length), error), error));
    output->length += length;
    return STATUS_OK;
}

enum status output_stream(struct output *output, struct stream stream, struct error *error)
{
    char buffer[BUFFER_SIZE];
    ssize_t count;
    while ((count = stream_read(stream, buffer, sizeof buffer, error)) > 0) TRY(output_write(output, buffer, (size_t)count, error));
    return count < 0 ? error->status : STATUS_OK;
}

int output_descriptor(const struct output *output)
{
    return output->fd;
}

enum status output_write_at(struct output *output, uint64_t offset, const void *bytes, size_t length, struct error *error)
{
    ENSURE(offset <= output->length && length <= output->length - offset, error, STATUS_INTERNAL, "%s: writing beyond the end",
           output->path);
    return written(output, io_write_at(output->fd, offset, str_make(bytes, length), error), error);
}

enum status output_copy(struct output *output, struct io_place from, uint64_t length, struct progress *progress, struct error *error)
{
    while (length > 0) {
        uint64_t step = length < COPY_STEP ? length : COPY_STEP;
        TRY(written(output, io_copy_range(from, (struct io_place){output->fd, output->length}, step, error), error));
        from.at += step;
        length -= step;
        output->length += step;
        progress_add(progress, step);
    }
    return STATUS_OK;
}

/* --- putting it in its place */

static enum status sync_folder(const struct output *output, struct error *error)
{
    int folder = open(output->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return error_errno(error, errno, "%s", output->folder);
    int number = fsync(folder) == 0 ? 0 : errno;
    close(folder);
    bool done = number == 0 || number == EINVAL; /* which is to say that this file system has nothing to do here */
    return done ? STATUS_OK : error_errno(error, number, "%s", output->folder);
}

enum status output_commit(struct output *output, struct error *error)
{
    char nameless[64];
    snprintf(nameless, sizeof nameless, "%s/%d", descriptors, output->fd);
    if (fsync(output->fd) != 0) return error_errno(error, errno, "writing %s", output->path);
    if (!output->named && linkat(AT_FDCWD, nameless, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) != 0)
        return error_errno(error, errno, "%s", output->temporary);
    output->named = true;
    if (rename(output->temporary, output->path) != 0) return error_errno(error, errno, "%s", output->path);
    output->named = false;
    return sync_folder(output, error);
}
