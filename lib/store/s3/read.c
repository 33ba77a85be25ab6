#include "lib/http/date.h"
#include "lib/store/s3/checksum_internal.h"
#include "lib/store/s3/s3_internal.h"

struct store_object s3_describe(struct io io, struct str key, const struct wire_answer *answer)
{
    struct store_object object = {.key = arena_copy(io.arena, key), .etag = wire_header(answer, S("etag"))};
    if (!str_is_utf8(object.etag)) object.etag = (struct str){NULL, 0}; /* obs-text, which no JSON can keep: as good as none */
    if (answer->length != UINT64_MAX) object.size = answer->length;
    http_date_parse(wire_header(answer, S("last-modified")), &object.modified);
    struct str encryption = wire_header(answer, S("x-amz-server-side-encryption"));
    object.encrypted = !str_empty(encryption) && !str_equal(encryption, S("AES256"));
    return object;
}

struct str s3_bare_etag(struct str etag)
{
    if (str_starts(etag, S("\""))) etag = str_from(etag, 1);
    if (str_ends(etag, S("\""))) etag.length--;
    return etag;
}

/* "bytes 0-99/1234" */
static bool parse_content_range(struct str text, uint64_t *first, uint64_t *last, uint64_t *size)
{
    if (!str_starts(text, S("bytes "))) return false;
    struct str rest = str_from(text, 6);
    struct str a = str_cut(&rest, '-');
    struct str b = str_cut(&rest, '/');
    return str_to_u64(a, first) && str_to_u64(b, last) && str_to_u64(rest, size) && *first <= *last && *last < *size;
}

enum status s3_check_headers(const struct store_get *get, const struct wire_answer *answer, uint64_t *length, uint64_t *whole,
                             struct error *error)
{
    uint64_t first, last;
    bool is_range = get->offset > 0 || get->length > 0;
    ENSURE(str_empty(get->if_match) || str_equal(get->if_match, wire_header(answer, S("etag"))), error, STATUS_PRECONDITION,
           "the object is not the version that was asked for");
    ENSURE(answer->status == (is_range ? 206 : 200), error, STATUS_CORRUPT, "status %d where %s was asked for", answer->status,
           is_range ? "a range" : "all");
    *length = *whole = answer->length;
    ENSURE(is_range || *length <= INT64_MAX, error, STATUS_CORRUPT, "an answer without its length");
    if (!is_range) return STATUS_OK;
    ENSURE(parse_content_range(wire_header(answer, S("content-range")), &first, &last, whole), error, STATUS_CORRUPT,
           "a range without its Content-Range");
    if (*length == UINT64_MAX) *length = last - first + 1; /* in chunks */
    bool is_right = first == get->offset && *length == last - first + 1 && (get->length > 0 ? *length == get->length : last == *whole - 1);
    ENSURE(is_right, error, STATUS_CORRUPT, "bytes %llu-%llu of %llu, %llu in all, where %llu from %llu were asked for",
           (unsigned long long)first, (unsigned long long)last, (unsigned long long)*whole, (unsigned long long)*length,
           (unsigned long long)get->length, (unsigned long long)get->offset);
    return STATUS_OK;
}

static enum status check_get(const struct s3_request *request, const struct s3_answer *answer, struct error *error)
{
    uint64_t length, whole;
    TRY(s3_check_headers(request->get, &answer->wire, &length, &whole, error));
    ENSURE(length == answer->body.length, error, STATUS_CORRUPT, "%zu bytes where %llu were announced", answer->body.length,
           (unsigned long long)length);
    return answer->wire.status == 206 ? STATUS_OK : s3_check_digest(&answer->wire, buf_str(&answer->body), error);
}

struct s3_request s3_get_request(struct s3 *s3, struct arena *arena, struct str key, const struct store_get *get)
{
    struct s3_request request = {.method = "GET", .key = key, .limit = get->limit, .check = check_get, .get = get};
    unsigned long long first = get->offset, last = get->offset + get->length - 1;
    if (get->length > 0)
        s3_add_header(&request, S("range"), arena_printf(arena, "bytes=%llu-%llu", first, last));
    else if (get->offset > 0)
        s3_add_header(&request, S("range"), arena_printf(arena, "bytes=%llu-", first));
    else
        s3_add_header(&request, S("x-amz-checksum-mode"), S("ENABLED"));
    bool is_range = get->length > 0 || get->offset > 0;
    if (is_range && !str_empty(s3->clamp.name)) s3_add_header(&request, s3->clamp.name, s3->clamp.value);
    if (!str_empty(get->if_match)) s3_add_header(&request, S("if-match"), get->if_match);
    if (!str_empty(get->if_none_match)) s3_add_header(&request, S("if-none-match"), get->if_none_match);
    return request;
}

enum status s3_get(const struct store_call *call, const struct store_get *get, struct store_object *object, struct error *error)
{
    struct s3 *s3 = (struct s3 *)call->store;
    struct s3_request request = s3_get_request(s3, call->io.arena, call->key, get);
    struct s3_answer answer;
    uint64_t length;
    TRY(s3_call(s3, call->io, &request, &answer, error));
    *object = s3_describe(call->io, call->key, &answer.wire);
    object->body = buf_str(&answer.body);
    return s3_check_headers(get, &answer.wire, &length, &object->size, error);
}

enum status s3_head(const struct store_call *call, struct store_object *object, struct error *error)
{
    struct s3_request request = {.method = "HEAD", .key = call->key};
    struct s3_answer answer;
    s3_add_header(&request, S("x-amz-checksum-mode"), S("ENABLED"));
    TRY(s3_call((struct s3 *)call->store, call->io, &request, &answer, error));
    *object = s3_describe(call->io, call->key, &answer.wire);
    object->type = wire_header(&answer.wire, S("content-type"));
    object->has_sha256 = s3_sha256_of(call->io.arena, &answer.wire, object->sha256);
    return STATUS_OK;
}
