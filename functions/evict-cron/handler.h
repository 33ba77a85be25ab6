/* {"pakhus":"evict",…} by schedule, timer or direct invoke: what is asked for no more goes (functions/common/cron.h). */
#ifndef FUNCTIONS_EVICT_CRON_HANDLER_H
#define FUNCTIONS_EVICT_CRON_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function evict_cron_function;

#endif
