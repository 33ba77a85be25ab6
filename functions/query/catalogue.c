#include "functions/query/query.h"

#include "base/hash.h"
#include "lib/catalog/newest.h"
#include "lib/catalog/patch.h"
#include "lib/catalog/release.h"

enum { APP_LIFE = 5 * CLOCK_SECOND, STALE_LIFE = CLOCK_HOUR, MISSING_LIFE = CLOCK_SECOND, APPS_BYTES = 32 << 20, VERSIONS_MOST = 10000 };

struct current {
    struct release release;
    struct str newest; /* where none is released: by version code, then by when it was published */
};

/* --- an app, as its objects in the store say */

struct versions {
    struct arena *arena;
    struct str prefix, *items;
    size_t count;
};

static bool note_version(void *context, const struct store_object *object)
{
    struct versions *versions = context;
    struct str rest = str_from(object->key, versions->prefix.length), version = str_cut(&rest, '/');
    if (str_equal(rest, S("package.json"))) versions->items[versions->count++] = arena_copy(versions->arena, version);
    return versions->count < VERSIONS_MOST;
}

static bool is_newer(const struct package *package, const struct package *than)
{
    if (!than) return true;
    if (package->version_code != than->version_code) return package->version_code > than->version_code;
    return package->published > than->published;
}

static enum status look_for_newest(struct app *app, struct io io, struct str id, const struct package **newest, struct error *error)
{
    struct versions versions = {.arena = io.arena, .prefix = arena_join(io.arena, S("packages/"), id, S("/"))};
    const struct package *package, *best = NULL;
    versions.items = arena_array(io.arena, VERSIONS_MOST, sizeof *versions.items);
    TRY(store_list(app->store, io, versions.prefix, 0, note_version, &versions, error));
    for (size_t i = 0; i < versions.count; i++) {
        enum status status = app_package(app, io, id, versions.items[i], &package, error);
        if (status == STATUS_OK && is_newer(package, best)) best = package;
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    }
    ENSURE(best, error, STATUS_NOT_FOUND, "there is no app '" STR_FMT "'", STR_ARG(id));
    *newest = best;
    return STATUS_OK;
}

/* All that is looked at on the way is let go: of an app little is kept. */
static enum status find_among_all(struct app *app, struct io io, struct str id, struct str *newest, struct error *error)
{
    const struct io own = {.arena = arena_new(), .deadline = io.deadline};
    const struct package *package;
    enum status status = look_for_newest(app, own, id, &package, error);
    if (status == STATUS_OK) *newest = arena_copy(io.arena, package->version);
    arena_free(own.arena);
    return status;
}

static enum status find_newest(struct app *app, struct io io, struct str id, struct str *newest, struct error *error)
{
    const struct package *package;
    enum status status = newest_load((struct catalog){app->store, io, id}, newest, error);
    if (status == STATUS_OK) status = app_package(app, io, id, *newest, &package, error);
    return status == STATUS_NOT_FOUND ? find_among_all(app, io, id, newest, error) : app_store_fault(status, error);
}

static enum status load_app(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    struct current *current = arena_new_of(load->io.arena, struct current);
    struct str id = arena_copy(load->io.arena, load->key);
    TRY(app_store_fault(release_load((struct catalog){app->store, load->io, id}, 0, &current->release, error), error));
    if (current->release.current.length == 0) TRY(find_newest(app, load->io, id, &current->newest, error));
    *value = current;
    return STATUS_OK;
}

struct cache *query_apps(struct app *app)
{
    return cache_new(&(struct cache_options){.life = app_life(app, APP_LIFE),
                                             .stale = STALE_LIFE,
                                             .missing = app_life(app, MISSING_LIFE),
                                             .bytes = APPS_BYTES,
                                             .load = load_app,
                                             .context = app});
}

/* --- which version */

/* [0, 1), the same for a device and an app whatever else is asked. */
static double share_of(struct str device, struct str app)
{
    uint64_t hash = hash64(hash64(HASH64, device), app);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash >> 11) * 0x1p-53;
}

/* Staged versions share out the devices; one that does not say who it is gets what is current. */
static struct str released(const struct current *current, const struct wish *wish)
{
    double share = share_of(wish->device, wish->app);
    for (size_t i = 0; wish->device.length > 0 && i < current->release.staged_count; i++) {
        if (share < current->release.staged[i].share) return current->release.staged[i].version;
        share -= current->release.staged[i].share;
    }
    return current->release.current.length > 0 ? current->release.current : current->newest;
}

static enum status find_version(struct query *query, struct io io, const struct wish *wish, struct str *version, struct error *error)
{
    const void *value;
    if (wish->version.length > 0) return *version = wish->version, STATUS_OK;
    TRY(cache_get(query->apps, io, wish->app, &value, error));
    *version = released(value, wish);
    return STATUS_OK;
}

/* --- which package */

/* The smaller one is answered. */
static void offer_patch(struct chosen *chosen, const struct offer *offer)
{
    bool is_first = chosen->offer.name.from.length == 0, is_best = is_first || offer->size <= chosen->offer.size;
    chosen->other = is_first ? chosen->other : is_best ? chosen->offer : *offer;
    if (is_best) chosen->offer = *offer;
}

/* STATUS_NOT_FOUND: nobody made it. */
static enum status find_patch(struct query *query, struct io io, struct chosen *chosen, const struct package_name *name,
                              struct error *error)
{
    const struct patch *patch;
    TRY(app_patch(query->placement->app, io, name, &patch, error));
    offer_patch(chosen, &(struct offer){*name, patch->size, patch->sha256});
    return STATUS_OK;
}

/* In the formats that the device takes. A patch from a version that nobody knows can't be; one that does not exist may be wanted all the
 * same, in the newest of the formats. */
static enum status find_patches(struct query *query, struct io io, struct chosen *chosen, const struct wish *wish, struct error *error)
{
    const struct package *old;
    struct package_name name = {.app = wish->app, .version = chosen->offer.name.version, .from = wish->from};
    enum status status = STATUS_NOT_FOUND;
    for (name.format = PATCH_FORMAT_1; name.format <= (wish->takes_format2 ? PATCH_FORMAT_2 : PATCH_FORMAT_1); name.format++) {
        chosen->wanted = name;
        status = find_patch(query, io, chosen, &name, error);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    }
    bool made = status == STATUS_OK;
    if (!made) status = app_package(query->placement->app, io, wish->app, wish->from, &old, error);
    if (made || status == STATUS_NOT_FOUND) chosen->wanted = chosen->offer.name;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status choose_full(struct query *query, struct io io, const struct wish *wish, struct chosen *chosen, struct error *error)
{
    struct app *app = query->placement->app;
    const struct package *package;
    struct app_channel wanted = {.app = wish->app, .id = wish->channel};
    TRY(app_package(app, io, wish->app, chosen->offer.name.version, &package, error));
    if (wish->channel.length > 0) TRY(app_channel(app, io, &wanted, error));
    chosen->offer.name.channel = wish->channel;
    chosen->offer.size = package->size;
    chosen->base = package_base_key(io.arena, package);
    chosen->region = package->region;
    chosen->offer.sha256 = wish->channel.length > 0 ? (struct str){NULL, 0} : package->sha256;
    chosen->wanted = chosen->offer.name;
    return STATUS_OK;
}

/* Of the same version: the device reports both channels, and they differ. */
static bool changes_channel(const struct wish *wish)
{
    return wish->channel.length > 0 && wish->from_channel.length > 0 && !str_equal(wish->channel, wish->from_channel);
}

/* What is offered is no update for who has it already or, where no version is asked for, a newer one: one that was withdrawn. */
static enum status note_current(struct query *query, struct io io, const struct wish *wish, struct chosen *chosen, struct error *error)
{
    struct app *app = query->placement->app;
    const struct package *has, *offered;
    if (wish->from.length == 0) return STATUS_OK;
    bool same = str_equal(wish->from, chosen->offer.name.version);
    chosen->is_current = same && !changes_channel(wish);
    if (same || wish->version.length > 0) return STATUS_OK;
    enum status status = app_package(app, io, wish->app, wish->from, &has, error);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    TRY(app_package(app, io, wish->app, chosen->offer.name.version, &offered, error));
    chosen->is_current = has->version_code > offered->version_code;
    return STATUS_OK;
}

enum status query_choose(struct query *query, struct io io, const struct wish *wish, struct chosen *chosen, struct error *error)
{
    *chosen = (struct chosen){.offer.name = {.app = wish->app}};
    TRY(find_version(query, io, wish, &chosen->offer.name.version, error));
    TRY(choose_full(query, io, wish, chosen, error));
    TRY(note_current(query, io, wish, chosen, error));
    if (wish->from.length == 0 || chosen->is_current || str_equal(wish->from, chosen->offer.name.version)) return STATUS_OK;
    return find_patches(query, io, chosen, wish, error);
}
