#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/comment.h"
#include "lib/apk/packer_ng.h"
#include "lib/apk/signing_block.h"

/* What was written into a region; formats 0: nothing. */
struct carried {
    unsigned formats;
    struct apk_info info; /* of the JSON and the name what the formats carry */
};

static struct carried read_comment(struct str comment)
{
    static const enum apk_format forms[] = {APK_RAW, APK_VASDOLLY, APK_PACKER_NG};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct str value = apk_comment_read(comment, forms[i]);
        if (str_empty(value)) continue;
        return (struct carried){forms[i], forms[i] == APK_RAW ? (struct apk_info){.json = value} : (struct apk_info){.channel = value}};
    }
    return (struct carried){0};
}

/* Without the spaces that apk_fill pads with. */
static struct str without_padding(struct str text)
{
    while (str_ends(text, S(" "))) text.length--;
    return text;
}

static void read_pair(uint32_t id, struct str value, struct carried *carried)
{
    switch (id) {
    case APK_ID_WALLE:
        carried->formats |= APK_WALLE;
        carried->info.json = without_padding(value);
        break;
    case APK_ID_VASDOLLY:
        carried->formats |= APK_VASDOLLY;
        carried->info.channel = without_padding(value);
        break;
    case APK_ID_PACKER_NG:
        carried->formats |= APK_PACKER_NG;
        carried->info.channel = apk_packer_ng_read(value);
        break;
    default: break;
    }
}

static struct carried read_block(struct str pairs)
{
    struct carried carried = {0};
    while (pairs.length >= APK_PAIR_HEAD) {
        uint64_t length = bytes_get64(pairs.data);
        if (length < APK_PAIR_HEAD - 8 || length > pairs.length - 8) break;
        read_pair(bytes_get32(pairs.data + 8), str_make(pairs.data + APK_PAIR_HEAD, (size_t)length - (APK_PAIR_HEAD - 8)), &carried);
        pairs = str_from(pairs, 8 + (size_t)length);
    }
    return carried;
}

/* Written again it must come out the same: then all of it was understood. */
static enum status read_region(struct arena *arena, unsigned schemes, struct str region, struct carried *carried, struct error *error)
{
    char *again = arena_buffer(arena, region.length);
    *carried = apk_v1_only(schemes) ? read_comment(region) : read_block(region);
    const struct apk_info *info = carried->formats ? &carried->info : NULL;
    bool same = apk_fill(schemes, carried->formats, info, again, region.length, error) == STATUS_OK &&
                memcmp(again, region.data, region.length) == 0;
    ENSURE(same, error, STATUS_INVALID, "its region holds something else than channel info, which cannot be carried over");
    return STATUS_OK;
}

enum status apk_carry(struct arena *arena, unsigned from, struct str region, unsigned to, void *out, size_t length, struct error *error)
{
    struct carried carried;
    TRY(read_region(arena, from, region, &carried, error));
    bool raw_in_block = carried.formats == APK_RAW && !apk_v1_only(to);
    unsigned formats = raw_in_block ? APK_WALLE : carried.formats;
    if (apk_fill(to, formats, carried.formats ? &carried.info : NULL, out, length, error) != STATUS_OK)
        return error_context(error, "its channel info cannot be carried over");
    return STATUS_OK;
}
