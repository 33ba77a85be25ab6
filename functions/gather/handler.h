/* GET /gather?scene=…, POST /gather: many resources in one answer (spec/gather.md). A main that runs it begins as lib/gather/worker.h says.
 */
#ifndef FUNCTIONS_GATHER_HANDLER_H
#define FUNCTIONS_GATHER_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function gather;

#endif
