/* Hands a call's outcome to the Runtime API. An invocation whose answer gets lost would be run again, or never be answered: so a
 * connection that breaks is replaced and the answer sent again, until the call's deadline. */
#ifndef LC_AWS_DELIVERY_H
#define LC_AWS_DELIVERY_H

#include "lc_aws_client.h"

/* STATUS_OK: taken, or refused for good, which is logged. STATUS_TOO_LARGE: the platform said 413, and still wants an answer.
 * Any other status: it could not be delivered in time, which is logged. */
enum status lc_aws_deliver(struct lc_aws_client *, const struct lc_call *, const struct str *parts, size_t count);

/* An error of type "Function.…" or "Runtime.…". */
void lc_aws_deliver_error(struct lc_aws_client *, const struct lc_call *, struct str type, const char *message);
void lc_aws_deliver_init_error(struct lc_aws_client *, struct arena *, const char *message);

/* The response as it is made: chunked, and where its stream fails, with the error in trailers. Closes the stream. *bytes counts
 * what was sent of the body. False where the answer did not come to a good end. */
bool lc_aws_deliver_stream(struct lc_aws_client *, const struct lc_call *, const struct lc_request *, struct lc_response *,
                           uint64_t *bytes);

/* What an answer's status says, for those who send it themselves: logs a refusal. */
enum status lc_aws_verdict(const struct lc_call *, const struct lc_aws_reply *, bool sent_before);

/* At least two seconds: the platform's clock need not agree with ours to the millisecond. */
struct deadline lc_aws_delivery_deadline(const struct lc_call *);

/* Milliseconds to let pass before the next attempt, longer each time. */
int64_t lc_aws_pause_before(int attempt);
/* Sleeps so long. False, at once, where there is no time left for another. */
bool lc_aws_pause(struct deadline, int attempt);

#endif
