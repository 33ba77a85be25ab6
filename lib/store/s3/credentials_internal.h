/* Where the keys to a bucket come from: the environment; the container's endpoint (ECS, EKS pod identity, Lambda's kin), asked again
 * before its answer expires; or what a platform lent with a call. Thread-safe. */
#ifndef STORE_CREDENTIALS_INTERNAL
#define STORE_CREDENTIALS_INTERNAL

#include "base/io.h"
#include "lib/store/wire_internal.h"

struct credentials_source;

/* `name` empty: AWS_ACCESS_KEY_ID and its kin; else <NAME>_ACCESS_KEY_ID and its kin only. The environment is read here. */
struct credentials_source *credentials_new(struct wire *, struct str name);
void credentials_free(struct credentials_source *);

/* As store_offer_credentials. */
void credentials_offer(struct credentials_source *, struct str id, struct str secret, struct str token);

struct credentials {
    struct str id, secret, token; /* token: empty where there is none */
    int64_t expires;              /* by clock_real; INT64_MAX: not known to */
    uint64_t serial;              /* another one for other credentials */
};

/* Credentials that hold for at least `life` ms, copied into io.arena; fetched where need be, by one thread while the others
 * use what they have. STATUS_DENIED where there are none, STATUS_UNAVAILABLE where they cannot be had now, STATUS_WOULD_BLOCK. */
enum status credentials_get(struct credentials_source *, struct io, int64_t life, struct credentials *, struct error *);
/* The same without the copy: only `expires` and `serial` are filled. */
enum status credentials_peek(struct credentials_source *, struct io, int64_t life, struct credentials *, struct error *);
/* Whether both have one and the same key at this moment. False where either has none. */
bool credentials_same(struct credentials_source *, struct credentials_source *, struct io);
/* The store says that those of `serial` do not hold any more: true where others can be had. */
bool credentials_reject(struct credentials_source *, uint64_t serial);

#endif
