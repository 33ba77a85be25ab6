#include "lib/catalog/publish.h"

#include "lib/catalog/channels.h"

static struct str read_manifest(struct arena *arena, const struct apk_source *source, const struct apk *apk, struct package *package)
{
    struct apk_manifest manifest = {0};
    struct error why;
    if (apk_manifest(arena, source, apk, &manifest, &why) != STATUS_OK)
        return arena_printf(arena, "no version code is known for this package: %s", why.text);
    package->name = manifest.package;
    package->version_code = manifest.version_code;
    return S("");
}

enum status publish_plan(struct arena *arena, const struct apk_source *source, struct str app, struct str version, uint64_t region,
                         struct publish_plan *plan, struct error *error)
{
    struct apk apk;
    struct apk_prepared *prepared = &plan->prepared;
    TRY(apk_prepare(arena, source, region, prepared, error));
    ENSURE(prepared->region.length >= APK_REGION_DEFAULT, error, STATUS_INVALID,
           "its region has %llu bytes, and channel info is checked against %d: reserve that many at least",
           (unsigned long long)prepared->region.length, APK_REGION_DEFAULT);
    TRY(apk_examine(arena, source, &apk, error));
    plan->package =
        (struct package){.app = app, .version = version, .size = prepared->size, .schemes = prepared->schemes, .region = prepared->region};
    plan->warning = read_manifest(arena, source, &apk, &plan->package);
    return STATUS_OK;
}

enum status publish_check(struct store *store, struct io io, const struct package *package, struct error *error)
{
    struct channels channels;
    TRY(store_probe(store, io, error));
    TRY(channels_load(store, io, package->app, 0, &channels, error));
    return channels_check_package(&channels, package->app, package->schemes, error);
}
