#include "lib/apk/comment.h"
#include "lib/apk/info.h"
#include "lib/apk/packer_ng.h"
#include "lib/apk/signing_block.h"

/* As Java's String.trim, which both VasDolly readers call: all up to U+0020 goes. */
static struct str trimmed(struct str text)
{
    while (text.length > 0 && (unsigned char)text.data[text.length - 1] <= ' ') text.length--;
    while (text.length > 0 && (unsigned char)text.data[0] <= ' ') text = str_from(text, 1);
    return text;
}

static struct str text_or_nothing(struct str text)
{
    return str_is_utf8(text) ? text : (struct str){NULL, 0};
}

static void read_block(const struct apk *apk, struct apk_channels *channels)
{
    struct str walle = trimmed(apk_pair_find(apk, APK_ID_WALLE));
    if (apk_info_is_object(walle)) channels->walle = walle;
    channels->vasdolly = text_or_nothing(trimmed(apk_pair_find(apk, APK_ID_VASDOLLY)));
    channels->packer_ng = text_or_nothing(apk_packer_ng_read(apk_pair_find(apk, APK_ID_PACKER_NG)));
}

static void read_comment(struct str comment, struct apk_channels *channels)
{
    channels->raw = apk_comment_read(comment, APK_RAW);
    channels->vasdolly = text_or_nothing(trimmed(apk_comment_read(comment, APK_VASDOLLY)));
    channels->packer_ng = text_or_nothing(apk_comment_read(comment, APK_PACKER_NG));
}

static void keep(struct arena *arena, struct str *text)
{
    if (!str_empty(*text)) *text = arena_copy(arena, *text);
}

void apk_read_channels(struct arena *arena, const struct apk *apk, struct apk_channels *channels)
{
    *channels = (struct apk_channels){0};
    if (apk_v1_only(apk->schemes)) read_comment(apk->comment, channels);
    if (!apk_v1_only(apk->schemes)) read_block(apk, channels);
    keep(arena, &channels->raw);
    keep(arena, &channels->walle);
    keep(arena, &channels->vasdolly);
    keep(arena, &channels->packer_ng);
}
