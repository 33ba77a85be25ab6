/* Random parts of profiles: the same numbers for the same seed. */
#ifndef TESTS_UNIT_ADMISSION_RANDOM_H
#define TESTS_UNIT_ADMISSION_RANDOM_H

#include "tests/unit/admission_sample.h"

static uint64_t seed;

static inline uint64_t random_bits(void)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline double random_number(void)
{
    return (double)(random_bits() >> 11) / (double)(UINT64_C(1) << 53);
}

static inline int64_t random_below(int64_t limit)
{
    return (int64_t)(random_bits() % (uint64_t)limit);
}

/* A day cut at random minutes; some pieces are left out, which makes gaps. */
static inline struct str random_slots(struct arena *arena)
{
    int64_t at = random_below(300);
    struct str out = {0}, all = S("[");
    while (at < 1440) {
        int64_t end = at + 1 + random_below(400);
        if (end > 1440) end = 1440;
        if (random_below(4) > 0) {
            out = arena_printf(arena, "%s{\"from\":\"%02d:%02d\",\"to\":\"%02d:%02d\",\"coefficient\":%.3f}", all.length > 1 ? "," : "",
                               (int)(at / 60), (int)(at % 60), (int)(end / 60), (int)(end % 60), random_number() * 3 + 0.01);
            all = arena_printf(arena, STR_FMT STR_FMT, STR_ARG(all), STR_ARG(out));
        }
        at = end;
    }
    return arena_printf(arena, STR_FMT "]", STR_ARG(all));
}

/* One offset, or one that changes once or twice on the way, as in spring and autumn. */
static inline struct str random_zone(struct arena *arena, int64_t release, int64_t span)
{
    int zone = (int)random_below(47) - 23, minutes = (int)random_below(60);
    if (random_below(2)) return arena_printf(arena, "\"timezone\":\"%+03d:%02d\"", zone, minutes);
    int64_t first = release + random_below(span), second = first + 1000 * (1 + random_below(span / 1000 + 1));
    return arena_printf(arena,
                        "\"timezone\":\"Europe/Berlin\",\"timezone_offsets\":[{\"from\":\"" STR_FMT "\",\"offset\":\"+01:00\"},"
                        "{\"from\":\"" STR_FMT "\",\"offset\":\"+02:00\"},{\"from\":\"" STR_FMT "\",\"offset\":\"+01:%02d\"}]",
                        STR_ARG(clock_format_time(arena, release)), STR_ARG(clock_format_time(arena, first + 1)),
                        STR_ARG(clock_format_time(arena, second + 2)), minutes);
}

#endif
