#include "lib/transfer/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

static const char *folder(void)
{
    const char *wanted = getenv("TMPDIR");
    return wanted && *wanted ? wanted : "/tmp";
}

static enum status open_nameless(struct arena *arena, int *fd, struct error *error)
{
    struct str name = arena_printf(arena, "%s/pakhus-XXXXXX", folder());
    char *path = arena_cstr(arena, name);
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0) return error_errno(error, errno, "%s", folder());
    arena_defer_close(arena, *fd);
    unlink(path);
    return STATUS_OK;
}

static enum status write_all(int fd, const char *bytes, size_t length, struct error *error)
{
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_errno(error, errno, "writing to a file in %s (TMPDIR says where)", folder());
        bytes += count;
        length -= (size_t)count;
    }
    return STATUS_OK;
}

enum status spool_stream(struct arena *arena, struct stream stream, int *fd, struct error *error)
{
    char *chunk = arena_buffer(arena, CHUNK);
    ssize_t count;
    TRY(open_nameless(arena, fd, error));
    while ((count = stream_read(stream, chunk, CHUNK, error)) > 0) TRY(write_all(*fd, chunk, (size_t)count, error));
    return count < 0 ? error->status : STATUS_OK;
}
