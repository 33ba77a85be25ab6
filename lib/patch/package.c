#include "base/map.h"
#include "lib/apk/channel.h"
#include "lib/patch/side_internal.h"
#include "lib/transfer/watch.h"

static enum status read_memory(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    (void)error;
    memcpy(buffer, (const char *)context + offset, length);
    return STATUS_OK;
}

enum status side_blank(struct arena *arena, char *bytes, const struct patch_side *side, struct str *filled, struct error *error)
{
    char *region = bytes + side->region.offset;
    *filled = arena_copy(arena, str_make(region, (size_t)side->region.length));
    return apk_fill((struct apk_filling){side->schemes, region, filled->length}, 0, NULL, error);
}

struct str side_digest(struct arena *arena, struct str bytes, struct progress *progress)
{
    struct error never;
    struct watch *watch = watch_new(arena, stream_of(arena, bytes), progress);
    (void)stream_drain(watch_stream(watch), &never); /* memory does not fail to be read */
    return watch_sha256(watch, arena);
}

enum status patch_open(struct arena *arena, int fd, struct progress *progress, struct patch_package *out, struct error *error)
{
    struct map map;
    struct apk apk;
    struct patch_package package = {0};
    TRY(map_file(arena, fd, &map, error));
    const struct apk_source source = {.read = read_memory, .context = map.bytes, .size = map.length};
    TRY(apk_examine(arena, &source, &apk, error));
    ENSURE(apk.region.length > 0, error, STATUS_INVALID, "no region is reserved in it: run `pakhus prepare` first");
    package.side = (struct patch_side){.size = map.length, .schemes = apk.schemes, .region = apk.region};
    TRY(side_blank(arena, map.bytes, &package.side, &package.filled, error));
    package.base = str_make(map.bytes, map.length);
    package.side.sha256 = side_digest(arena, package.base, progress);
    *out = package;
    return STATUS_OK;
}
