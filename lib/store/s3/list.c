#include "lib/store/s3/s3_internal.h"
#include "lib/store/s3/xml_internal.h"

enum { PAGE = 1000 };

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

enum status s3_list(const struct store_call *call, size_t limit, store_list_fn *each, void *context, struct error *error)
{
    struct listing listing = {.s3 = (struct s3 *)call->store, .prefix = call->key, .each = each, .context = context, .left = limit};
    struct s3_xml_page page = {.truncated = true};
    enum status status = STATUS_OK;
    while (page.truncated && listing.left > 0 && status == STATUS_OK) {
        struct io within = {.arena = arena_new(), .deadline = call->io.deadline};
        status = list_page(&listing, within, &page, error);
        arena_free(within.arena);
    }
    return status;
}
