/* The signature of a signature file: META-INF/NAME.RSA, .DSA or .EC, PKCS #7 SignedData without its content. Private to lib/apk. Source:
 * RFC 2315; which algorithms devices know, and what they ask of signed attributes, is as apksig has it. */
#ifndef APK_JAR_BLOCK_INTERNAL_H
#define APK_JAR_BLOCK_INTERNAL_H

#include "base/error.h"

enum { APK_JAR_BLOCK_MAX = 1 << 20 }; /* bytes */

/* The block's signer signs `file` with the key of its certificate, which is in the block. Chains, dates and trust do not matter: devices
 * take self-signed certificates. STATUS_CORRUPT says what is wrong with the block. */
enum status apk_jar_block_verify(struct str block, struct str file, uint32_t min_sdk, struct error *);

#endif
