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

enum status spool_open(struct arena *arena, int *fd, struct error *error)
{
    struct str name = arena_printf(arena, "%s/pakhus-XXXXXX", folder());
    char *path = arena_cstr(arena, name);
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0) {
        error_errno(error, errno, "%s (TMPDIR says where)", folder());
        return error->status = STATUS_UNAVAILABLE; /* not "not found": that would be said of what is read */
    }
    arena_defer_close(arena, *fd);
    unlink(path);
    return STATUS_OK;
}

enum status spool_stream(struct arena *arena, struct stream stream, int *fd, struct error *error)
{
    char *chunk = arena_buffer(arena, CHUNK);
    uint64_t length = 0;
    ssize_t count;
    TRY(spool_open(arena, fd, error));
    while ((count = stream_read(stream, chunk, CHUNK, error)) > 0) {
        if (io_write_at(*fd, length, str_make(chunk, (size_t)count), error) != STATUS_OK)
            return error_context(error, "a file in %s (TMPDIR says where)", folder());
        length += (uint64_t)count;
    }
    return count < 0 ? error->status : STATUS_OK;
}
