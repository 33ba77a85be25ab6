#include "lc_metrics.h"

#include <stdio.h>

static const struct {
    int64_t microseconds;
    const char *seconds;
} bounds[LC_DURATION_BOUNDS] = {
    {100, "0.0001"}, {500, "0.0005"}, {1000, "0.001"}, {5000, "0.005"}, {25000, "0.025"},
    {100000, "0.1"}, {500000, "0.5"}, {1000000, "1"},  {5000000, "5"},  {30000000, "30"},
};

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void lc_metrics_count(struct lc_metrics *metrics, int status, int64_t microseconds)
{
    size_t bucket = 0;
    while (bucket < LC_DURATION_BOUNDS && microseconds > bounds[bucket].microseconds) bucket++;
    add(&metrics->durations[bucket], 1);
    add(&metrics->microseconds, (uint64_t)microseconds);
    if (status >= 100 && status <= 599) add(&metrics->answers[status / 100 - 1], 1);
}

static void write_answers(struct buf *out, const struct lc_metrics_source *source)
{
    for (int i = 0; i < LC_STATUS_CLASSES; i++)
        buf_printf(out, "lc_requests_total{function=\"%s\",status=\"%dxx\"} %llu\n", source->function, i + 1,
                   (unsigned long long)load(&source->metrics->answers[i]));
}

static void write_durations(struct buf *out, const struct lc_metrics_source *source)
{
    uint64_t sum = 0, microseconds = load(&source->metrics->microseconds);
    for (size_t i = 0; i < LC_DURATION_BOUNDS; i++) {
        sum += load(&source->metrics->durations[i]);
        buf_printf(out, "lc_request_duration_seconds_bucket{function=\"%s\",le=\"%s\"} %llu\n", source->function, bounds[i].seconds,
                   (unsigned long long)sum);
    }
    sum += load(&source->metrics->durations[LC_DURATION_BOUNDS]);
    buf_printf(out, "lc_request_duration_seconds_bucket{function=\"%s\",le=\"+Inf\"} %llu\n", source->function, (unsigned long long)sum);
    buf_printf(out, "lc_request_duration_seconds_sum{function=\"%s\"} %llu.%06llu\n", source->function,
               (unsigned long long)(microseconds / 1000000), (unsigned long long)(microseconds % 1000000));
    buf_printf(out, "lc_request_duration_seconds_count{function=\"%s\"} %llu\n", source->function, (unsigned long long)sum);
}

void lc_metrics_write_build(struct buf *out, const struct lc_function *function)
{
    char name[64];
    if (!function->version) return;
    snprintf(name, sizeof name, "%s", function->prefix ? function->prefix : "lc");
    for (char *c = name; *c; c++) *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    buf_printf(out, "# HELP %s_build_info The release that runs; always 1.\n# TYPE %s_build_info gauge\n%s_build_info{version=\"%s\"} 1\n",
               name, name, name, function->version);
}

void lc_metrics_write(struct buf *out, const struct lc_metrics_source *sources, size_t count)
{
    buf_add(out, S("# HELP lc_requests_total Answers by class of status.\n# TYPE lc_requests_total counter\n"));
    for (size_t i = 0; i < count; i++) write_answers(out, &sources[i]);
    buf_add(out, S("# HELP lc_request_duration_seconds From a request's first line to the last byte of its answer.\n"
                   "# TYPE lc_request_duration_seconds histogram\n"));
    for (size_t i = 0; i < count; i++) write_durations(out, &sources[i]);
    buf_add(out, S("# HELP lc_in_flight Requests that are being answered.\n# TYPE lc_in_flight gauge\n"));
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "lc_in_flight{function=\"%s\"} %llu\n", sources[i].function, (unsigned long long)sources[i].in_flight);
}
