/* AES-SIV (RFC 5297) of OpenSSL 3: deterministic, misuse-resistant. A key of 64 bytes is AES-256-SIV, one of 32 AES-128-SIV.
 * A context per thread is kept between calls, so that nothing here allocates after a thread's first one. */
#ifndef TOKEN_SIV_INTERNAL_H
#define TOKEN_SIV_INTERNAL_H

#include "base/str.h"

enum { SIV_TAG_LENGTH = 16 };

/* Writes the tag (the synthetic IV) and then the ciphertext: 16 + plain.length bytes. `data`: associated data, in order; RFC 5297's nonce
 * is the last of them. The plain text must not be empty: OpenSSL's SIV has no use for one, and neither have tokens. */
bool siv_seal(struct str key, const struct str *data, size_t count, struct str plain, unsigned char *sealed);
/* The inverse, sealed.length − 16 bytes. False where the tag is wrong, compared in constant time; `plain` is then zeroed. */
bool siv_open(struct str key, const struct str *data, size_t count, struct str sealed, unsigned char *plain);

#endif
