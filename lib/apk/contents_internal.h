/* The digests that v2 and later signatures are made of: every byte but those of the signing block. Private to lib/apk. Source: Android,
 * "APK Signature Scheme v2", "Integrity-protected contents".
 *
 * The ZIP entries, the central directory and the end record, whose directory offset counts as that of the signing block, are cut
 * into chunks of 1 MiB each:
 *
 *     chunk:  H(0xa5 | u32 length | bytes)      all:  H(0x5a | u32 count | digests of the chunks) */
#ifndef APK_CONTENTS_INTERNAL_H
#define APK_CONTENTS_INTERNAL_H

#include "lib/apk/apk.h"

enum apk_hash { APK_SHA256, APK_SHA512, APK_HASH_COUNT };

struct apk_contents {
    struct str whole;      /* data NULL: not asked for */
    struct str no_comment; /* the same if the ZIP comment were not there */
};

/* Reads the file once, in memory of a few MiB. `wanted[hash]` says which are made. */
enum status apk_contents_digest(struct arena *, const struct apk *, const bool wanted[APK_HASH_COUNT],
                                struct apk_contents digests[APK_HASH_COUNT], struct error *);

#endif
