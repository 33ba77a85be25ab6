/* Thresholds from what decisions came to (P16): of sampled queries, which were placed, and which were followed by a download. T3 and C2
 * have no formula: see retention.h. */
#ifndef POLICY_CALIBRATE_H
#define POLICY_CALIBRATE_H

#include "base/error.h"
#include "lib/demand/samples.h"

struct calibration {
    uint64_t queries;        /* S: those that the samples stand for */
    uint64_t samples;        /* the ones that were kept: TP + FP + TN + FN */
    uint64_t tp, fp, tn, fn; /* placed and downloaded; placed only; neither; downloaded elsewhere only */
    uint64_t t1, t2;         /* proposed */
    double c1;
};
/* Fills t1, t2 and c1 from the counts. STATUS_INVALID, and why: no sample was placed (TP + FP = 0), or T2 would not be below T1. */
enum status calibrate(struct calibration *, struct error *);
/* The counts of a set. */
void calibrate_count(const struct sample_set *, struct calibration *);

#endif
