#include "functions/channel-range-splice/splice.h"
#include "functions/common/filled.h"
#include "functions/common/respond.h"
#include "lib/apk/info.h"
#include "lib/catalog/link.h"
#include "lib/http/disposition.h"

/* Seconds that caches may keep what we say. A channel's info may change; URLs with info of their own are rarely asked twice (S12). */
enum { CHANNEL_LIFE = 300, INFO_LIFE = 60 };
enum { FILLED_BYTES = 12 << 20 };

/* A region as a channel has it, and what follows from it. `region.bytes` is empty for the base itself. */
struct filled_variant {
    struct filled region;
    struct str disposition; /* with the template's file name */
};

/* --- the variant: package, channel, info → region and validators */

/* What a request is for. */
struct wanted {
    const struct link *link;
    const struct package *package;
    const struct channels *channels;
    const struct channel *channel; /* NULL: the base itself */
};

static struct str disposition_of(struct arena *arena, const struct package *package, const struct channels *channels, struct str channel)
{
    return http_disposition(arena, channels_filename(arena, channels, package->app, package->version, channel));
}

static enum status fill(struct app *app, const struct cache_load *load, struct io io, struct filled_variant *filled, struct error *error)
{
    const struct package *package;
    struct arena *arena = load->io.arena;
    struct str rest = arena_copy(io.arena, load->key), id = str_cut(&rest, '/'), version = str_cut(&rest, '/'), name = str_cut(&rest, '@');
    struct app_channel channel = {.app = id, .id = name};
    TRY(app_package(app, io, id, version, &package, error));
    TRY(app_channel(app, io, &channel, error));
    TRY(filled_make(arena, package, channel.channels, &channel.channel.info, &filled->region, error));
    filled->disposition = disposition_of(arena, package, channel.channels, name);
    return STATUS_OK;
}

/* Runs once for a channel: its facts are in memory already, its region is made from them. The facts are let go: a region that held on to
 * the shard of its channel would keep it in memory past its time in the cache. */
static enum status load_filled(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct io io = {.arena = arena_new(), .deadline = load->io.deadline};
    struct filled_variant *filled = arena_new_of(load->io.arena, struct filled_variant);
    enum status status = fill(context, load, io, filled, error);
    arena_free(io.arena);
    *value = filled;
    return status;
}

/* Facts that change make another key: the old region is not asked for again, and leaves the cache in time. */
static enum status filled_channel(struct task *task, const struct wanted *wanted, struct filled_variant *filled, struct error *error)
{
    const void *value;
    char digits[U64_DIGITS];
    const struct package *package = wanted->package;
    const struct channels *channels = wanted->channels;
    struct str generation = str_of_u64(digits, channels->generation), digest = str_first(package->sha256, 16);
    struct str key = arena_join(task->io.arena, package->app, S("/"), package->version, S("/"), wanted->channel->id, S("@"), generation,
                                S("."), channels->shards, S("."), digest, S("."), wanted->channel->info.json);
    TRY(cache_get(task->splice->filled, task->io, key, &value, error));
    *filled = *(const struct filled_variant *)value;
    return STATUS_OK;
}

static enum status filled_with_info(struct arena *arena, const struct wanted *wanted, struct filled_variant *filled, struct error *error)
{
    struct apk_info merged;
    TRY(apk_info_merge(arena, &wanted->channel->info, wanted->link->info, &merged, error));
    TRY(filled_make(arena, wanted->package, wanted->channels, &merged, &filled->region, error));
    filled->disposition = disposition_of(arena, wanted->package, wanted->channels, wanted->channel->id);
    return STATUS_OK;
}

static void filled_base(struct arena *arena, const struct wanted *wanted, struct filled_variant *filled)
{
    filled->region.etag = arena_printf(arena, "\"" STR_FMT "\"", STR_ARG(str_first(wanted->package->sha256, 32)));
    filled->disposition = disposition_of(arena, wanted->package, wanted->channels, (struct str){NULL, 0});
}

/* What is signed until some time is not served by caches past it. */
static int64_t life_of(const struct link *link)
{
    int64_t life = link->channel.length == 0 ? CONTENT_LIFE : link->info.data ? INFO_LIFE : CHANNEL_LIFE, expires;
    if (!link->expires.data || !clock_parse_time(link->expires, &expires)) return life;
    int64_t left = (expires - clock_now()) / CLOCK_SECOND;
    return left < 0 ? 0 : left < life ? left : life;
}

static struct http_validators validators_of(const struct wanted *wanted, struct str etag)
{
    const struct package *package = wanted->package;
    if (wanted->channels->validator == CHANNELS_VALIDATOR_STORE) return (struct http_validators){package->etag, package->modified};
    bool later = wanted->channel && wanted->channel->changed > package->published;
    return (struct http_validators){etag, later ? wanted->channel->changed : package->published};
}

static enum status find_filled(struct task *task, const struct wanted *wanted, struct filled_variant *filled, struct error *error)
{
    if (wanted->channel && wanted->link->info.data) return filled_with_info(task->io.arena, wanted, filled, error);
    if (wanted->channel) return filled_channel(task, wanted, filled, error);
    filled_base(task->io.arena, wanted, filled);
    return STATUS_OK;
}

static enum status find_content(struct task *task, const struct link *link, const struct package *package, struct error *error)
{
    struct app *app = task->splice->app;
    struct wanted wanted = {.link = link, .package = package};
    struct filled_variant filled = {0};
    struct app_channel channel = {.app = link->app, .id = link->channel};
    if (link->channel.length > 0) {
        TRY(app_channel(app, task->io, &channel, error));
        wanted.channel = &channel.channel;
    } else {
        TRY(app_channels(app, task->io, link->app, &channel.channels, error));
    }
    wanted.channels = channel.channels;
    TRY(find_filled(task, &wanted, &filled, error));
    task->content = (struct content){
        .key = package_base_key(task->io.arena, package),
        .etag = package->etag,
        .size = package->size,
        .region = package->region,
        .filled = filled.region.bytes.data,
        .validators = validators_of(&wanted, filled.region.etag),
        .type = S("application/vnd.android.package-archive"),
        .disposition = link->filename.data ? http_disposition(task->io.arena, link->filename) : filled.disposition,
        .life = life_of(link),
    };
    return STATUS_OK;
}

/* --- who may ask */

static enum status check_signature(struct task *task, const struct link *link, bool *allowed, struct error *error)
{
    const struct channels *channels;
    const struct app *app = task->splice->app;
    *allowed = !link->info.data && !link->expires.data; /* nothing to be signed; a signature comes with its expiry */
    if (*allowed) return STATUS_OK;
    enum status status = link_verify(task->io.arena, link, &app->url_keys, clock_now(), error);
    if (status == STATUS_DENIED) return respond_problem(task->call, task->response, PROBLEM_SIGNATURE, "%s", error->text);
    if (link->info.data) {
        TRY(app_channels(task->splice->app, task->io, link->app, &channels, error));
        if (channels->url_info == CHANNELS_URL_NEVER)
            return respond_problem(task->call, task->response, PROBLEM_URL_INFO, "this app takes no info from URLs");
        if (status != STATUS_OK && channels->url_info == CHANNELS_URL_SIGNED)
            return respond_problem(task->call, task->response, PROBLEM_SIGNATURE, "this app takes info from signed URLs only");
    }
    *allowed = true;
    return STATUS_OK;
}

enum status package_serve(struct task *task, struct error *error)
{
    bool allowed;
    struct link link;
    const struct package *package;
    TRY(link_parse(task->io.arena, task->request->path, task->request->query, &link, error));
    TRY(check_signature(task, &link, &allowed, error));
    if (!allowed) return STATUS_OK;
    TRY(app_package(task->splice->app, task->io, link.app, link.version, &package, error));
    TRY(find_content(task, &link, package, error));
    enum status status = content_answer(task, error);
    if (task->outdated) app_doubt_package(task->splice->app, task->io, package);
    return status;
}

struct cache *package_regions(struct app *app)
{
    return cache_new(&(struct cache_options){.life = INT64_MAX, .bytes = FILLED_BYTES, .load = load_filled, .context = app});
}
