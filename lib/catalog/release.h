/* Which version of an app is current, and which are being rolled out to a share of the devices: `releases/<app>/<n>`, a row of generations.
 */
#ifndef CATALOG_RELEASE_H
#define CATALOG_RELEASE_H

#include "lib/catalog/catalog.h"
#include "lib/store/generation.h"

enum { RELEASE_STAGED_MAX = 16 };

struct release {
    struct str app, current; /* current empty: nothing released yet */
    struct release_stage {
        struct str version;
        double share; /* of the devices, above 0, below 1; all together at most 1 */
    } staged[RELEASE_STAGED_MAX];
    size_t staged_count;
    uint64_t generation;
};

struct str release_format(struct arena *, const struct release *);
enum status release_load(struct catalog, uint64_t known, struct release *, struct error *);

/* share ≥ 1: the version becomes current, and whatever was staged ends. Below: it is staged with that share (a new share for one that is
 * staged already); 0: its roll-out ends. Rolling back is releasing the older version. STATUS_INVALID: a share below 1 for the current
 * version, or shares that add up to more than 1. STATUS_NOT_FOUND: a share of 0 for a version that is not staged. */
enum status release_set(struct catalog, struct str version, double share, struct release *, struct error *);

#endif
