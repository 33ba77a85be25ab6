#include "lib/store/s3/checksum_internal.h"
#include "lib/store/s3/s3_internal.h"

bool s3_is_encrypted(const struct wire_answer *answer)
{
    struct str encryption = wire_header(answer, S("x-amz-server-side-encryption"));
    return !str_empty(encryption) && !str_equal(encryption, S("AES256"));
}

struct str s3_bare_etag(struct str etag)
{
    if (str_starts(etag, S("\""))) etag = str_from(etag, 1);
    if (str_ends(etag, S("\""))) etag.length--;
    return etag;
}

void s3_add_to_get(struct remote *remote, struct remote_request *request, bool is_range)
{
    const struct s3 *s3 = (const struct s3 *)remote;
    if (!is_range) remote_add_header(request, S("x-amz-checksum-mode"), S("ENABLED"));
    if (is_range && !str_empty(s3->clamp.name)) remote_add_header(request, s3->clamp.name, s3->clamp.value);
}

enum status s3_head(const struct store_call *call, struct store_object *object, struct error *error)
{
    struct remote_request request = {.method = "HEAD", .key = call->key};
    struct remote_answer answer;
    remote_add_header(&request, S("x-amz-checksum-mode"), S("ENABLED"));
    TRY(remote_call((struct remote *)call->store, call->io, &request, &answer, error));
    *object = remote_describe((struct remote *)call->store, call->io, call->key, &answer.wire);
    object->type = wire_header(&answer.wire, S("content-type"));
    object->has_sha256 = s3_sha256_of(call->io.arena, &answer.wire, object->sha256);
    return STATUS_OK;
}
