/* A channel's bytes laid over those of its base as they pass (S7). */
#ifndef APK_OVERLAY_H
#define APK_OVERLAY_H

#include "base/io.h"
#include "lib/apk/apk.h"

/* `buffer` holds what the base has at `position`; `filled` is region.length bytes. */
void overlay_bytes(struct apk_region, const char *filled, uint64_t position, void *buffer, size_t length);

/* `inner` yields the base from `position` on. State in the arena; closing the stream closes the inner one. */
struct stream overlay_stream(struct arena *, struct stream inner, struct apk_region, const char *filled, uint64_t position);

#endif
