/* Proof of rotation: by which keys an app was signed before, each of which signed its successor. Private to lib/apk. Source: Android, "APK
 * Signature Scheme v3", "Proof-of-rotation and self-trusted-old-certs structs".
 *
 *     attribute 0x3ba06f8c:  u32 version (1), nodes { node … }, the oldest first
 *     node:                  signed data, u32 flags, u32 algorithm by which this key signs the next node, signature by the key before
 *     signed data:           certificate, u32 algorithm of that signature */
#ifndef APK_LINEAGE_INTERNAL_H
#define APK_LINEAGE_INTERNAL_H

#include "lib/apk/signer_internal.h"

enum { APK_LINEAGE_MAX = 64 };
struct apk_lineage {
    struct str certificates[APK_LINEAGE_MAX]; /* DER of X.509, within the pair; the last one is the signer's */
    size_t count;                             /* 0: the key was never rotated */
};

/* False where the attribute proves nothing: it is malformed, a node is not signed by the one before, a certificate stands there twice, or
 * the last one is not the signer's. */
bool apk_lineage_read(const struct apk_signer *, struct apk_lineage *);

#endif
