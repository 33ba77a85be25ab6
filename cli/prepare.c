#include <stdio.h>

#include "cli/file.h"
#include "cli/output.h"
#include "lib/apk/check.h"

static struct str output_path;
static uint64_t region = APK_REGION_DEFAULT;
static bool force;

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, &output_path, "BASE.apk", "where the base package goes", .required = true},
    {"region", 0, OPTION_SIZE, &region, "BYTES", "bytes to reserve (default 4096); a multiple of 4096 for v2 and later"},
    {"force", 0, OPTION_FLAG, &force, NULL, "prepare also a package that devices would refuse"},
};
static const struct command command = {
    .name = "prepare",
    .arguments = "IN.apk",
    .summary = "Makes a base package: the same APK, its signatures intact, with a region reserved for channel info.",
    .example = "pakhus prepare game.apk -o game-base.apk",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

static enum status write_piece(struct output *output, const struct apk_piece *piece, int source, struct progress *progress,
                               struct error *error)
{
    if (!piece->bytes) return output_copy(output, (struct io_place){source, piece->offset}, piece->length, progress, error);
    progress_add(progress, piece->length);
    return output_write(output, piece->bytes, (size_t)piece->length, error);
}

static enum status write_pieces(struct output *output, const struct apk_prepared *prepared, int source, struct error *error)
{
    struct progress progress = progress_start("prepare", prepared->size);
    enum status status = STATUS_OK;
    for (int i = 0; i < prepared->count && status == STATUS_OK; i++)
        status = write_piece(output, &prepared->pieces[i], source, &progress, error);
    progress_end(&progress);
    return status;
}

static enum status check(struct arena *arena, const struct apk_source *source, struct error *error)
{
    struct apk apk;
    struct apk_check found;
    TRY(apk_examine(arena, source, &apk, error));
    TRY(apk_check(arena, &apk, &found, error));
    if (str_empty(found.problem)) return STATUS_OK;
    ENSURE(force, error, STATUS_INVALID, STR_FMT " (--force prepares it all the same)", STR_ARG(found.problem));
    fprintf(stderr, "warning: " STR_FMT "\n", STR_ARG(found.problem));
    return STATUS_OK;
}

static enum status check_with_progress(struct arena *arena, const struct apk_source *source, struct error *error)
{
    struct file_reading reading;
    struct apk_source watched = file_reading_start(&reading, "check", source);
    enum status status = check(arena, &watched, error);
    progress_end(&reading.progress);
    return status;
}

static enum status run_prepare(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)count;
    const char *path = words[0].data;
    struct apk_source source;
    struct apk_prepared prepared;
    struct output *output;
    TRY(file_source(arena, path, &source, error));
    if (check_with_progress(arena, &source, error) != STATUS_OK) return error_context(error, "%s", path);
    if (apk_prepare(arena, &source, region, &prepared, error) != STATUS_OK) return error_context(error, "%s", path);
    file_warn_of_idsig(path);
    file_tell_notes(&prepared);
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(write_pieces(output, &prepared, file_descriptor(&source), error));
    TRY(output_commit(output, error));
    printf(STR_FMT ": %llu bytes, signed with " STR_FMT ", region of %llu bytes at %llu\n", STR_ARG(output_path),
           (unsigned long long)prepared.size, STR_ARG(apk_schemes_name(arena, prepared.schemes)),
           (unsigned long long)prepared.region.length, (unsigned long long)prepared.region.offset);
    return STATUS_OK;
}

int cmd_prepare(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_prepare);
}
