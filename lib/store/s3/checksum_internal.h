/* Digests that travel with objects. */
#ifndef STORE_CHECKSUM_INTERNAL
#define STORE_CHECKSUM_INTERNAL

#include "lib/store/wire_internal.h"

/* Compares a whole body with what its answer's headers say of it: x-amz-checksum-sha256, -crc32, or an ETag that is an MD5 (of a
 * single part, not encrypted with a key of KMS or of the customer). STATUS_CORRUPT where it is another one. */
enum status s3_check_digest(const struct wire_answer *, struct str body, struct error *);

/* The SHA-256 that the store keeps of a whole object, from x-amz-checksum-sha256. False where there is none, or it is one of parts. */
bool s3_sha256_of(struct arena *, const struct wire_answer *, unsigned char sha256[32]);

#endif
