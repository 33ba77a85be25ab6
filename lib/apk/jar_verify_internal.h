/* Whether a JAR signature (v1) verifies. Private to lib/apk. Source: the JAR File Specification, "Signature Validation", with what Android
 * does otherwise, as apksig has it:
 *
 *     META-INF/NAME.RSA     signs META-INF/NAME.SF
 *     META-INF/NAME.SF      has the digest of META-INF/MANIFEST.MF, or of each of its sections
 *     META-INF/MANIFEST.MF  has a digest of each entry, but of those in META-INF/ */
#ifndef APK_JAR_VERIFY_INTERNAL_H
#define APK_JAR_VERIFY_INTERNAL_H

#include "lib/apk/apk.h"

struct apk_jar_rules {
    uint32_t min_sdk; /* of the oldest devices; 0: not known, which counts as 1 */
    bool contents;    /* compares each entry with its digest; false: only the names of the entries, the manifest and its signatures */
};
/* *problem says why devices from min_sdk on refuse the signature; empty: none does. Reads every entry once, in the order of the file.
 * Memory: a few times the manifest's size, which is 32 MiB at most. More than 16 GiB of inflated entries are refused. */
enum status apk_jar_verify(struct arena *, const struct apk *, struct apk_jar_rules, struct str *problem, struct error *);

#endif
