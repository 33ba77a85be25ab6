/* Several functions on one port, as `pakhus serve` has them: rooms ADDRESS */
#include "base/base.h"
#include <lambda-c/lambda.h>
#include <stdlib.h>

static enum status name_it(struct lc_call *call, const struct lc_request *request, struct lc_response *response, const char *name)
{
    response->body = arena_printf(call->arena, "%s " STR_FMT "\n", name, STR_ARG(request->path));
    return STATUS_OK;
}

static enum status attic(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    (void)state;
    return name_it(call, request, response, "attic");
}

static enum status cellar(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    (void)state;
    return name_it(call, request, response, "cellar");
}

static enum status ring(void *state, struct lc_call *call, struct str event, struct str *result, struct error *error)
{
    (void)state;
    ENSURE(!str_equal(event, S("\"softly\"")), error, STATUS_INVALID, "it cannot be rung softly");
    *result = arena_printf(call->arena, "{\"rung\":" STR_FMT "}", STR_ARG(event));
    return STATUS_OK;
}

int main(int count, char **arguments)
{
    const struct lc_function top = {.name = "attic", .http = attic, .quick = true}, bottom = {.name = "cellar", .http = cellar};
    const struct lc_function bell = {.name = "bell", .event = ring};
    const struct lc_mount mounts[] = {{"/up", &top}, {"/up/stairs/", &bottom}, {"/attic", &top}, {"/bell", &bell}};
    const struct lc_port_options options = {.listen = count > 1 ? arguments[1] : NULL, .quiet = getenv("ROOMS_QUIET") != NULL};
    return lc_serve(&options, mounts, sizeof mounts / sizeof *mounts);
}
