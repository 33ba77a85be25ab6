/* SHA-256, piece by piece. OpenSSL's, with the processor's instructions for it; the applier for devices brings its own (lib/patch/alone).
 */
#ifndef TRANSFER_SHA256_H
#define TRANSFER_SHA256_H

#include "base/arena.h"

struct sha256;

/* State in the arena. */
struct sha256 *sha256_new(struct arena *);
void sha256_add(struct sha256 *, const void *bytes, size_t length);
/* In lower-case hexadecimal. Ends it: call once. */
struct str sha256_end(struct sha256 *, struct arena *);

#endif
