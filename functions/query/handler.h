/* GET /query?app=&version=&from=&channel=&ip=&mask=&site=&lan=&device=: where a device in this LAN gets a package (spec/placement.md,
 * P1–P7). */
#ifndef FUNCTIONS_QUERY_HANDLER_H
#define FUNCTIONS_QUERY_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function query_function;

#endif
