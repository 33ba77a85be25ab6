/* Random numbers that are the same everywhere for the same seed (splitmix64): for simulations, never for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

uint64_t random_next(uint64_t *state);
double random_fraction(uint64_t *state); /* [0, 1) */
/* One of `count` (at least one) by their weights; `upto` is the sum of the weights up to each. */
uint32_t random_pick(uint64_t *state, const double *upto, uint32_t count);

#endif
