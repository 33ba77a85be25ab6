#include "lib/store/s3/multipart_internal.h"

#include <stdlib.h>

#include "base/encode.h"
#include "lib/http/date.h"
#include "lib/store/pieces_internal.h"
#include "lib/store/s3/checksum_internal.h"
#include "lib/store/s3/errors_internal.h"
#include "lib/store/s3/resume_internal.h"
#include "lib/store/xml_internal.h"

enum { ID_LIMIT = 2048, ANSWER_LIMIT = 16 * 1024, PART_XML = 512, CLEAN_UP_TIMEOUT = 10 * CLOCK_SECOND };

static struct io io_of_request(const struct s3_upload *upload, struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(upload->span)};
}

/* Of the object that is uploaded. */
static struct store_call call_of(const struct s3_upload *upload)
{
    return (struct store_call){&upload->s3->remote.store, io_of_request(upload, upload->io.arena), upload->key};
}

size_t s3_part_size(uint64_t size, unsigned number)
{
    if (size == UINT64_MAX) {
        if (number <= S3_PARTS / 10) return S3_SMALLEST_PART;
        return number <= S3_PARTS / 5 ? S3_LARGEST_PART / 2 : S3_LARGEST_PART;
    }
    uint64_t each = (size / S3_PARTS / S3_MEBIBYTE + 1) * S3_MEBIBYTE;
    return each < S3_SMALLEST_PART ? S3_SMALLEST_PART : (size_t)each;
}

void s3_lane_clear(struct s3_lane *lane, size_t size)
{
    lane->length = 0;
    lane->is_copy = false;
    if (lane->capacity >= size) return;
    free(lane->buffer);
    lane->buffer = malloc(size);
    if (!lane->buffer) abort();
    lane->capacity = size;
}

/* Status 200 may have been sent before parts were joined or copied. */
enum status s3_check_result(const struct remote *remote, const struct remote_request *request, const struct remote_answer *answer,
                            struct error *error)
{
    (void)remote, (void)request;
    char etag[ID_LIMIT];
    struct str text, body = buf_str(&answer->body);
    struct xml_error xml = {0};
    if (xml_result(body, S("ETag"), etag, sizeof etag, &text)) return STATUS_OK;
    ENSURE(xml_error(body, &xml), error, STATUS_CORRUPT, "its answer cannot be read: there is no ETag in it");
    return s3_failure_named(xml.code, xml.message, answer->wire.status, xml.region, error).status;
}

void remote_add_copy_source(struct remote_request *request, struct arena *arena, const struct store_piece *piece)
{
    const struct s3 *from = (const struct s3 *)piece->store;
    struct str name = arena_join(arena, from->bucket, S("/"), from->remote.store.prefix, piece->key);
    remote_add_header(request, S("x-amz-copy-source"), arena_join(arena, S("/"), percent_encode(arena, name, true)));
    if (!str_empty(piece->if_match)) remote_add_header(request, S("x-amz-copy-source-if-match"), piece->if_match);
}

static void ask_for_copy(struct s3_lane *lane, struct remote_request *request)
{
    const struct store_piece *piece = &lane->copied;
    unsigned long long first = piece->offset, last = piece->offset + piece->length - 1;
    remote_add_copy_source(request, lane->arena, piece);
    remote_add_header(request, S("x-amz-copy-source-range"), arena_printf(lane->arena, "bytes=%llu-%llu", first, last));
    request->limit = ANSWER_LIMIT;
    request->check = s3_check_result;
}

static void ask_to_take(struct s3_lane *lane, struct remote_request *request)
{
    request->body = str_make(lane->buffer, lane->length);
    remote_add_header(request, S("content-type"), S("application/octet-stream"));
    struct str md5 = store_content_md5(lane->arena, request->body);
    if (!str_empty(md5)) remote_add_header(request, S("content-md5"), md5);
}

struct str s3_etag_of_result(struct arena *arena, const struct remote_answer *answer)
{
    char *buffer = arena_buffer(arena, ID_LIMIT);
    struct str etag = {0};
    xml_result(buf_str(&answer->body), S("ETag"), buffer, ID_LIMIT, &etag);
    if (str_empty(etag) || str_starts(etag, S("\""))) return etag;
    return arena_join(arena, S("\""), etag, S("\"")); /* Ceph's CopyObject leaves the quotes out (RFC 9110 8.8.3) */
}

static void *send_part(void *context)
{
    struct s3_lane *lane = context;
    struct s3_upload *upload = lane->upload;
    struct remote_request request = {.method = "PUT", .key = upload->key};
    struct remote_answer answer;
    lane->status = STATUS_OK;
    if (s3_resume_has(lane)) return NULL;
    (lane->is_copy ? ask_for_copy : ask_to_take)(lane, &request);
    remote_add_argument(&request, S("partNumber"), arena_printf(lane->arena, "%u", lane->number));
    remote_add_argument(&request, S("uploadId"), upload->id);
    lane->status = remote_call(&upload->s3->remote, io_of_request(upload, lane->arena), &request, &answer, &lane->error);
    if (lane->is_copy) lane->status = pieces_fault(lane->status, &lane->error);
    if (lane->status != STATUS_OK) return NULL;
    lane->etag = lane->is_copy ? s3_etag_of_result(lane->arena, &answer) : wire_header(&answer.wire, S("etag"));
    return NULL;
}

static enum status start_part(struct s3_lane *lane, struct error *error)
{
    lane->arena = arena_new();
    int number = pthread_create(&lane->thread, NULL, send_part, lane);
    if (number != 0) {
        arena_free(lane->arena);
        return error_errno(error, number, "a thread to upload with");
    }
    lane->busy = true;
    return STATUS_OK;
}

/* Waits for the lane's part, if it has one, and takes over its ETag. */
static enum status finish_part(struct s3_upload *upload, struct s3_lane *lane, struct error *error)
{
    if (!lane->busy) return STATUS_OK;
    pthread_join(lane->thread, NULL);
    lane->busy = false;
    upload->etags[lane->number - 1] = arena_copy(upload->io.arena, lane->etag);
    bool has_etag =
        !str_empty(lane->etag) && str_find(lane->etag, '<') == lane->etag.length && str_find(lane->etag, '&') == lane->etag.length;
    arena_free(lane->arena);
    if (lane->status != STATUS_OK) *error = lane->error;
    if (lane->status != STATUS_OK) return error_context(error, "part %u", lane->number);
    ENSURE(has_etag, error, STATUS_CORRUPT, "part %u was taken without an ETag", lane->number);
    return STATUS_OK;
}

static enum status begin_upload(struct s3_upload *upload, struct error *error)
{
    char id[ID_LIMIT];
    struct remote_request request = {.method = "POST", .key = upload->key, .limit = ANSWER_LIMIT};
    struct remote_answer answer;
    upload->mark = remote_new_mark(upload->io.arena);
    const char *type = upload->put->content_type ? upload->put->content_type : "application/octet-stream";
    remote_add_header(&request, S("content-type"), str_of(type));
    remote_add_header(&request, S(S3_MARK), upload->mark);
    remote_add_argument(&request, S("uploads"), S(""));
    TRY(remote_call(&upload->s3->remote, io_of_request(upload, upload->io.arena), &request, &answer, error));
    bool understood = xml_result(buf_str(&answer.body), S("UploadId"), id, sizeof id, &upload->id);
    ENSURE(understood && !str_empty(upload->id), error, STATUS_CORRUPT, STR_FMT ": its answer to a new upload cannot be read",
           STR_ARG(upload->s3->remote.store.name));
    upload->id = arena_copy(upload->io.arena, upload->id);
    return STATUS_OK;
}

static void abort_upload(struct s3_upload *upload)
{
    struct remote_request request = {.method = "DELETE", .key = upload->key};
    struct remote_answer answer;
    struct error ignored;
    struct io io = {.arena = upload->io.arena, .deadline = deadline_in(CLEAN_UP_TIMEOUT)};
    remote_add_argument(&request, S("uploadId"), upload->id);
    remote_call(&upload->s3->remote, io, &request, &answer, &ignored);
}

static enum status prepare_part(struct s3_upload *upload, struct s3_lane *lane, unsigned number, struct error *error)
{
    TRY(upload->next(upload, lane, number, error));
    lane->number = number;
    upload->sent += lane->length;
    return STATUS_OK;
}

/* The first part is in lane 0 already. */
static enum status send_parts(struct s3_upload *upload, struct error *error)
{
    struct s3_lane *lane = &upload->lanes[0];
    while (lane->length > 0) {
        ENSURE(lane->number <= S3_PARTS, error, STATUS_TOO_LARGE, "more than %d parts", S3_PARTS);
        bool is_last = lane->length < s3_part_size(upload->size, lane->number);
        upload->parts = lane->number;
        TRY(start_part(lane, error));
        if (is_last) break;
        unsigned next = lane->number + 1;
        lane = &upload->lanes[(next - 1) % S3_LANES];
        TRY(finish_part(upload, lane, error));
        TRY(prepare_part(upload, lane, next, error));
    }
    for (size_t i = 0; i < S3_LANES; i++) TRY(finish_part(upload, &upload->lanes[i], error));
    return STATUS_OK;
}

static struct str completion_of(const struct s3_upload *upload)
{
    struct buf out = buf_in(upload->io.arena, (size_t)S3_PARTS * PART_XML);
    buf_add(&out, S("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (unsigned i = 0; i < upload->parts; i++)
        buf_printf(&out, "<Part><PartNumber>%u</PartNumber><ETag>" STR_FMT "</ETag></Part>", i + 1, STR_ARG(upload->etags[i]));
    buf_add(&out, S("</CompleteMultipartUpload>"));
    return buf_str(&out);
}

/* After an answer that was lost: the mark tells whether the object that stands there is this upload's. */
static bool completed_before(struct s3_upload *upload, struct store_object *object)
{
    struct remote_request request = {.method = "HEAD", .key = upload->key};
    struct remote_answer answer;
    struct error ignored;
    struct io io = {.arena = upload->io.arena, .deadline = deadline_in(CLEAN_UP_TIMEOUT)};
    if (remote_call(&upload->s3->remote, io, &request, &answer, &ignored) != STATUS_OK) return false;
    *object = remote_describe(&upload->s3->remote, io, upload->key, &answer.wire);
    return !str_empty(upload->mark) && str_equal(wire_header(&answer.wire, S(S3_MARK)), upload->mark);
}

static enum status complete_upload(struct s3_upload *upload, struct store_object *object, struct error *error)
{
    struct s3 *s3 = upload->s3;
    struct remote_request request = {.method = "POST", .key = upload->key, .body = completion_of(upload), .limit = ANSWER_LIMIT};
    struct remote_answer answer;
    request.check = s3_check_result;
    remote_add_header(&request, S("content-type"), S("application/xml"));
    if (upload->put->condition == STORE_IF_ABSENT) remote_add_header(&request, s3->if_absent.name, s3->if_absent.value);
    remote_add_argument(&request, S("uploadId"), upload->id);
    struct io io = io_of_request(upload, upload->io.arena);
    enum status status = remote_lost_race(remote_call(&s3->remote, io, &request, &answer, error), error);
    if (status != STATUS_OK) return answer.ambiguous && completed_before(upload, object) ? STATUS_OK : status;
    struct str etag = s3_etag_of_result(io.arena, &answer);
    *object = (struct store_object){.key = arena_copy(io.arena, upload->key), .etag = etag, .size = upload->sent};
    http_date_parse(wire_header(&answer.wire, S("date")), &object->modified);
    const struct store_call call = call_of(upload);
    return str_empty(etag) ? s3_head(&call, object, error) : STATUS_OK; /* Ceph 16 */
}

/* Told before anything is sent, where it can be: the condition itself is on the completion. */
static enum status check_absent(struct s3_upload *upload, struct error *error)
{
    struct store_object object;
    struct error ignored;
    if (upload->put->condition != STORE_IF_ABSENT) return STATUS_OK;
    const struct store_call call = call_of(upload);
    enum status status = s3_head(&call, &object, &ignored);
    ENSURE(status != STATUS_OK, error, STATUS_PRECONDITION, STR_FMT ": " STR_FMT ": exists already", STR_ARG(upload->s3->remote.store.name),
           STR_ARG(upload->key));
    return STATUS_OK;
}

static bool may_pass(enum status failure)
{
    return failure == STATUS_TIMEOUT || failure == STATUS_UNAVAILABLE || failure == STATUS_THROTTLED;
}

static enum status send_to_end(struct s3_upload *upload, struct error *error)
{
    struct error ignored;
    enum status status = send_parts(upload, error);
    for (size_t i = 0; i < S3_LANES; i++) finish_part(upload, &upload->lanes[i], &ignored);
    return status == STATUS_OK && upload->before_end ? upload->before_end(upload, error) : status;
}

/* What the store does not know any more, or cannot go on with (rclone). */
static bool is_refusal(enum status status)
{
    return status == STATUS_NOT_FOUND || status == STATUS_UNSUPPORTED || status == STATUS_INVALID;
}

/* The parts are there to be read again. */
static enum status begin_again(struct s3_upload *upload, struct error *error)
{
    abort_upload(upload);
    upload->known = NULL;
    upload->sent = 0;
    TRY(begin_upload(upload, error));
    TRY(prepare_part(upload, &upload->lanes[0], 1, error));
    return send_to_end(upload, error);
}

static enum status in_parts(struct s3_upload *upload, struct store_object *object, struct error *error)
{
    TRY(check_absent(upload, error));
    if (upload->put->resume) s3_resume(upload, io_of_request(upload, upload->io.arena));
    bool is_resumed = !str_empty(upload->id);
    if (!is_resumed) TRY(begin_upload(upload, error));
    enum status status = send_to_end(upload, error);
    if (is_resumed && upload->rereadable && is_refusal(status)) status = begin_again(upload, error);
    bool may_go_on = upload->put->resume && may_pass(status); /* what can't be completed now can't be later */
    if (status == STATUS_OK) status = complete_upload(upload, object, error);
    if (status != STATUS_OK && !may_go_on) abort_upload(upload);
    return status;
}

static enum status send_all(struct s3_upload *upload, struct store_object *object, struct error *error)
{
    const struct s3_lane *first = &upload->lanes[0];
    TRY(prepare_part(upload, &upload->lanes[0], 1, error));
    if (first->length == s3_part_size(upload->size, 1)) return in_parts(upload, object, error);
    const struct store_call call = call_of(upload); /* with a deadline of its own: the source may have been slow to read */
    return remote_put(&call, str_make(first->buffer, first->length), upload->put, object, error);
}

struct s3_upload *s3_upload_new(const struct store_call *call, const struct store_put *put, uint64_t size)
{
    struct s3_upload *upload = arena_new_of(call->io.arena, struct s3_upload);
    upload->s3 = (struct s3 *)call->store;
    upload->io = call->io;
    upload->key = call->key;
    upload->put = put;
    upload->span = deadline_left(call->io.deadline);
    upload->size = size;
    for (size_t i = 0; i < S3_LANES; i++) upload->lanes[i].upload = upload;
    return upload;
}

enum status s3_upload_parts(struct s3_upload *upload, struct store_object *object, struct error *error)
{
    uint64_t size = upload->size;
    ENSURE(size == UINT64_MAX || size < (uint64_t)S3_PARTS * (S3_LARGEST_PART - S3_MEBIBYTE), error, STATUS_TOO_LARGE,
           "%llu bytes: more than %d parts of %d MiB", (unsigned long long)size, S3_PARTS, S3_LARGEST_PART / S3_MEBIBYTE);
    enum status status = send_all(upload, object, error);
    for (size_t i = 0; i < S3_LANES; i++) free(upload->lanes[i].buffer);
    return status;
}

/* --- from a stream */

static enum status next_from_stream(struct s3_upload *upload, struct s3_lane *lane, unsigned number, struct error *error)
{
    const struct stream *stream = upload->context;
    size_t wanted = s3_part_size(upload->size, number);
    s3_lane_clear(lane, wanted);
    struct remote_part part = {.buffer = lane->buffer, .wanted = wanted, .before = upload->sent, .size = upload->size};
    TRY(remote_fill(*stream, &part, error));
    lane->length = part.length;
    return STATUS_OK;
}

enum status s3_upload(const struct store_call *call, const struct store_source *source, const struct store_put *put,
                      struct store_object *object, struct error *error)
{
    struct stream stream = source->stream;
    struct s3_upload *upload = s3_upload_new(call, put, source->size);
    upload->next = next_from_stream;
    upload->context = &stream;
    return s3_upload_parts(upload, object, error);
}
