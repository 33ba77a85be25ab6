/* Whether v2 and later signatures verify. Private to lib/apk. Source: Android, "APK Signature Scheme v2", "Verification". */
#ifndef APK_SIGNATURE_INTERNAL_H
#define APK_SIGNATURE_INTERNAL_H

#include "lib/apk/contents_internal.h"
#include "lib/apk/signer_internal.h"

/* Marks the hashes that this signer's digests are of. A signer whose digests are all for fs-verity marks none: its contents are not
 * checked. */
void apk_signature_hashes(const struct apk_signer *, bool wanted[APK_HASH_COUNT]);
/* `digests` are of the contents. Empty: the signer's signature verifies, and its digests are these. */
struct str apk_signature_problem(struct arena *, const struct apk *, const struct apk_signer *,
                                 const struct apk_contents digests[APK_HASH_COUNT]);

#endif
