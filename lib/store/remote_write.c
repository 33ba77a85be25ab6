#include "lib/http/date.h"
#include "lib/store/common.h"
#include "lib/store/remote_internal.h"

struct str remote_new_mark(struct arena *arena)
{
    return arena_printf(arena, "%016llx%016llx", (unsigned long long)store_random(), (unsigned long long)store_random());
}

enum status remote_lost_race(enum status status, struct error *error)
{
    if (status != STATUS_NOT_MODIFIED) return status;
    return error->status = STATUS_PRECONDITION;
}

/* Whether what stands at the key is what we wanted to write: then it was written by an attempt whose answer was lost. The mark tells, and
 * where the store keeps none, the bytes. */
static enum status won_before(const struct store_call *call, struct str body, struct str mark, struct store_object *object,
                              struct error *error)
{
    struct remote *remote = (struct remote *)call->store;
    struct store_get get = {.limit = body.length + 1};
    struct error ignored;
    struct remote_request request = remote_get_request(remote, call->io.arena, call->key, &get);
    struct remote_answer answer;
    enum status status = remote_call(remote, call->io, &request, &answer, &ignored);
    struct str found = wire_header(&answer.wire, remote->service->mark);
    if (status == STATUS_OK && str_equal(buf_str(&answer.body), body) && (str_empty(found) || str_equal(found, mark))) {
        *object = remote_describe(remote, call->io, call->key, &answer.wire);
        return STATUS_OK;
    }
    bool is_known = status == STATUS_OK || status == STATUS_TOO_LARGE || status == STATUS_NOT_FOUND;
    if (!is_known) *error = ignored;
    return is_known ? STATUS_PRECONDITION : status;
}

enum status remote_put(const struct store_call *call, struct str body, const struct store_put *put, struct store_object *object,
                       struct error *error)
{
    struct remote *remote = (struct remote *)call->store;
    struct remote_request request = {.method = "PUT", .key = call->key, .body = body};
    struct remote_answer answer;
    struct str md5 = store_content_md5(call->io.arena, body), mark = remote_new_mark(call->io.arena);
    remote_add_header(&request, S("content-type"), str_of(put->content_type ? put->content_type : "application/octet-stream"));
    if (!str_empty(md5)) remote_add_header(&request, S("content-md5"), md5);
    remote->service->add_to_put(remote, &request, put);
    if (put->condition == STORE_IF_ABSENT) remote_add_header(&request, remote->service->mark, mark);
    enum status status = remote_lost_race(remote_call(remote, call->io, &request, &answer, error), error);
    if (status == STATUS_PRECONDITION && answer.ambiguous) return won_before(call, body, mark, object, error);
    if (status != STATUS_OK) return status;
    *object = remote_describe(remote, call->io, call->key, &answer.wire);
    object->size = body.length;
    http_date_parse(wire_header(&answer.wire, S("date")), &object->modified);
    return STATUS_OK;
}

enum status remote_fill(struct stream stream, struct remote_part *part, struct error *error)
{
    for (part->length = 0; part->length < part->wanted;) {
        ssize_t count = stream_read(stream, part->buffer + part->length, part->wanted - part->length, error);
        if (count < 0) return error->status;
        if (count == 0) break;
        part->length += (size_t)count;
    }
    uint64_t sent = part->before + part->length;
    bool is_end = part->length < part->wanted;
    ENSURE(part->size == UINT64_MAX || (is_end ? sent == part->size : sent <= part->size), error, STATUS_CORRUPT,
           "what was to be stored has not the %llu bytes announced", (unsigned long long)part->size);
    return STATUS_OK;
}

enum status remote_fetch(struct store *store, struct io io, struct str url, struct str range, int *http_status, struct error *error)
{
    struct remote *remote = (struct remote *)store;
    const struct store_pair header = {S("range"), range};
    const struct wire_request request = {
        .method = "GET", .url = url, .headers = &header, .header_count = range.length > 0, .direct = remote->direct};
    struct wire_answer answer = {0};
    TRY(wire_begin(remote->wire, io, &request, &answer, error));
    wire_end(answer.call);
    *http_status = answer.status;
    return STATUS_OK;
}
