/* A rate that depends on the time of day alone, as steps: slots with their coefficients (A3), or the hours that a device is on. Its
 * integral says how much of a window has passed (A9). */
#ifndef ADMISSION_DAY_H
#define ADMISSION_DAY_H

#include "base/clock.h"

/* From and to as milliseconds of the local day, 0 to CLOCK_DAY; from > to runs over midnight. */
struct day_slot {
    int64_t from, to;
    double coefficient;
};
struct day_slots {
    struct day_slot *items;
    size_t count;
};

/* One bit an hour of the local day, bit 0 being 00:00 to 01:00. */
enum { DAY_HOURS = 24, DAY_ALL_HOURS = (1 << DAY_HOURS) - 1 };
enum { DAY_OFFSETS_MAX = 64, DAY_SLOTS_MAXIMUM = 48, DAY_STEPS_MAXIMUM = 4 * DAY_SLOTS_MAXIMUM + DAY_HOURS };

/* Which time of day it is: ms to add to UTC, from a moment on. The first one also holds before its own moment. */
struct day_offset {
    int64_t from, offset;
};
struct day_zone {
    const struct day_offset *items; /* at least one, ascending */
    size_t count;
};
int64_t day_offset_at(const struct day_zone *, int64_t moment);

struct day {
    size_t count;
    int64_t start[DAY_STEPS_MAXIMUM + 1]; /* of each step, in ms of the local day; start[count] is CLOCK_DAY */
    double rate[DAY_STEPS_MAXIMUM];
    double before[DAY_STEPS_MAXIMUM + 1]; /* integral of the rate from midnight to start[i], in ms */
};

/* The rate 1, in steps that end where an hour or a slot of either set does. */
void day_build(struct day *, const struct day_slots *, const struct day_slots *other);
/* The same steps, each times its slot's coefficient; 1 where no slot is. `slots` is one of the sets that the day was built with. */
void day_weigh(const struct day *, const struct day_slots *slots, struct day *out);
/* For steps that are read: takes the steps of `like` (which may be the day itself), keeps the rates, and sums up. */
void day_finish(struct day *, const struct day *like);
/* The same with the rate 0 outside `hours`. */
void day_mask(const struct day *, uint32_t hours, struct day *out);

double day_rate(const struct day *, const struct day_zone *, int64_t moment);
/* The integral of the rate over [from, to], in ms; 0 where to ≤ from. Never falls as `to` rises. */
double day_integral(const struct day *, const struct day_zone *, int64_t from, int64_t to);
/* The largest of rate(s) · (s − from) over from ≤ s ≤ to: what a share that grows in proportion and is then weighted by the hour has
 * reached at most (A8). */
double day_highest_product(const struct day *, const struct day_zone *, int64_t from, int64_t to);

#endif
