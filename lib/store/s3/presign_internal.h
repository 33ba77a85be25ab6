/* URLs that were signed lately, by key: the same question within a stretch of time gets the same URL, so that caches may keep what
 * it leads to, and at the price of a look-up. A URL that is bound to a range is kept without its signature, which each range gets anew: so
 * the memo does not grow with the ranges. Thread-safe and bounded. */
#ifndef STORE_PRESIGN_INTERNAL
#define STORE_PRESIGN_INTERNAL

#include "base/arena.h"
#include "base/str.h"
#include "lib/store/s3/sigv4_internal.h"

struct presign_memo;

struct presign_memo *presign_new(void);
void presign_free(struct presign_memo *);

/* What a URL depends on. `bucket` counts stretches of time. */
struct presign_question {
    struct str key;
    int64_t lifetime, bucket;
    uint64_t serial; /* of the credentials */
    bool is_bound;
};
struct presigned {
    struct str url;
    struct sigv4_bound bound; /* of a URL that is bound: it ends before its signature */
};
/* False where it is not known. The URL is copied into the arena, with room for a signature behind it. */
bool presign_find(struct presign_memo *, const struct presign_question *, struct arena *, struct presigned *);
void presign_keep(struct presign_memo *, const struct presign_question *, const struct presigned *);

#endif
