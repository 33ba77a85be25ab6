#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "functions/admission/handler.h"
#include "functions/cache-token-verify/handler.h"
#include "functions/channel-range-splice/handler.h"

/* The settings that the functions read, as options: each wins over the environment. */
static struct setting {
    const char *variable;
    struct str value;
} settings[] = {
    {.variable = "PAKHUS_STORE"},           {.variable = "PAKHUS_PUBLIC_URL"},    {.variable = "PAKHUS_REDIRECT"},
    {.variable = "PAKHUS_URL_KEYS"},        {.variable = "PAKHUS_ORIGIN_SECRET"}, {.variable = "PAKHUS_THREADS"},
    {.variable = "PAKHUS_TRUSTED_PROXIES"}, {.variable = "PAKHUS_TOKEN_KEYS"},   {.variable = "PAKHUS_TOKEN_BUSINESS"},
    {.variable = "PAKHUS_NODE_SECRET"},     {.variable = "PAKHUS_FLUSH"},
};
static struct str listen = {"127.0.0.1:9000", 14};

static const struct command_option options[] = {
    {"listen", 'l', OPTION_TEXT, &listen, "HOST:PORT", "where to listen; 127.0.0.1:9000 unless said"},
    {"store", 's', OPTION_TEXT, &settings[0].value, "URL", "s3://… or file:///…; or PAKHUS_STORE"},
    {"public-url", 0, OPTION_TEXT, &settings[1].value, "URL", "where devices and CDN reach us; or PAKHUS_PUBLIC_URL"},
    {"redirect", 0, OPTION_TEXT, &settings[2].value, "HOW", "presigned, never, or a public URL; or PAKHUS_REDIRECT"},
    {"url-keys", 0, OPTION_TEXT, &settings[3].value, "KEYS", "kid:base64,… for signed URLs; or PAKHUS_URL_KEYS"},
    {"origin-secret", 0, OPTION_TEXT, &settings[4].value, "SECRET", "what the CDN must send; or PAKHUS_ORIGIN_SECRET"},
    {"threads", 0, OPTION_TEXT, &settings[5].value, "COUNT", "workers for what waits for the store; or PAKHUS_THREADS"},
    {"trusted-proxies", 0, OPTION_TEXT, &settings[6].value, "NETWORKS", "whose X-Forwarded-For counts; or PAKHUS_TRUSTED_PROXIES"},
    {"token-keys", 0, OPTION_TEXT, &settings[7].value, "KEYS", "kid:base64,… for cache tokens; or PAKHUS_TOKEN_KEYS"},
    {"token-business", 0, OPTION_TEXT, &settings[8].value, "ID", "whose resources they are; or PAKHUS_TOKEN_BUSINESS"},
    {"node-secret", 0, OPTION_TEXT, &settings[9].value, "SECRET", "what cache nodes must send; or PAKHUS_NODE_SECRET"},
    {"flush", 0, OPTION_TEXT, &settings[10].value, "SPAN", "how long counts and tables may stay unwritten, or sync; or PAKHUS_FLUSH"},
};

static const struct command command = {
    .name = "serve",
    .arguments = "",
    .summary = "Serves every function on one port.",
    .example = "pakhus serve --store file:///var/pakhus --listen 127.0.0.1:8080",
    COMMAND_OPTIONS(options),
};

int cmd_serve(int argc, char **argv)
{
    int count, exit_code = command_parse(&command, argc, argv, NULL, &count);
    if (exit_code >= 0) return exit_code;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].value.data) setenv(settings[i].variable, settings[i].value.data, 1);
    if (!getenv("PAKHUS_STORE")) return command_usage(&command, "say where the packages are: --store URL, or PAKHUS_STORE");
    static const struct lc_mount mounts[] = {
        {"/packages", &channel_range_splice},
        {"/admission", &admission},
        {"/token", &cache_token_verify},
    };
    const struct lc_port_options port = {.listen = listen.data, .prefix = "PAKHUS"};
    return lc_serve(&port, mounts, sizeof mounts / sizeof *mounts);
}
