#include "functions/channel-range-splice/handler.h"

#include "functions/channel-range-splice/slices.h"
#include "functions/common/app.h"
#include "functions/common/filled.h"
#include "functions/common/respond.h"
#include "lib/apk/channel.h"
#include "lib/apk/info.h"
#include "lib/apk/overlay.h"
#include "lib/apk/splice.h"
#include "lib/catalog/link.h"
#include "lib/http/date.h"
#include "lib/http/disposition.h"
#include "lib/http/precondition.h"
#include "lib/http/range.h"

/* Seconds that caches may keep what we say. A base never changes; a channel's info may; URLs with info of their own are rarely asked twice
 * (S12). */
enum { BASE_LIFE = 86400, CHANNEL_LIFE = 300, INFO_LIFE = 60 };
/* How long a redirect's signature is good, at least (store_presign), and what caches leave unused of it. */
enum { PRESIGN_LIFE = 30 * CLOCK_MINUTE, PRESIGN_MARGIN = 60 };
/* Up to here an overlaid range is answered as one buffer, which is the fastest; above it is a stream. */
enum { BUFFER_LIMIT = 4 << 20 };
enum { FILLED_BYTES = 64 << 20 };

struct splice {
    struct app *app;
    struct cache *filled; /* "app/version/channel@generation" → struct filled_variant */
    struct cache *slices;
};

/* A region as a channel has it, and what follows from it. `region.bytes` is empty for the base itself. */
struct filled_variant {
    struct filled region;
    struct str disposition; /* with the template's file name */
};

/* What is being asked for: one representation, and where its bytes come from. */
struct variant {
    const struct package *package;
    struct filled_variant filled;
    struct http_validators validators;
    int64_t life; /* seconds */
};

struct task {
    struct splice *splice;
    struct lc_call *call;
    const struct lc_request *request;
    struct lc_response *response;
    struct io io;
    struct link link;
    struct variant variant;
    struct http_range range;
    bool partial;
};

/* --- the variant: package, channel, info → region and validators */

static struct str disposition_of(struct arena *arena, const struct package *package, const struct channels *channels, struct str channel)
{
    return http_disposition(arena, channels_filename(arena, channels, package->app, package->version, channel));
}

/* Runs once for a channel: its facts are in memory already, its region is made from them. */
static enum status load_filled(void *context, struct io io, struct str key, const void *previous, void **value, struct error *error)
{
    struct app *app = context;
    const struct package *package;
    const struct channels *channels;
    const struct channel *channel;
    struct filled_variant *filled = arena_new_of(io.arena, struct filled_variant);
    struct str rest = arena_copy(io.arena, key), id = str_cut(&rest, '/'), version = str_cut(&rest, '/'), name = str_cut(&rest, '@');
    (void)previous;
    TRY(app_package(app, io, id, version, &package, error));
    TRY(app_channel(app, io, id, name, &channels, &channel, error));
    TRY(filled_make(io.arena, package, channels, &channel->info, &filled->region, error));
    filled->disposition = disposition_of(io.arena, package, channels, name);
    *value = filled;
    return STATUS_OK;
}

/* Facts that change make another key: the old region is not asked for again, and leaves the cache in time. */
static enum status filled_channel(struct task *task, const struct package *package, const struct channels *channels,
                                  const struct channel *channel, struct filled_variant *filled, struct error *error)
{
    const void *value;
    char digits[U64_DIGITS];
    struct str key = arena_join(task->io.arena, package->app, S("/"), package->version, S("/"), channel->id, S("@"),
                                str_of_u64(digits, channels->generation), S("."), str_first(package->sha256, 16));
    TRY(cache_get(task->splice->filled, task->io, key, &value, error));
    *filled = *(const struct filled_variant *)value;
    return STATUS_OK;
}

static enum status filled_with_info(struct task *task, const struct package *package, const struct channels *channels,
                                    const struct channel *channel, struct filled_variant *filled, struct error *error)
{
    struct apk_info merged;
    TRY(apk_info_merge(task->io.arena, &channel->info, task->link.info, &merged, error));
    TRY(filled_make(task->io.arena, package, channels, &merged, &filled->region, error));
    filled->disposition = disposition_of(task->io.arena, package, channels, channel->id);
    return STATUS_OK;
}

static void filled_base(struct arena *arena, const struct package *package, const struct channels *channels, struct filled_variant *filled)
{
    filled->region.etag = arena_printf(arena, "\"" STR_FMT "\"", STR_ARG(str_first(package->sha256, 32)));
    filled->disposition = disposition_of(arena, package, channels, (struct str){NULL, 0});
}

/* What is signed until some time is not served by caches past it. */
static int64_t life_of(const struct link *link)
{
    int64_t life = link->channel.length == 0 ? BASE_LIFE : link->info.data ? INFO_LIFE : CHANNEL_LIFE, expires;
    if (!link->expires.data || !clock_parse_time(link->expires, &expires)) return life;
    int64_t left = (expires - clock_now()) / CLOCK_SECOND;
    return left < 0 ? 0 : left < life ? left : life;
}

static struct http_validators validators_of(const struct package *package, const struct channels *channels, const struct channel *channel,
                                            struct str etag)
{
    if (channels->validator == CHANNELS_VALIDATOR_STORE) return (struct http_validators){package->etag, package->modified};
    bool later = channel && channel->changed > package->published;
    return (struct http_validators){etag, later ? channel->changed : package->published};
}

static enum status find_variant(struct task *task, struct error *error)
{
    const struct link *link = &task->link;
    struct variant *variant = &task->variant;
    struct app *app = task->splice->app;
    const struct channels *channels;
    const struct channel *channel = NULL;
    TRY(app_package(app, task->io, link->app, link->version, &variant->package, error));
    if (link->channel.length > 0)
        TRY(app_channel(app, task->io, link->app, link->channel, &channels, &channel, error));
    else
        TRY(app_channels(app, task->io, link->app, &channels, error));
    const struct package *package = variant->package;
    variant->life = life_of(link);
    if (!channel)
        filled_base(task->io.arena, package, channels, &variant->filled);
    else if (link->info.data)
        TRY(filled_with_info(task, package, channels, channel, &variant->filled, error));
    else
        TRY(filled_channel(task, package, channels, channel, &variant->filled, error));
    if (link->filename.data) variant->filled.disposition = http_disposition(task->io.arena, link->filename);
    variant->validators = validators_of(package, channels, channel, variant->filled.region.etag);
    return STATUS_OK;
}

/* --- who may ask */

static enum status check_signature(struct task *task, bool *allowed, struct error *error)
{
    const struct channels *channels;
    const struct app *app = task->splice->app;
    *allowed = !task->link.info.data && !task->link.expires.data; /* nothing to be signed; a signature comes with its expiry */
    if (*allowed) return STATUS_OK;
    enum status status = link_verify(task->io.arena, &task->link, &app->url_keys, clock_now(), error);
    if (status == STATUS_DENIED) return respond_problem(task->call, task->response, 403, "signature", "%s", error->text);
    if (task->link.info.data) {
        TRY(app_channels(task->splice->app, task->io, task->link.app, &channels, error));
        if (channels->url_info == CHANNELS_URL_NEVER)
            return respond_problem(task->call, task->response, 403, "url-info", "this app takes no info from URLs");
        if (status != STATUS_OK && channels->url_info == CHANNELS_URL_SIGNED)
            return respond_problem(task->call, task->response, 403, "signature", "this app takes info from signed URLs only");
    }
    *allowed = true;
    return STATUS_OK;
}

/* --- answering */

static void add_header(struct task *task, struct str name, struct str value)
{
    lc_header_add(task->io.arena, &task->response->headers, name, value);
}

static void add_common_headers(struct task *task, int64_t life)
{
    struct arena *arena = task->io.arena;
    char digits[U64_DIGITS];
    add_header(task, S("ETag"), task->variant.validators.etag);
    add_header(task, S("Last-Modified"), http_date(arena, task->variant.validators.modified));
    add_header(task, S("Cache-Control"), arena_join(arena, S("public, max-age="), str_of_u64(digits, (uint64_t)life)));
    add_header(task, S("Accept-Ranges"), S("bytes"));
    add_header(task, S("Content-Disposition"), task->variant.filled.disposition);
}

/* Says where the bytes are. The follower needs the base's own ETag to be sure that no other object's bytes get in (If-Match). */
static enum status redirect(struct task *task, struct error *error)
{
    struct app *app = task->splice->app;
    const struct package *package = task->variant.package;
    struct str key = package_base_key(task->io.arena, package->app, package->version), url;
    int64_t life = task->variant.life, valid_until;
    if (app->redirect == APP_REDIRECT_PRESIGNED) {
        TRY(store_presign(app->store, task->io, key, PRESIGN_LIFE, &url, &valid_until, error));
        int64_t left = (valid_until - clock_now()) / CLOCK_SECOND - PRESIGN_MARGIN;
        if (left < life) life = left > 0 ? left : 0;
    } else {
        url = arena_join(task->io.arena, app->redirect_url, key);
    }
    task->response->status = 302;
    add_header(task, S("Location"), url);
    add_header(task, S("Pakhus-Base-ETag"), package->etag);
    add_common_headers(task, life);
    return STATUS_OK;
}

static enum status send_stream(struct task *task, struct str key, const struct store_get *get, struct error *error)
{
    struct store_object object;
    struct stream inner;
    TRY(store_stream(task->splice->app->store, task->io, key, get, &inner, &object, error));
    task->response->stream =
        apk_overlay_stream(task->io.arena, inner, get->offset, task->variant.package->region, task->variant.filled.region.bytes.data);
    task->response->length = get->length;
    return STATUS_OK;
}

static enum status send_buffer(struct task *task, struct str key, const struct store_get *get, struct error *error)
{
    struct store_object object;
    const struct variant *variant = &task->variant;
    TRY(store_get(task->splice->app->store, task->io, key, get, &object, error));
    if (variant->filled.region.bytes.data) /* the body is ours: it lies in this call's arena */
        apk_overlay(&variant->package->region, variant->filled.region.bytes.data, get->offset, (char *)(uintptr_t)object.body.data,
                    object.body.length);
    task->response->body = object.body;
    return STATUS_OK;
}

static enum status send_kept(struct task *task, struct error *error)
{
    struct str base;
    const struct variant *variant = &task->variant;
    TRY(slices_get(task->splice->slices, task->io, variant->package, task->range, &base, error));
    char *bytes = arena_buffer(task->io.arena, base.length);
    memcpy(bytes, base.data, base.length);
    apk_overlay(&variant->package->region, variant->filled.region.bytes.data, task->range.offset, bytes, base.length);
    task->response->body = str_make(bytes, base.length);
    return STATUS_OK;
}

/* Reading a directory costs no more than asking it. */
static bool is_kept(const struct task *task, const struct splice_plan *plan)
{
    bool touches_region = plan->count > 1 || plan->part[0].kind == SPLICE_INFO;
    return touches_region && task->range.length <= SLICES_LONGEST && !task->splice->app->directory;
}

static enum status send_base_bytes(struct task *task, const struct splice_plan *plan, struct error *error)
{
    const struct package *package = task->variant.package;
    struct str key = package_base_key(task->io.arena, package->app, package->version);
    const struct store_get get = {
        .offset = task->range.offset, .length = task->range.length, .if_match = package->etag, .limit = BUFFER_LIMIT};
    enum status status = is_kept(task, plan)         ? send_kept(task, error)
                         : get.length > BUFFER_LIMIT ? send_stream(task, key, &get, error)
                                                     : send_buffer(task, key, &get, error);
    if (status != STATUS_PRECONDITION && status != STATUS_NOT_FOUND) return app_store_fault(status, error);
    app_forget_package(task->splice->app, task->io, package); /* unpublished, or published anew, behind our back */
    return error_set(error, STATUS_UNAVAILABLE, STR_FMT " is not the object that was published: no byte of it is sent", STR_ARG(key));
}

static enum status send_body(struct task *task, const struct splice_plan *plan, struct error *error)
{
    const struct variant *variant = &task->variant;
    task->response->length = task->range.length;
    if (str_equal(task->request->method, S("HEAD"))) return STATUS_OK;
    if (task->range.length > task->call->body_limit)
        return respond_problem(task->call, task->response, 501, "range-required",
                               "this host can send %llu bytes at most: ask for a range of that length or less",
                               (unsigned long long)task->call->body_limit);
    if (plan->count == 1 && plan->part[0].kind == SPLICE_INFO) {
        task->response->body = str_make(variant->filled.region.bytes.data + plan->part[0].offset, (size_t)plan->part[0].length);
        return STATUS_OK;
    }
    return send_base_bytes(task, plan, error);
}

static enum status send_content(struct task *task, const struct splice_plan *plan, struct error *error)
{
    struct arena *arena = task->io.arena;
    task->response->status = task->partial ? 206 : 200;
    add_header(task, S("Content-Type"), S("application/vnd.android.package-archive"));
    if (task->partial) add_header(task, S("Content-Range"), http_content_range(arena, task->range, task->variant.package->size));
    add_common_headers(task, task->variant.life);
    return send_body(task, plan, error);
}

static struct http_conditions conditions_of(const struct lc_request *request)
{
    return (struct http_conditions){
        .if_match = lc_header_get(&request->headers, S("if-match")),
        .if_none_match = lc_header_get(&request->headers, S("if-none-match")),
        .if_modified_since = lc_header_get(&request->headers, S("if-modified-since")),
        .if_unmodified_since = lc_header_get(&request->headers, S("if-unmodified-since")),
        .if_range = lc_header_get(&request->headers, S("if-range")),
    };
}

/* If-Range and If-Match go along with a redirect too, and are compared with the base's own ETag where it leads. */
static bool is_for_us(const struct task *task, struct str name)
{
    struct str value = lc_header_get(&task->request->headers, name);
    bool holds_there = task->splice->app->redirect == APP_REDIRECT_PRESIGNED && str_equal(value, task->variant.package->etag);
    return value.data && !holds_there;
}

/* A client sends its Range to where it is redirected, and stores do not read every Range as we do: one that is not understood there, or
 * not applied for the sake of If-Range or for an end past the end, brings the whole base, unspliced. */
static bool is_read_alike(const struct task *task)
{
    struct str range = lc_header_get(&task->request->headers, S("range"));
    if (is_for_us(task, S("if-match"))) return false;
    if (!range.data) return true;
    if (!task->partial || !http_range_is_plain(range) || is_for_us(task, S("if-range"))) return false;
    return store_clamps_ranges(task->splice->app->store) || http_range_is_within(range, task->variant.package->size);
}

/* Only a GET follows a redirect to where it leads: a signature is good for one method. */
static bool is_redirected(const struct task *task, const struct splice_plan *plan)
{
    bool base_only = plan->count == 1 && plan->part[0].kind == SPLICE_BASE;
    bool get = str_equal(task->request->method, S("GET"));
    return base_only && get && task->splice->app->redirect != APP_REDIRECT_NEVER && is_read_alike(task);
}

static enum status answer(struct task *task, struct error *error)
{
    const struct package *package = task->variant.package;
    struct http_conditions conditions = conditions_of(task->request);
    int verdict = http_precondition(&conditions, &task->variant.validators);
    if (verdict == 412)
        return respond_problem(task->call, task->response, 412, "precondition", "the package is not the version that was asked for");
    if (verdict == 304) {
        task->response->status = 304;
        add_common_headers(task, task->variant.life);
        return STATUS_OK;
    }
    struct str header = lc_header_get(&task->request->headers, S("range"));
    enum http_range_kind kind = HTTP_RANGE_NONE;
    if (http_if_range(&conditions, &task->variant.validators)) kind = http_range_parse(header, package->size, &task->range);
    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        respond_problem(task->call, task->response, 416, "range", "the package has %llu bytes", (unsigned long long)package->size);
        add_header(task, S("Content-Range"), http_content_range_unsatisfied(task->io.arena, package->size));
        return STATUS_OK;
    }
    task->partial = kind == HTTP_RANGE_ONE;
    if (!task->partial) task->range = (struct http_range){0, package->size};
    struct apk_region region = task->variant.filled.region.bytes.data ? package->region : (struct apk_region){0};
    struct splice_plan plan = splice_plan(region, task->range.offset, task->range.length);
    return is_redirected(task, &plan) ? redirect(task, error) : send_content(task, &plan, error);
}

static enum status serve(struct task *task, struct error *error)
{
    bool allowed;
    TRY(link_parse(task->io.arena, task->request->path, task->request->query, &task->link, error));
    TRY(check_signature(task, &allowed, error));
    if (!allowed) return STATUS_OK;
    TRY(find_variant(task, error));
    return answer(task, error);
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct splice *splice = state;
    struct error error;
    struct task task = {.splice = splice, .call = call, .request = request, .response = response, .io = app_io(splice->app, call)};
    if (!respond_allows_reading(call, request, response)) return STATUS_OK;
    if (!respond_allows_origin(splice->app, call, request, response)) return STATUS_OK;
    if (serve(&task, &error) == STATUS_OK) return STATUS_OK;
    *response = (struct lc_response){0};
    return respond_error(call, response, &error);
}

/* --- life */

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    struct splice *splice = arena_new_of(app->arena, struct splice);
    const struct cache_options options = {.life = INT64_MAX, .bytes = FILLED_BYTES, .load = load_filled, .context = app};
    *splice = (struct splice){.app = app, .filled = cache_new(&options), .slices = slices_new(app)};
    *state = splice;
    return STATUS_OK;
}

static void metrics(void *state, struct buf *out)
{
    struct splice *splice = state;
    app_metrics(splice->app, state, out);
}

const struct lc_function channel_range_splice = {
    .name = "channel-range-splice",
    .prefix = "PAKHUS",
    .init = init,
    .http = http,
    .metrics = metrics,
    .quick = true,
};
