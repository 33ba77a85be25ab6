#include "lib/catalog/publish.h"

#include "lib/catalog/channels.h"
#include "lib/catalog/stored_apk_internal.h"
#include "lib/store/trial.h"

static void warn(struct publish_plan *plan, struct str text)
{
    plan->warnings[plan->warning_count++] = text;
}

static enum status refuse(struct arena *arena, struct publish_plan *plan, struct str problem, struct error *error)
{
    ENSURE(plan->force, error, STATUS_INVALID, STR_FMT " (`pakhus publish --force` publishes it all the same)", STR_ARG(problem));
    return warn(plan, arena_copy(arena, problem)), STATUS_OK;
}

static enum status check_file(struct arena *arena, const struct apk_source *source, struct publish_plan *plan, struct error *error)
{
    struct apk apk;
    struct apk_check check;
    struct error why;
    TRY(apk_examine(arena, source, &apk, error));
    TRY(apk_check(arena, &apk, &check, error));
    if (!str_empty(check.problem)) TRY(refuse(arena, plan, check.problem, error));
    if (!str_empty(check.no_manifest)) warn(plan, arena_join(arena, S("no version code is known for this package: "), check.no_manifest));
    plan->package.name = check.manifest.package;
    plan->package.version_code = check.manifest.version_code;
    if (apk_certificates(arena, &apk, &plan->certificates, &why) != STATUS_OK) plan->certificates.count = 0;
    return STATUS_OK;
}

enum status publish_plan(struct arena *arena, const struct apk_source *source, const struct publish_options *options,
                         struct publish_plan *plan, struct error *error)
{
    struct apk_prepared *prepared = &plan->prepared;
    *plan = (struct publish_plan){.package = {.app = options->app, .version = options->version}, .force = options->force};
    TRY(check_file(arena, source, plan, error));
    TRY(apk_prepare(arena, source, options->region, prepared, error));
    ENSURE(prepared->region.length >= APK_REGION_DEFAULT, error, STATUS_INVALID,
           "its region has %llu bytes, and channel info is checked against %d: reserve that many at least",
           (unsigned long long)prepared->region.length, APK_REGION_DEFAULT);
    plan->package.size = prepared->size;
    plan->package.schemes = prepared->schemes;
    plan->package.region = prepared->region;
    return STATUS_OK;
}

/* --- the version before */

struct newest {
    struct arena *arena;
    struct str own; /* key of the version that is published now */
    struct str version;
    int64_t modified;
    bool is_published; /* the own one */
};

static bool take_newest(void *context, const struct store_object *object)
{
    struct newest *newest = context;
    const struct str end = S("/package.json");
    if (!str_ends(object->key, end)) return true;
    if (str_equal(object->key, newest->own)) return newest->is_published = true, false;
    if (newest->version.data && object->modified < newest->modified) return true;
    struct str version = str_first(object->key, object->key.length - end.length);
    newest->version = arena_copy(newest->arena, str_from(version, str_find_last(version, '/') + 1));
    newest->modified = object->modified;
    return true;
}

/* The app's version that was published last. STATUS_NOT_FOUND: there is none, or this version is published already, and so can't become
 * another one. */
static enum status version_before(struct store *store, struct io io, const struct package *package, struct package *before,
                                  struct error *error)
{
    struct newest newest = {.arena = io.arena, .own = package_json_key(io.arena, package->app, package->version)};
    struct str folder = arena_join(io.arena, S("packages/"), package->app, S("/"));
    TRY(store_list(store, io, folder, 0, take_newest, &newest, error));
    ENSURE(newest.version.data && !newest.is_published, error, STATUS_NOT_FOUND, "no version before");
    return package_load((struct catalog){store, io, package->app}, newest.version, before, error);
}

static enum status read_certificates(struct store *store, struct io io, struct str base, struct apk_certificates *certificates,
                                     struct error *error)
{
    struct store_object object;
    struct apk apk;
    TRY(store_head(store, io, base, &object, error));
    struct apk_source source = stored_apk(store, io, &object);
    TRY(apk_examine(io.arena, &source, &apk, error));
    return apk_certificates(io.arena, &apk, certificates, error);
}

/* None for a base that is missing or damaged. */
static enum status certificates_of(struct store *store, struct io io, const struct package *package, struct apk_certificates *certificates,
                                   struct error *error)
{
    struct str base = package_base_key(io.arena, package);
    enum status status = read_certificates(store, io, base, certificates, error);
    bool is_damaged = status == STATUS_NOT_FOUND || status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED;
    if (is_damaged || status == STATUS_PRECONDITION) return certificates->count = 0, STATUS_OK;
    return status;
}

static bool share_one(const struct apk_certificates *a, const struct apk_certificates *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            if (str_equal(a->sha256[i], b->sha256[k])) return true;
    return a->count == 0 || b->count == 0;
}

static enum status check_application(struct store *store, struct io io, struct publish_plan *plan, struct error *error)
{
    struct arena *arena = io.arena;
    struct package before = {0};
    struct apk_certificates certificates;
    const struct package *now = &plan->package;
    enum status status = version_before(store, io, now, &before, error);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    struct str which = arena_join(arena, before.app, S("/"), before.version);
    bool same_name = str_empty(before.name) || str_empty(now->name) || str_equal(before.name, now->name);
    if (!same_name)
        return refuse(arena, plan,
                      arena_join(arena, S("this is another application: its package name is "), now->name, S(", and that of "), which,
                                 S(" is "), before.name),
                      error);
    TRY(certificates_of(store, io, &before, &certificates, error));
    if (share_one(&certificates, &plan->certificates)) return STATUS_OK;
    return refuse(arena, plan,
                  arena_join(arena, S("it is signed by another key than "), which,
                             S(", so devices that have that do not install it as an update: its certificate has the SHA-256 "),
                             plan->certificates.sha256[0], S(", that of "), which, S(" has "), certificates.sha256[0]),
                  error);
}

enum { SWEEP_TIME = 10 * CLOCK_SECOND };

/* Not every store can, and not everyone may. */
static void sweep(struct store *store, struct io io)
{
    struct error ignored;
    io.deadline = deadline_within(io.deadline, SWEEP_TIME);
    store_sweep(store, io, S("packages/"), &ignored);
}

enum status publish_check(struct store *store, struct io io, struct publish_plan *plan, struct error *error)
{
    struct channels channels;
    const struct package *package = &plan->package;
    TRY(store_probe(store, io, error));
    sweep(store, io);
    TRY(channels_load((struct catalog){store, io, package->app}, NULL, &channels, error));
    TRY(channels_check_package(&channels, package->app, package->schemes, error));
    return check_application(store, io, plan, error);
}
