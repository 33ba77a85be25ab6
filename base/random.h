/* Random numbers that are the same everywhere for the same seed (splitmix64): for simulations, never for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

uint64_t random_next(uint64_t *state);
double random_fraction(uint64_t *state); /* [0, 1) */

#endif
