#include "lib/policy/calibrate.h"

#include <math.h>

void calibrate_count(const struct sample_set *set, struct calibration *calibration)
{
    *calibration = (struct calibration){.queries = set->queries, .samples = set->count};
    for (size_t i = 0; i < set->count; i++) {
        const struct sample *sample = &set->items[i];
        bool placed = sample->placed == SAMPLE_HIT;
        calibration->tp += placed && sample->downloaded;
        calibration->fp += placed && !sample->downloaded;
        calibration->fn += !placed && sample->downloaded;
        calibration->tn += !placed && !sample->downloaded;
    }
}

/* T1 = S·TP/(TP + FP), T2 = S·FP/(TP + FP), C1 = TP/(TP + FN) */
enum status calibrate(struct calibration *c, struct error *error)
{
    double placed = (double)c->tp + (double)c->fp, queries = (double)c->queries;
    ENSURE(placed > 0, error, STATUS_INVALID, "none of the %llu samples was placed: there is nothing to compare with",
           (unsigned long long)c->samples);
    c->t1 = (uint64_t)llround(queries * (double)c->tp / placed);
    c->t2 = (uint64_t)llround(queries * (double)c->fp / placed);
    c->c1 = c->tp > 0 ? (double)c->tp / ((double)c->tp + (double)c->fn) : 0;
    ENSURE(c->t2 < c->t1, error, STATUS_INVALID,
           "the repeat threshold (T2) would be %llu and the place threshold (T1) %llu, but T2 must be below T1: too few of the sampled "
           "placements were followed by a download",
           (unsigned long long)c->t2, (unsigned long long)c->t1);
    return STATUS_OK;
}
