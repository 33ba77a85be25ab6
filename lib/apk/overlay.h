/* A channel package as the base's bytes with those of its filled region in their place (S9). */
#ifndef APK_OVERLAY_H
#define APK_OVERLAY_H

#include "base/io.h"
#include "lib/apk/apk.h"

/* Writes what of the region lies within `buffer`, whose first byte is the package's at `position`. `filled` has region->length bytes. */
void apk_overlay(const struct apk_region *, const char *filled, uint64_t position, void *buffer, size_t length);

/* The same for a stream of the base that begins at `position`; closing it closes the inner one. `filled` NULL: the base as it is; it must
 * outlive the stream. */
struct stream apk_overlay_stream(struct arena *, struct stream inner, uint64_t position, struct apk_region, const char *filled);

#endif
