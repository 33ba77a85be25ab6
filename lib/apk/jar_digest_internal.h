/* The digests in manifests and signature files that devices go by. Private to lib/apk. Source: the JAR File Specification, "Signature
 * File"; which of several digests counts, and from which Android version on, is as apksig has it. */
#ifndef APK_JAR_DIGEST_INTERNAL_H
#define APK_JAR_DIGEST_INTERNAL_H

#include <openssl/evp.h>

#include "lib/apk/jar_text_internal.h"

struct apk_jar_digest {
    const EVP_MD *kind;
    struct str value; /* empty: not base64, which no digest equals */
};

/* Devices from Android 4.3 (SDK 18) on go by the strongest digest, older ones by the first that Digest-Algorithms names. */
struct apk_jar_digests {
    struct apk_jar_digest items[2];
    size_t count; /* 0: there is none that every device from min_sdk on knows */
};

/* `suffix` follows the algorithm in the attribute's name: "-Digest", "-Digest-Manifest". Decoded values are in the arena. */
void apk_jar_digests_of(struct arena *, const struct apk_jar_section *, struct str suffix, uint32_t min_sdk, struct apk_jar_digests *);
bool apk_jar_digests_match(const struct apk_jar_digests *, struct str bytes);

#endif
