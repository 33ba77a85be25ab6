#include "lib/store/store.h"

#include <pthread.h>

#include "lib/store/common.h"
#include "lib/store/pieces.h"
#include "lib/store/store_internal.h"

enum status store_open(const char *text, struct store **out, struct error *error)
{
    struct url url;
    struct store *store;
    TRY(url_parse(str_of(text), &url, error));
    ENSURE(str_empty(url.fragment), error, STATUS_INVALID, "a store's URL has no '#'");
    bool is_file = str_equal(url.scheme, S("file"));
    ENSURE(is_file || str_equal(url.scheme, S("s3")), error, STATUS_INVALID,
           "a store is s3://bucket/prefix or file:///directory, not " STR_FMT "://", STR_ARG(url.scheme));
    struct arena *arena = arena_new();
    enum status status = (is_file ? file_open : s3_open)(arena, &url, &store, error);
    if (status != STATUS_OK) {
        arena_free(arena);
        return status;
    }
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

static enum status check(struct io io, struct str key, struct error *error)
{
    TRY(store_check_key(key, error));
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "'" STR_FMT "' needs the store", STR_ARG(key));
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
    struct store_get wanted = get ? *get : whole;
    if (wanted.limit == 0) wanted.limit = STORE_GET_LIMIT;
    TRY(check(io, key, error));
    TRY(check_range(&wanted, error));
    ENSURE(wanted.length <= wanted.limit, error, STATUS_TOO_LARGE, "a range of %llu bytes where %zu are allowed",
           (unsigned long long)wanted.length, wanted.limit);
    return counted(store, store->backend->get(store, io, key, &wanted, object, error));
}

enum status store_stream(struct store *store, struct io io, struct str key, const struct store_get *get, struct stream *stream,
                         struct store_object *object, struct error *error)
{
    TRY(check(io, key, error));
    TRY(check_range(get ? get : &whole, error));
    return counted(store, store->backend->stream(store, io, key, get ? get : &whole, stream, object, error));
}

enum status store_head(struct store *store, struct io io, struct str key, struct store_object *object, struct error *error)
{
    TRY(check(io, key, error));
    return counted(store, store->backend->head(store, io, key, object, error));
}

enum status store_put(struct store *store, struct io io, struct str key, struct str body, const struct store_put *put,
                      struct store_object *object, struct error *error)
{
    struct store_object ignored;
    TRY(check(io, key, error));
    return counted(store, store->backend->put(store, io, key, body, put ? put : &plain, object ? object : &ignored, error));
}

enum status store_upload(struct store *store, struct io io, struct str key, struct stream stream, uint64_t size,
                         const struct store_put *put, struct store_object *object, struct error *error)
{
    struct store_object ignored;
    TRY(check(io, key, error));
    return counted(store, store->backend->upload(store, io, key, stream, size, put ? put : &plain, object ? object : &ignored, error));
}

bool store_copies_from(struct store *store, struct io io, struct store *from)
{
    if (store == from) return true;
    return store->backend == from->backend && store->backend->copies_from && store->backend->copies_from(store, io, from);
}

enum status store_compose(struct store *store, struct io io, struct str key, const struct store_piece *pieces, size_t count,
                          const struct store_put *put, struct store_object *object, struct error *error)
{
    struct store_object ignored;
    struct store_pieces all;
    TRY(check(io, key, error));
    TRY(counted(store, pieces_resolve(store, io, pieces, count, &all, error)));
    return counted(store, store->backend->compose(store, io, key, &all, put ? put : &plain, object ? object : &ignored, error));
}

enum status store_stream_pieces(struct store *store, struct io io, const struct store_piece *pieces, size_t count, struct stream *stream,
                                uint64_t *size, struct error *error)
{
    struct store_pieces all;
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "pieces of objects need the store");
    TRY(counted(store, pieces_resolve(store, io, pieces, count, &all, error)));
    *stream = pieces_stream(io, &all);
    *size = all.size;
    return STATUS_OK;
}

enum status store_remove(struct store *store, struct io io, struct str key, struct error *error)
{
    TRY(check(io, key, error));
    return counted(store, store->backend->remove(store, io, key, error));
}

enum status store_sweep(struct store *store, struct io io, struct str prefix, struct error *error)
{
    ENSURE(store_is_prefix(prefix), error, STATUS_INVALID, "'" STR_FMT "' is not the start of a key", STR_ARG(str_first(prefix, 128)));
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "sweeping '" STR_FMT "' needs the store", STR_ARG(prefix));
    return store->backend->sweep ? store->backend->sweep(store, io, prefix, error) : STATUS_OK; /* where it may not, that is no failure */
}

enum status store_list(struct store *store, struct io io, struct str prefix, size_t limit, store_list_fn *each, void *context,
                       struct error *error)
{
    ENSURE(store_is_prefix(prefix), error, STATUS_INVALID, "'" STR_FMT "' is not the start of a key", STR_ARG(str_first(prefix, 128)));
    ENSURE(!io.no_wait, error, STATUS_WOULD_BLOCK, "listing '" STR_FMT "' needs the store", STR_ARG(prefix));
    return counted(store, store->backend->list(store, io, prefix, limit ? limit : SIZE_MAX, each, context, error));
}

enum status store_presign_range(struct store *store, struct io io, struct str key, struct str range, int64_t lifetime, struct str *url,
                                int64_t *valid_until, struct error *error)
{
    if (!store->backend->presign) {
        TRY(store_check_key(key, error));
        return error_set(error, STATUS_UNSUPPORTED, STR_FMT " has no URLs to hand out: presigning needs an s3:// store",
                         STR_ARG(store->name));
    }
    if (store->ignores_ranges) range.length = 0;
    return store->backend->presign(store, io, key, range, lifetime, url, valid_until, error);
}

enum status store_presign(struct store *store, struct io io, struct str key, int64_t lifetime, struct str *url, int64_t *valid_until,
                          struct error *error)
{
    return store_presign_range(store, io, key, (struct str){NULL, 0}, lifetime, url, valid_until, error);
}

bool store_binds_ranges(const struct store *store)
{
    return !store->ignores_ranges;
}

bool store_clamps_ranges(const struct store *store)
{
    return !store->spoils_ranges;
}

enum { PROBE_RACERS = 8 };

/* A store that has no put-if-absent, or not the one that it was asked for. */
static enum status unconditional(const struct store *store, const char *how, struct error *error)
{
    return error_set(error, STATUS_UNSUPPORTED,
                     STR_FMT " %s put-if-absent, and two writers would overwrite each other: use a store that honours If-None-Match: * on "
                             "PUT, or name its own header with if-absent=oss or if-absent=cos",
                     STR_ARG(store->name), how);
}

/* One of those that put the same key at once. */
struct racer {
    pthread_t thread;
    bool is_running;
    struct store *store;
    struct str key;
    struct deadline deadline;
    enum status status;
    struct error error;
};

static void *race(void *context)
{
    struct racer *racer = context;
    const struct store_put if_absent = {.condition = STORE_IF_ABSENT, .content_type = "text/plain"};
    struct io io = {.arena = arena_new(), .deadline = racer->deadline};
    char digits[U64_DIGITS];
    struct str body = str_of_u64(digits, store_random()); /* each one's own */
    racer->status = store_put(racer->store, io, racer->key, body, &if_absent, NULL, &racer->error);
    arena_free(io.arena);
    return NULL;
}

/* How many of PROBE_RACERS won. */
static enum status run_race(struct store *store, struct io io, struct str key, unsigned *winners, struct error *error)
{
    struct racer racers[PROBE_RACERS];
    enum status status = STATUS_OK;
    *winners = 0;
    for (size_t i = 0; i < PROBE_RACERS; i++) {
        racers[i] = (struct racer){.store = store, .key = key, .deadline = io.deadline};
        racers[i].is_running = pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0;
    }
    for (size_t i = 0; i < PROBE_RACERS; i++) {
        if (!racers[i].is_running) continue;
        pthread_join(racers[i].thread, NULL);
        if (racers[i].status == STATUS_OK) ++*winners;
        bool failed = racers[i].status != STATUS_OK && racers[i].status != STATUS_PRECONDITION;
        if (failed) *error = racers[i].error, status = racers[i].status;
    }
    return status;
}

/* Servers exist that look whether the key is there, and then write: of two writers at once both win. */
static enum status probe_key(struct store *store, struct io io, struct str key, struct error *error)
{
    const struct store_put if_absent = {.condition = STORE_IF_ABSENT, .content_type = "text/plain"};
    unsigned winners;
    enum status status = run_race(store, io, key, &winners, error);
    if (status == STATUS_UNSUPPORTED) return unconditional(store, "refuses", error);
    if (status != STATUS_OK) return error_context(error, "probing for put-if-absent");
    status = store_put(store, io, key, S("second"), &if_absent, NULL, error);
    if (status == STATUS_OK) return unconditional(store, "ignores", error);
    if (status != STATUS_PRECONDITION) return error_context(error, "probing for put-if-absent");
    ENSURE(winners <= 1, error, STATUS_UNSUPPORTED,
           STR_FMT " lets %u of %d writers win that put one key if absent at the same time, so updates would be lost: use another store "
                   "(docs/stores.md says which were tried)",
           STR_ARG(store->name), winners, PROBE_RACERS);
    return store_probe_ranges(store, io, key, error);
}

static bool none(void *context, const struct store_object *object)
{
    (void)context, (void)object;
    return false;
}

enum status store_check(struct store *store, struct io io, struct error *error)
{
    if (store->backend->check) TRY(store->backend->check(store, error));
    return store_list(store, io, S("probe/"), 1, none, NULL, error);
}

enum status store_probe(struct store *store, struct io io, struct error *error)
{
    if (atomic_load(&store->probed)) return STATUS_OK;
    struct str key = arena_printf(io.arena, "probe/%016llx", (unsigned long long)store_random());
    TRY(store_list(store, io, S("probe/"), 1, none, NULL, error)); /* SeaweedFS makes the bucket that a PUT names */
    enum status status = probe_key(store, io, key, error);
    struct error ignored;
    if (status != STATUS_WOULD_BLOCK) store_remove(store, io, key, &ignored);
    if (status == STATUS_OK) atomic_store(&store->probed, true);
    return status;
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
