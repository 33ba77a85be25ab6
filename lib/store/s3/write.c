#include "lib/http/date.h"
#include "lib/store/common.h"
#include "lib/store/s3/s3_internal.h"
#include "lib/store/s3/checksum_internal.h"

#define MARK "x-amz-meta-upload"

struct str s3_new_mark(struct arena *arena)
{
    return arena_printf(arena, "%016llx%016llx", (unsigned long long)store_random(), (unsigned long long)store_random());
}

enum status s3_lost_race(enum status status, struct error *error)
{
    if (status != STATUS_NOT_MODIFIED) return status;
    return error->status = STATUS_PRECONDITION;
}

/* Whether what stands at the key is what we wanted to write: then it was written by an attempt whose answer was lost. The mark tells, and
 * where the store keeps none, the bytes. */
static enum status won_before(const struct store_call *call, struct str body, struct str mark, struct store_object *object,
                              struct error *error)
{
    struct s3 *s3 = (struct s3 *)call->store;
    struct store_get get = {.limit = body.length + 1};
    struct error ignored;
    struct s3_request request = s3_get_request(s3, call->io.arena, call->key, &get);
    struct s3_answer answer;
    enum status status = s3_call(s3, call->io, &request, &answer, &ignored);
    struct str found = wire_header(&answer.wire, S(MARK));
    if (status == STATUS_OK && str_equal(buf_str(&answer.body), body) && (str_empty(found) || str_equal(found, mark))) {
        *object = s3_describe(call->io, call->key, &answer.wire);
        return STATUS_OK;
    }
    bool is_known = status == STATUS_OK || status == STATUS_TOO_LARGE || status == STATUS_NOT_FOUND;
    if (!is_known) *error = ignored;
    return is_known ? STATUS_PRECONDITION : status;
}

enum status s3_put(const struct store_call *call, struct str body, const struct store_put *put, struct store_object *object,
                   struct error *error)
{
    struct s3 *s3 = (struct s3 *)call->store;
    struct s3_request request = {.method = "PUT", .key = call->key, .body = body};
    struct s3_answer answer;
    struct str md5 = s3_content_md5(call->io.arena, body), mark = s3_new_mark(call->io.arena);
    s3_add_header(&request, S("content-type"), str_of(put->content_type ? put->content_type : "application/octet-stream"));
    if (!str_empty(md5)) s3_add_header(&request, S("content-md5"), md5);
    if (put->condition == STORE_IF_ABSENT) s3_add_header(&request, s3->if_absent.name, s3->if_absent.value);
    if (put->condition == STORE_IF_ABSENT) s3_add_header(&request, S(MARK), mark);
    enum status status = s3_lost_race(s3_call(s3, call->io, &request, &answer, error), error);
    if (status == STATUS_PRECONDITION && answer.ambiguous) return won_before(call, body, mark, object, error);
    if (status != STATUS_OK) return status;
    *object = s3_describe(call->io, call->key, &answer.wire);
    object->size = body.length;
    http_date_parse(wire_header(&answer.wire, S("date")), &object->modified);
    return STATUS_OK;
}
