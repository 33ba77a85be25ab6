/* {"pakhus":"evaluate",…} by schedule, timer or direct invoke: what LANs asked for becomes what edges want (functions/common/cron.h). */
#ifndef FUNCTIONS_EVALUATE_CRON_HANDLER_H
#define FUNCTIONS_EVALUATE_CRON_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function evaluate_cron_function;

#endif
