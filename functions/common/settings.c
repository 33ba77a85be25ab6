#include "functions/common/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lib/token/hits.h"

const struct setting settings[SETTINGS] = {
    [SETTING_STORE] = {"PAKHUS_STORE", "URL", .readers = "all",
                       .help = "where packages are stored: s3://bucket?region=…, azure://container?account=… or file:///path"},
    [SETTING_LISTEN] = {"PAKHUS_LISTEN", "HOST:PORT", .otherwise = LC_LISTEN_DEFAULT, .readers = "all", .help = "where a port is opened"},
    [SETTING_PUBLIC_URL] = {"PAKHUS_PUBLIC_URL", "URL", .otherwise = "the request's Host", .readers = "query",
                            .help = "where devices reach the CDN or this server"},
    [SETTING_REDIRECT] = {"PAKHUS_REDIRECT", "HOW", .otherwise = "presigned; never on file://", .readers = "channel-range-splice, query",
                          .help = "how to redirect to the base: presigned, never, or a public URL of the bucket"},
    [SETTING_FOLLOWERS] = {"PAKHUS_FOLLOWERS", "NETWORKS",
                           .otherwise = "all for presigned URLs; for public ones, who sends Pakhus-Follow: 1",
                           .readers = "channel-range-splice",
                           .help = "who is redirected: networks that ask again for each range (10.0.0.0/8,…), or all"},
    [SETTING_PROBE_MAX] = {"PAKHUS_PROBE_MAX", "BYTES", SETTING_NUMBER, 0, INT64_C(1) << 40, "65536", "channel-range-splice",
                           "ranges of at most this many bytes are never redirected; 0 turns it off"},
    [SETTING_URL_KEYS] = {"PAKHUS_URL_KEYS", "KEYS", SETTING_SECRET, .readers = "channel-range-splice",
                          .help = "keys of signed URLs, kid:base64,…; the first signs, all verify"},
    [SETTING_ORIGIN_SECRET] = {"PAKHUS_ORIGIN_SECRET", "SECRET", SETTING_SECRET, .otherwise = "none: anyone may ask",
                               .readers = "channel-range-splice, query, admission, gather",
                               .help = "shared secret of the CDN; requests of devices without it in Pakhus-Origin-Secret get 403"},
    [SETTING_NODE_SECRET] = {"PAKHUS_NODE_SECRET", "SECRET", SETTING_SECRET, .otherwise = "none: anyone may ask",
                             .readers = "cache-token-verify",
                             .help = "shared secret of cache nodes; their requests without it in Pakhus-Node-Secret get 403"},
    [SETTING_TRUSTED_PROXIES] = {"PAKHUS_TRUSTED_PROXIES", "NETWORKS", .otherwise = "none", .readers = "query, channel-range-splice",
                                 .help = "proxies whose X-Forwarded-For is believed: 10.0.0.0/8,…"},
    [SETTING_FLUSH] = {"PAKHUS_FLUSH", "SPAN", .otherwise = "30s for counts, 1s for hit tables", .readers = "query, cache-token-verify",
                       .help = "how long counts and hit tables may stay unwritten: sync, or a duration up to 1h"},
    [SETTING_TOKEN_KEYS] = {"PAKHUS_TOKEN_KEYS", "KEYS", SETTING_SECRET, .readers = "cache-token-verify",
                            .help = "64-byte keys of cache tokens, kid:base64,…"},
    [SETTING_TOKEN_BUSINESS] = {"PAKHUS_TOKEN_BUSINESS", "ID", .readers = "cache-token-verify",
                                .help = "owner of the resources that cache tokens are for"},
    [SETTING_TOKEN_PARAM] = {"PAKHUS_TOKEN_PARAM", "NAME", .otherwise = "pkt", .readers = "cache-token-verify",
                             .help = "query parameter that holds the token"},
    [SETTING_TOKEN_WINDOW] = {"PAKHUS_TOKEN_WINDOW", "SPAN", SETTING_SPAN, 0, INT64_MAX, "5s", "cache-token-verify",
                              "how long until an update that no node reported counts as made; set 1h where nodes report"},
    [SETTING_TOKEN_ENTRIES] = {"PAKHUS_TOKEN_ENTRIES", "COUNT", SETTING_NUMBER, HITS_LEAST, HITS_MOST, "8192", "cache-token-verify",
                               "entries in the hit table of a node"},
    [SETTING_TOKEN_ON_EVICT] =
        {"PAKHUS_TOKEN_ON_EVICT", "HOW", .otherwise = "keep", .readers = "cache-token-verify",
         .help = "copies of resources that a full hit table forgets: keep, or purge (answers name them in Pakhus-Purge)"},
    [SETTING_GATHER_ALLOW] = {"PAKHUS_GATHER_ALLOW", "HOSTS", .otherwise = "none: no lists, public addresses only", .readers = "gather",
                              .help = "hosts that lists may name, and private addresses that are open: *.example.com,10.0.0.0/8"},
    [SETTING_GATHER_WORKERS] = {"PAKHUS_GATHER_WORKERS", "COUNT", SETTING_NUMBER, 1, 256, "64; by memory on Lambda", "gather",
                                "processes that gather, at most"},
    [SETTING_THREADS] = {"PAKHUS_THREADS", "COUNT", SETTING_NUMBER, 1, 1024, "16", "all", "workers that wait for the store"},
    [SETTING_LOG] = {"PAKHUS_LOG", "LEVEL", .otherwise = "info", .readers = "all", .help = "debug, info, warn, error or none"},
    [SETTING_ADMIN] = {"PAKHUS_ADMIN", "ADDRESS", .otherwise = "none: no admin listener", .readers = "all",
                       .help = "where a port serves metrics and takes events: 127.0.0.1:9001, or unix:/path"},
    [SETTING_ADMIN_SECRET] = {"PAKHUS_ADMIN_SECRET", "SECRET", SETTING_SECRET, .otherwise = "none: the admin listener only",
                              .readers = "all", .help = "bearer token of operators; requests for metrics and events without it get 403"},
    [SETTING_CA_BUNDLE] = {"PAKHUS_CA_BUNDLE", "FILE", .otherwise = "SSL_CERT_FILE, or the system's", .readers = "all",
                           .help = "authorities that https:// is checked against"},
    [SETTING_CLOCK] = {"PAKHUS_CLOCK", "FILE", .readers = "all", .help = "for replays: a file that holds the time, read again each time"},
};

/* --- names */

static bool is_given[SETTINGS];
static char option_names[SETTINGS][48]; /* "--token-keys" */

static const char *dashed(enum setting_id id)
{
    char *name = option_names[id];
    if (name[0]) return name;
    snprintf(name, sizeof option_names[id], "--%s", settings[id].variable + sizeof "PAKHUS_" - 1);
    for (char *c = name; *c; c++) *c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    return name;
}

const char *setting_option(enum setting_id id)
{
    return dashed(id) + 2;
}

const char *setting_name(enum setting_id id)
{
    return is_given[id] ? dashed(id) : settings[id].variable;
}

void setting_give(enum setting_id id, struct str value)
{
    char *copy = strndup(value.data ? value.data : "", value.length);
    if (!copy || setenv(settings[id].variable, copy, 1) != 0) abort();
    free(copy);
    is_given[id] = true;
    dashed(id); /* made while there is one thread */
}

/* --- values */

struct str setting(enum setting_id id)
{
    const char *value = getenv(settings[id].variable);
    return value && *value ? str_of(value) : (struct str){NULL, 0};
}

enum status setting_refuse(enum setting_id id, struct error *error)
{
    return error_context(error, "%s", setting_name(id));
}

enum status setting_number(enum setting_id id, uint64_t *value, struct error *error)
{
    const struct setting *row = &settings[id];
    struct str text = setting(id);
    uint64_t number;
    if (!text.data) return STATUS_OK;
    bool valid = str_to_u64(text, &number) && number >= (uint64_t)row->min && number <= (uint64_t)row->max;
    ENSURE(valid, error, STATUS_INVALID, "%s is '" STR_FMT "', not a whole number from %lld to %lld", setting_name(id),
           STR_ARG(str_first(text, 100)), (long long)row->min, (long long)row->max);
    *value = number;
    return STATUS_OK;
}

enum status setting_span(enum setting_id id, int64_t *ms, struct error *error)
{
    const struct setting *row = &settings[id];
    struct str text = setting(id);
    int64_t span;
    if (!text.data) return STATUS_OK;
    bool valid = clock_parse_span(text, &span) && span >= row->min && span <= row->max;
    ENSURE(valid, error, STATUS_INVALID, "%s is '" STR_FMT "', not a duration such as 90s, 5m, 12h or 7d", setting_name(id),
           STR_ARG(str_first(text, 100)));
    *ms = span;
    return STATUS_OK;
}

enum status settings_check(struct error *error)
{
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        uint64_t number;
        if (settings[id].kind == SETTING_NUMBER) TRY(setting_number(id, &number, error));
    }
    return STATUS_OK;
}
