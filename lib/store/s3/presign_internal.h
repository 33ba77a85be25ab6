/* URLs that were signed lately, by key: the same question within a stretch of time gets the same URL, so that caches may keep what
 * it leads to, and at the price of a look-up. A URL that is bound to a range is kept without its signature; beside it, the signatures of
 * the ranges that were asked lately are kept in a table of fixed size. Thread-safe and bounded. */
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
    struct str range; /* that the URL is bound to; empty: to none */
};
struct presigned {
    struct str url;
    struct sigv4_bound bound; /* of a URL that is bound to a range and not signed: it ends before its signature */
    bool is_signed;
};
/* False where it is not known. The URL is copied into the arena, with room for a signature behind it. */
bool presign_find(struct presign_memo *, const struct presign_question *, struct arena *, struct presigned *);
/* A URL, which is not signed where the question has a range. */
void presign_keep(struct presign_memo *, const struct presign_question *, const struct presigned *);
/* The signature of the question's range, where the URL is known. */
void presign_keep_signature(struct presign_memo *, const struct presign_question *, const char signature[SIGV4_SIGNATURE_LENGTH]);

#endif
