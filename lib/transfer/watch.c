#include "lib/transfer/watch.h"

#include "lib/transfer/sha256.h"

struct watch {
    struct stream inner;
    struct progress *progress;
    struct sha256 *digest;
};

struct watch *watch_new(struct arena *arena, struct stream inner, struct progress *progress)
{
    struct watch *watch = arena_new_of(arena, struct watch);
    *watch = (struct watch){.inner = inner, .progress = progress, .digest = sha256_new(arena)};
    return watch;
}

static ssize_t watched_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct watch *watch = context;
    ssize_t count = stream_read(watch->inner, buffer, capacity, error);
    if (count <= 0) return count;
    sha256_add(watch->digest, buffer, (size_t)count);
    if (watch->progress) progress_add(watch->progress, (uint64_t)count);
    return count;
}

static void watched_close(void *context)
{
    struct watch *watch = context;
    stream_close(&watch->inner);
}

struct stream watch_stream(struct watch *watch)
{
    return (struct stream){.read = watched_read, .close = watched_close, .context = watch};
}

struct str watch_sha256(struct watch *watch, struct arena *arena)
{
    return sha256_end(watch->digest, arena);
}
