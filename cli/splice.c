#include <stdio.h>

#include "cli/file.h"
#include "cli/output.h"
#include "lib/apk/channel.h"

static struct str output_path, info_text, format_list;

static const struct command_option options[] = {
    {"info", 'i', OPTION_TEXT, &info_text, "JSON", "the channel info: an object of strings, with \"channel\"", .required = true},
    {"formats", 'f', OPTION_TEXT, &format_list, "LIST", "some of " APK_FORMAT_NAMES "separated by commas",
     .otherwise = "walle; raw in a v1 package"},
    {"output", 'o', OPTION_TEXT, &output_path, "OUT.apk", "where the channel package goes", .required = true},
};
static const struct command command = {
    .name = "splice",
    .arguments = "BASE.apk",
    .summary = "Makes a channel package offline: byte for byte what is served for this info.",
    .example = "pakhus splice game-base.apk --info '{\"channel\":\"huawei\"}' --formats walle,vasdolly -o game-huawei.apk",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

static enum status examine(struct arena *arena, const struct apk_source *source, struct apk *apk, struct error *error)
{
    TRY(apk_examine(arena, source, apk, error));
    ENSURE(apk->region.length > 0, error, STATUS_INVALID, "no region is reserved in it: run `pakhus prepare` first");
    return STATUS_OK;
}

static enum status fill(struct arena *arena, const struct apk *apk, struct str *filled, struct error *error)
{
    unsigned formats;
    struct apk_info info;
    TRY(apk_formats_parse(format_list, &formats, error));
    TRY(apk_info_parse(arena, info_text, S(""), &info, error));
    size_t length = (size_t)apk->region.length;
    char *bytes = arena_buffer(arena, length);
    TRY(apk_fill((struct apk_filling){apk->schemes, bytes, length}, formats, &info, error));
    *filled = str_make(bytes, length);
    return STATUS_OK;
}

static enum status write_package(struct output *output, const struct apk_source *source, const struct apk *apk, struct str filled,
                                 struct error *error)
{
    struct progress progress = progress_start("splice", source->size);
    enum status status = output_copy(output, (struct io_place){.fd = file_descriptor(source)}, source->size, &progress, error);
    progress_end(&progress);
    TRY(status);
    TRY(output_write_at(output, apk->region.offset, filled.data, filled.length, error));
    return output_commit(output, error);
}

static enum status run_splice(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)count;
    const char *path = words[0].data;
    struct apk_source source;
    struct apk apk;
    struct str filled;
    struct output *output;
    TRY(file_source(arena, path, &source, error));
    if (examine(arena, &source, &apk, error) != STATUS_OK) return error_context(error, "%s", path);
    TRY(fill(arena, &apk, &filled, error));
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(write_package(output, &source, &apk, filled, error));
    printf(STR_FMT ": %llu bytes, signed with " STR_FMT "\n", STR_ARG(output_path), (unsigned long long)source.size,
           STR_ARG(apk_schemes_name(arena, apk.schemes)));
    return STATUS_OK;
}

int cmd_splice(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_splice);
}
