#include "base/io.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"

enum { COPY_STEP = 16 << 20, COPY_BUFFER = 256 * 1024 };

enum status stream_read_exact(struct stream stream, void *buffer, size_t length, struct error *error)
{
    size_t used = 0;
    while (used < length) {
        ssize_t count = stream_read(stream, (char *)buffer + used, length - used, error);
        if (count < 0) return error->status;
        ENSURE(count > 0, error, STATUS_CORRUPT, "ended after %zu of %zu bytes", used, length);
        used += (size_t)count;
    }
    return STATUS_OK;
}

enum status stream_read_all(struct stream stream, struct arena *arena, size_t limit, struct str *out, struct error *error)
{
    char chunk[16384];
    struct buf all = buf_in(arena, limit);
    for (;;) {
        ssize_t count = stream_read(stream, chunk, sizeof chunk, error);
        if (count < 0) return error->status;
        if (count == 0) break;
        buf_add(&all, str_make(chunk, (size_t)count));
        ENSURE(!all.overflow, error, STATUS_TOO_LARGE, "more than %zu bytes", limit);
    }
    *out = buf_str(&all);
    return STATUS_OK;
}

enum status stream_drain(struct stream stream, struct error *error)
{
    char chunk[65536];
    ssize_t count;
    while ((count = stream_read(stream, chunk, sizeof chunk, error)) > 0) continue;
    return count < 0 ? error->status : STATUS_OK;
}

static ssize_t read_memory(void *context, void *buffer, size_t capacity, struct error *error)
{
    (void)error;
    struct str *rest = context;
    struct str head = str_first(*rest, capacity);
    if (head.length > 0) memcpy(buffer, head.data, head.length);
    *rest = str_from(*rest, head.length);
    return (ssize_t)head.length;
}

struct stream stream_of(struct arena *arena, struct str bytes)
{
    struct str *rest = arena_new_of(arena, struct str);
    *rest = bytes;
    return (struct stream){.read = read_memory, .context = rest};
}

enum status io_write_at(int fd, uint64_t at, struct str bytes, struct error *error)
{
    while (bytes.length > 0) {
        ssize_t count = pwrite(fd, bytes.data, bytes.length, (off_t)at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_errno(error, errno, "writing");
        bytes = str_from(bytes, (size_t)count);
        at += (uint64_t)count;
    }
    return STATUS_OK;
}

static bool cannot_copy_by_itself(int number)
{
    return number == EXDEV || number == ENOSYS || number == EOPNOTSUPP || number == EINVAL;
}

/* Between file systems that know no other way. */
static enum status copy_through_memory(struct io_place from, struct io_place to, size_t length, size_t *done, struct error *error)
{
    char buffer[COPY_BUFFER];
    ssize_t count = pread(from.fd, buffer, length < sizeof buffer ? length : sizeof buffer, (off_t)from.at);
    if (count < 0) return error_errno(error, errno, "reading");
    *done = (size_t)count;
    return io_write_at(to.fd, to.at, str_make(buffer, *done), error);
}

static enum status copy_some(struct io_place from, struct io_place to, size_t length, size_t *done, struct error *error)
{
    off_t in = (off_t)from.at, out = (off_t)to.at;
    ssize_t count = copy_file_range(from.fd, &in, to.fd, &out, length, 0);
    if (count < 0 && cannot_copy_by_itself(errno)) return copy_through_memory(from, to, length, done, error);
    if (count < 0) return error_errno(error, errno, "copying");
    *done = (size_t)count;
    return STATUS_OK;
}

enum status io_copy_range(struct io_place from, struct io_place to, uint64_t length, struct error *error)
{
    while (length > 0) {
        size_t done = 0;
        TRY(copy_some(from, to, length < COPY_STEP ? (size_t)length : COPY_STEP, &done, error));
        ENSURE(done > 0, error, STATUS_CORRUPT, "what is copied became shorter meanwhile");
        from.at += done;
        to.at += done;
        length -= done;
    }
    return STATUS_OK;
}
