#include <stdio.h>

#include "cli/command.h"
#include "cli/stored.h"
#include "functions/calibrate-cron/handler.h"

static struct str store_url;
static int64_t now = INT64_MIN, horizon;
static uint64_t samples;
static bool apply, json;

static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"samples", 'n', OPTION_SIZE, &samples, "COUNT", "of queries, at most; all unless said"},
    {"horizon", 0, OPTION_SPAN, &horizon, "SPAN", "after a query in which a download counts; a window of the policy unless said"},
    {"apply", 0, OPTION_FLAG, &apply, NULL, "write what is proposed into the policy"},
    {"now", 0, OPTION_TIME, &now, "TIME", "look as if it were this time"},
    {"json", 0, OPTION_FLAG, &json, NULL, "print JSON"},
};
static const struct command command = {
    .name = "calibrate",
    .arguments = "",
    .summary = "Compares what was placed with what was downloaded, and proposes T1, T2 and C1.",
    .example = "pakhus calibrate --store s3://packages --apply",
    COMMAND_OPTIONS(options),
};

static void print(const struct calibration *c)
{
    printf("%llu queries: %llu placed and downloaded, %llu placed only, %llu downloaded elsewhere, %llu neither\n",
           (unsigned long long)c->samples, (unsigned long long)c->tp, (unsigned long long)c->fp, (unsigned long long)c->fn,
           (unsigned long long)c->tn);
    printf("T1 %llu, T2 %llu, C1 %.3f%s\n", (unsigned long long)c->t1, (unsigned long long)c->t2, c->c1,
           apply ? "; T1 and T2 are written" : "");
}

static enum status run(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct app *app;
    struct calibrating calibrating;
    struct calibration calibration;
    (void)words, (void)count;
    TRY(stored_app(store_url, &app, error));
    if (now != INT64_MIN) clock_set_now(now);
    calibrating_default(&calibrating);
    if (samples > 0) calibrating.samples = samples;
    calibrating.horizon = horizon;
    calibrating.apply = apply;
    TRY(calibrating_run(app, command_upload_io(arena), &calibrating, &calibration, error));
    if (json)
        printf(STR_FMT "\n", STR_ARG(calibrating_json(arena, &calibrating, &calibration)));
    else
        print(&calibration);
    return STATUS_OK;
}

int cmd_calibrate(int argc, char **argv)
{
    return command_main(&command, argc, argv, run);
}
