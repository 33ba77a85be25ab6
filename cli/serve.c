#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "functions/admission/handler.h"
#include "functions/cache-token-verify/handler.h"
#include "functions/calibrate-cron/handler.h"
#include "functions/channel-range-splice/handler.h"
#include "functions/evaluate-cron/handler.h"
#include "functions/evict-cron/handler.h"
#include "functions/gather/handler.h"
#include "functions/query/handler.h"
#include "functions/reconcile/handler.h"

/* The settings that the functions read, each an option too, which wins over the environment. */
static struct setting {
    const char *variable, *option, *argument, *help;
    struct str value;
} settings[] = {
    {"PAKHUS_STORE", "store", "URL", "s3://… or file:///…"},
    {"PAKHUS_PUBLIC_URL", "public-url", "URL", "where devices and CDN reach us"},
    {"PAKHUS_REDIRECT", "redirect", "HOW", "presigned, never, or a public URL"},
    {"PAKHUS_URL_KEYS", "url-keys", "KEYS", "kid:base64,… for signed URLs"},
    {"PAKHUS_ORIGIN_SECRET", "origin-secret", "SECRET", "what the CDN must send"},
    {"PAKHUS_THREADS", "threads", "COUNT", "workers for what waits for the store"},
    {"PAKHUS_TOKEN_KEYS", "token-keys", "KEYS", "kid:base64,… for cache tokens"},
    {"PAKHUS_TOKEN_BUSINESS", "token-business", "ID", "whose resources they are"},
    {"PAKHUS_NODE_SECRET", "node-secret", "SECRET", "what cache nodes must send"},
    {"PAKHUS_TRUSTED_PROXIES", "trusted-proxies", "NETWORKS", "whose X-Forwarded-For is believed"},
    {"PAKHUS_GATHER_ALLOW", "gather-allow", "HOSTS", "hosts that gather may ask: lists in requests, addresses that are not public"},
    {"PAKHUS_GATHER_WORKERS", "gather-workers", "COUNT", "processes that gather, at most"},
    {"PAKHUS_FLUSH", "flush", "SPAN", "how long counts and tables may stay unwritten, or sync"},
    {"PAKHUS_CLOCK", "clock", "FILE", "for replays: what time it is, read anew each time"},
};
enum { SETTING_COUNT = sizeof settings / sizeof *settings };

static struct str listen = {"127.0.0.1:9000", 14};
static struct command_option options[SETTING_COUNT + 1] = {
    {"listen", 'l', OPTION_TEXT, &listen, "HOST:PORT", "where to listen; 127.0.0.1:9000 unless said"},
};

static const struct command command = {
    .name = "serve",
    .arguments = "",
    .summary = "Serves every function on one port. Each setting but --listen is also an environment variable: --store is PAKHUS_STORE.",
    .example = "pakhus serve --store file:///var/pakhus --listen 127.0.0.1:8080",
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

int cmd_serve(int argc, char **argv)
{
    make_options();
    int count, exit_code = command_parse(&command, argc, argv, NULL, &count);
    if (exit_code >= 0) return exit_code;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].value.data) setenv(settings[i].variable, settings[i].value.data, 1);
    if (!getenv("PAKHUS_STORE")) return command_usage(&command, "say where the packages are: --store URL, or PAKHUS_STORE");
    static const struct lc_mount mounts[] = {
        {"/packages", &channel_range_splice},
        {"/patches", &channel_range_splice},
        {"/admission", &admission},
        {"/token", &cache_token_verify},
        {"/query", &query_function},
        {"/gather", &gather},
        /* these take events: POST /2015-03-31/functions/<name>/invocations */
        {"/evaluate-cron", &evaluate_cron_function},
        {"/evict-cron", &evict_cron_function},
        {"/calibrate-cron", &calibrate_cron_function},
        {"/reconcile", &reconcile_function},
    };
    const struct lc_port_options port = {.listen = listen.data, .prefix = "PAKHUS"};
    return lc_serve(&port, mounts, sizeof mounts / sizeof *mounts);
}
