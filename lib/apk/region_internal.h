/* Where the reserved region is in a file that was prepared, filled or not. Private to lib/apk. */
#ifndef APK_REGION_INTERNAL_H
#define APK_REGION_INTERNAL_H

#include "lib/apk/layout.h"

/* From pairs, comment and schemes; length 0 where there is none. */
struct apk_region apk_region_find(const struct apk *);

/* Pairs that carry a channel, or are the region itself: what apk_fill writes, and what preparing takes out. */
bool apk_region_pair(uint32_t id);

#endif
