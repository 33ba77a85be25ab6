/* What a store promises, tried for real before anything is written. */
#include <pthread.h>

#include "lib/store/common.h"
#include "lib/store/store_internal.h"

/* --- presigned URLs that hold for one range */

enum { URL_LIFE = 5 * CLOCK_MINUTE };

static enum status not_bound(const struct store *store, const char *what, int http_status, struct error *error)
{
    return error_set(error, STATUS_UNSUPPORTED,
                     STR_FMT " %s (status %d), so a redirect to it could give a device the base package without its channel: add "
                             "bind-range=no to the store's URL, here and where the functions run. Redirects then go only to those who send "
                             "Pakhus-Follow: 1 or are in PAKHUS_FOLLOWERS",
                     STR_ARG(store->name), what, http_status);
}

static enum status answer_of(struct store *store, struct io io, struct str url, struct str range, int *http_status, struct error *error)
{
    TRY(store->backend->fetch(store, io, url, range, http_status, error));
    ENSURE(*http_status < 500, error, STATUS_UNAVAILABLE, STR_FMT ": status %d to a presigned URL", STR_ARG(store->name), *http_status);
    return STATUS_OK;
}

static enum status probe_ranges(struct store *store, struct io io, struct str key, struct error *error)
{
    static const struct str signed_range = {"bytes=1-2", 9}, other = {"bytes=0-0", 9}, none = {NULL, 0};
    struct str url;
    int64_t valid_until;
    int http_status;
    if (!store->abilities.binds_ranges) return STATUS_OK;
    TRY(store_presign_range(store, io, key, signed_range, URL_LIFE, &url, &valid_until, error));
    TRY(answer_of(store, io, url, signed_range, &http_status, error));
    if (http_status != 206) return not_bound(store, "does not give the range that a presigned URL is signed for", http_status, error);
    TRY(answer_of(store, io, url, other, &http_status, error));
    if (http_status < 400) return not_bound(store, "gives another range than a presigned URL is signed for", http_status, error);
    TRY(answer_of(store, io, url, none, &http_status, error));
    if (http_status < 400)
        return not_bound(store, "gives all of an object where a presigned URL is signed for a range", http_status, error);
    return STATUS_OK;
}

/* --- put-if-absent */

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
    return probe_ranges(store, io, key, error);
}

enum status store_probe(struct store *store, struct io io, struct error *error)
{
    if (atomic_load(&store->probed)) return STATUS_OK;
    struct str key = arena_printf(io.arena, "probe/%016llx", (unsigned long long)store_random());
    TRY(store_reach(store, io, error)); /* SeaweedFS makes the bucket that a PUT names */
    enum status status = probe_key(store, io, key, error);
    struct error ignored;
    if (status != STATUS_WOULD_BLOCK) store_remove(store, io, key, &ignored);
    if (status == STATUS_OK) atomic_store(&store->probed, true);
    return status;
}
