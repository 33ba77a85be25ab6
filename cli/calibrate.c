#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "cli/command.h"
#include "cli/stored.h"
#include "functions/calibrate-cron/handler.h"

enum { PATIENCE = CLOCK_DAY }; /* a log may be long */

static struct str store_url;
static int64_t now = INT64_MIN, horizon;
static uint64_t samples;
static struct command_texts logs;
static bool apply, json;
static struct str method;

static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"log", 0, OPTION_TEXTS, &logs, "[EDGE=]FILE", "an access log: nginx's, Apache's, S3's; .gz, or - for stdin; may be repeated"},
    {"samples", 'n', OPTION_SIZE, &samples, "COUNT", "read at most this many queries (default all)"},
    {"horizon", 0, OPTION_SPAN, &horizon, "SPAN", "how long after a query a download counts (default a window of the policy)"},
    {"apply", 0, OPTION_FLAG, &apply, NULL, "write what is proposed into the policy"},
    {"method", 0, OPTION_TEXT, &method, "auto|formulas", "formulas: also where the policy sets itself (default auto)"},
    {"now", 0, OPTION_TIME, &now, "TIME", "look as if it were this time"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print JSON"},
};
static const struct command command = {
    .name = "calibrate",
    .arguments = "",
    .summary =
        "Proposes thresholds: those for placing (T1, T2, C1) by comparing placements with downloads, those for evicting (T3, C2) by\n"
        "replaying recorded demand.\n\n"
        "Downloads are what devices told of (POST /query/result), and what access logs have: a GET of a package's path that was answered\n"
        "200 or 206. A log knows no queries: a download belongs to the latest query for that package before it that has none yet, of the\n"
        "same LAN where EDGE= (or the directory, or the shop's public address) tells the LAN, else of any. Slices that one client takes\n"
        "within ten minutes of each other are one download. What devices told of is not counted again.",
    .example = "pakhus calibrate --store s3://packages --log shop-1=/var/log/nginx/access.log --log cdn.log.gz --apply",
    COMMAND_OPTIONS(options),
};

/* --- logs */

static ssize_t read_unpacked(void *context, void *buffer, size_t capacity, struct error *error)
{
    gzFile file = context;
    int number, count = gzread(file, buffer, (unsigned)(capacity < INT32_MAX ? capacity : INT32_MAX));
    const char *text = gzerror(file, &number);
    if (count >= 0 && (number == Z_OK || number == Z_STREAM_END)) return count;
    if (number == Z_ERRNO)
        error_errno(error, errno, "reading");
    else
        error_set(error, STATUS_CORRUPT, "reading: %s", text);
    return -1;
}

static void close_unpacked(void *file)
{
    gzclose(file);
}

/* Packed or not: zlib sees which. Closed with the arena. */
static enum status open_log(struct arena *arena, struct str path, struct stream *stream, struct error *error)
{
    int fd = str_equal(path, S("-")) ? dup(STDIN_FILENO) : open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_errno(error, errno, "opening");
    gzFile file = gzdopen(fd, "rb");
    if (!file) return close(fd), error_set(error, STATUS_INTERNAL, "zlib does not open it");
    arena_defer(arena, close_unpacked, file);
    *stream = (struct stream){.read = read_unpacked, .context = file};
    return STATUS_OK;
}

/* What stands before a '=' is an edge where there is one of that name; a file's name may have a '=' in it. */
static enum status import(void *context, const struct registry *registry, struct downloads *downloads, struct error *error)
{
    for (size_t i = 0; i < logs.count; i++) {
        struct stream stream;
        struct str path = logs.items[i], rest = path, id = str_cut(&rest, '=');
        const struct edge *edge = rest.data ? registry_edge(registry, id) : NULL;
        if (edge) path = rest;
        if (open_log(context, path, &stream, error) != STATUS_OK || downloads_read(downloads, stream, edge, error) != STATUS_OK)
            return error_context(error, "--log " STR_FMT, STR_ARG(logs.items[i]));
    }
    return STATUS_OK;
}

/* --- for a person */

static void print_log(const struct download_counts *log)
{
    fprintf(stderr,
            "%llu lines of logs: %llu downloads of packages that were asked for, %llu of them after a query; %llu lines make no sense\n",
            (unsigned long long)log->lines, (unsigned long long)log->downloads, (unsigned long long)log->matched,
            (unsigned long long)log->nonsense);
}

static void print_count(const char *name, uint64_t present, bool follows, uint64_t proposed)
{
    char text[U64_DIGITS + 1];
    snprintf(text, sizeof text, "%llu", (unsigned long long)proposed);
    printf("%-28s %12llu %12s\n", name, (unsigned long long)present, follows ? text : "-");
}

/* Of a rule that the policy does not go by there is no present value. */
static void print_share(const char *name, double present, bool follows, double proposed)
{
    char before[16] = "-", after[16] = "-";
    if (present > 0) snprintf(before, sizeof before, "%.3f", present);
    if (follows) snprintf(after, sizeof after, "%.3f", proposed);
    printf("%-28s %12s %12s%s\n", name, before, after,
           follows && present <= 0 ? "   (the policy goes by counts of windows: never written)" : "");
}

static void print_values(const struct calibrated *c)
{
    const struct policy *present = &c->present, *proposed = &c->proposed;
    bool follows = c->refused.status == STATUS_OK, retention = c->retention_refused.status == STATUS_OK;
    printf("%-28s %12s %12s\n", "", "present", "proposed");
    print_count("place.threshold (T1)", present->place.t1, follows, c->thresholds.t1);
    print_count("place.repeat_threshold (T2)", present->place.t2, follows, c->thresholds.t2);
    print_share("place.confidence (C1)", present->place.confidence, follows, c->thresholds.c1);
    print_count("evict.threshold (T3)", present->evict.t3, retention, proposed->evict.t3);
    print_share("evict.confidence (C2)", present->evict.confidence, retention && present->evict.confidence > 0, proposed->evict.confidence);
}

static void print_replay(const struct calibrated *c)
{
    const struct replayed *present = &c->present_replayed, *proposed = &c->proposed_replayed;
    printf("replayed %llu requests", (unsigned long long)c->requests);
    if (c->factor > 1) printf(" that stand for %llu each", (unsigned long long)c->factor);
    printf(": byte hits %.1f %%, as proposed %.1f %%; placed %.3f GB, %.3f GB; kept on edges %.3f GB, %.3f GB\n", present->byte_hit * 100,
           proposed->byte_hit * 100, (double)present->bytes_placed / 1e9, (double)proposed->bytes_placed / 1e9, present->bytes_kept / 1e9,
           proposed->bytes_kept / 1e9);
}

static void print(const struct calibrated *c)
{
    const struct calibration *t = &c->thresholds;
    printf(
        "%llu queries, of which %llu were sampled: %llu placed and downloaded, %llu placed only, %llu downloaded elsewhere, %llu neither\n",
        (unsigned long long)t->queries, (unsigned long long)t->samples, (unsigned long long)t->tp, (unsigned long long)t->fp,
        (unsigned long long)t->fn, (unsigned long long)t->tn);
    print_values(c);
    if (c->replayed) print_replay(c);
    if (c->refused.status != STATUS_OK) printf("no place thresholds (T1, T2, C1): %s\n", c->refused.text);
    if (c->retention_refused.status != STATUS_OK)
        printf("no evict threshold (T3%s): %s\n", c->present.evict.confidence > 0 ? ", C2" : "", c->retention_refused.text);
    if (c->applied) printf("the policy is written\n");
}

/* A policy that sets itself. */
static void print_choice(struct arena *arena, const struct calibrated *c)
{
    const struct choice *choice = &c->choice;
    struct auto_setting begin;
    struct str setting = auto_text(arena, choice->setting);
    if (c->requests > 0)
        printf("replayed %llu requests for %.1f %% of the packages, which are %.1f %% of the requests\n", (unsigned long long)c->requests,
               c->share * 100, c->asked * 100);
    printf("%s: " STR_FMT "\n",
           choice->moves                     ? "better"
           : choice->value > choice->present ? "better, but not for sure"
                                             : "in force",
           STR_ARG(setting));
    if (choice->value > choice->present)
        printf("value %.4f, of the setting in force %.4f; better in %.0f %% of the draws\n", choice->value, choice->present,
               choice->sure * 100);
    if (c->begins && !choice->moves && auto_find(&c->proposed, &begin))
        printf("to begin with: " STR_FMT ", since %s\n", STR_ARG(auto_text(arena, begin)), c->proposed.automatic.why);
    if (c->refused.status != STATUS_OK) printf("nothing moves: %s\n", c->refused.text);
    if (c->applied) printf("the policy is written\n");
}

/* --- the command */

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct app *app;
    struct calibrating calibrating;
    struct calibrated calibrated;
    const struct io io = {.arena = arena, .deadline = deadline_in(PATIENCE)};
    (void)words, (void)count;
    TRY(stored_app(store_url, &app, error));
    if (now != INT64_MIN) clock_set_now(now);
    calibrating_default(&calibrating);
    if (samples > 0) calibrating.samples = samples;
    calibrating.horizon = horizon;
    calibrating.apply = calibrating.moves = apply;
    calibrating.formulas = logs.count > 0 || str_equal(method, S("formulas")); /* only these read logs */
    ENSURE(!method.data || str_equal(method, S("formulas")) || str_equal(method, S("auto")), error, STATUS_INVALID,
           "--method must be auto or formulas");
    calibrating.import = logs.count > 0 ? import : NULL;
    calibrating.context = arena;
    TRY(calibrating_run(app, io, &calibrating, &calibrated, error));
    if (calibrated.automatic && !json) return print_choice(arena, &calibrated), STATUS_OK;
    if (logs.count > 0 && !json) print_log(&calibrated.log);
    ENSURE(calibrated.automatic || calibrated_follows(&calibrated), error, STATUS_INVALID, "%s; no evict threshold (T3): %s",
           calibrated.refused.text, calibrated.retention_refused.text);
    if (json)
        printf(STR_FMT "\n", STR_ARG(calibrating_json(arena, &calibrating, &calibrated)));
    else
        print(&calibrated);
    return STATUS_OK;
}

int cmd_calibrate(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
