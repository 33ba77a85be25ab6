/* Algorithms of v2 and later signatures. Private to lib/apk. Source: Android, "APK Signature Scheme v2", "Signature algorithm IDs". */
#ifndef APK_ALGORITHM_INTERNAL_H
#define APK_ALGORITHM_INTERNAL_H

#include <openssl/evp.h>

#include "lib/apk/contents_internal.h"

struct apk_algorithm {
    uint32_t id;
    enum apk_hash hash; /* of the contents, and of what is signed */
    int key;
    bool pss;
    bool verity; /* the digest of the contents is the root of a tree */
};

/* NULL: not known. */
const struct apk_algorithm *apk_algorithm_of(uint32_t id);
/* The key made the signature over the data. */
bool apk_algorithm_verifies(const struct apk_algorithm *, EVP_PKEY *key, struct str data, struct str signature);
/* The key of this certificate made the signature, by this algorithm; false also where one of them is not known. */
bool apk_signature_verifies(uint32_t algorithm, struct str certificate, struct str data, struct str signature);

#endif
