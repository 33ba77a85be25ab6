#include "lib/store/azure/azure_internal.h"

enum status azure_head(const struct store_call *call, struct store_object *object, struct error *error)
{
    struct remote *remote = (struct remote *)call->store;
    struct remote_request request = {.method = "HEAD", .key = call->key};
    struct remote_answer answer;
    TRY(remote_call(remote, call->io, &request, &answer, error));
    *object = remote_describe(remote, call->io, call->key, &answer.wire);
    object->type = wire_header(&answer.wire, S("content-type"));
    return STATUS_OK;
}
