/* HTTP as Lambda's callers wrap it into JSON, both ways.
 *   payload 2.0   Function URL, API Gateway HTTP API      {"version":"2.0","rawPath","rawQueryString","cookies",…}
 *   payload 1.0   API Gateway REST API                    {"httpMethod","path","multiValueQueryStringParameters",…}
 *   ALB           {"requestContext":{"elb":…}}; with multi-value headers where the target group is set so
 * Whatever else comes is an event. */
#ifndef LC_AWS_EVENT_H
#define LC_AWS_EVENT_H

#include "base/base.h"
#include "lambda-c/lambda.h"

enum lc_aws_form { LC_AWS_EVENT, LC_AWS_V2, LC_AWS_V1, LC_AWS_ALB, LC_AWS_ALB_MULTI };

/* Reads the event, whose strings the request then points to. STATUS_OK with LC_AWS_EVENT where it is not HTTP. STATUS_INVALID where it is,
 * but makes no sense: *form then says how to answer. The path comes out as a client would send it, percent-encoded, without the stage of an
 * API that has one. */
enum status lc_aws_event_parse(struct arena *, struct str event, enum lc_aws_form *, struct lc_request *, struct error *);

/* The most bytes of body that an answer of this form can carry, base64 and envelope allowed for. */
uint64_t lc_aws_body_limit(enum lc_aws_form);

/* The answer in this form, as pieces to be sent one after the other. The body goes as text where it is UTF-8, and as base64 where it is
 * not. */
struct lc_aws_answer {
    struct str part[3];
};
struct lc_aws_answer lc_aws_answer_make(struct arena *, enum lc_aws_form, const struct lc_request *, const struct lc_response *);

/* What stands before the bytes of a streamed answer: {"statusCode","headers","cookies"} and eight NULs. */
struct str lc_aws_prelude(struct arena *, const struct lc_request *, const struct lc_response *);

#endif
