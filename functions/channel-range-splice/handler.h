/* GET/HEAD /packages/…: channel packages out of one base (spec/splice.md). */
#ifndef FUNCTIONS_CHANNEL_RANGE_SPLICE_HANDLER_H
#define FUNCTIONS_CHANNEL_RANGE_SPLICE_HANDLER_H

#include "base/base.h"
#include "lambda-c/lambda.h"

extern const struct lc_function channel_range_splice;

#endif
