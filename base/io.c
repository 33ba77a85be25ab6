#include "base/io.h"

#include "base/buf.h"

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
