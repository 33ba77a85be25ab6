#include "lib/report/report.h"

#include <stdio.h>

#include "cli/output.h"
#include "cli/stored.h"

#define PAGE "report.html"

/* A command may take longer than the page of a server. */
enum { EDGES_TIME = CLOCK_MINUTE };

static struct str store_url, path;
static bool json;

static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"output", 'o', OPTION_TEXT, &path, "FILE", "where the page goes", .otherwise = PAGE},
    {"json", 0, OPTION_FLAG, &json, NULL, "print what the page shows as JSON, and write no page"},
};
static const struct command report = {
    .name = "report",
    .arguments = "",
    .summary = "Makes one HTML page of what is in a store: releases, edges, the demand of seven days, alerts, decisions.",
    .example = "pakhus report --store s3://packages -o " PAGE,
    COMMAND_OPTIONS(options),
};

static enum status write_page(struct arena *arena, struct str document, struct error *error)
{
    struct buf page = buf_in(arena, REPORT_PAGE_LIMIT);
    struct output *output;
    report_write(&page, document);
    ENSURE(!page.overflow, error, STATUS_TOO_LARGE, "the page has more than %d bytes", REPORT_PAGE_LIMIT);
    TRY(output_open(arena, path.data ? arena_cstr(arena, path) : PAGE, &output, error));
    TRY(output_write(output, page.data, page.length, error));
    return output_commit(output, error);
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str document;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(stored_reach(arena, store, error));
    TRY(report_collect(&(struct report_question){store, command_upload_io(arena), clock_now(), EDGES_TIME}, &document, error));
    if (!json) return write_page(arena, document, error);
    fwrite(document.data, 1, document.length, stdout);
    return STATUS_OK;
}

int cmd_report(int argc, char **argv)
{
    return command_main(&report, argc, argv, run);
}
