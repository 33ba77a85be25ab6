/* Counters of one function, and how Prometheus reads them. Atomics only: they are touched by every request. */
#ifndef LC_METRICS_H
#define LC_METRICS_H

#include <stdatomic.h>

#include "base/base.h"
#include "lambda-c/lambda.h"

enum { LC_STATUS_CLASSES = 5, LC_DURATION_BOUNDS = 10 };

struct lc_metrics {
    _Atomic uint64_t answers[LC_STATUS_CLASSES];        /* 1xx to 5xx */
    _Atomic uint64_t durations[LC_DURATION_BOUNDS + 1]; /* not cumulative; the last is what exceeds every bound */
    _Atomic uint64_t microseconds;                      /* of all */
};

void lc_metrics_count(struct lc_metrics *, int status, int64_t microseconds);

/* The HELP and TYPE lines of a family stand before its samples, so several functions are written family by family. */
struct lc_metrics_source {
    const char *function;
    const struct lc_metrics *metrics;
    uint64_t in_flight;
};
void lc_metrics_write(struct buf *, const struct lc_metrics_source *, size_t count);

/* pakhus_build_info{version="0.2.0"} 1, named after the prefix of the function's settings. Nothing where it states no version. */
void lc_metrics_write_build(struct buf *, const struct lc_function *);

#endif
