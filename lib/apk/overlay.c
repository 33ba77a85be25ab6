#include "lib/apk/overlay.h"

struct overlay {
    struct stream inner;
    uint64_t position; /* in the package, of the next byte */
    struct apk_region region;
    const char *filled;
};

void apk_overlay(const struct apk_region *region, const char *filled, uint64_t position, void *buffer, size_t length)
{
    uint64_t start = position > region->offset ? position : region->offset;
    uint64_t end = position + length < region->offset + region->length ? position + length : region->offset + region->length;
    if (start < end) memcpy((char *)buffer + (start - position), filled + (start - region->offset), (size_t)(end - start));
}

static ssize_t overlay_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct overlay *overlay = context;
    ssize_t count = stream_read(overlay->inner, buffer, capacity, error);
    if (count <= 0) return count;
    if (overlay->filled) apk_overlay(&overlay->region, overlay->filled, overlay->position, buffer, (size_t)count);
    overlay->position += (uint64_t)count;
    return count;
}

static void overlay_close(void *context)
{
    struct overlay *overlay = context;
    stream_close(&overlay->inner);
}

struct stream apk_overlay_stream(struct arena *arena, struct stream inner, uint64_t position, struct apk_region region, const char *filled)
{
    struct overlay *overlay = arena_new_of(arena, struct overlay);
    *overlay = (struct overlay){inner, position, region, filled};
    return (struct stream){.read = overlay_read, .close = overlay_close, .context = overlay};
}
