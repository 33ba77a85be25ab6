/* The base's slices that touch the region: the same for every channel, and asked for again by each one's first download. They are kept in
 * memory, and before each use the store is asked whether the base is still the object that they came from: an answer without bytes. */
#ifndef FUNCTIONS_CHANNEL_RANGE_SPLICE_SLICES_H
#define FUNCTIONS_CHANNEL_RANGE_SPLICE_SLICES_H

#include "functions/common/app.h"
#include "lib/http/range.h"

/* Bytes; longer ranges are not kept: hardly a cache slices so coarsely. */
enum { SLICE_MAX = 2 << 20 };

struct cache *slices_new(struct app *);
struct slice {
    struct str base, etag; /* the base's key, and its ETag */
    uint64_t offset, length;
};
/* Its bytes live as long as io.arena, and are others' too. STATUS_PRECONDITION or STATUS_NOT_FOUND where the base is not what was
 * published. */
enum status slices_get(struct cache *, struct io, const struct slice *, struct str *bytes, struct error *);

#endif
