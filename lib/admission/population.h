/* Clients to simulate with: the hours in which each is on, what it has to load, how fast it can.
 *
 *     {"unreachable":0.03,
 *      "classes":[{"share":0.45,"hours":"18-23","jitter":2}],      the hours of a client are those, moved by up to `jitter` either way
 *      "bandwidth":[{"share":1,"rate":2500000}],                   bytes a second
 *      "sizes":[{"share":0.6,"part":1},{"share":0.4,"part":0.25}]} of the resource's size: some load the whole, some a patch
 *
 * Shares are relative to their sum. `unreachable` clients are never on. */
#ifndef ADMISSION_POPULATION_H
#define ADMISSION_POPULATION_H

#include "lib/admission/profile.h"

/* One array a property, so that a pass over a million clients reads what it needs. */
struct population {
    size_t count;
    uint64_t seed;    /* it was made with */
    uint32_t *hours;  /* bits; 0: never on */
    float *bandwidth; /* bytes a second */
    float *size;      /* bytes */
    double *number;   /* admission_hash of the client */
};

struct population_plan {
    struct str json; /* empty: phones and consoles of which two fifths are on in the evening only */
    uint64_t size;   /* bytes, of the resource */
    size_t count;    /* clients */
    uint64_t seed;   /* the same one makes the same clients */
};
enum status population_make(struct arena *, const struct admission_profile *, const struct population_plan *, struct population *,
                            struct error *);

#endif
