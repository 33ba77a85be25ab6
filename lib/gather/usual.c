#include "lib/gather/usual_internal.h"

#include <stdlib.h>

enum { SLOTS = 1024, SAMPLES = 64, SLOWEST = SAMPLES / 20, LEAST = 20 };

struct usual {
    struct slot {
        uint64_t resource;
        uint32_t count; /* of all samples; the last SAMPLES are kept */
        uint32_t samples[SAMPLES];
    } slots[SLOTS];
};

struct usual *usual_new(void)
{
    struct usual *usual = calloc(1, sizeof *usual);
    if (!usual) abort();
    return usual;
}

void usual_free(struct usual *usual)
{
    free(usual);
}

void usual_note(struct usual *usual, uint64_t resource, int64_t milliseconds)
{
    struct slot *slot = &usual->slots[resource % SLOTS];
    if (slot->resource != resource) slot->count = 0;
    slot->resource = resource;
    slot->samples[slot->count % SAMPLES] = milliseconds < 0 ? 0 : milliseconds < INT32_MAX ? (uint32_t)milliseconds : INT32_MAX;
    if (++slot->count == 2 * SAMPLES) slot->count = SAMPLES;
}

int64_t usual_p95(const struct usual *usual, uint64_t resource)
{
    const struct slot *slot = &usual->slots[resource % SLOTS];
    uint32_t count = slot->count < SAMPLES ? slot->count : SAMPLES, slowest[SLOWEST + 1] = {0};
    if (slot->resource != resource || count < LEAST) return -1;
    uint32_t wanted = count / 20; /* so many are slower */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sample = slot->samples[i];
        for (uint32_t k = 0; k <= wanted; k++) {
            uint32_t other = slowest[k];
            if (sample <= other) continue;
            slowest[k] = sample;
            sample = other;
        }
    }
    return slowest[wanted];
}
