/* Errors as Lambda and Function Compute have them. */
#ifndef LC_ERROR_H
#define LC_ERROR_H

#include "base/base.h"
#include "lambda-c/lambda.h"

/* Lambda's shape of an error: {"errorMessage":…,"errorType":…,"stackTrace":[]} */
struct str lc_error_json(struct arena *, struct str type, struct str message);

/* "Function.NotFound" for STATUS_NOT_FOUND, and so on: what the Runtime API takes as an error's type. */
struct str lc_error_type(struct arena *, enum status);

#endif
