/* GET /admission?resource=&client=…: may this client download now, from where, how fast, and if not, when (spec/admission.md).
 * GET /admission/profile?resource=…: the profile, for clients that decide by themselves. */
#ifndef FUNCTIONS_ADMISSION_HANDLER_H
#define FUNCTIONS_ADMISSION_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function admission;

#endif
