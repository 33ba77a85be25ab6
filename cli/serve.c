#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "functions/admission/handler.h"
#include "functions/cache-token-verify/handler.h"
#include "functions/calibrate-cron/handler.h"
#include "functions/channel-range-splice/handler.h"
#include "functions/common/routes.h"
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
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions, MOUNTS_MAX = 64 };

/* The settings that the functions read, each an option too, which wins over the environment. */
static struct setting {
    const char *variable, *option, *argument, *help;
    struct str value;
} settings[] = {
    {"PAKHUS_STORE", "store", "URL", "s3://… or file:///…"},
    {"PAKHUS_PUBLIC_URL", "public-url", "URL", "where devices and CDN reach us"},
    {"PAKHUS_REDIRECT", "redirect", "HOW", "presigned, never, or a public URL"},
    {"PAKHUS_URL_KEYS", "url-keys", "KEYS", "kid:base64,… for signed URLs"},
    {"PAKHUS_ORIGIN_SECRET", "origin-secret", "SECRET", "shared secret; requests of devices without it in Pakhus-Origin-Secret get 403"},
    {"PAKHUS_THREADS", "threads", "COUNT", "workers for what waits for the store"},
    {"PAKHUS_TOKEN_KEYS", "token-keys", "KEYS", "kid:base64,… for cache tokens"},
    {"PAKHUS_TOKEN_BUSINESS", "token-business", "ID", "whose resources they are"},
    {"PAKHUS_NODE_SECRET", "node-secret", "SECRET", "shared secret; requests of cache nodes without it in Pakhus-Node-Secret get 403"},
    {"PAKHUS_TRUSTED_PROXIES", "trusted-proxies", "NETWORKS", "whose X-Forwarded-For is believed"},
    {"PAKHUS_GATHER_ALLOW", "gather-allow", "HOSTS", "hosts that gather may ask: lists in requests, addresses that are not public"},
    {"PAKHUS_GATHER_WORKERS", "gather-workers", "COUNT", "processes that gather, at most"},
    {"PAKHUS_FLUSH", "flush", "SPAN", "how long counts and tables may stay unwritten, or sync"},
    {"PAKHUS_CLOCK", "clock", "FILE", "for replays: what time it is, read anew each time"},
};
enum { SETTING_COUNT = sizeof settings / sizeof *settings };

static struct str listen = {LC_LISTEN_DEFAULT, sizeof LC_LISTEN_DEFAULT - 1};
static struct command_option options[SETTING_COUNT + 1] = {
    {"listen", 'l', OPTION_TEXT, &listen, "HOST:PORT", "where to listen (default " LC_LISTEN_DEFAULT ")"},
};

static const struct command command = {
    .name = "serve",
    .arguments = "",
    .summary = "Serves every function on one port. Each setting but --listen is also an environment variable: --store is PAKHUS_STORE.",
    .example = "pakhus serve --store file:///var/pakhus --listen 127.0.0.1:8090",
    COMMAND_OPTIONS(options),
};

static void make_options(void)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct setting *setting = &settings[i];
        char letter = i == 0 ? 's' : 0; /* --store is -s everywhere */
        options[i + 1] = (struct command_option){setting->option, letter, OPTION_TEXT, &setting->value, setting->argument, setting->help};
    }
}

static const struct lc_function *find_function(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (strcmp(functions[i]->name, name) == 0) return functions[i];
    abort(); /* a route of a function that does not exist: tests/unit/test_routes.c */
}

/* A mount for each path of the table, and one without a path for each function: every function takes events. Returns how many. */
static size_t make_mounts(struct lc_mount mounts[MOUNTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) mounts[count++] = (struct lc_mount){NULL, functions[i]};
    for (size_t i = 0; i < routes_count && count < MOUNTS_MAX; i++)
        mounts[count++] = (struct lc_mount){routes[i].path, find_function(routes[i].function)};
    return count;
}

int cmd_serve(int argc, char **argv)
{
    make_options();
    int count, exit_code = command_parse(&command, argc, argv, NULL, &count);
    if (exit_code >= 0) return exit_code;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].value.data) setenv(settings[i].variable, settings[i].value.data, 1);
    if (!getenv("PAKHUS_STORE")) return command_usage(&command, "say where the packages are: --store URL, or PAKHUS_STORE");
    struct lc_mount mounts[MOUNTS_MAX];
    const struct lc_port_options port = {.listen = listen.data, .prefix = "PAKHUS"};
    return lc_serve(&port, mounts, make_mounts(mounts));
}
