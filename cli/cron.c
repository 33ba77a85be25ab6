/* pakhus evaluate, evict, reconcile: what the functions of these names do, by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/stored.h"
#include "functions/common/cron.h"
#include "lib/config/config.h"
#include "lib/edges/lan.h"

enum { PATIENCE = CLOCK_DAY };

static struct str store_url, edge, part_text;
static int64_t now = INT64_MIN, grace = -1;
static bool dry_run, json, verify;

#define EDGE_ROW                                                                                                                           \
    {                                                                                                                                      \
        "edge", 'e', OPTION_TEXT, &edge, "EDGE", "this one only"                                                                           \
    }
#define NOW_ROW                                                                                                                            \
    {                                                                                                                                      \
        "now", 0, OPTION_TIME, &now, "TIME", "decide as if it were this time"                                                              \
    }
#define GRACE_ROW                                                                                                                          \
    {                                                                                                                                      \
        "grace", 0, OPTION_SPAN, &grace, "SPAN", "how long running downloads may continue before a copy is deleted (default 10m)"          \
    }
#define JSON_ROW                                                                                                                           \
    {                                                                                                                                      \
        "json", 0, OPTION_FLAG, &json, NULL, "print JSON: a line for each decision, then the sums"                                         \
    }

static const struct command_option deciding[] = {
    STORED_OPTION(&store_url),
    EDGE_ROW,
    {"part", 0, OPTION_TEXT, &part_text, "N", "one of 16 parts, by LAN"},
    {"dry-run", 0, OPTION_FLAG, &dry_run, NULL, "decide, and change nothing"},
    NOW_ROW,
    GRACE_ROW,
    JSON_ROW,
};
static const struct command_option copying[] = {
    STORED_OPTION(&store_url),
    EDGE_ROW,
    {"verify", 0, OPTION_FLAG, &verify, NULL, "read and digest what edges hold"},
    NOW_ROW,
    GRACE_ROW,
    JSON_ROW,
};

static const struct command commands[] = {
    [CRON_EVALUATE] = {.name = "evaluate",
                       .arguments = "",
                       .summary =
                           "Decides by the policy which packages edges should hold, from what their LANs ask for, and copies them there.",
                       .example = "pakhus evaluate --store s3://packages --dry-run",
                       COMMAND_OPTIONS(deciding)},
    [CRON_EVICT] = {.name = "evict",
                    .arguments = "",
                    .summary = "Decides by the policy which packages edges no longer need, and deletes them there.",
                    .example = "pakhus evict --store s3://packages --edge shop-1 --dry-run",
                    COMMAND_OPTIONS(deciding)},
    [CRON_RECONCILE] = {.name = "reconcile",
                        .arguments = "",
                        .summary =
                            "Makes edges hold what is wanted there: copies, verifies, deletes. Edges that pull do so by 'edge sync'.",
                        .example = "pakhus reconcile --store s3://packages --edge shop-1",
                        COMMAND_OPTIONS(copying)},
};

/* --- decisions, for a person */

/* As they stand in the line: they may be more than JSON readers take. `name` with what is around it stands in no string there. */
static void print_counts(struct str line, struct str name, const char *title)
{
    size_t at = str_find_str(line, name);
    if (at == line.length) return;
    struct str rest = str_from(line, at + name.length), counts = str_cut(&rest, ']');
    printf("%s", title);
    while (counts.data) {
        struct str count = str_cut(&counts, ',');
        printf(STR_FMT "%s", STR_ARG(count), counts.data ? " " : "");
    }
}

static const char *text(const json_t *line, const char *name)
{
    const char *value = json_string_value(json_object_get(line, name));
    return value ? value : "";
}

static void tell(void *context, struct str line)
{
    (void)context;
    if (json) {
        fwrite(line.data, 1, line.length, stdout);
        return;
    }
    json_t *decision = json_loadb(line.data, line.length, JSON_DECODE_INT_AS_REAL, NULL);
    printf("%-8s %-12s %-28s %-16s", text(decision, "decision"), text(decision, "edge"), text(decision, "package"),
           text(decision, "rule_name"));
    print_counts(line, S("\"misses\":["), " misses ");
    print_counts(line, S("\"hits\":["), "  hits ");
    print_counts(line, S("\"awaited\":["), "  awaited ");
    printf("%s%s\n", *text(decision, "lan") ? "  " : "", text(decision, "lan"));
    json_decref(decision);
}

static void print_sums(const struct cron *cron, const struct cron_result *result)
{
    const struct evaluation_result *e = &result->evaluated;
    const struct reconcile_result *r = &result->reconciled;
    if (cron->kind != CRON_RECONCILE)
        fprintf(stderr, "%llu placed, %llu marked, %llu kept, %llu evicted, %llu without room, %llu alerts%s\n",
                (unsigned long long)e->placed, (unsigned long long)e->marked, (unsigned long long)e->kept, (unsigned long long)e->evicted,
                (unsigned long long)e->no_room, (unsigned long long)e->alerts, cron->dry_run ? "; nothing was changed" : "");
    if (!cron->dry_run)
        fprintf(stderr, "%llu copied (%.1f MB), %llu deleted, %llu failed, %llu waiting for room, %llu edges unchanged\n",
                (unsigned long long)r->copied, (double)r->bytes / 1e6, (unsigned long long)r->deleted, (unsigned long long)r->failed,
                (unsigned long long)r->waiting, (unsigned long long)r->unchanged);
}

/* --- the command */

static enum status read_options(struct cron *cron, struct error *error)
{
    uint64_t part;
    if (now != INT64_MIN) {
        cron->now = now;
        clock_set_now(now);
    }
    if (grace >= 0) cron->grace = grace;
    cron->edge = edge;
    cron->dry_run = dry_run;
    cron->verify = verify;
    cron->visible = !json && isatty(STDERR_FILENO);
    cron->tell = tell;
    if (!part_text.data) return STATUS_OK;
    ENSURE(str_to_u64(part_text, &part) && part < LAN_PARTS, error, STATUS_INVALID, "--part must be a number from 0 to %d", LAN_PARTS - 1);
    cron->part = (int)part;
    return STATUS_OK;
}

static enum status run(enum cron_kind kind, struct arena *arena, struct error *error)
{
    struct app *app;
    struct cron cron;
    struct cron_result result;
    const struct io io = {.arena = arena, .deadline = deadline_in(PATIENCE)};
    TRY(stored_app(store_url, &app, error));
    TRY(stored_reach(arena, app->store, error));
    cron_default(&cron, kind);
    TRY(read_options(&cron, error));
    TRY(cron_run(app, io, &cron, &result, error));
    if (json) printf(STR_FMT "\n", STR_ARG(cron_json(arena, &cron, &result)));
    if (!json) print_sums(&cron, &result);
    ENSURE(result.evaluated.failed == 0, error, STATUS_CORRUPT, "%llu edges were skipped; the errors are above",
           (unsigned long long)result.evaluated.failed);
    ENSURE(result.reconciled.failed == 0, error, STATUS_UNAVAILABLE, "%llu could not be copied or deleted: what went wrong is said above",
           (unsigned long long)result.reconciled.failed);
    return STATUS_OK;
}

static enum status run_evaluate(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)words, (void)count;
    return run(CRON_EVALUATE, arena, error);
}

static enum status run_evict(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)words, (void)count;
    return run(CRON_EVICT, arena, error);
}

static enum status run_reconcile(struct arena *arena, const struct str *words, int count, struct error *error)
{
    (void)words, (void)count;
    return run(CRON_RECONCILE, arena, error);
}

int cmd_evaluate(int argc, char **argv)
{
    return command_main(&commands[CRON_EVALUATE], argc, argv, run_evaluate);
}

int cmd_evict(int argc, char **argv)
{
    return command_main(&commands[CRON_EVICT], argc, argv, run_evict);
}

int cmd_reconcile(int argc, char **argv)
{
    return command_main(&commands[CRON_RECONCILE], argc, argv, run_reconcile);
}
