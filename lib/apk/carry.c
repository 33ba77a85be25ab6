#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/signing_block_internal.h"

/* What was written into a region; formats 0: nothing. */
struct carried {
    unsigned formats;
    struct apk_info info; /* of the JSON and the name what the formats carry */
};

static void read_value(size_t format, enum apk_place place, struct str value, struct carried *carried)
{
    struct str text = apk_format_seen(apk_formats[format], place, value);
    if (str_empty(text)) return;
    carried->formats |= 1U << format;
    if (apk_formats[format]->info) carried->info.json = text;
    if (!apk_formats[format]->info) carried->info.channel = text;
}

static void read_comment(struct str comment, struct carried *carried)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT && !carried->formats; i++) read_value(i, APK_IN_COMMENT, comment, carried);
}

static void read_pair(uint32_t id, struct str value, struct carried *carried)
{
    const struct apk_format *format = apk_format_of_pair(id);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (apk_formats[i] == format) read_value(i, APK_IN_BLOCK, value, carried);
}

static void read_block(struct str pairs, struct carried *carried)
{
    while (pairs.length >= APK_PAIR_HEAD) {
        uint64_t length = bytes_get64(pairs.data);
        if (length < APK_PAIR_HEAD - 8 || length > pairs.length - 8) break;
        read_pair(bytes_get32(pairs.data + 8), str_make(pairs.data + APK_PAIR_HEAD, (size_t)length - (APK_PAIR_HEAD - 8)), carried);
        pairs = str_from(pairs, 8 + (size_t)length);
    }
}

/* Written again it must come out the same: then all of it was understood. */
static enum status read_region(struct arena *arena, unsigned schemes, struct str region, struct carried *carried, struct error *error)
{
    char *again = arena_buffer(arena, region.length);
    *carried = (struct carried){0};
    (apk_format_place(schemes) == APK_IN_COMMENT ? read_comment : read_block)(region, carried);
    const struct apk_info *info = carried->formats ? &carried->info : NULL;
    bool same = apk_fill((struct apk_filling){schemes, again, region.length}, carried->formats, info, error) == STATUS_OK &&
                memcmp(again, region.data, region.length) == 0;
    ENSURE(same, error, STATUS_INVALID, "its region holds something else than channel info, which cannot be carried over");
    return STATUS_OK;
}

enum status apk_carry(struct arena *arena, unsigned from, struct str region, struct apk_filling to, struct error *error)
{
    struct carried carried;
    TRY(read_region(arena, from, region, &carried, error));
    unsigned formats = carried.formats & apk_formats_in(apk_format_place(to.schemes)); /* none: the default there carries the info */
    if (apk_fill(to, formats, carried.formats ? &carried.info : NULL, error) != STATUS_OK)
        return error_context(error, "its channel info cannot be carried over");
    return STATUS_OK;
}
