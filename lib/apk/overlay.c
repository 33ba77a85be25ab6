#include "lib/apk/overlay.h"

void overlay_bytes(struct apk_region region, const char *filled, uint64_t position, void *buffer, size_t length)
{
    uint64_t start = position > region.offset ? position : region.offset;
    uint64_t end = position + length < region.offset + region.length ? position + length : region.offset + region.length;
    if (start < end) memcpy((char *)buffer + (start - position), filled + (start - region.offset), (size_t)(end - start));
}

struct overlay {
    struct stream inner;
    uint64_t position; /* of the next byte */
    struct apk_region region;
    const char *filled;
};

static ssize_t overlay_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct overlay *overlay = context;
    ssize_t count = stream_read(overlay->inner, buffer, capacity, error);
    if (count <= 0) return count;
    overlay_bytes(overlay->region, overlay->filled, overlay->position, buffer, (size_t)count);
    overlay->position += (uint64_t)count;
    return count;
}

static void overlay_close(void *context)
{
    struct overlay *overlay = context;
    stream_close(&overlay->inner);
}

struct stream overlay_stream(struct arena *arena, struct stream inner, struct apk_region region, const char *filled, uint64_t position)
{
    struct overlay *overlay = arena_new_of(arena, struct overlay);
    *overlay = (struct overlay){.inner = inner, .position = position, .region = region, .filled = filled};
    return (struct stream){.read = overlay_read, .close = overlay_close, .context = overlay};
}
