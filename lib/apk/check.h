/* Whether devices would install an APK, as far as its bytes show (S3), and who signed it. */
#ifndef APK_CHECK_H
#define APK_CHECK_H

#include "lib/apk/apk.h"

struct apk_check {
    struct str problem; /* why devices refuse it, and what to do; empty: none was found */
    struct apk_manifest manifest;
    struct str no_manifest; /* why the manifest can't be read; empty: it can */
};

/* Reads the whole file once. STATUS_INVALID for what is no APK: an App Bundle, a set of APKs, a JAR. Otherwise STATUS_OK, also with a
 * problem:
 *   - a stripped signature: META-INF/x.SF or an older scheme names a scheme that is missing
 *   - v1 alone, with targetSdkVersion 30 or targetSandboxVersion 2 or higher
 *   - a part of an app (a split)
 *   - v2, v3 or v3.1 does not verify: changed contents, a ZIP comment that was added afterwards, a rotation of the key without proof.
 * Digests for fs-verity alone, which no tool writes without others, are not checked.
 *   - v1 does not verify for every device from minSdkVersion on: an entry that was changed, added or removed afterwards, a signature that
 * is not its certificate's. Beside v2 or later it is looked at where minSdkVersion is below 24, but for the entries' contents, which v2
 *     covers. */
enum status apk_check(struct arena *, const struct apk *, struct apk_check *, struct error *);

/* SHA-256 of certificates, hexadecimal: those of the signers of every scheme, and those that v3 proves were rotated away from; of v1 only
 * where there is no other. Two packages that share one are of one developer. */
enum { APK_CERTIFICATES_MAX = 64 };
struct apk_certificates {
    struct str sha256[APK_CERTIFICATES_MAX];
    size_t count;
};
enum status apk_certificates(struct arena *, const struct apk *, struct apk_certificates *, struct error *);

#endif
