#include <stdio.h>

#include "base/map.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/stored.h"
#include "lib/catalog/patch.h"
#include "lib/patch/patch.h"
#include "lib/store/trial.h"

static struct str output_path, store_url, app, from_version, to_version, formats;
static bool json, explain;

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, &output_path, "OUT.diff", "where the patch between two files goes"},
    STORED_OPTION(&store_url),
    {"app", 'a', OPTION_TEXT, &app, "APP", "instead of files: an app, whose published versions the patch is for"},
    {"from", 0, OPTION_TEXT, &from_version, "VERSION", "with --app: what is installed"},
    {"to", 0, OPTION_TEXT, &to_version, "VERSION", "with --app: what it becomes"},
    {"patch", 0, OPTION_TEXT, &formats, "FORMATS",
     "what the devices can apply: 1 or 1,2 (default 1); with 1,2 the format that is likely to be smaller is made, with --app both"},
    {"explain", 0, OPTION_FLAG, &explain, NULL, "with --patch 1,2: list what became of each entry"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print what was made as JSON"},
};
static const struct command command = {
    .name = "diff",
    .arguments = "[FROM.apk TO.apk | MADE.diff]",
    .summary = "Makes a patch between two base packages, good for every channel, and checks it by applying it. With --app it is made in\n"
               "the store and published there, or MADE.diff is, once it has been checked.",
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

static bool small(void)
{
    return str_equal(formats, S("1,2"));
}

struct making {
    struct patch_package from, to;
    struct progress *progress;
    struct patch_made made;
    uint64_t size;
};

static enum status make_stream(struct arena *arena, struct making *making, struct stream *stream, struct error *error)
{
    making->made.format = PATCH_FORMAT_1;
    if (!small()) return *stream = patch_make(arena, &making->from, &making->to, making->progress), STATUS_OK;
    TRY(patch_make_smallest(arena, &making->from, &making->to, making->progress, &making->made, error));
    *stream = stream_of(arena, making->made.bytes);
    return STATUS_OK;
}

static enum status write_patch(struct arena *arena, struct output *output, struct making *making, struct error *error)
{
    struct map map;
    struct stream stream;
    TRY(make_stream(arena, making, &stream, error));
    enum status status = output_stream(output, stream, error);
    stream_close(&stream);
    TRY(status);
    TRY(map_file(arena, output_descriptor(output), &map, error));
    making->size = map.length;
    return patch_check(arena, stream_of(arena, str_make(map.bytes, map.length)), &making->from, &making->to, making->progress, error);
}

static void put_side(struct json_writer *line, const char *name, const struct patch_side *side)
{
    json_open_object(line, name);
    json_put_number(line, "size", side->size);
    json_put_text(line, "sha256", side->sha256);
    json_close(line);
}

static void print_entries(const struct patch_made *made)
{
    static const char *const states[] = {"unchanged", "moved", "patched", "new"};
    for (size_t i = 0; i < made->entry_count; i++) {
        const struct patch_entry *entry = &made->entries[i];
        printf("%-9s %10llu of %10llu bytes  " STR_FMT "%s\n", states[entry->state], (unsigned long long)entry->written,
               (unsigned long long)entry->length, STR_ARG(entry->name),
               entry->as_it_is ? "  (compared deflated: zlib does not reproduce it)" : "");
    }
}

/* Why this format, where the other one was made too. */
static void print_format(const struct patch_made *made)
{
    const uint64_t *sizes = made->sizes;
    if (sizes[0] > 0)
        printf("format %d: format 1 has %llu bytes, format 2 has %llu\n", (int)made->format, (unsigned long long)sizes[0],
               (unsigned long long)sizes[1]);
    else if (sizes[1] > 0)
        printf("format 2: format 1 was not made, since this is less than half of the new package\n");
}

static void report(struct arena *arena, const struct making *making)
{
    const struct patch_made *made = &making->made;
    const struct patch_side *to = &making->to.side;
    if (!json) {
        printf(STR_FMT ": %llu bytes, %.1f %% of the new package\n", STR_ARG(output_path), (unsigned long long)making->size,
               100.0 * (double)making->size / (double)to->size);
        print_format(made);
        if (explain) print_entries(made);
        return;
    }
    struct json_writer line = command_json(arena);
    json_open_object(&line, NULL);
    json_put_number(&line, "size", making->size);
    if (small()) json_put_number(&line, "format", made->format);
    put_side(&line, "from", &making->from.side);
    put_side(&line, "to", to);
    json_close(&line);
    command_print(&line);
}

static enum status make_patch(struct arena *arena, const struct str *paths, const struct apk_source *sources, struct making *making,
                              struct error *error)
{
    struct output *output;
    TRY(open_package(arena, paths[0].data, &sources[0], making->progress, &making->from, error));
    TRY(open_package(arena, paths[1].data, &sources[1], making->progress, &making->to, error));
    TRY(output_open(arena, output_path.data, &output, error));
    TRY(write_patch(arena, output, making, error));
    return output_commit(output, error);
}

static enum status diff_files(struct arena *arena, const struct str *paths, int count, struct error *error)
{
    struct apk_source sources[2];
    ENSURE(count == 2 && output_path.data, error, STATUS_INVALID,
           "say FROM.apk, TO.apk and -o OUT.diff, or --app, --from and --to for a patch in the store");
    ENSURE(!from_version.data && !to_version.data, error, STATUS_INVALID, "--from and --to go with --app");
    for (int i = 0; i < 2; i++) TRY(file_source(arena, paths[i].data, &sources[i], error));
    struct progress progress = progress_start("diff", sources[0].size + 3 * sources[1].size);
    struct making making = {.progress = &progress};
    enum status status = make_patch(arena, paths, sources, &making, error);
    progress_end(&progress);
    TRY(status);
    report(arena, &making);
    return STATUS_OK;
}

/* --- in the store */

static void report_published(struct arena *arena, const struct patch *patch)
{
    if (json)
        printf(STR_FMT, STR_ARG(patch_format(arena, patch)));
    else
        printf(STR_FMT "/" STR_FMT ": %llu bytes, sha256 " STR_FMT "\n", STR_ARG(app), STR_ARG(patch_name(arena, patch)),
               (unsigned long long)patch->size, STR_ARG(patch->sha256));
}

static enum status publish_file(struct arena *arena, struct store *store, const char *path, struct progress *progress, struct error *error)
{
    struct apk_source file;
    struct map map;
    struct patch patch = {.from = from_version, .to = to_version, .format = str_equal(formats, S("1")) ? PATCH_FORMAT_1 : 0};
    TRY(file_source(arena, path, &file, error));
    TRY(map_file(arena, file_descriptor(&file), &map, error));
    const struct catalog catalog = {store, command_upload_io(arena), app};
    if (patch_publish(catalog, &patch, str_make(map.bytes, map.length), progress, error) != STATUS_OK)
        return error_context(error, "%s", path);
    report_published(arena, &patch);
    return STATUS_OK;
}

/* One of each format that devices shall have. */
static enum status publish_made(struct arena *arena, struct store *store, struct progress *progress, struct error *error)
{
    unsigned last = small() ? PATCH_FORMAT_2 : PATCH_FORMAT_1;
    for (unsigned format = PATCH_FORMAT_1; format <= last; format++) {
        struct patch patch = {.from = from_version, .to = to_version, .format = format};
        progress->done = 0;
        TRY(patch_produce((struct catalog){store, command_upload_io(arena), app}, &patch, progress, error));
        report_published(arena, &patch);
    }
    return STATUS_OK;
}

static enum status diff_published(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    const struct patch patch = {.app = app, .from = from_version, .to = to_version};
    ENSURE(from_version.data && to_version.data, error, STATUS_INVALID, "--app needs --from VERSION and --to VERSION");
    ENSURE(count < 2 && !output_path.data && !explain, error, STATUS_INVALID,
           "with --app the patch goes into the store: name no packages, no -o and no --explain");
    TRY(patch_check_names(&patch, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(store_probe(store, command_io(arena), error));
    struct progress progress = progress_start("diff", 0);
    enum status status =
        count == 1 ? publish_file(arena, store, words[0].data, &progress, error) : publish_made(arena, store, &progress, error);
    progress_end(&progress);
    return status;
}

static enum status run_diff(struct arena *arena, const struct str *words, int count, struct error *error)
{
    ENSURE(!formats.data || small() || str_equal(formats, S("1")), error, STATUS_INVALID, "--patch takes 1 or 1,2, not '" STR_FMT "'",
           STR_ARG(formats));
    ENSURE(!explain || small(), error, STATUS_INVALID, "--explain needs --patch 1,2");
    return app.data ? diff_published(arena, words, count, error) : diff_files(arena, words, count, error);
}

int cmd_diff(int argc, char **argv)
{
    return command_main(&command, argc, argv, run_diff);
}
