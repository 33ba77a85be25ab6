/* Stretches of time over which demand is summed. */
#ifndef DEMAND_SPAN_H
#define DEMAND_SPAN_H

#include "base/clock.h"

/* Counts are kept per bucket of five minutes; a moment belongs to the bucket that it is in. */
enum { BUCKET = 5 * CLOCK_MINUTE };

/* [from, to), in ms. */
struct span {
    int64_t from, to;
};

#endif
