#include "lib/apk/channel.h"
#include "lib/patch/side_internal.h"
#include "lib/transfer/watch.h"

struct checked {
    struct stream inner;
    const struct patch_side *to;
    struct arena *arena;
    struct watch *watch;
    const char *blank; /* what the region of a base holds */
    uint64_t position;
    bool region_differs, finished;
};

static void look_at_region(struct checked *checked, const char *bytes, size_t length)
{
    const struct apk_region *region = &checked->to->region;
    uint64_t end = checked->position + length, region_end = region->offset + region->length;
    uint64_t first = checked->position > region->offset ? checked->position : region->offset;
    uint64_t last = end < region_end ? end : region_end;
    if (first >= last) return;
    const char *wanted = checked->blank + (first - region->offset);
    if (memcmp(bytes + (first - checked->position), wanted, (size_t)(last - first)) != 0) checked->region_differs = true;
}

static enum status finish(struct checked *checked, struct error *error)
{
    if (checked->finished) return STATUS_OK;
    bool same = str_equal(watch_sha256(checked->watch, checked->arena), checked->to->sha256);
    ENSURE(same, error, STATUS_CORRUPT, "the patch is damaged: it does not make the package that it says");
    ENSURE(!checked->region_differs, error, STATUS_CORRUPT,
           "the patch is damaged: where its header puts the new package's channel region, at %llu, the new package has other bytes",
           (unsigned long long)checked->to->region.offset);
    checked->finished = true;
    return STATUS_OK;
}

static ssize_t checked_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct checked *checked = context;
    ssize_t count = stream_read(watch_stream(checked->watch), buffer, capacity, error);
    if (count > 0) {
        look_at_region(checked, buffer, (size_t)count);
        checked->position += (uint64_t)count;
    }
    if (count == 0 && finish(checked, error) != STATUS_OK) return -1;
    return count;
}

static void checked_close(void *context)
{
    struct checked *checked = context;
    stream_close(&checked->inner);
}

struct stream checked_stream(struct arena *arena, struct stream inner, const struct patch_side *to, struct progress *progress)
{
    struct error ignored; /* a region that cannot be blank differs */
    size_t length = (size_t)to->region.length;
    char *blank = arena_buffer(arena, length);
    struct checked *checked = arena_new_of(arena, struct checked);
    *checked = (struct checked){.inner = inner, .to = to, .arena = arena, .watch = watch_new(arena, inner, progress), .blank = blank};
    checked->region_differs = apk_fill((struct apk_filling){to->schemes, blank, length}, 0, NULL, &ignored) != STATUS_OK;
    return (struct stream){.read = checked_read, .close = checked_close, .context = checked};
}
