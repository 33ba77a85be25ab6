#include "lib/store/remote_internal.h"

enum { PAGE = 1000 };

struct listing {
    struct remote *remote;
    struct str prefix; /* of the keys asked for, behind the store's own */
    store_list_fn *each;
    void *context;
    size_t left;
    bool disordered;
    size_t last_length;
    char last[STORE_KEY_LENGTH];
};

static bool list_entry(void *context, const struct remote_entry *entry)
{
    struct listing *listing = context;
    if (!str_starts(entry->key, listing->remote->store.prefix)) return true;
    struct str key = str_from(entry->key, listing->remote->store.prefix.length);
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

static enum status list_page(struct listing *listing, struct io io, struct remote_page *page, struct error *error)
{
    struct remote *remote = listing->remote;
    struct remote_request request = {.method = "GET", .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    const struct remote_question question = {
        .prefix = arena_join(io.arena, remote->store.prefix, listing->prefix),
        .count = listing->left < PAGE ? listing->left : PAGE,
        .next = arena_copy(io.arena, page->next),
    };
    remote->service->ask_for_page(&request, io.arena, &question);
    TRY(remote_call(remote, io, &request, &answer, error));
    ENSURE(remote->service->read_page(buf_str(&answer.body), list_entry, listing, page), error, STATUS_CORRUPT,
           STR_FMT ": its answer to a listing cannot be read", STR_ARG(remote->store.name));
    ENSURE(!listing->disordered, error, STATUS_UNSUPPORTED, STR_FMT " does not list keys in the order of their bytes, which is relied on",
           STR_ARG(remote->store.name));
    return STATUS_OK;
}

enum status remote_list(const struct store_call *call, size_t limit, store_list_fn *each, void *context, struct error *error)
{
    struct listing listing = {.remote = (struct remote *)call->store, .prefix = call->key, .each = each, .context = context, .left = limit};
    struct remote_page page = {.truncated = true};
    enum status status = STATUS_OK;
    while (page.truncated && listing.left > 0 && status == STATUS_OK) {
        struct io within = {.arena = arena_new(), .deadline = call->io.deadline};
        status = list_page(&listing, within, &page, error);
        arena_free(within.arena);
    }
    return status;
}
