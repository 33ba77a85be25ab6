#include <stdlib.h>

#include "lc_hosts.h"

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

int lc_run(const struct lc_function *function)
{
    if (is_set("AWS_LAMBDA_RUNTIME_API")) return lc_aws_run(function);
    if (is_set("FC_SERVER_PORT") || is_set("FC_FUNCTION_NAME")) return lc_fc_run(function);
    return lc_port_run(function);
}
