#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "functions/admission/handler.h"
#include "functions/cache-token-verify/handler.h"
#include "functions/calibrate-cron/handler.h"
#include "functions/channel-range-splice/handler.h"
#include "functions/common/app.h"
#include "functions/common/routes.h"
#include "functions/common/settings.h"
#include "functions/console/handler.h"
#include "functions/evaluate-cron/handler.h"
#include "functions/evict-cron/handler.h"
#include "functions/gather/handler.h"
#include "functions/prepare-upload/handler.h"
#include "functions/query/handler.h"
#include "functions/reconcile/handler.h"

static const struct lc_function *const functions[] = {
    &channel_range_splice,   &query_function,      &cache_token_verify,      &admission,          &gather,
    &evaluate_cron_function, &evict_cron_function, &calibrate_cron_function, &reconcile_function, &prepare_upload,
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions, MOUNTS_MAX = 64, STORE_TIME = 5 * CLOCK_SECOND };

/* Each setting is an option too, which wins over the environment. */
static struct str values[SETTINGS];
static struct command_option options[SETTINGS];

static const struct command command = {
    .name = "serve",
    .arguments = "",
    .summary =
        "Serves every function on one port. Each option is also an environment variable: --store is PAKHUS_STORE (docs/settings.md).",
    .example = "pakhus serve --store file:///var/pakhus --listen 127.0.0.1:8090",
    COMMAND_OPTIONS(options),
};

static void make_options(void)
{
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        const struct setting *row = &settings[id];
        char letter = id == SETTING_STORE ? 's' : id == SETTING_LISTEN ? 'l' : 0; /* --store is -s everywhere */
        options[id] = (struct command_option){setting_option(id),         letter, OPTION_TEXT, &values[id], row->argument, row->help,
                                              .otherwise = row->otherwise};
    }
}

static const struct lc_function *find_function(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (strcmp(functions[i]->name, name) == 0) return functions[i];
    abort(); /* a route of a function that does not exist: tests/unit/test_routes.c */
}

/* A mount for each path of the table, and one without a path for each function: every function takes events. The console is for operators
 * and no function that is deployed. Returns how many. */
static size_t make_mounts(struct lc_mount mounts[MOUNTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) mounts[count++] = (struct lc_mount){NULL, functions[i]};
    mounts[count++] = (struct lc_mount){CONSOLE_PATH, &console_function, .operators = true};
    for (size_t i = 0; i < routes_count && count < MOUNTS_MAX; i++)
        mounts[count++] = (struct lc_mount){routes[i].path, find_function(routes[i].function)};
    return count;
}

/* False: it will not come by itself. A setting that makes no sense is reported by the functions, which read it. */
static bool store_is_there(void)
{
    struct app *app;
    struct error error = {0};
    struct arena *arena = arena_new();
    struct io io = {.arena = arena, .deadline = deadline_in(STORE_TIME)};
    if (app_open(&app, &error) != STATUS_OK || store_check(app->store, io, &error) == STATUS_OK) return arena_free(arena), true;
    bool may_come = error.status == STATUS_TIMEOUT || error.status == STATUS_UNAVAILABLE || error.status == STATUS_THROTTLED;
    if (may_come)
        fprintf(stderr, "the store %s does not answer yet: %s; GET /healthz?ready tells when it does\n", app->store_url, error.text);
    else
        fprintf(stderr, "cannot serve the store %s: %s\n", app->store_url, error.text);
    arena_free(arena);
    return may_come;
}

int cmd_serve(int argc, char **argv)
{
    make_options();
    int count, exit_code = command_parse(&command, argc, argv, NULL, &count);
    if (exit_code >= 0) return exit_code;
    struct error error;
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (values[id].data) setting_give(id, values[id]);
    if (!setting(SETTING_STORE).data) return command_usage(&command, "say where the packages are: --store URL, or PAKHUS_STORE");
    if (settings_check(&error) != STATUS_OK) return command_fail(&command, &error);
    if (!store_is_there()) return EXIT_FAILURE;
    struct lc_mount mounts[MOUNTS_MAX];
    const struct lc_port_options port = {.prefix = "PAKHUS"};
    return lc_serve(&port, mounts, make_mounts(mounts));
}
