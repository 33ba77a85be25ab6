#include <stdio.h>

#include "base/map.h"
#include "cli/file.h"
#include "cli/output.h"
#include "lib/patch/patch.h"

static struct str output_path;

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, &output_path, "NEW.apk", "where the new package goes", .required = true},
};
static const struct command command = {
    .name = "patch",
    .arguments = "OLD.apk X.diff",
    .summary = "Makes the new version out of the installed one and a patch. The channel info moves with it.",
    .example = "pakhus patch game-1.0-huawei.apk game-1.0..2.0.diff -o game-2.0-huawei.apk",
    COMMAND_OPTIONS(options),
    .least = 2,
    .most = 2,
};

static enum status open_patch(struct arena *arena, const char *path, struct stream *diff, struct patch_header *header, struct error *error)
{
    struct apk_source file;
    struct map map;
    TRY(file_source(arena, path, &file, error));
    TRY(map_file(arena, file_descriptor(&file), &map, error));
    *diff = stream_of(arena, str_make(map.bytes, map.length));
    if (patch_read(arena, *diff, header, error) != STATUS_OK) return error_context(error, "%s", path);
    return STATUS_OK;
}

static enum status write_package(struct arena *arena, struct stream package, struct error *error)
{
    struct output *output;
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(output_stream(output, package, error));
    return output_commit(output, error);
}

static enum status apply(struct arena *arena, const char *path, const struct patch_header *header, struct stream diff, struct error *error)
{
    struct apk_source old;
    struct stream package;
    struct progress progress = progress_start("patch", 0);
    TRY(file_source(arena, path, &old, error));
    if (patch_apply(arena, header, diff, file_descriptor(&old), &progress, &package, error) != STATUS_OK)
        return progress_end(&progress), error_context(error, "%s", path);
    enum status status = write_package(arena, package, error);
    stream_close(&package);
    progress_end(&progress);
    return status;
}

static enum status run_patch(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)count;
    struct stream diff;
    struct patch_header header;
    TRY(open_patch(arena, words[1].data, &diff, &header, error));
    TRY(apply(arena, words[0].data, &header, diff, error));
    printf(STR_FMT ": %llu bytes, signed with " STR_FMT "\n", STR_ARG(output_path), (unsigned long long)header.to.size,
           STR_ARG(apk_schemes_name(arena, header.to.schemes)));
    return STATUS_OK;
}

int cmd_patch(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_patch);
}
