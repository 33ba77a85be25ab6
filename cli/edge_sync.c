#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/edge.h"
#include "cli/stored.h"
#include "functions/common/maker.h"

/* How long one run may take; what is left then is the next one's. */
enum { RUN_TIME = 6 * CLOCK_HOUR };

static struct str store_url, edge_id, directory;
static int64_t grace = RECONCILE_GRACE, now = -1;
static bool verify, json;
static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"edge", 'e', OPTION_TEXT, &edge_id, "EDGE", "which one this is", .required = true},
    {"dir", 'd', OPTION_TEXT, &directory, "DIR", "the directory that it serves; made if it is missing", .required = true},
    {"grace", 0, OPTION_SPAN, &grace, "SPAN", "how long to wait before deleting packages that are no longer wanted (default 10m)"},
    {"verify", 0, OPTION_FLAG, &verify, NULL, "read all packages, and fetch again those that are damaged"},
    {"now", 0, OPTION_TIME, &now, "TIME", "decide as if it were then"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print what was done as JSON"},
};
static const struct command command = {
    .name = "edge sync",
    .arguments = "",
    .summary = "Fills an edge's directory with what is wanted there, and deletes what no longer is. Run it every few minutes, on the edge.",
    .example = "pakhus edge sync --edge shop-1 --store s3://packages --dir /data/share",
    COMMAND_OPTIONS(options),
};

static enum status absolute(struct arena *arena, struct str path, const char **out, struct error *error)
{
    ENSURE(path.length > 0, error, STATUS_INVALID, "--dir names no directory");
    if (path.data[0] == '/') return *out = path.data, STATUS_OK;
    char *here = getcwd(NULL, 0);
    if (!here) return error_errno(error, errno, "--dir");
    *out = arena_printf(arena, "%s/%s", here, path.data).data;
    free(here);
    return STATUS_OK;
}

/* A store that is not there is told of at once. The functions' settings, which the maker needs, are the environment's. */
static enum status open_app(struct arena *arena, struct edge *edge, struct app **app, struct error *error)
{
    struct store *store;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_get_edge(store, command_io(arena), edge_id, edge, error));
    return stored_app(store_url, app, error);
}

static void report(struct arena *arena, const struct reconcile_result *result)
{
    if (json) {
        struct json_writer line = command_json(arena);
        json_open_object(&line, NULL);
        json_put_text(&line, "edge", edge_id);
        json_put_number(&line, "copied", result->copied);
        json_put_number(&line, "deleted", result->deleted);
        json_put_number(&line, "failed", result->failed);
        json_put_number(&line, "waiting", result->waiting);
        json_put_number(&line, "bytes", result->bytes);
        json_close(&line);
        command_print(&line);
    }
    fprintf(stderr,
            STR_FMT ": %" PRIu64 " copied (%" PRIu64 " bytes), %" PRIu64 " deleted, %" PRIu64 " failed, %" PRIu64 " waiting for room\n",
            STR_ARG(edge_id), result->copied, result->bytes, result->deleted, result->failed, result->waiting);
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct app *app;
    struct edge edge;
    struct reconcile_result result = {0};
    const char *path = NULL;
    (void)words;
    (void)count;
    TRY(stored_check_id(edge_id, "EDGE", error));
    TRY(absolute(arena, directory, &path, error));
    TRY(open_app(arena, &edge, &app, error));
    const struct package_maker maker = maker_of(app);
    const struct reconciliation how = {
        .origin = app->store, .maker = &maker, .now = now < 0 ? clock_now() : now, .grace = grace, .verify = verify, .visible = true};
    struct io io = {.arena = arena, .deadline = deadline_in(RUN_TIME)};
    enum status status = reconcile_directory(&how, io, &edge, path, &result, error);
    report(arena, &result);
    TRY(status);
    ENSURE(result.failed == 0, error, STATUS_UNAVAILABLE, "%" PRIu64 " of the packages could not be brought up to date", result.failed);
    return STATUS_OK;
}

int cmd_edge_sync(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
