/* {"pakhus":"reconcile",…} by schedule, timer or direct invoke: what is wanted on edges becomes so (functions/common/cron.h). */
#ifndef FUNCTIONS_RECONCILE_HANDLER_H
#define FUNCTIONS_RECONCILE_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function reconcile_function;

#endif
