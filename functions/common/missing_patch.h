/* Patches that a LAN without an edge asks for and that nobody made (P6): each is made once, kept at the origin and, where an edge near that
 * LAN holds the version that it leads to, wanted there too. (A LAN that has an edge gets them there, when a rule places them.) */
#ifndef FUNCTIONS_COMMON_MISSING_PATCH_H
#define FUNCTIONS_COMMON_MISSING_PATCH_H

#include "functions/common/placement.h"
#include "lib/delivery/delivery.h"

struct missing_patch {
    const struct evaluation *how;
    struct placement_app *placement;
    const struct place *place; /* of the LAN that asks for it */
    const struct package_name *name;
    uint64_t misses; /* for the audit */
};
/* Makes one, and has it placed. *source: as it stands at the origin. *edge: where it is wanted now; NULL: no edge near the LAN holds the
 * version, or it has no room. STATUS_NOT_FOUND: a version is not published. */
enum status missing_patch_make(const struct missing_patch *, struct io, struct package_source *source, const struct edge **edge,
                               struct error *);

/* Those of a run of evaluate: collected on the way, made at its end. */
struct missing_patches;
struct missing_patches *missing_patches_new(struct arena *);
void missing_patches_note(void *missing_patches, const struct demand_row *); /* evaluation.missed */
/* What is missed most first, as long as there is time: the next run goes on. What can't be made is logged. Returns how many were made. */
uint64_t missing_patches_make(struct missing_patches *, const struct evaluation *, struct placement_app *, struct io);

#endif
