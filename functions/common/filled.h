/* A base's region as a channel has it, and the validator that follows from it. */
#ifndef FUNCTIONS_COMMON_FILLED_H
#define FUNCTIONS_COMMON_FILLED_H

#include "lib/catalog/channels.h"
#include "lib/catalog/package.h"

struct filled {
    struct str bytes; /* region.length of them */
    struct str etag;  /* of kind `package`: equal bytes, equal validator */
};
/* In the arena. STATUS_TOO_LARGE, STATUS_INVALID: as apk_fill says. */
enum status filled_make(struct arena *, const struct package *, const struct channels *, const struct apk_info *, struct filled *,
                        struct error *);

#endif
