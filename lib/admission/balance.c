#include "lib/admission/balance.h"

#include <math.h>
#include <stdlib.h>

/* A device that is on in some hours divides its demand among them in proportion to weight × room; weights fall where the water stands
 * high. Forced hours (devices that are on at no other time) stay above the rest, and what could be elsewhere leaves them. */
enum { ROUNDS = 2000 };
/* Between forced hours and the others the weights drift apart without end: from here on it makes no difference. */
static const double WIDEST_GAP = 1e9;

/* Devices with about the same size and bandwidth, on in the same hours. A download that starts in one of its hours is partly loaded in
 * the next ones: `lag[k]` is the part in the k-th hour of its own after the one it starts in. */
enum { LAGS = 6 };
struct demand {
    uint32_t hours;
    float bandwidth, size;
    double bytes, lag[LAGS];
};
struct demands {
    struct demand *items;
    size_t count;
};

/* Halves of a power of two: near enough. */
static int magnitude(float number)
{
    return (int)lroundf(2 * log2f(number));
}

static int compare(const struct demand *one, const struct demand *other)
{
    if (one->hours != other->hours) return one->hours < other->hours ? -1 : 1;
    int bandwidth = magnitude(one->bandwidth) - magnitude(other->bandwidth);
    return bandwidth != 0 ? bandwidth : magnitude(one->size) - magnitude(other->size);
}

static int by_kind(const void *a, const void *b)
{
    return compare(a, b);
}

/* ∫∫ of a start anywhere in the hour 0 to 1 and bytes evenly over `hours` from then on, up to the time t. */
static double loaded_by(double t, double hours)
{
    const double corner[] = {t, t - 1, t - hours, t - 1 - hours};
    double sum = 0;
    for (int i = 0; i < 4; i++) sum += (i == 0 || i == 3 ? 1 : -1) * (corner[i] > 0 ? corner[i] * corner[i] / 2 : 0);
    return sum / hours;
}

/* Each level has its speed, and lasts for its part of the time. */
static void measure_lag(const struct admission_profile *profile, struct demand *demand)
{
    const struct admission_levels *levels = &profile->levels;
    const double part[ADMISSION_LEVELS] = {1 - levels->r1, levels->r1 - levels->r2, levels->r2};
    for (int level = ADMISSION_LOWEST; level < ADMISSION_LEVELS; level++) {
        double limit = (double)levels->strategy[level].speed, speed = (double)demand->bandwidth;
        if (limit > 0) speed = fmin(speed, limit);
        double hours = fmax((double)demand->size / speed * CLOCK_SECOND / CLOCK_HOUR, 1e-3);
        for (int k = 0; k < LAGS - 1; k++) demand->lag[k] += part[level] * (loaded_by(k + 1, hours) - loaded_by(k, hours));
        demand->lag[LAGS - 1] += part[level] * (1 - loaded_by(LAGS - 1, hours));
    }
}

static struct demands gather(struct arena *arena, const struct admission_profile *profile, const struct population *population,
                             const bool *counts)
{
    struct demands demands = {.items = arena_array(arena, population->count, sizeof *demands.items)};
    size_t used = 0;
    for (size_t i = 0; i < population->count; i++)
        if (counts[i])
            demands.items[used++] = (struct demand){.hours = population->hours[i],
                                                    .bandwidth = population->bandwidth[i],
                                                    .size = population->size[i],
                                                    .bytes = (double)population->size[i]};
    if (used > 0) qsort(demands.items, used, sizeof *demands.items, by_kind);
    for (size_t i = 0; i < used; i++) {
        struct demand *last = demands.count > 0 ? &demands.items[demands.count - 1] : NULL;
        if (last && compare(last, &demands.items[i]) == 0)
            last->bytes += demands.items[i].bytes;
        else
            demands.items[demands.count++] = demands.items[i];
    }
    for (size_t i = 0; i < demands.count; i++) measure_lag(profile, &demands.items[i]);
    return demands;
}

/* Room of each hour of the day: its time from the release to D − lead, in seconds, weighted with the coefficients. */
static void measure_room(const struct admission_profile *profile, double room[DAY_HOURS])
{
    for (unsigned hour = 0; hour < DAY_HOURS; hour++) {
        struct day only;
        day_mask(&profile->slots, UINT32_C(1) << hour, &only);
        room[hour] = day_integral(&only, &profile->zone, profile->release, admission_profile_end(profile)) / CLOCK_SECOND;
    }
}

static double room_in(const double room[DAY_HOURS], const double *weight, uint32_t hours)
{
    double sum = 0;
    for (unsigned hour = 0; hour < DAY_HOURS; hour++)
        if (hours >> hour & 1) sum += room[hour] * (weight ? weight[hour] : 1);
    return sum;
}

/* Bytes that start in an hour, into that one and the next of the device's own. */
static void pour_hour(const struct demand *demand, double bytes, unsigned hour, double filled[DAY_HOURS])
{
    for (int k = 0; k < LAGS; k++) {
        filled[hour] += bytes * demand->lag[k];
        do hour = (hour + 1) % DAY_HOURS;
        while (!(demand->hours >> hour & 1));
    }
}

static void pour(const struct demands *demands, const double room[DAY_HOURS], const double weight[DAY_HOURS], double level[DAY_HOURS])
{
    double filled[DAY_HOURS] = {0};
    for (size_t i = 0; i < demands->count; i++) {
        const struct demand *demand = &demands->items[i];
        double whole = room_in(room, weight, demand->hours);
        for (unsigned hour = 0; whole > 0 && hour < DAY_HOURS; hour++)
            if (demand->hours >> hour & 1) pour_hour(demand, demand->bytes * room[hour] * weight[hour] / whole, hour, filled);
    }
    for (unsigned hour = 0; hour < DAY_HOURS; hour++) level[hour] = room[hour] > 0 ? filled[hour] / room[hour] : 0;
}

static int by_weight(const void *a, const void *b)
{
    double one = **(const double *const *)a, other = **(const double *const *)b;
    return (one < other) - (one > other);
}

/* The largest becomes 1, and of two neighbours in size the smaller is lifted to 1 / WIDEST_GAP of the larger, with all below it. */
static void close_gaps(const double room[DAY_HOURS], double weight[DAY_HOURS])
{
    double *sorted[DAY_HOURS], last = 0, lift = 1;
    size_t count = 0;
    for (unsigned hour = 0; hour < DAY_HOURS; hour++) {
        if (room[hour] > 0) sorted[count++] = &weight[hour];
        if (room[hour] <= 0) weight[hour] = 1;
    }
    qsort(sorted, count, sizeof *sorted, by_weight);
    for (size_t i = 0; i < count; i++) {
        if (i == 0) lift = 1 / *sorted[i];
        if (i > 0 && *sorted[i] * lift < last / WIDEST_GAP) lift = last / WIDEST_GAP / *sorted[i];
        last = *sorted[i] *= lift;
    }
}

static void settle(const struct demands *demands, const double room[DAY_HOURS], double weight[DAY_HOURS], double level[DAY_HOURS])
{
    for (int round = 0; round < ROUNDS; round++) {
        pour(demands, room, weight, level);
        for (unsigned hour = 0; hour < DAY_HOURS; hour++)
            if (level[hour] > 0) weight[hour] /= sqrt(level[hour]);
        close_gaps(room, weight);
    }
    pour(demands, room, weight, level);
}

/* Any set of hours is a proof: what can go nowhere else must go there. The sets to try are those above some water level. */
static double best_proof(const struct demands *demands, const double room[DAY_HOURS], const double level[DAY_HOURS], uint32_t *proof)
{
    double best = 0;
    *proof = 0;
    for (unsigned least = 0; least < DAY_HOURS; least++) {
        uint32_t above = 0;
        double bytes = 0;
        for (unsigned hour = 0; hour < DAY_HOURS; hour++)
            if (room[hour] <= 0 || level[hour] >= level[least] * 0.995) above |= UINT32_C(1) << hour;
        for (size_t i = 0; i < demands->count; i++)
            if (!(demands->items[i].hours & ~above) && room_in(room, NULL, demands->items[i].hours) > 0) bytes += demands->items[i].bytes;
        double space = room_in(room, NULL, above);
        if (space <= 0 || bytes / space <= best) continue;
        best = bytes / space;
        *proof = above;
    }
    return best;
}

static double coefficient_most(const struct admission_profile *profile, uint32_t hours)
{
    struct day only;
    double most = 0;
    day_mask(&profile->slots, hours, &only);
    for (size_t i = 0; i < only.count; i++) most = fmax(most, only.rate[i]);
    return most;
}

void balance_measure(struct arena *arena, const struct admission_profile *profile, const struct population *population, const bool *counts,
                     struct balance *balance)
{
    double room[DAY_HOURS], level[DAY_HOURS];
    uint32_t proof;
    struct demands demands = gather(arena, profile, population, counts);
    measure_room(profile, room);
    for (unsigned hour = 0; hour < DAY_HOURS; hour++) balance->pacing[hour] = 1;
    settle(&demands, room, balance->pacing, level);
    double bound = best_proof(&demands, room, level, &proof);
    balance->bound = bound * coefficient_most(profile, proof);
    balance->reached = 0;
    for (unsigned hour = 0; hour < DAY_HOURS; hour++)
        if (room[hour] > 0) balance->reached = fmax(balance->reached, level[hour] * coefficient_most(profile, UINT32_C(1) << hour));
}

void balance_apply(const struct balance *balance, const struct admission_profile *profile, struct admission_profile *out)
{
    struct day pace = profile->slots;
    for (size_t i = 0; i < pace.count; i++) pace.rate[i] *= balance->pacing[pace.start[i] / CLOCK_HOUR];
    *out = *profile;
    day_mask(&pace, DAY_ALL_HOURS, &out->pace);
}
