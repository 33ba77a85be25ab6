#include "lib/apk/region_internal.h"

#include "lib/apk/comment_internal.h"
#include "lib/apk/format.h"
#include "lib/apk/signing_block_internal.h"

/* The place of a pair in the order in which apk_fill writes them, the formats' first; APK_FORMAT_COUNT is the filler's. -1: it writes no
 * such pair. */
static int place(uint32_t id)
{
    for (int i = 0; i < APK_FORMAT_COUNT; i++)
        if (apk_formats[i] == apk_format_of_pair(id)) return i;
    return id == APK_ID_REGION ? APK_FORMAT_COUNT : -1;
}

bool apk_region_pair(uint32_t id)
{
    return place(id) >= 0;
}

/* The block's last pairs, as many as apk_fill could have written in this order, that together are whole pages. A channel written there by
 * somebody else is not, and so is not taken for a region. */
static struct apk_region in_block(const struct apk *apk)
{
    struct apk_region region = {0, 0};
    uint64_t end = apk->directory - APK_BLOCK_FOOT;
    int behind = APK_FORMAT_COUNT + 1;
    for (size_t i = apk->pair_count; i-- > 0;) {
        const struct apk_pair *pair = &apk->pairs[i];
        if (!apk_region_pair(pair->id) || place(pair->id) >= behind) break;
        behind = place(pair->id);
        if ((end - pair->offset) % APK_BLOCK_ALIGNMENT == 0) region = (struct apk_region){pair->offset, end - pair->offset};
    }
    return region;
}

/* With this format's text, and zeros before it. */
static bool filled_with(struct str comment, const struct apk_form *form)
{
    struct str text = form->read ? form->read(comment) : (struct str){NULL, 0};
    return !str_empty(text) && apk_comment_zeros(str_first(comment, (size_t)(text.data - comment.data)));
}

/* All zeros, or as apk_fill fills it. */
static bool is_region(struct str comment)
{
    if (str_empty(comment)) return false;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (filled_with(comment, &apk_formats[i]->forms[APK_IN_COMMENT])) return true;
    return apk_comment_zeros(comment);
}

struct apk_region apk_region_find(const struct apk *apk)
{
    if (apk->schemes == 0) return (struct apk_region){0, 0};
    if (!apk_v1_only(apk->schemes)) return in_block(apk);
    if (is_region(apk->comment)) return (struct apk_region){apk->size - apk->comment.length, apk->comment.length};
    return (struct apk_region){0, 0};
}
