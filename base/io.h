/* What every operation that may take time is given, and the streams that carry large objects. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct io {
    struct arena *arena;      /* results live here */
    struct deadline deadline; /* give up at this moment */
    bool no_wait;             /* on an event loop: answer from memory, or return STATUS_WOULD_BLOCK */
    int64_t asked;            /* when the request came, by clock_monotonic: what was read later is new enough for it. 0: not said */
};

/* What follows a step that takes as long as it takes, such as an upload, has as much time as was given at first. */
static inline struct io io_anew(struct io io, int64_t span)
{
    return (struct io){.arena = io.arena, .deadline = deadline_in(span)};
}

static inline ssize_t stream_read(struct stream stream, void *buffer, size_t capacity, struct error *error)
{
    return stream.read(stream.context, buffer, capacity, error);
}

static inline void stream_close(struct stream *stream)
{
    if (stream->close) stream->close(stream->context);
    *stream = (struct stream){0};
}

/* Fills the whole buffer: STATUS_CORRUPT where the stream ends before. */
enum status stream_read_exact(struct stream, void *buffer, size_t length, struct error *);
/* All of it into the arena: STATUS_TOO_LARGE past `limit` bytes. */
enum status stream_read_all(struct stream, struct arena *, size_t limit, struct str *out, struct error *);
/* Reads to the end, for what watches the bytes pass. */
enum status stream_drain(struct stream, struct error *);
/* A stream over bytes that outlive it; its state is kept in the arena. */
struct stream stream_of(struct arena *, struct str);

/* Open files. Writes all the bytes at `at`. */
enum status io_write_at(int fd, uint64_t at, struct str bytes, struct error *);
/* A place in an open file. */
struct io_place {
    int fd;
    uint64_t at;
};
/* Copies `length` bytes from one place to the other: left to the file system where it can share blocks or copy by itself. STATUS_CORRUPT
 * where the first file ends before. */
enum status io_copy_range(struct io_place from, struct io_place to, uint64_t length, struct error *);

#endif
