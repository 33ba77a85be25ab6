/* Metrics of an invocation as a line of CloudWatch's Embedded Metric Format on stdout, since nobody can read GET /metrics there. Source:
 * AWS, "Embedded metric format specification".
 *
 *     {"_aws":{"Timestamp":1795977000123,"CloudWatchMetrics":[{"Namespace":"lambda-c","Dimensions":[["function"]],"Metrics":[
 *      {"Name":"requests","Unit":"Count"},…]}]},"function":"hello","requests":1,"errors":0,"duration":0.042,"bytes":5,
 *      "status":200,"requestId":"…","traceId":"…"} */
#ifndef LC_EMF_H
#define LC_EMF_H

#include "lc_access_log.h"

/* The namespace is the function's prefix, or "lambda-c" where it has none. */
void lc_emf_write(const struct lc_function *, const struct lc_access *);

#endif
