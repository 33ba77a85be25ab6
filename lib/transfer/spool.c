#include "lib/transfer/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

/* The folder, and for messages who says which one. */
struct place {
    const char *folder, *said;
};

static struct place place_of(const char *folder)
{
    if (folder) return (struct place){folder, ""};
    const char *wanted = getenv("TMPDIR");
    return (struct place){wanted && *wanted ? wanted : "/tmp", " (TMPDIR says where)"};
}

static void close_file(void *context)
{
    const int *fd = context;
    if (*fd >= 0) close(*fd);
}

/* Nothing is left behind when memory runs out: the file is opened last. */
static enum status open_in(struct arena *arena, struct place place, int *fd, struct error *error)
{
    struct str name = arena_printf(arena, "%s/pakhus-XXXXXX", place.folder);
    char *path = arena_cstr(arena, name);
    int *kept = arena_new_of(arena, int);
    *kept = -1;
    arena_defer(arena, close_file, kept);
    *fd = *kept = mkostemp(path, O_CLOEXEC);
    if (*fd < 0) {
        error_errno(error, errno, "%s%s", place.folder, place.said);
        return error->status = STATUS_UNAVAILABLE; /* not "not found": that would be said of what is read */
    }
    unlink(path);
    return STATUS_OK;
}

enum status spool_open(struct arena *arena, int *fd, struct error *error)
{
    return open_in(arena, place_of(NULL), fd, error);
}

enum status spool_stream_in(struct arena *arena, const char *folder, struct stream stream, int *fd, struct error *error)
{
    struct place place = place_of(folder);
    char *chunk = arena_buffer(arena, CHUNK);
    uint64_t length = 0;
    ssize_t count;
    TRY(open_in(arena, place, fd, error));
    while ((count = stream_read(stream, chunk, CHUNK, error)) > 0) {
        if (io_write_at(*fd, length, str_make(chunk, (size_t)count), error) != STATUS_OK)
            return error_context(error, "a file in %s%s", place.folder, place.said);
        length += (uint64_t)count;
    }
    return count < 0 ? error->status : STATUS_OK;
}

enum status spool_stream(struct arena *arena, struct stream stream, int *fd, struct error *error)
{
    return spool_stream_in(arena, NULL, stream, fd, error);
}
