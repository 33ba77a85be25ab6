/* What a release does to the origin: every client of a population loads under each mode. All bytes are counted as the origin's, also
 * those that a level would fetch from a peer: the worst case. */
#ifndef ADMISSION_SIMULATE_H
#define ADMISSION_SIMULATE_H

#include "lib/admission/balance.h"

/* Steps come last: only a profile in that mode has its two probabilities. */
enum simulated {
    SIMULATED_AT_ONCE,
    SIMULATED_FIXED,
    SIMULATED_RANDOM,
    SIMULATED_STICKY,
    SIMULATED_PACED,
    SIMULATED_STEPS,
    SIMULATED_COUNT
};
enum { SIMULATED_BINS_MAXIMUM = 100 };

struct simulated_mode {
    const char *name;                    /* "at once", and the modes' own */
    double rate[SIMULATED_BINS_MAXIMUM]; /* bytes a second, averaged over each bin */
    double peak, mean;                   /* bytes a second, from release to deadline; peak: of the highest bin */
    double complete;                     /* share of those reachable that are through at the deadline */
    double requests;                     /* a second, at the function, where clients ask it: its peak in modes that ask every interval, the
                                            mean where each client asks twice. Clients that decide from the profile ask it nothing */
};

struct simulation {
    struct simulated_mode mode[SIMULATED_COUNT];
    size_t mode_count;
    struct balance balance;
    size_t bins;
    int64_t bin;      /* ms */
    size_t reachable; /* clients that would be through at the deadline if they began at the release */
    double noise;     /* how far above 1 chance alone lifts the highest of the bins, about */
};

/* All modes are simulated with the profile's threshold and interval, whatever its own mode is; steps for a profile in steps mode only.
 * STATUS_INVALID where there are more than four million
 * intervals. */
enum status admission_simulate(struct arena *, const struct admission_profile *, const struct population *, struct simulation *,
                               struct error *);

#endif
