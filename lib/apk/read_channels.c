#include "lib/apk/channel.h"
#include "lib/apk/signing_block_internal.h"

void apk_read_channels(struct arena *arena, const struct apk *apk, struct apk_channels *channels)
{
    enum apk_place place = apk_format_place(apk->schemes);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        struct str value = place == APK_IN_COMMENT ? apk->comment : apk_pair_find(apk, apk_formats[i]->forms[place].id);
        struct str seen = apk_format_seen(apk_formats[i], place, value);
        channels->seen[i] = str_empty(seen) ? (struct str){NULL, 0} : arena_copy(arena, seen);
    }
}
