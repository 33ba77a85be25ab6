/* The ten lines of the README. */
#include "base/base.h"
#include <lambda-c/lambda.h>

static enum status hello(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    (void)state;
    response->body = arena_printf(call->arena, "hello " STR_FMT "\n", STR_ARG(request->path));
    return STATUS_OK;
}

int main(void)
{
    return lc_run(&(struct lc_function){.name = "hello", .http = hello});
}
