/* A small JSON object that describes the large one beside it. */
#ifndef CATALOG_RECORD_H
#define CATALOG_RECORD_H

#include "lib/store/store.h"

/* Its text, and when it was put, by the store's clock. STATUS_CORRUPT where it is too large to be one. */
enum status record_read(struct store *, struct io, struct str key, struct str *text, int64_t *put, struct error *);

/* The large object as its record describes it. */
struct record_object {
    uint64_t size;
    struct str sha256;
    struct str etag; /* what it is read by */
    struct str seen; /* ETag of an object in its place that was read and digested, since it is not the recorded one; empty: none */
    const struct record_object *known; /* what an earlier call made of the same record, so that nothing is read twice; NULL: none */
};
/* A store that was copied or restored from a backup has the same bytes, but objects of another time and place, and so other ETags: those of
 * files depend on both, and S3's on how an object was sent in parts. Where the object at `key` has another ETag than the recorded one, the
 * right size and the right SHA-256, object->etag becomes its own. Else it stays, and whoever reads by it gets STATUS_PRECONDITION. The
 * object is read for its SHA-256 where the store does not tell it. */
enum status record_identify(struct store *, struct io, struct str key, struct record_object *, struct error *);

#endif
