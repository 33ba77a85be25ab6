#include "base/map.h"
#include "lib/apk/channel.h"
#include "lib/apk/overlay.h"
#include "lib/patch/format2_internal.h"

enum status patch_read(struct arena *arena, struct stream diff, struct patch_header *header, struct error *error)
{
    char bytes[PATCH_HEADER_SIZE];
    enum status status = stream_read_exact(diff, bytes, sizeof bytes, error);
    if (status == STATUS_CORRUPT) return error_set(error, status, "this is no patch: it is too short");
    TRY(status);
    return patch_header_parse(arena, str_make(bytes, sizeof bytes), header, error);
}

static enum status blank_installed(struct arena *arena, const struct map *map, const struct patch_side *from, struct progress *progress,
                                   struct str *filled, struct error *error)
{
    ENSURE(map->length == from->size, error, STATUS_INVALID,
           "it is not the package that the patch leads from: it has %zu bytes, and that one %llu", map->length,
           (unsigned long long)from->size);
    TRY(side_blank(arena, map->bytes, from, filled, error));
    struct str digest = side_digest(arena, str_make(map->bytes, map->length), progress);
    ENSURE(str_equal(digest, from->sha256), error, STATUS_INVALID,
           "it is not the package that the patch leads from: its base has the SHA-256 " STR_FMT ", and that one " STR_FMT, STR_ARG(digest),
           STR_ARG(from->sha256));
    return STATUS_OK;
}

/* Bytes from outside are written into the package only if apk_fill could have made them. */
static enum status check_region(struct arena *arena, const struct patch_side *to, struct str region, struct error *error)
{
    ENSURE(region.length == to->region.length, error, STATUS_INVALID, "the channel region has %zu bytes; the new package reserves %llu",
           region.length, (unsigned long long)to->region.length);
    if (apk_carry(arena, to->schemes, region, (struct apk_filling){to->schemes, arena_buffer(arena, region.length), region.length},
                  error) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "the bytes given for the channel region are not channel info");
    return STATUS_OK;
}

/* The new base. `diff` stands behind its header. */
static struct stream new_base(struct arena *arena, const struct patch_header *header, struct stream diff, struct str from,
                              const struct patch_target *target)
{
    struct stream base = header->format == PATCH_FORMAT_2 ? rebuild_stream(arena, diff, from, header, target->folder)
                                                          : restore_stream(arena, diff, from, header->to.size);
    return checked_stream(arena, base, &header->to, target->progress);
}

enum status patch_apply(struct arena *arena, const struct patch_header *header, struct stream diff, const struct patch_target *target,
                        struct stream *result, struct error *error)
{
    struct map map;
    struct str filled, region = target->region;
    TRY(map_file(arena, target->installed, &map, error));
    const struct patch_side *from = &header->from, *to = &header->to;
    if (target->progress) target->progress->total = from->size + to->size;
    TRY(blank_installed(arena, &map, from, target->progress, &filled, error));
    char *carried = arena_buffer(arena, (size_t)to->region.length);
    if (region.length > 0)
        TRY(check_region(arena, to, region, error));
    else
        TRY(apk_carry(arena, from->schemes, filled, (struct apk_filling){to->schemes, carried, (size_t)to->region.length}, error));
    struct stream base = new_base(arena, header, diff, str_make(map.bytes, map.length), target);
    *result = apk_overlay_stream(arena, base, 0, to->region, region.length > 0 ? region.data : carried);
    return STATUS_OK;
}

static bool is_side(const struct patch_side *a, const struct patch_side *b)
{
    return a->size == b->size && str_equal(a->sha256, b->sha256) && a->schemes == b->schemes && a->region.offset == b->region.offset &&
           a->region.length == b->region.length;
}

enum status patch_check(struct arena *arena, struct stream diff, const struct patch_package *from, const struct patch_package *to,
                        struct progress *progress, struct error *error)
{
    struct patch_header header;
    TRY(patch_read(arena, diff, &header, error));
    ENSURE(is_side(&header.from, &from->side) && is_side(&header.to, &to->side), error, STATUS_CORRUPT,
           "the patch is one between other packages");
    struct stream restored = new_base(arena, &header, diff, from->base, &(struct patch_target){.progress = progress});
    enum status status = stream_drain(restored, error);
    stream_close(&restored);
    return status;
}
