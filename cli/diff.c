#include <stdio.h>

#include "base/map.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/stored.h"
#include "lib/catalog/patch.h"
#include "lib/patch/patch.h"
#include "lib/store/trial.h"

static struct str output_path, store_url, app, from_version, to_version;
static bool json;

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, &output_path, "OUT.diff", "where the patch between two files goes"},
    STORED_OPTION(&store_url),
    {"app", 'a', OPTION_TEXT, &app, "APP", "instead of files: an app, whose published versions the patch is for"},
    {"from", 0, OPTION_TEXT, &from_version, "VERSION", "with --app: what is installed"},
    {"to", 0, OPTION_TEXT, &to_version, "VERSION", "with --app: what it becomes"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print what was made as JSON"},
};
static const struct command command = {
    .name = "diff",
    .arguments = "[FROM.apk TO.apk]",
    .summary = "Makes a patch between two base packages, good for every channel, and checks it by applying it. With --app it is made in\n"
               "the store and published there.",
    .example = "pakhus diff game-1.0-base.apk game-2.0-base.apk -o game-1.0..2.0.diff",
    COMMAND_OPTIONS(options),
    .most = 2,
};

/* --- between files */

static enum status open_package(struct arena *arena, const char *path, const struct apk_source *source, struct progress *progress,
                                struct patch_package *package, struct error *error)
{
    if (patch_open(arena, file_descriptor(source), progress, package, error) != STATUS_OK) return error_context(error, "%s", path);
    return STATUS_OK;
}

static enum status write_patch(struct arena *arena, struct output *output, const struct patch_package *from, const struct patch_package *to,
                               struct progress *progress, uint64_t *size, struct error *error)
{
    struct map map;
    struct stream stream = patch_make(arena, from, to, progress);
    enum status status = output_stream(output, stream, error);
    stream_close(&stream);
    TRY(status);
    TRY(map_file(arena, output_descriptor(output), &map, error));
    *size = map.length;
    return patch_check(arena, stream_of(arena, str_make(map.bytes, map.length)), from, to, progress, error);
}

static void put_side(struct json_writer *line, const char *name, const struct patch_side *side)
{
    json_open_object(line, name);
    json_put_number(line, "size", side->size);
    json_put_text(line, "sha256", side->sha256);
    json_close(line);
}

static void report(struct arena *arena, const struct patch_header *sides, uint64_t size)
{
    if (!json) {
        printf(STR_FMT ": %llu bytes, %.1f %% of the new package\n", STR_ARG(output_path), (unsigned long long)size,
               100.0 * (double)size / (double)sides->to.size);
        return;
    }
    struct json_writer line = command_json(arena);
    json_open_object(&line, NULL);
    json_put_number(&line, "size", size);
    put_side(&line, "from", &sides->from);
    put_side(&line, "to", &sides->to);
    json_close(&line);
    command_print(&line);
}

static enum status make_patch(struct arena *arena, const struct str *paths, const struct apk_source *sources, struct progress *progress,
                              struct patch_header *sides, uint64_t *size, struct error *error)
{
    struct patch_package from, to;
    struct output *output;
    TRY(open_package(arena, paths[0].data, &sources[0], progress, &from, error));
    TRY(open_package(arena, paths[1].data, &sources[1], progress, &to, error));
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(write_patch(arena, output, &from, &to, progress, size, error));
    *sides = (struct patch_header){from.side, to.side};
    return output_commit(output, error);
}

static enum status diff_files(struct arena *arena, const struct str *paths, int count, struct error *error)
{
    struct apk_source sources[2];
    struct patch_header sides;
    uint64_t size;
    ENSURE(count == 2 && output_path.data, error, STATUS_INVALID,
           "say FROM.apk, TO.apk and -o OUT.diff, or --app, --from and --to for a patch in the store");
    ENSURE(!from_version.data && !to_version.data, error, STATUS_INVALID, "--from and --to go with --app");
    for (int i = 0; i < 2; i++) TRY(file_source(arena, paths[i].data, &sources[i], error));
    struct progress progress = progress_start("diff", sources[0].size + 3 * sources[1].size);
    enum status status = make_patch(arena, paths, sources, &progress, &sides, &size, error);
    progress_end(&progress);
    TRY(status);
    report(arena, &sides, size);
    return STATUS_OK;
}

/* --- in the store */

static enum status diff_published(struct arena *arena, int count, struct error *error)
{
    struct store *store;
    struct patch patch = {.from = from_version, .to = to_version};
    ENSURE(from_version.data && to_version.data, error, STATUS_INVALID, "--app needs --from VERSION and --to VERSION");
    ENSURE(count == 0 && !output_path.data, error, STATUS_INVALID, "with --app the patch goes into the store: name neither files nor -o");
    TRY(patch_check_names(app, from_version, to_version, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(store_probe(store, command_io(arena), error));
    struct progress progress = progress_start("diff", 0);
    enum status status = patch_produce((struct catalog){store, command_upload_io(arena), app}, &patch, &progress, error);
    progress_end(&progress);
    TRY(status);
    if (json) return printf(STR_FMT, STR_ARG(patch_format(arena, &patch))), STATUS_OK;
    printf(STR_FMT "/" STR_FMT ".." STR_FMT ": %llu bytes, sha256 " STR_FMT "\n", STR_ARG(app), STR_ARG(from_version), STR_ARG(to_version),
           (unsigned long long)patch.size, STR_ARG(patch.sha256));
    return STATUS_OK;
}

static enum status run_diff(struct arena *arena, const struct str *words, int count, struct error *error)
{
    return app.data ? diff_published(arena, count, error) : diff_files(arena, words, count, error);
}

int cmd_diff(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_diff);
}
