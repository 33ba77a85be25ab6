/* JAR signatures (v1), as far as they say what an APK needs beyond them. Private to lib/apk. Source: the JAR File Specification; Android,
 * "APK Signature Scheme v2", "Rollback protections". */
#ifndef APK_JAR_INTERNAL_H
#define APK_JAR_INTERNAL_H

#include "lib/apk/zip_internal.h"

/* META-INF/NAME.SF and META-INF/NAME.{RSA,DSA,EC}, directly in that folder. */
bool apk_jar_is_file(struct str name);
bool apk_jar_is_block(struct str name);

enum { APK_JAR_ENTRIES_MAX = 32 };
struct apk_jar {
    struct arena *arena;
    struct apk_zip_entry entries[APK_JAR_ENTRIES_MAX]; /* files and blocks; names in the arena */
    size_t count;
};
/* For apk_zip_walk's visitors: keeps the entry where it is one of these. */
void apk_jar_add(struct apk_jar *, const struct apk_zip_entry *);

/* The schemes that `X-Android-APK-Signed` names beside v1, in any signature file, and which file does. A file that can't be read names
 * none. */
enum status apk_jar_named_schemes(struct arena *, const struct apk_jar *, unsigned *schemes, struct str *file, struct error *);
/* Calls `visit` with each signer's certificate (DER), valid for the call. STATUS_CORRUPT names the block that has none. */
typedef void apk_jar_visit(void *context, struct str certificate);
enum status apk_jar_each_signer(struct arena *, const struct apk_jar *, apk_jar_visit *, void *context, struct error *);

#endif
