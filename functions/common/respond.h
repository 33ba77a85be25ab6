/* Answers that more than one function gives. */
#ifndef FUNCTIONS_COMMON_RESPOND_H
#define FUNCTIONS_COMMON_RESPOND_H

#include "functions/common/app.h"
#include "functions/common/problems.h"

/* Answers with this problem (lc_problem); the rest is its detail. Always STATUS_OK: the problem is the answer. */
enum status respond_problem(struct lc_call *, struct lc_response *, enum problem, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What went wrong in a room below, as an answer: what the client got wrong with its words, what is wrong on our side with none of them
 * (they go to the log). STATUS_TOO_LARGE is of what the URL says: 414. STATUS_WOULD_BLOCK is handed on. */
enum status respond_error(struct lc_call *, struct lc_response *, const struct error *);

#endif
