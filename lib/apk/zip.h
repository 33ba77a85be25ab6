/* The entries of an APK, as its central directory lists them. Source: APPNOTE.TXT 4.3.12. */
#ifndef APK_ZIP_H
#define APK_ZIP_H

#include "lib/apk/layout.h"

enum { APK_ZIP_LOCAL_SIZE = 30 }; /* a local header, without its name and extra field */

struct apk_zip_entry {
    const struct apk *apk;
    struct str name; /* valid during the visit */
    uint16_t flags, method;
    uint32_t crc, compressed, uncompressed;
    uint64_t header; /* offset of its local header */
};
typedef void apk_zip_visit(void *context, const struct apk_zip_entry *);

/* Calls `visit` for each entry of the central directory, in order. STATUS_CORRUPT where the directory is not `entries` entries in exactly
 * its size, or an entry lies beyond apk->block. */
enum status apk_zip_walk(struct arena *, const struct apk *, apk_zip_visit *, void *context, struct error *);

#endif
