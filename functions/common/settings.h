/* The table of settings. Options of `pakhus serve` and their help, docs/settings.md, and the checks of template.yaml and s.yaml follow from
 * it (tests/unit/test_settings.c, tests/e2e/test_settings.py). Functions and commands read their settings here and nowhere else.
 *
 * A setting is an environment variable; an empty one counts as not set. For `pakhus serve` each is an option too, which wins: PAKHUS_FLUSH
 * is
 * --flush. What lambda-c reads by itself (lc_settings.h) and lib (the CA bundle) is in the table, for its documents and options. */
#ifndef FUNCTIONS_COMMON_SETTINGS_H
#define FUNCTIONS_COMMON_SETTINGS_H

#include "base/error.h"
#include "base/str.h"

enum setting_id {
    SETTING_STORE,
    SETTING_LISTEN,
    SETTING_PUBLIC_URL,
    SETTING_REDIRECT,
    SETTING_FOLLOWERS,
    SETTING_PROBE_MAX,
    SETTING_URL_KEYS,
    SETTING_ORIGIN_SECRET,
    SETTING_NODE_SECRET,
    SETTING_TRUSTED_PROXIES,
    SETTING_FLUSH,
    SETTING_TOKEN_KEYS,
    SETTING_TOKEN_BUSINESS,
    SETTING_TOKEN_PARAM,
    SETTING_TOKEN_WINDOW,
    SETTING_TOKEN_ENTRIES,
    SETTING_TOKEN_ON_EVICT,
    SETTING_GATHER_ALLOW,
    SETTING_GATHER_WORKERS,
    SETTING_THREADS,
    SETTING_LOG,
    SETTING_ADMIN,
    SETTING_ADMIN_SECRET,
    SETTING_CA_BUNDLE,
    SETTING_CLOCK,
    SETTINGS
};

enum setting_kind {
    SETTING_TEXT,
    SETTING_SECRET, /* text that is never shown */
    SETTING_NUMBER, /* a whole one, from min to max */
    SETTING_SPAN,   /* a duration, from min to max ms */
};

struct setting {
    const char *variable; /* "PAKHUS_FLUSH" */
    const char *argument; /* what the help calls its value: "SPAN" */
    enum setting_kind kind;
    int64_t min, max;
    const char *otherwise; /* the default, in words; NULL: none */
    const char *readers;   /* the functions that read it: "query, gather"; "all" */
    const char *help;      /* one line */
};
extern const struct setting settings[SETTINGS];

/* How the person who set it calls it, for errors: "--flush", or "PAKHUS_FLUSH". */
const char *setting_name(enum setting_id);
/* "flush": the option of `pakhus serve`, without the dashes. */
const char *setting_option(enum setting_id);
/* An option was given: it is the setting's value from now on, for child processes too. Before any thread is started. */
void setting_give(enum setting_id, struct str value);

/* {NULL, 0} where it is not set. The bytes are the environment's. */
struct str setting(enum setting_id);
/* Leave *value alone where it is not set. STATUS_INVALID names the setting, the value and the bounds. */
enum status setting_number(enum setting_id, uint64_t *value, struct error *);
enum status setting_span(enum setting_id, int64_t *ms, struct error *);
/* What is wrong with a setting's value, with its name before it; returns error->status. */
enum status setting_refuse(enum setting_id, struct error *);

/* Numbers, for those that lambda-c reads without knowing what its options are called. */
enum status settings_check(struct error *);

#endif
