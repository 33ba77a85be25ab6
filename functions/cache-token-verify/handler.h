/* GET /token/verify, POST /token/result: what a cache node asks about a URL with a token (spec/cache-token.md). */
#ifndef FUNCTIONS_CACHE_TOKEN_VERIFY_HANDLER_H
#define FUNCTIONS_CACHE_TOKEN_VERIFY_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function cache_token_verify;

#endif
