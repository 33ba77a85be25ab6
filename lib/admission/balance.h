/* How low the origin's peak can be when every device loads within its own hours (water-filling), and the pace that comes close to it. */
#ifndef ADMISSION_BALANCE_H
#define ADMISSION_BALANCE_H

#include "lib/admission/population.h"

struct balance {
    double pacing[DAY_HOURS]; /* weight of each hour of the local day, the largest being 1: a profile's `pacing`, measured */
    double bound;             /* bytes a second: no way to spread the starts from the release to D − lead has a lower peak */
    double reached;           /* what the pace reaches without chance: at least the bound */
};

/* `counts` says which clients take part (their share of the population is what can be reached at all). */
void balance_measure(struct arena *, const struct admission_profile *, const struct population *, const bool *counts, struct balance *);

/* The profile's copy whose pace takes the measure into account. */
void balance_apply(const struct balance *, const struct admission_profile *, struct admission_profile *out);

#endif
