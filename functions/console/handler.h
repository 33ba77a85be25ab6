/* GET /console: the page of `pakhus report`, for operators. On a port alone. */
#ifndef FUNCTIONS_CONSOLE_HANDLER_H
#define FUNCTIONS_CONSOLE_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

#define CONSOLE_PATH "/console"

extern const struct lc_function console_function;

#endif
