/* What the runtime itself answers when a function cannot: RFC 9457, type "about:blank", so that the status says it all. */
#ifndef LC_PROBLEM_H
#define LC_PROBLEM_H

#include "lambda-c/lambda.h"

/* Replaces the response. `detail` is for the client's eyes, and may be NULL; what went wrong inside belongs in the log. */
void lc_problem(const struct lc_call *, struct lc_response *, int status, const char *detail);

extern const char lc_body_too_large[]; /* the detail of a 413 */

#endif
