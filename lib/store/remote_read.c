#include "lib/http/date.h"
#include "lib/store/remote_internal.h"

struct store_object remote_describe(const struct remote *remote, struct io io, struct str key, const struct wire_answer *answer)
{
    struct store_object object = {.key = arena_copy(io.arena, key), .etag = wire_header(answer, S("etag"))};
    if (!str_is_utf8(object.etag)) object.etag = (struct str){NULL, 0}; /* obs-text, which no JSON can keep: as good as none */
    if (answer->length != UINT64_MAX) object.size = answer->length;
    http_date_parse(wire_header(answer, S("last-modified")), &object.modified);
    object.encrypted = remote->service->is_encrypted && remote->service->is_encrypted(answer);
    return object;
}

/* "bytes 10-9/10": Azurite answers a range that begins at the object's end with nothing, where others have status 416. */
static bool is_at_end(struct str text)
{
    uint64_t first, size;
    struct str behind = str_from(text, str_find_last(text, '/') + 1), rest = str_from(text, S("bytes ").length);
    return str_starts(text, S("bytes ")) && str_to_u64(str_cut(&rest, '-'), &first) && str_to_u64(behind, &size) && first >= size;
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

enum status remote_check_headers(const struct store_get *get, const struct wire_answer *answer, uint64_t *length, uint64_t *whole,
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
    ENSURE(!is_at_end(wire_header(answer, S("content-range"))), error, STATUS_INVALID, "a range that begins at the object's end");
    ENSURE(parse_content_range(wire_header(answer, S("content-range")), &first, &last, whole), error, STATUS_CORRUPT,
           "a range without its Content-Range");
    if (*length == UINT64_MAX) *length = last - first + 1; /* in chunks */
    bool is_right = first == get->offset && *length == last - first + 1 && (get->length > 0 ? *length == get->length : last == *whole - 1);
    ENSURE(is_right, error, STATUS_CORRUPT, "bytes %llu-%llu of %llu, %llu in all, where %llu from %llu were asked for",
           (unsigned long long)first, (unsigned long long)last, (unsigned long long)*whole, (unsigned long long)*length,
           (unsigned long long)get->length, (unsigned long long)get->offset);
    return STATUS_OK;
}

static enum status check_get(const struct remote *remote, const struct remote_request *request, const struct remote_answer *answer,
                             struct error *error)
{
    uint64_t length, whole;
    TRY(remote_check_headers(request->get, &answer->wire, &length, &whole, error));
    ENSURE(length == answer->body.length, error, STATUS_CORRUPT, "%zu bytes where %llu were announced", answer->body.length,
           (unsigned long long)length);
    return answer->wire.status == 206 ? STATUS_OK : remote->service->check_digest(&answer->wire, buf_str(&answer->body), error);
}

struct remote_request remote_get_request(struct remote *remote, struct arena *arena, struct str key, const struct store_get *get)
{
    struct remote_request request = {.method = "GET", .key = key, .limit = get->limit, .check = check_get, .get = get};
    unsigned long long first = get->offset, last = get->offset + get->length - 1;
    bool is_range = get->length > 0 || get->offset > 0;
    if (get->length > 0)
        remote_add_header(&request, S("range"), arena_printf(arena, "bytes=%llu-%llu", first, last));
    else if (get->offset > 0)
        remote_add_header(&request, S("range"), arena_printf(arena, "bytes=%llu-", first));
    if (remote->service->add_to_get) remote->service->add_to_get(remote, &request, is_range);
    if (!str_empty(get->if_match)) remote_add_header(&request, S("if-match"), get->if_match);
    if (!str_empty(get->if_none_match)) remote_add_header(&request, S("if-none-match"), get->if_none_match);
    return request;
}

enum status remote_get(const struct store_call *call, const struct store_get *get, struct store_object *object, struct error *error)
{
    struct remote *remote = (struct remote *)call->store;
    struct remote_request request = remote_get_request(remote, call->io.arena, call->key, get);
    struct remote_answer answer;
    uint64_t length;
    TRY(remote_call(remote, call->io, &request, &answer, error));
    *object = remote_describe(remote, call->io, call->key, &answer.wire);
    object->body = buf_str(&answer.body);
    return remote_check_headers(get, &answer.wire, &length, &object->size, error);
}
