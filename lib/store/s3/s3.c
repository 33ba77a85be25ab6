#include "lib/store/s3/s3_internal.h"

#include <stdlib.h>

#include "lib/http/date.h"
#include "lib/store/s3/checksum_internal.h"
#include "lib/store/s3/xml_internal.h"

enum { PAGE = 1000 };

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

static enum status s3_get(struct store *store, struct io io, struct str key, const struct store_get *get, struct store_object *object,
                          struct error *error)
{
    struct s3_request request = s3_get_request((struct s3 *)store, io.arena, key, get);
    struct s3_answer answer;
    uint64_t length;
    TRY(s3_call((struct s3 *)store, io, &request, &answer, error));
    *object = s3_describe(io, key, &answer.wire);
    object->body = buf_str(&answer.body);
    return s3_check_headers(get, &answer.wire, &length, &object->size, error);
}

enum status s3_head(struct store *store, struct io io, struct str key, struct store_object *object, struct error *error)
{
    struct s3_request request = {.method = "HEAD", .key = key};
    struct s3_answer answer;
    s3_add_header(&request, S("x-amz-checksum-mode"), S("ENABLED"));
    TRY(s3_call((struct s3 *)store, io, &request, &answer, error));
    *object = s3_describe(io, key, &answer.wire);
    object->type = wire_header(&answer.wire, S("content-type"));
    object->has_sha256 = s3_sha256_of(io.arena, &answer.wire, object->sha256);
    return STATUS_OK;
}

enum status s3_remove(struct store *store, struct io io, struct str key, struct error *error)
{
    struct s3_request request = {.method = "DELETE", .key = key};
    struct s3_answer answer;
    enum status status = s3_call((struct s3 *)store, io, &request, &answer, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

struct listing {
    struct s3 *s3;
    struct str prefix; /* of the keys asked for, behind the store's own */
    store_list_fn *each;
    void *context;
    size_t left;
    bool disordered;
    size_t last_length;
    char last[STORE_KEY_LENGTH];
};

static bool list_entry(void *context, const struct s3_xml_entry *entry)
{
    struct listing *listing = context;
    if (!str_starts(entry->key, listing->s3->store.prefix)) return true;
    struct str key = str_from(entry->key, listing->s3->store.prefix.length);
    struct store_object object = {.key = key, .etag = entry->etag, .size = entry->size, .modified = entry->modified};
    if (!store_is_key(object.key) || !str_starts(object.key, listing->prefix)) return true;
    listing->disordered = str_compare(str_make(listing->last, listing->last_length), object.key) >= 0;
    if (listing->disordered) return false;
    memcpy(listing->last, object.key.data, object.key.length);
    listing->last_length = object.key.length;
    listing->left--;
    if (!listing->each(listing->context, &object)) listing->left = 0;
    return listing->left > 0;
}

static enum status list_page(struct listing *listing, struct io io, struct s3_xml_page *page, struct error *error)
{
    struct s3 *s3 = listing->s3;
    struct s3_request request = {.method = "GET", .limit = S3_XML_LIMIT};
    struct s3_answer answer;
    size_t count = listing->left < PAGE ? listing->left : PAGE;
    s3_add_argument(&request, S("list-type"), S("2"));
    s3_add_argument(&request, S("encoding-type"), S("url"));
    s3_add_argument(&request, S("max-keys"), arena_printf(io.arena, "%zu", count));
    s3_add_argument(&request, S("prefix"), arena_printf(io.arena, STR_FMT STR_FMT, STR_ARG(s3->store.prefix), STR_ARG(listing->prefix)));
    if (!str_empty(page->next)) s3_add_argument(&request, S("continuation-token"), arena_copy(io.arena, page->next));
    TRY(s3_call(s3, io, &request, &answer, error));
    ENSURE(s3_xml_list(buf_str(&answer.body), list_entry, listing, page), error, STATUS_CORRUPT,
           STR_FMT ": its answer to a listing cannot be read", STR_ARG(s3->store.name));
    ENSURE(!listing->disordered, error, STATUS_UNSUPPORTED, STR_FMT " does not list keys in the order of their bytes, which is relied on",
           STR_ARG(s3->store.name));
    return STATUS_OK;
}

enum status s3_list(struct store *store, struct io io, struct str prefix, size_t limit, store_list_fn *each, void *context,
                    struct error *error)
{
    struct listing listing = {.s3 = (struct s3 *)store, .prefix = prefix, .each = each, .context = context, .left = limit};
    struct s3_xml_page page = {.truncated = true};
    enum status status = STATUS_OK;
    while (page.truncated && listing.left > 0 && status == STATUS_OK) {
        struct io within = {.arena = arena_new(), .deadline = io.deadline};
        status = list_page(&listing, within, &page, error);
        arena_free(within.arena);
    }
    return status;
}

static enum status s3_fetch(struct store *store, struct io io, struct str url, struct str range, int *http_status, struct error *error)
{
    struct s3 *s3 = (struct s3 *)store;
    const struct store_pair header = {S("range"), range};
    const struct wire_request request = {
        .method = "GET", .url = url, .headers = &header, .header_count = range.length > 0, .direct = s3->direct};
    struct wire_answer answer = {0};
    struct wire_call *call;
    TRY(wire_begin(s3->wire, io, &request, &answer, &call, error));
    wire_end(call);
    *http_status = answer.status;
    return STATUS_OK;
}

static void s3_offer_credentials(struct store *store, struct str id, struct str secret, struct str token)
{
    credentials_offer(((struct s3 *)store)->credentials, id, secret, token);
}

static void s3_close(struct store *store)
{
    struct s3 *s3 = (struct s3 *)store;
    credentials_free(s3->credentials);
    wire_free(s3->wire);
    presign_free(s3->presigned);
    pthread_mutex_destroy(&s3->signer_lock);
}

static enum status s3_open(struct arena *arena, const struct url *url, struct store **store, struct error *error)
{
    struct s3 *s3 = arena_new_of(arena, struct s3);
    struct str credentials;
    TRY(s3_configure(s3, arena, url, &credentials, error));
    s3->store.abilities.presigns = true;
    s3->wire = wire_new(&s3->store.counters);
    s3->credentials = credentials_new(s3->wire, credentials);
    s3->presigned = presign_new();
    pthread_mutex_init(&s3->signer_lock, NULL);
    *store = &s3->store;
    return STATUS_OK;
}

const struct store_backend store_backend_s3 = {
    .scheme = "s3",
    .open = s3_open,
    .get = s3_get,
    .stream = s3_stream,
    .head = s3_head,
    .put = s3_put,
    .upload = s3_upload,
    .compose = s3_compose,
    .copies_from = s3_copies_from,
    .remove = s3_remove,
    .sweep = s3_sweep,
    .list = s3_list,
    .presign = s3_presign,
    .fetch = s3_fetch,
    .offer_credentials = s3_offer_credentials,
    .close = s3_close,
};
