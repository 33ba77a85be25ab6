#include <stdio.h>

#include "cli/file.h"
#include "cli/stored.h"
#include "lib/catalog/newest.h"
#include "lib/catalog/patch.h"
#include "lib/catalog/publish.h"
#include "lib/transfer/progress.h"

static struct str store_url, app, version;
static uint64_t region = APK_REGION_DEFAULT;
static bool json, force;

/* --- publish */

static const struct command_option publish_options[] = {
    STORED_OPTION(&store_url),
    {"app", 'a', OPTION_TEXT, &app, "APP", "the app's id", .required = true},
    {"version", 'v', OPTION_TEXT, &version, "VERSION", "the version's id; a published one never changes", .required = true},
    {"region", 0, OPTION_SIZE, &region, "BYTES", "bytes to reserve in a package that is not prepared (default 4096)"},
    {"force", 0, OPTION_FLAG, &force, NULL, "publish also what devices would refuse, and another application than the version before"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print package.json"},
};
static const struct command publish = {
    .name = "publish",
    .arguments = "BASE.apk",
    .summary = "Puts a base package into the store; one that is not prepared is prepared on the way.",
    .example = "pakhus publish game.apk --store s3://packages --app GAME --version 2.0",
    COMMAND_OPTIONS(publish_options),
    .least = 1,
    .most = 1,
};

/* The prepared package as a stream. */
struct upload {
    const struct apk_prepared *prepared;
    const struct apk_source *source;
    struct progress progress;
    uint64_t position;
};

static ssize_t read_prepared(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct upload *upload = context;
    uint64_t left = upload->prepared->size - upload->position;
    size_t length = left < capacity ? (size_t)left : capacity;
    if (apk_prepared_read(upload->prepared, upload->source, (struct apk_region){upload->position, length}, buffer, error) != STATUS_OK)
        return -1;
    upload->position += length;
    progress_add(&upload->progress, length);
    return (ssize_t)length;
}

/* Reading the file, for what is checked of it, may take a while. */
static enum status plan_file(struct arena *arena, const char *path, const struct apk_source *source, struct publish_plan *plan,
                             struct error *error)
{
    struct file_reading reading;
    struct apk_source watched = file_reading_start(&reading, "check", source);
    const struct publish_options options = {app, version, region, force};
    enum status status = publish_plan(arena, &watched, &options, plan, error);
    progress_end(&reading.progress);
    if (status != STATUS_OK) return error_context(error, "%s", path);
    return STATUS_OK;
}

static enum status send(struct arena *arena, struct store *store, const struct apk_source *source, struct publish_plan *plan,
                        struct error *error)
{
    struct upload upload = {.prepared = &plan->prepared, .source = source, .progress = progress_start("upload", plan->package.size)};
    struct stream stream = {.read = read_prepared, .context = &upload};
    enum status status = package_publish(store, command_upload_io(arena), stream, &plan->package, error);
    progress_end(&upload.progress);
    return status;
}

static void print_package(struct arena *arena, const struct package *package)
{
    if (json)
        printf(STR_FMT, STR_ARG(package_format(arena, package)));
    else
        printf(STR_FMT "/" STR_FMT ": %llu bytes, scheme " STR_FMT ", region of %llu bytes at %llu, sha256 " STR_FMT "\n", STR_ARG(app),
               STR_ARG(version), (unsigned long long)package->size, STR_ARG(apk_schemes_name(arena, package->schemes)),
               (unsigned long long)package->region.length, (unsigned long long)package->region.offset, STR_ARG(package->sha256));
}

static enum status run_publish(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)count;
    const char *path = words[0].data;
    struct store *store;
    struct apk_source source;
    struct publish_plan plan;
    TRY(stored_check_id(app, "--app", error));
    TRY(stored_check_version(version, "--version", error));
    TRY(file_source(arena, path, &source, error));
    TRY(plan_file(arena, path, &source, &plan, error));
    file_warn_of_idsig(path);
    file_tell_notes(&plan.prepared);
    TRY(stored_open(arena, store_url, &store, error));
    TRY(publish_check(store, command_io(arena), &plan, error));
    for (size_t i = 0; i < plan.warning_count; i++) fprintf(stderr, "warning: " STR_FMT "\n", STR_ARG(plan.warnings[i]));
    TRY(send(arena, store, &source, &plan, error));
    print_package(arena, &plan.package);
    return newest_refresh((struct catalog){store, command_io(arena), app}, version, error);
}

int cmd_publish(int argc, char **argv)
{
    return command_main(&publish, argc, argv, run_publish);
}

/* --- unpublish */

static const struct command_option unpublish_options[] = {
    STORED_OPTION(&store_url),
};
static const struct command unpublish = {
    .name = "unpublish",
    .arguments = "APP VERSION",
    .summary = "Takes a package out of the store, and the patches from and to it. Caches and signed URLs may serve it for a while yet.",
    .example = "pakhus unpublish --store s3://packages GAME 2.0",
    COMMAND_OPTIONS(unpublish_options),
    .least = 2,
    .most = 2,
};

static enum status run_unpublish(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    (void)count;
    TRY(stored_check_id(words[0], "APP", error));
    TRY(stored_check_version(words[1], "VERSION", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(patch_withdraw((struct catalog){store, command_io(arena), words[0]}, words[1], error));
    TRY(package_unpublish((struct catalog){store, command_io(arena), words[0]}, words[1], error));
    return newest_refresh((struct catalog){store, command_io(arena), words[0]}, S(""), error);
}

int cmd_unpublish(int argc, char **argv)
{
    return command_main(&unpublish, argc, argv, run_unpublish);
}
