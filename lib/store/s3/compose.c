#include "lib/http/date.h"
#include "lib/store/pieces_internal.h"
#include "lib/store/s3/multipart_internal.h"

enum { SMALLEST_COPY = 5 * S3_MEBIBYTE, ANSWER_LIMIT = 16 * 1024 }; /* S3 copies no range of an object that is smaller */

/* All of it into the lane's memory. */
static enum status read_part(struct s3_upload *upload, struct s3_lane *lane, const struct store_pieces *part, struct error *error)
{
    struct io io = {.deadline = deadline_in(upload->span)};
    struct stream stream = pieces_stream(io, part);
    s3_lane_clear(lane, (size_t)part->size);
    enum status status = stream_read_exact(stream, lane->buffer, (size_t)part->size, error);
    stream_close(&stream);
    lane->length = status == STATUS_OK ? (size_t)part->size : 0;
    return status;
}

/* Parts are cut at the same offsets whatever they are made of, since R2 wants them of one size; so one that lies within an object is
 * copied, and those with a seam in them are sent. */
static enum status next_of_pieces(struct s3_upload *upload, struct s3_lane *lane, unsigned number, struct error *error)
{
    const struct store_pieces *all = upload->context;
    size_t each = s3_part_size(upload->size, number);
    bool too_late = upload->put->end.at > 0 && deadline_left(upload->put->end) == 0;
    ENSURE(!too_late, error, STATUS_TIMEOUT, "there was no time to copy all of it");
    struct arena *arena = arena_new();
    struct store_pieces part = pieces_part(arena, all, (number - 1) * (uint64_t)each, each);
    bool in_parts = upload->size >= each;
    bool may_copy = in_parts && part.count == 1 && !str_empty(part.items[0].key);
    enum status status = STATUS_OK;
    if (may_copy && (all->is_whole || part.size >= SMALLEST_COPY)) {
        lane->is_copy = true;
        lane->copied = part.items[0];
        lane->length = (size_t)part.size;
    } else {
        status = read_part(upload, lane, &part, error);
    }
    arena_free(arena);
    return status;
}

/* The MD5 that an ETag is: not where it has "-N" behind it, as that of N parts, whose MD5s it stands for. */
static bool is_md5(struct str etag)
{
    return str_find(etag, '-') == etag.length;
}

/* The copy's ETag is the object's own where both are MD5s of their bytes. */
static enum status check_copied(const struct store_pieces *whole, const struct store_object *copy, struct error *error)
{
    struct str was = s3_bare_etag(whole->items[0].if_match), is = s3_bare_etag(copy->etag);
    bool tells = !whole->encrypted && !copy->encrypted && is_md5(was) && is_md5(is);
    ENSURE(!tells || str_equal_nocase(was, is), error, STATUS_CORRUPT, "the copy has the ETag " STR_FMT ", and what was copied " STR_FMT,
           STR_ARG(str_first(is, 80)), STR_ARG(str_first(was, 80)));
    return STATUS_OK;
}

/* A whole object in one request (CopyObject). It takes no condition on the key. */
static enum status copy_object(const struct store_call *call, const struct store_pieces *whole, const struct store_put *put,
                               struct store_object *object, struct error *error)
{
    struct remote_request request = {.method = "PUT", .key = call->key, .limit = ANSWER_LIMIT, .check = s3_check_result};
    struct remote_answer answer;
    remote_add_copy_source(&request, call->io.arena, &whole->items[0]);
    remote_add_header(&request, S("x-amz-metadata-directive"), S("REPLACE"));
    remote_add_header(&request, S("content-type"), str_of(put->content_type ? put->content_type : "application/octet-stream"));
    TRY(pieces_fault(remote_call((struct remote *)call->store, call->io, &request, &answer, error), error));
    *object = remote_describe((struct remote *)call->store, call->io, call->key, &answer.wire);
    object->etag = s3_etag_of_result(call->io.arena, &answer);
    object->size = whole->size;
    http_date_parse(wire_header(&answer.wire, S("date")), &object->modified);
    TRY(check_copied(whole, object, error));
    return pieces_recheck(call->io, whole, error);
}

static enum status recheck(struct s3_upload *upload, struct error *error)
{
    const struct io io = {.arena = upload->io.arena, .deadline = deadline_in(upload->span)};
    return pieces_recheck(io, upload->context, error);
}

bool s3_copies_from(struct store *store, struct io io, struct store *from)
{
    const struct s3 *to = (const struct s3 *)store, *other = (const struct s3 *)from;
    bool same = str_equal(to->endpoint, other->endpoint) && str_equal(to->region, other->region);
    return same && credentials_same(to->credentials, other->credentials, io);
}

enum status s3_compose(const struct store_call *call, const struct store_pieces *pieces, const struct store_put *put,
                       struct store_object *object, struct error *error)
{
    struct store_pieces whole = *pieces;
    bool in_one = whole.is_whole && whole.size < S3_SMALLEST_PART && put->condition == STORE_ANY;
    if (in_one) return copy_object(call, &whole, put, object, error);
    struct s3_upload *upload = s3_upload_new(call, put, whole.size);
    upload->next = next_of_pieces;
    upload->before_end = recheck;
    upload->rereadable = true;
    upload->context = &whole;
    upload->changed = whole.changed;
    return s3_upload_parts(upload, object, error);
}
