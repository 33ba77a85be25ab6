#include "lib/apk/region.h"

#include "lib/apk/comment.h"
#include "lib/apk/signing_block.h"

/* The place of a pair in the order in which apk_fill writes them; 0: it writes no such pair. */
static int place(uint32_t id)
{
    switch (id) {
    case APK_ID_WALLE: return 1;
    case APK_ID_VASDOLLY: return 2;
    case APK_ID_PACKER_NG: return 3;
    case APK_ID_REGION: return 4;
    default: return 0;
    }
}

bool apk_region_pair(uint32_t id)
{
    return place(id) > 0;
}

/* The block's last pairs, as many as apk_fill could have written in this order, that together are whole pages. A channel written there by
 * somebody else is not, and so is not taken for a region. */
static struct apk_region in_block(const struct apk *apk)
{
    struct apk_region region = {0, 0};
    uint64_t end = apk->directory - APK_BLOCK_FOOT;
    int behind = place(APK_ID_REGION) + 1;
    for (size_t i = apk->pair_count; i-- > 0;) {
        const struct apk_pair *pair = &apk->pairs[i];
        if (!apk_region_pair(pair->id) || place(pair->id) >= behind) break;
        behind = place(pair->id);
        if ((end - pair->offset) % APK_BLOCK_ALIGNMENT == 0) region = (struct apk_region){pair->offset, end - pair->offset};
    }
    return region;
}

struct apk_region apk_region_find(const struct apk *apk)
{
    if (apk->schemes == 0) return (struct apk_region){0, 0};
    if (!apk_v1_only(apk->schemes)) return in_block(apk);
    if (apk_comment_is_region(apk->comment)) return (struct apk_region){apk->size - apk->comment.length, apk->comment.length};
    return (struct apk_region){0, 0};
}
