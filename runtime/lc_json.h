/* JSON that is written. What is read goes through jansson; writing straight into a buffer spares a body of megabytes two copies. */
#ifndef LC_JSON_H
#define LC_JSON_H

#include "lambda-c/lambda.h"

/* A string literal with its quotes. Text that is not UTF-8 is taken as ISO-8859-1, which is what old HTTP field values are. */
void lc_json_string(struct buf *, struct str);
/* Bytes that lc_json_string writes for well-formed UTF-8. */
size_t lc_json_string_length(struct str);

/* Lambda's shape of an error: {"errorMessage":…,"errorType":…,"stackTrace":[]} */
struct str lc_json_error(struct arena *, struct str type, struct str message);

/* "Function.NotFound" for STATUS_NOT_FOUND, and so on: what the Runtime API takes as an error's type. */
struct str lc_error_type(struct arena *, enum status);

#endif
