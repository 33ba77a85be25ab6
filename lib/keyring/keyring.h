/* Secret keys with ids, so that they can be changed without a gap: the newest signs, all verify. */
#ifndef KEYRING_KEYRING_H
#define KEYRING_KEYRING_H

#include "base/arena.h"
#include "base/error.h"

struct key {
    struct str id, secret;
};
/* The newest first. Immutable; lives in the arena it was parsed into. */
struct keyring {
    struct key *keys;
    size_t count;
};

/* `kid:base64,kid:base64,…`, newest first; kid [A-Za-z0-9_-]{1,32}, no two alike; each secret `length` bytes, or with `length` 0 at
 * least 16. Empty text: an empty ring. Errors never show a secret. */
enum status keyring_parse(struct arena *, struct str text, size_t length, struct keyring *, struct error *);

/* A new key, written as keyring_parse reads it: `kid:base64`, of `length` random bytes. */
enum status keyring_generate(struct arena *, struct str kid, size_t length, struct str *entry, struct error *);

const struct key *keyring_newest(const struct keyring *);              /* NULL where there is none */
const struct key *keyring_find(const struct keyring *, struct str id); /* likewise */

/* HMAC-SHA256 of the message: `<kid>.<base64url>`. */
struct str keyring_sign(struct arena *, const struct key *, struct str message);
/* Whether `signature` is one of ours, in constant time over the MAC. STATUS_DENIED says why not, in words fit for an answer. */
enum status keyring_verify(struct arena *, const struct keyring *, struct str message, struct str signature, struct error *);

#endif
