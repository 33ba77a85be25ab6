#include <stdio.h>

#include "base/map.h"
#include "cli/file.h"
#include "cli/output.h"
#include "lib/patch/patch.h"
#include "lib/transfer/web.h"

enum { REGION_TIME = CLOCK_MINUTE };

static struct str output_path, region_url;

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, &output_path, "NEW.apk", "where the new package goes", .required = true},
    {"region", 0, OPTION_TEXT, &region_url, "URL",
     "change the channel: URL of the wanted channel's package, as /query sends it (region.url); only its region is loaded"},
};
static const struct command command = {
    .name = "patch",
    .arguments = "OLD.apk X.diff",
    .summary = "Makes the new version out of the installed one and a patch. The channel info moves with it, or --region replaces it.",
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

/* --- another channel's region */

struct region_answer {
    const struct patch_side *to;
    struct buf bytes;
};

static enum status check_answer(void *context, const struct web_answer *answer, struct error *error)
{
    const struct region_answer *region = context;
    ENSURE(answer->status == 206, error, STATUS_UNSUPPORTED, "the server ignored the range; a server or CDN that honours ranges is needed");
    ENSURE(answer->total == region->to->size, error, STATUS_INVALID,
           "this is not the package that the patch makes: it has %llu bytes, and that one %llu", (unsigned long long)answer->total,
           (unsigned long long)region->to->size);
    return STATUS_OK;
}

static enum status add_bytes(void *context, struct str bytes, struct error *error)
{
    struct region_answer *region = context;
    buf_add(&region->bytes, bytes);
    ENSURE(!region->bytes.overflow, error, STATUS_CORRUPT, "the server sent more than the range that was asked for");
    return STATUS_OK;
}

static enum status load_region(struct arena *arena, const struct patch_side *to, struct str *bytes, struct error *error)
{
    struct region_answer answer = {.to = to, .bytes = buf_in(arena, (size_t)to->region.length)};
    const struct web_get get = {.url = region_url,
                                .offset = to->region.offset,
                                .length = to->region.length,
                                .head = check_answer,
                                .body = add_bytes,
                                .context = &answer};
    if (region_url.length == 0) return STATUS_OK;
    if (web_get(web_new(arena), &get, deadline_in(REGION_TIME), NULL, error) != STATUS_OK)
        return error_context(error, "--region " STR_FMT, STR_ARG(region_url));
    *bytes = buf_str(&answer.bytes);
    return STATUS_OK;
}

/* --- the command */

static enum status write_package(struct arena *arena, struct stream package, struct error *error)
{
    struct output *output;
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(output_stream(output, package, error));
    return output_commit(output, error);
}

static enum status apply(struct arena *arena, const char *path, const struct patch_header *header, struct stream diff, struct str region,
                         struct error *error)
{
    struct apk_source old;
    struct stream package;
    struct progress progress = progress_start("patch", 0);
    TRY(file_source(arena, path, &old, error));
    const struct patch_target target = {.installed = file_descriptor(&old), .region = region, .progress = &progress};
    if (patch_apply(arena, header, diff, &target, &package, error) != STATUS_OK)
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
    struct str region = {NULL, 0};
    TRY(open_patch(arena, words[1].data, &diff, &header, error));
    TRY(load_region(arena, &header.to, &region, error));
    TRY(apply(arena, words[0].data, &header, diff, region, error));
    printf(STR_FMT ": %llu bytes, signed with " STR_FMT "\n", STR_ARG(output_path), (unsigned long long)header.to.size,
           STR_ARG(apk_schemes_name(arena, header.to.schemes)));
    return STATUS_OK;
}

int cmd_patch(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_patch);
}
