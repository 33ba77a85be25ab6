/* Redirects to the store (S8, S8a to S8c): who gets one, and where it leads. */
#ifndef FUNCTIONS_CHANNEL_RANGE_SPLICE_REDIRECT_H
#define FUNCTIONS_CHANNEL_RANGE_SPLICE_REDIRECT_H

#include "functions/channel-range-splice/splice.h"

/* Whether a request for bytes of the base alone is redirected: task->range, which `range`, the field's value, was read as. */
bool redirect_applies(const struct task *, struct str range);
enum status redirect_answer(struct task *, struct str range, struct error *);

#endif
