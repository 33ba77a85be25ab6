#include "base/problem.h"
#include "base/base.h"
#include "lambda-c/lambda.h"

/* A 404 is kept for a few seconds, so that a crowd that asks for what is not there yet reaches a CDN only. */
void lc_problem(const struct lc_call *call, struct lc_response *response, int status, const char *type, struct str detail)
{
    *response = (struct lc_response){.status = status};
    response->body = problem_write(call->arena, status, type, detail, call->request_id);
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/problem+json"));
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), status == 404 ? S("public, max-age=5") : S("no-store"));
    if (status == 503 || status == 504) lc_header_add(call->arena, &response->headers, S("Retry-After"), S("1"));
}
