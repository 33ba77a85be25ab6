/* URLs that were signed lately, by key: the same question within a stretch of time gets the same URL, so that caches may keep what
 * it leads to, and at the price of a look-up. Thread-safe and bounded. */
#ifndef STORE_PRESIGN_H
#define STORE_PRESIGN_H

#include "base/arena.h"
#include "base/str.h"

struct presign_memo;

struct presign_memo *presign_new(void);
void presign_free(struct presign_memo *);

/* What a URL depends on. `bucket` counts stretches of time. */
struct presign_question {
    struct str key;
    int64_t lifetime, bucket;
    uint64_t serial; /* of the credentials */
};
/* False where it is not known. The URL is copied into the arena. */
bool presign_find(struct presign_memo *, const struct presign_question *, struct arena *, struct str *url);
void presign_keep(struct presign_memo *, const struct presign_question *, struct str url);

#endif
