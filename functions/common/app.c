#include "functions/common/app.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/url.h"
#include "functions/common/settings.h"
#include "lib/catalog/record.h"

/* How long a fact is good before the store is asked whether it still is; on a directory, no time at all. */
enum { PUBLISHED_LIFE = 5 * CLOCK_SECOND, PACKAGE_LIFE = 10 * CLOCK_MINUTE, STALE_LIFE = CLOCK_HOUR, MISSING_LIFE = CLOCK_SECOND };
/* Between a base and its record, when they are published. */
enum { RECORD_DELAY = 5 * CLOCK_MINUTE };
enum { PROBE_MAX = 64 << 10 };
/* How long the store may take: less than CDNs wait for their origin. */
enum { STORE_TIME = 10 * CLOCK_SECOND };
/* Readiness: how long the store may take to answer, and how long its answer counts. */
enum { READY_TIME = 3 * CLOCK_SECOND, READY_LIFE = 5 * CLOCK_SECOND, NOT_READY_LIFE = CLOCK_SECOND };
enum { PACKAGES_BYTES = 32 << 20, PATCHES_BYTES = 16 << 20, CHANNELS_BYTES = 32 << 20 };
enum { SHARDS_BYTES = 8 << 20 }; /* some 200 shards */

/* Unknown channels may be new ones: so many looks into the store at once, and then one a second (a token bucket). */
enum { REFRESH_BURST = 32 };
struct app_refresh {
    pthread_mutex_t lock;
    int64_t tokens, since; /* whole tokens at the time `since` */
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct app *) shared;

enum status app_flush_span(int64_t *span, struct error *error)
{
    struct str text = setting(SETTING_FLUSH);
    if (!text.data) return STATUS_OK;
    if (str_equal(text, S("sync"))) return *span = 0, STATUS_OK;
    ENSURE(clock_parse_span(text, span) && *span > 0 && *span <= CLOCK_HOUR, error, STATUS_INVALID,
           "%s is '" STR_FMT "', not 'sync' or a duration of at most an hour, such as 30s", setting_name(SETTING_FLUSH),
           STR_ARG(str_first(text, 100)));
    return STATUS_OK;
}

/* --- facts */

static struct str package_key(struct arena *arena, struct str id, struct str version)
{
    return arena_join(arena, id, S("/"), version);
}

/* Whether the object has to be looked at because the store may be a copy of the one that it was published in: then its record is younger
 * than the object was. So the first look at a package costs no request more in a bucket that is no copy. */
static bool is_doubtful(const struct app *app, const void *previous, int64_t recorded, int64_t modified)
{
    return store_abilities(app->store)->cheap_metadata || previous || recorded - modified > RECORD_DELAY;
}

static struct record_object base_of(const struct package *package)
{
    return (struct record_object){package->size, package->sha256, package->etag, package->seen};
}

static enum status load_package(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    struct package *package = arena_new_of(load->io.arena, struct package);
    struct str version = arena_copy(load->io.arena, load->key), id = str_cut(&version, '/');
    TRY(app_store_fault(package_load((struct catalog){app->store, load->io, id}, version, package, error), error));
    struct record_object known = load->previous ? base_of(load->previous) : (struct record_object){0}, base = base_of(package);
    base.known = &known;
    if (is_doubtful(app, load->previous, package->recorded, package->modified))
        TRY(app_store_fault(record_identify(app->store, load->io, package_base_key(load->io.arena, package), &base, error), error));
    package->etag = base.etag;
    package->seen = base.seen;
    *value = package;
    return STATUS_OK;
}

static struct str patch_key(struct arena *arena, const struct patch *patch)
{
    return arena_join(arena, patch->app, S("/"), patch_name(arena, patch));
}

static struct record_object diff_of(const struct patch *patch)
{
    return (struct record_object){patch->size, patch->sha256, patch->etag, patch->seen};
}

static enum status load_patch(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    struct patch *patch = arena_new_of(load->io.arena, struct patch);
    struct str name = arena_copy(load->io.arena, load->key), id = str_cut(&name, '/');
    ENSURE(patch_parse_name(name, patch), error, STATUS_NOT_FOUND, "'" STR_FMT "' is no patch: {from}..{to}", STR_ARG(name));
    TRY(app_store_fault(patch_load((struct catalog){app->store, load->io, id}, patch, error), error));
    struct record_object known = load->previous ? diff_of(load->previous) : (struct record_object){0}, diff = diff_of(patch);
    diff.known = &known;
    if (is_doubtful(app, load->previous, patch->recorded, patch->modified))
        TRY(app_store_fault(record_identify(app->store, load->io, patch_diff_key(load->io.arena, patch), &diff, error), error));
    patch->etag = diff.etag;
    patch->seen = diff.seen;
    *value = patch;
    return STATUS_OK;
}

static enum status load_channels(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    struct channels *channels = arena_new_of(load->io.arena, struct channels);
    TRY(app_store_fault(
        channels_load((struct catalog){app->store, load->io, arena_copy(load->io.arena, load->key)}, load->previous, channels, error),
        error));
    *value = channels;
    return STATUS_OK;
}

enum status app_package(struct app *app, struct io io, struct str id, struct str version, const struct package **package,
                        struct error *error)
{
    const void *value;
    TRY(cache_get(app->packages, io, package_key(io.arena, id, version), &value, error));
    *package = value;
    return STATUS_OK;
}

void app_doubt_package(struct app *app, struct io io, const struct package *package)
{
    cache_expire(app->packages, package_key(io.arena, package->app, package->version));
}

enum status app_patch(struct app *app, struct io io, const struct package_name *name, const struct patch **patch, struct error *error)
{
    const void *value;
    TRY(cache_get(app->patches, io, package_name_format(io.arena, name), &value, error));
    *patch = value;
    return STATUS_OK;
}

void app_doubt_patch(struct app *app, struct io io, const struct patch *patch)
{
    cache_expire(app->patches, patch_key(io.arena, patch));
}

void app_made_patch(struct app *app, struct io io, const struct package_name *name)
{
    cache_drop(app->patches, package_name_format(io.arena, name));
}

enum status app_channels(struct app *app, struct io io, struct str id, const struct channels **channels, struct error *error)
{
    const void *value;
    TRY(cache_get(app->channels, io, id, &value, error));
    *channels = value;
    return STATUS_OK;
}

static bool may_refresh(struct app_refresh *refresh)
{
    pthread_mutex_lock(&refresh->lock);
    int64_t now = clock_monotonic(), gained = (now - refresh->since) / CLOCK_SECOND;
    refresh->since += gained * CLOCK_SECOND;
    refresh->tokens = refresh->tokens + gained < REFRESH_BURST ? refresh->tokens + gained : REFRESH_BURST;
    bool may = refresh->tokens > 0;
    if (may) refresh->tokens--;
    pthread_mutex_unlock(&refresh->lock);
    return may;
}

static enum status find_channel(struct app *app, struct io io, struct app_channel *wanted, bool again, struct error *error)
{
    struct channels_source source = {{app->store, io, wanted->app}, wanted->channels, app->shards};
    if (again) {
        channels_expire(&source, wanted->id);
        cache_expire(app->channels, wanted->app);
    }
    TRY(app_channels(app, io, wanted->app, &wanted->channels, error));
    source.channels = wanted->channels;
    return app_store_fault(channels_find(&source, wanted->id, &wanted->channel, error), error);
}

enum status app_channel(struct app *app, struct io io, struct app_channel *wanted, struct error *error)
{
    enum status status = find_channel(app, io, wanted, false, error);
    if (status != STATUS_NOT_FOUND) return status;
    if (io.no_wait) return error_set(error, STATUS_WOULD_BLOCK, "an unknown channel is looked for in the store");
    return may_refresh(app->refresh) ? find_channel(app, io, wanted, true, error) : status;
}

/* --- opening */

static enum status read_redirect(struct app *app, struct error *error)
{
    struct str value = setting(SETTING_REDIRECT);
    bool presigns = store_abilities(app->store)->presigns;
    struct url url;
    app->redirect = presigns ? APP_REDIRECT_PRESIGNED : APP_REDIRECT_NEVER;
    if (!value.data) return STATUS_OK;
    if (str_equal(value, S("never"))) return app->redirect = APP_REDIRECT_NEVER, STATUS_OK;
    if (str_equal(value, S("presigned"))) {
        ENSURE(presigns, error, STATUS_INVALID, "%s: this store has no presigned URLs; say 'never' or a public URL",
               setting_name(SETTING_REDIRECT));
        return STATUS_OK;
    }
    bool web = url_parse(value, &url, error) == STATUS_OK && url_is_web(&url);
    ENSURE(web && !url.has_query && !url.fragment.data, error, STATUS_INVALID, "%s must be 'presigned', 'never' or an http(s) URL",
           setting_name(SETTING_REDIRECT));
    app->redirect = APP_REDIRECT_PUBLIC;
    app->redirect_url = arena_printf(app->arena, STR_FMT "%s", STR_ARG(value), str_ends(value, S("/")) ? "" : "/");
    return STATUS_OK;
}

static enum status read_networks(struct app *app, enum setting_id id, struct client_proxies *networks, struct error *error)
{
    if (client_parse_proxies(app->arena, setting(id), networks, error) != STATUS_OK) return setting_refuse(id, error);
    return STATUS_OK;
}

static enum status read_followers(struct app *app, struct error *error)
{
    struct str followers = setting(SETTING_FOLLOWERS);
    app->probe_max = PROBE_MAX;
    TRY(setting_number(SETTING_PROBE_MAX, &app->probe_max, error));
    TRY(read_networks(app, SETTING_TRUSTED_PROXIES, &app->proxies, error));
    if (!followers.data) return STATUS_OK;
    if (str_equal(followers, S("all"))) return app->redirected = APP_REDIRECTED_ALL, STATUS_OK;
    app->redirected = APP_REDIRECTED_FOLLOWERS;
    return read_networks(app, SETTING_FOLLOWERS, &app->followers, error);
}

int64_t app_life(const struct app *app, int64_t life)
{
    return store_abilities(app->store)->cheap_metadata ? 0 : life;
}

/* Of facts that do not change once they are there. */
static struct cache_options of_facts(struct app *app)
{
    return (struct cache_options){
        .life = app_life(app, PACKAGE_LIFE), .stale = STALE_LIFE, .missing = app_life(app, MISSING_LIFE), .context = app};
}

struct cache_options app_published_options(const struct app *app)
{
    return (struct cache_options){.life = app_life(app, PUBLISHED_LIFE), .stale = STALE_LIFE, .missing = app_life(app, MISSING_LIFE)};
}

static void open_caches(struct app *app)
{
    struct cache_options packages = of_facts(app), patches = of_facts(app);
    packages.bytes = PACKAGES_BYTES;
    packages.load = load_package;
    app->packages = cache_new(&packages);
    patches.bytes = PATCHES_BYTES;
    patches.load = load_patch;
    app->patches = cache_new(&patches);
    struct cache_options channels = {.life = app_life(app, PUBLISHED_LIFE), .stale = STALE_LIFE, .context = app};
    channels.bytes = CHANNELS_BYTES;
    channels.load = load_channels;
    app->channels = cache_new(&channels);
    channels.bytes = SHARDS_BYTES;
    channels.load = shard_load;
    channels.context = app->store;
    app->shards = cache_new(&channels);
}

static enum status read_settings(struct app *app, struct error *error)
{
    struct str store_url = setting(SETTING_STORE);
    ENSURE(store_url.data, error, STATUS_INVALID, "PAKHUS_STORE is not set: say where the packages are: " STORE_URLS);
    if (keyring_parse(app->arena, setting(SETTING_URL_KEYS), 0, &app->url_keys, error) != STATUS_OK)
        return setting_refuse(SETTING_URL_KEYS, error);
    app->store_url = arena_cstr(app->arena, store_url);
    if (store_open(store_url.data, &app->store, error) != STATUS_OK) return setting_refuse(SETTING_STORE, error);
    TRY(read_redirect(app, error));
    TRY(read_followers(app, error));
    app->origin_secret = arena_copy(app->arena, setting(SETTING_ORIGIN_SECRET));
    app->node_secret = arena_copy(app->arena, setting(SETTING_NODE_SECRET));
    app->refresh = arena_new_of(app->arena, struct app_refresh);
    *app->refresh = (struct app_refresh){.tokens = REFRESH_BURST, .since = clock_monotonic()};
    pthread_mutex_init(&app->refresh->lock, NULL);
    open_caches(app);
    return STATUS_OK;
}

static enum status open_locked(struct app **out, struct error *error)
{
    if (!shared) {
        struct arena *arena = arena_new();
        struct app *app = arena_new_of(arena, struct app);
        app->arena = arena;
        enum status status = read_settings(app, error);
        if (status != STATUS_OK) return store_close(app->store), arena_free(arena), status;
        shared = app;
    }
    *out = shared;
    return STATUS_OK;
}

enum status app_open(struct app **out, struct error *error)
{
    pthread_mutex_lock(&shared_lock);
    enum status status = open_locked(out, error);
    pthread_mutex_unlock(&shared_lock);
    return status;
}

const struct app *app_shared(void)
{
    return atomic_load_explicit(&shared, memory_order_acquire);
}

bool app_is_without_store(struct error *error)
{
    const struct app *app = app_shared();
    struct arena *arena = arena_new();
    bool gone =
        app && store_abilities(app->store)->cheap_metadata && store_check(app->store, (struct io){.arena = arena}, error) != STATUS_OK;
    arena_free(arena);
    return gone;
}

/* The last answer of the store, and until when it counts. One caller at a time asks again; to the others the last one still counts, so that
 * many who ask while the store is silent take no worker each. */
static struct {
    pthread_mutex_t asking; /* taken before `lock` */
    pthread_mutex_t lock;
    bool known;
    int64_t until;
    enum status status;
    struct error error;
} readiness = {.asking = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

/* False where the store has to be asked. */
static bool recall_readiness(bool any_age, enum status *status, struct error *error)
{
    pthread_mutex_lock(&readiness.lock);
    bool counts = readiness.known && (any_age || clock_monotonic() < readiness.until);
    *status = readiness.status;
    if (counts && *status != STATUS_OK) *error = readiness.error;
    pthread_mutex_unlock(&readiness.lock);
    return counts;
}

static enum status ask_readiness(struct app *app, struct lc_call *call, struct error *error)
{
    struct io io = app_io(app, call);
    io.deadline = deadline_within(io.deadline, READY_TIME);
    enum status status = store_check(app->store, io, error);
    pthread_mutex_lock(&readiness.lock);
    readiness.known = true;
    readiness.status = status;
    if (status != STATUS_OK) readiness.error = *error;
    readiness.until = clock_monotonic() + (status == STATUS_OK ? READY_LIFE : NOT_READY_LIFE);
    pthread_mutex_unlock(&readiness.lock);
    return status;
}

enum status app_ready(void *state, struct lc_call *call, struct error *error)
{
    struct app *app;
    enum status status;
    (void)state;
    TRY(app_open(&app, error));
    if (recall_readiness(false, &status, error)) return status;
    bool mine = pthread_mutex_trylock(&readiness.asking) == 0;
    if (!mine && recall_readiness(true, &status, error)) return status;
    if (!mine) pthread_mutex_lock(&readiness.asking);
    if (!recall_readiness(false, &status, error)) status = ask_readiness(app, call, error);
    pthread_mutex_unlock(&readiness.asking);
    return status;
}

struct io app_io(struct app *app, const struct lc_call *call)
{
    const struct lc_credentials *lent = &call->credentials;
    if (lent->access_key_id.length > 0)
        store_offer_credentials(app->store, lent->access_key_id, lent->secret_access_key, lent->session_token);
    return (struct io){
        .arena = call->arena, .deadline = deadline_within(call->deadline, STORE_TIME), .no_wait = call->no_wait, .asked = call->arrived};
}

enum status app_store_fault(enum status status, struct error *error)
{
    if (status == STATUS_INVALID) return error->status = STATUS_DENIED;
    if (status == STATUS_TOO_LARGE) return error->status = STATUS_CORRUPT;
    return status;
}

void app_cache_metrics(struct buf *out, const char *name, struct cache *cache)
{
    struct cache_counts counts = cache_counts(cache);
    buf_printf(out, "pakhus_cache_hits_total{cache=\"%s\"} %llu\n", name, (unsigned long long)counts.hits);
    buf_printf(out, "pakhus_cache_misses_total{cache=\"%s\"} %llu\n", name, (unsigned long long)counts.misses);
    buf_printf(out, "pakhus_cache_stale_total{cache=\"%s\"} %llu\n", name, (unsigned long long)counts.stale);
    buf_printf(out, "pakhus_cache_refused_total{cache=\"%s\"} %llu\n", name, (unsigned long long)counts.refused);
    buf_printf(out, "pakhus_cache_bytes{cache=\"%s\"} %llu\n", name, (unsigned long long)counts.bytes);
}

void app_metrics(struct app *app, const void *reporter, struct buf *out)
{
    const void *nobody = NULL;
    if (!atomic_compare_exchange_strong(&app->reporter, &nobody, reporter) && nobody != reporter) return;
    struct store_counts counts = store_counts(app->store);
    buf_printf(out, "pakhus_store_requests_total %llu\n", (unsigned long long)counts.requests);
    buf_printf(out, "pakhus_store_retries_total %llu\n", (unsigned long long)counts.retries);
    buf_printf(out, "pakhus_store_failures_total %llu\n", (unsigned long long)counts.failures);
    buf_printf(out, "pakhus_store_received_bytes_total %llu\n", (unsigned long long)counts.bytes_in);
    buf_printf(out, "pakhus_store_sent_bytes_total %llu\n", (unsigned long long)counts.bytes_out);
    app_cache_metrics(out, "packages", app->packages);
    app_cache_metrics(out, "channels", app->channels);
    app_cache_metrics(out, "shards", app->shards);
    app_cache_metrics(out, "patches", app->patches);
}
