/* AWS Signature Version 4 (docs: "Create a signed AWS API request", "Authenticating requests: using query parameters"). Pure: the
 * moment is an argument. */
#ifndef STORE_SIGV4_INTERNAL
#define STORE_SIGV4_INTERNAL

#include <openssl/sha.h>

#include "base/arena.h"
#include "lib/store/common.h"

enum { SIGV4_KEY_SIZE = 32, SIGV4_SIGNATURE_LENGTH = 2 * SIGV4_KEY_SIZE };
#define SIGV4_EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* SHA-256 of nothing */
#define SIGV4_UNSIGNED   "UNSIGNED-PAYLOAD"

/* Who signs, and for what. The key is worth keeping for the day it holds. */
struct sigv4_signer {
    struct str id, region, service;
    unsigned char key[SIGV4_KEY_SIZE];
};
void sigv4_key(struct str secret, struct str region, struct str service, int64_t moment, unsigned char key[SIGV4_KEY_SIZE]);

struct sigv4_request {
    struct str method;
    struct str path;                /* as sent: percent-encoded, begins with '/' */
    const struct store_pair *query; /* in any order, not encoded */
    size_t query_count;
    const struct store_pair *headers; /* in any order; names in lower case and each once, `host` among them */
    size_t header_count;
    struct str payload_hash; /* SHA-256 in hex, or SIGV4_UNSIGNED */
};

struct sigv4_signature {
    struct str query;          /* canonical, as it is to be sent; without '?' */
    struct str signed_headers; /* "host;x-amz-date" */
    struct str signature;      /* hex */
    struct str credential;     /* "id/20150830/us-east-1/s3/aws4_request" */
};
struct sigv4_signature sigv4_sign(struct arena *, const struct sigv4_signer *, const struct sigv4_request *, int64_t moment);

/* The value of the Authorization header. */
struct str sigv4_authorization(struct arena *, const struct sigv4_signature *);
/* How long a presigned URL is valid. */
struct sigv4_validity {
    struct str token; /* of the session that the signer's credentials hold for; empty: they are lasting ones */
    int64_t moment;   /* from then on */
    unsigned seconds;
};
/* The query of such a URL, without '?'. Of `request`, `query` may carry what is asked besides, and `host` is the only header. */
struct str sigv4_presign(struct arena *, const struct sigv4_signer *, const struct sigv4_request *, const struct sigv4_validity *);

/* A presigned URL of which the bearer must send one Range: all that is signed but for that range, hashed up to there. Signing one more
 * range costs one SHA-256 and one HMAC of two blocks each. Plain data: it may be copied, and used by many threads. */
struct sigv4_bound {
    SHA256_CTX request, inner, outer;
};
/* As sigv4_presign; the query ends with "&X-Amz-Signature=", and the signature of a range comes behind it. The payload is unsigned. */
struct str sigv4_presign_bound(struct arena *, const struct sigv4_signer *, const struct sigv4_request *, const struct sigv4_validity *,
                               struct sigv4_bound *);
/* In hex, without a NUL behind it. `range`: the field's value, without spaces around it or more than one in a row. */
void sigv4_sign_range(const struct sigv4_bound *, struct str range, char signature[SIGV4_SIGNATURE_LENGTH]);

struct str sigv4_time(struct arena *, int64_t moment);             /* "20150830T123600Z" */
struct str sigv4_payload_hash(struct arena *, struct str payload); /* SHA-256 in hex */

#endif
