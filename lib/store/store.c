#include "lib/store/store.h"

#include "lib/store/pieces_internal.h"
#include "lib/store/store_internal.h"

enum status store_open(const char *text, struct store **out, struct error *error)
{
    struct url url;
    struct store *store;
    TRY(url_parse(str_of(text), &url, error));
    ENSURE(str_empty(url.fragment), error, STATUS_INVALID, "a store's URL has no '#'");
    const struct store_backend *backend = store_backend_of(url.scheme);
    ENSURE(backend, error, STATUS_INVALID, "a store is " STORE_URLS ", not " STR_FMT "://", STR_ARG(url.scheme));
    struct arena *arena = arena_new();
    enum status status = backend->open(arena, &url, &store, error);
    if (status != STATUS_OK) {
        arena_free(arena);
        return status;
    }
    store->backend = backend;
    store->arena = arena;
    *out = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (!store) return;
    if (store->backend->close) store->backend->close(store);
    arena_free(store->arena);
}

void store_offer_credentials(struct store *store, struct str id, struct str secret, struct str token)
{
    if (store->backend->offer_credentials) store->backend->offer_credentials(store, id, secret, token);
}

bool store_key_of(struct store *store, struct str name, struct str *key)
{
    if (!str_starts(name, store->prefix)) return false;
    *key = str_from(name, store->prefix.length);
    return store_is_key(*key);
}

/* What an operator wants to see a number of; answers such as "not found" are none. */
static enum status counted(struct store *store, enum status status)
{
    bool failed = status == STATUS_DENIED || status == STATUS_THROTTLED || status == STATUS_TIMEOUT || status == STATUS_CORRUPT ||
                  status == STATUS_UNAVAILABLE || status == STATUS_INTERNAL;
    if (failed) store_count(&store->counters.failures, 1);
    return status;
}

static enum status check(const struct store_call *call, struct error *error)
{
    TRY(store_check_key(call->key, error));
    ENSURE(!call->io.no_wait, error, STATUS_WOULD_BLOCK, "'" STR_FMT "' needs the store", STR_ARG(call->key));
    return STATUS_OK;
}

static enum status check_range(const struct store_get *get, struct error *error)
{
    uint64_t end;
    ENSURE(!__builtin_add_overflow(get->offset, get->length, &end) && end <= INT64_MAX, error, STATUS_INVALID,
           "a range that ends past 2^63 bytes");
    return STATUS_OK;
}

static const struct store_get whole = {0};
static const struct store_put plain = {0};

enum status store_get(struct store *store, struct io io, struct str key, const struct store_get *get, struct store_object *object,
                      struct error *error)
{
    const struct store_call call = {store, io, key};
    struct store_get wanted = get ? *get : whole;
    if (wanted.limit == 0) wanted.limit = STORE_GET_LIMIT;
    TRY(check(&call, error));
    TRY(check_range(&wanted, error));
    ENSURE(wanted.length <= wanted.limit, error, STATUS_TOO_LARGE, "a range of %llu bytes where %zu are allowed",
           (unsigned long long)wanted.length, wanted.limit);
    return counted(store, store->backend->get(&call, &wanted, object, error));
}

enum status store_stream(struct store *store, struct io io, struct str key, const struct store_get *get, struct stream *stream,
                         struct store_object *object, struct error *error)
{
    const struct store_call call = {store, io, key};
    TRY(check(&call, error));
    TRY(check_range(get ? get : &whole, error));
    return counted(store, store->backend->stream(&call, get ? get : &whole, stream, object, error));
}

enum status store_head(struct store *store, struct io io, struct str key, struct store_object *object, struct error *error)
{
    const struct store_call call = {store, io, key};
    TRY(check(&call, error));
    return counted(store, store->backend->head(&call, object, error));
}

enum status store_put(struct store *store, struct io io, struct str key, struct str body, const struct store_put *put,
                      struct store_object *object, struct error *error)
{
    const struct store_call call = {store, io, key};
    struct store_object ignored;
    TRY(check(&call, error));
    return counted(store, store->backend->put(&call, body, put ? put : &plain, object ? object : &ignored, error));
}

enum status store_upload(struct store *store, struct io io, struct str key, struct stream stream, uint64_t size,
                         const struct store_put *put, struct store_object *object, struct error *error)
{
    const struct store_call call = {store, io, key};
    const struct store_source source = {stream, size};
    struct store_object ignored;
    TRY(check(&call, error));
    return counted(store, store->backend->upload(&call, &source, put ? put : &plain, object ? object : &ignored, error));
}

enum status store_compose(struct store *store, struct io io, struct str key, const struct store_piece *pieces, size_t count,
                          const struct store_put *put, struct store_object *object, struct error *error)
{
    const struct store_call call = {store, io, key};
    struct store_object ignored;
    struct store_pieces all;
    TRY(check(&call, error));
    TRY(counted(store, pieces_resolve(&call, pieces, count, &all, error)));
    return counted(store, store->backend->compose(&call, &all, put ? put : &plain, object ? object : &ignored, error));
}

enum status store_stream_pieces(struct store *store, struct io io, const struct store_piece *pieces, size_t count, struct stream *stream,
                                uint64_t *size, struct error *error)
{
    const struct store_call call = {.store = store, .io = io};
    struct store_pieces all;
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "pieces of objects need the store");
    TRY(counted(store, pieces_resolve(&call, pieces, count, &all, error)));
    *stream = pieces_stream(io, &all);
    *size = all.size;
    return STATUS_OK;
}

enum status store_remove(struct store *store, struct io io, struct str key, struct error *error)
{
    const struct store_call call = {store, io, key};
    TRY(check(&call, error));
    return counted(store, store->backend->remove(&call, error));
}

enum status store_sweep(struct store *store, struct io io, struct str prefix, struct error *error)
{
    ENSURE(store_is_prefix(prefix), error, STATUS_INVALID, "'" STR_FMT "' is not the start of a key", STR_ARG(str_first(prefix, 128)));
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "sweeping '" STR_FMT "' needs the store", STR_ARG(prefix));
    if (!store->backend->sweep) return STATUS_OK;
    return store->backend->sweep(&(struct store_call){store, io, prefix}, error); /* where it may not, that is no failure */
}

enum status store_list(struct store *store, struct io io, struct str prefix, size_t limit, store_list_fn *each, void *context,
                       struct error *error)
{
    ENSURE(store_is_prefix(prefix), error, STATUS_INVALID, "'" STR_FMT "' is not the start of a key", STR_ARG(str_first(prefix, 128)));
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "listing '" STR_FMT "' needs the store", STR_ARG(prefix));
    const struct store_call call = {store, io, prefix};
    return counted(store, store->backend->list(&call, limit ? limit : SIZE_MAX, each, context, error));
}

uint64_t store_folder_mark(struct store *store, struct str folder)
{
    return store->backend->folder_mark && store_is_prefix(folder) ? store->backend->folder_mark(store, folder) : 0;
}

enum status store_presign_range(struct store *store, struct io io, struct str key, struct str range, int64_t lifetime, struct str *url,
                                int64_t *valid_until, struct error *error)
{
    if (!store->backend->presign) {
        TRY(store_check_key(key, error));
        return error_set(error, STATUS_UNSUPPORTED, STR_FMT " has no URLs to hand out: presigning needs an s3:// or azure:// store",
                         STR_ARG(store->name));
    }
    if (!store->abilities.binds_ranges) range.length = 0;
    const struct store_call call = {store, io, key};
    struct store_presigned presigned;
    TRY(store->backend->presign(&call, range, lifetime, &presigned, error));
    *url = presigned.url;
    *valid_until = presigned.valid_until;
    return STATUS_OK;
}

enum status store_presign(struct store *store, struct io io, struct str key, int64_t lifetime, struct str *url, int64_t *valid_until,
                          struct error *error)
{
    return store_presign_range(store, io, key, (struct str){NULL, 0}, lifetime, url, valid_until, error);
}

const struct store_abilities *store_abilities(const struct store *store)
{
    return &store->abilities;
}

static bool none(void *context, const struct store_object *object)
{
    (void)context, (void)object;
    return false;
}

enum status store_reach(struct store *store, struct io io, struct error *error)
{
    return store_list(store, io, S("probe/"), 1, none, NULL, error);
}

enum status store_check(struct store *store, struct io io, struct error *error)
{
    if (store->backend->check) TRY(store->backend->check(store, error));
    return store_reach(store, io, error);
}

struct store_counts store_counts(struct store *store)
{
    struct store_counters *counters = &store->counters;
    return (struct store_counts){
        .requests = atomic_load_explicit(&counters->requests, memory_order_relaxed),
        .retries = atomic_load_explicit(&counters->retries, memory_order_relaxed),
        .failures = atomic_load_explicit(&counters->failures, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&counters->bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&counters->bytes_out, memory_order_relaxed),
    };
}
