/* What making and applying share. Private to lib/patch. */
#ifndef PATCH_SIDE_INTERNAL_H
#define PATCH_SIDE_INTERNAL_H

#include "lib/patch/patch.h"

/* Turns a channel package into its base; `filled` is a copy of what stood in the region. `bytes` has the side's size. */
enum status side_blank(struct arena *, char *bytes, const struct patch_side *, struct str *filled, struct error *);
/* SHA-256 in hexadecimal. */
struct str side_digest(struct arena *, struct str bytes, struct progress *);

/* The new base, of `size` bytes, out of the old one and what follows the header of a patch of format 1. Takes as much memory as a frame
 * restores. Must be closed; does not close `diff`. */
struct stream restore_stream(struct arena *, struct stream diff, struct str from, uint64_t size);
/* `inner`, with an error at its end where it was not the base `to`: STATUS_CORRUPT where the digest differs, or where the region is not
 * blank. `to` outlives it. Closes `inner`. */
struct stream checked_stream(struct arena *, struct stream inner, const struct patch_side *to, struct progress *);

/* What one frame restores, and from which part of the old base. As bytes:
 *
 *     0   8  offset in the old base
 *     8   8  length there
 *    16   4  length in the new one: 1 to PATCH_SEGMENT
 */
struct frame {
    uint64_t offset, length;
    uint32_t restored;
};

#endif
