/* What the functions of one process share: settings from the environment, the store, cached facts about packages and channels. */
#ifndef FUNCTIONS_COMMON_APP_H
#define FUNCTIONS_COMMON_APP_H

#include <stdatomic.h>

#include "functions/common/client.h"
#include "base/base.h"
#include "lambda-c/lambda.h"
#include "lib/catalog/channels.h"
#include "lib/catalog/package.h"
#include "lib/catalog/patch.h"
#include "lib/edges/name.h"
#include "lib/keyring/keyring.h"
#include "lib/store/cache.h"
#include "lib/store/store.h"

enum app_redirect { APP_REDIRECT_PRESIGNED, APP_REDIRECT_PUBLIC, APP_REDIRECT_NEVER };

/* PAKHUS_FOLLOWERS: whom a redirect is given. */
enum app_redirected {
    APP_REDIRECTED_WHERE_HARMLESS, /* not set: everyone where the target gives nobody wrong bytes, else followers */
    APP_REDIRECTED_ALL,            /* `all`: everyone */
    APP_REDIRECTED_FOLLOWERS,      /* networks: those, and who says that it follows */
};

struct app {
    struct arena *arena;
    struct store *store;
    const char *store_url;
    enum app_redirect redirect;
    struct str redirect_url; /* APP_REDIRECT_PUBLIC: what stands before a key, ending in '/' */
    enum app_redirected redirected;
    struct client_proxies followers; /* APP_REDIRECTED_FOLLOWERS: their networks */
    struct client_proxies proxies;   /* PAKHUS_TRUSTED_PROXIES */
    uint64_t probe_max;              /* PAKHUS_PROBE_MAX: bytes of a range up to which it is never redirected */
    struct keyring url_keys;         /* PAKHUS_URL_KEYS */
    struct str origin_secret;        /* PAKHUS_ORIGIN_SECRET; empty: anyone may ask */
    struct str node_secret;          /* PAKHUS_NODE_SECRET; likewise */
    struct cache *packages;          /* "app/version" → struct package */
    struct cache *channels;          /* "app" → struct channels */
    struct cache *shards;            /* of channels: lib/store/shard.h */
    struct cache *patches;           /* "app/from..to" or "app/from..to@2" → struct patch */
    struct app_refresh *refresh;
    _Atomic(const void *) reporter; /* of what all share, in /metrics: the first function that was asked */
};

/* One per process, opened by the first caller, and there for as long as the process is: a function that has nothing to flush needs no
 * `stop`, and on AWS no extension for the sake of it. Every setting that is wrong is an error that names it. */
enum status app_open(struct app **, struct error *);
/* The one that app_open has opened; NULL before. */
const struct app *app_shared(void);

/* PAKHUS_FLUSH: how long what is counted may stay unwritten, ms, at most an hour; 0: `sync`. Left alone where it is not set. */
enum status app_flush_span(int64_t *span, struct error *);

/* The `ready` of every function: the store is there, and lets us in. Remembered for some seconds, so that it may be asked often. */
enum status app_ready(void *state, struct lc_call *, struct error *);

/* In a directory that is gone nothing is found either. That is no 404, which caches would keep. */
bool app_is_without_store(struct error *);

/* The io of a call, with Function Compute's credentials offered to the store, and the time that the store is given. */
struct io app_io(struct app *, const struct lc_call *);
/* What the store finds wrong with a question of ours (no such bucket, another region), or we with its answer, is not the client's fault:
 * STATUS_INVALID becomes STATUS_DENIED, STATUS_TOO_LARGE STATUS_CORRUPT. */
enum status app_store_fault(enum status, struct error *);

/* How long what was read from the store may be believed: `life`, or 0 where asking costs nothing. */
int64_t app_life(const struct app *, int64_t life);

/* Of a cache of what an operator may publish anew; `load`, `bytes` and `context` are the caller's to set. */
struct cache_options app_published_options(const struct app *);

/* Facts, from memory where they are there. They live as long as the call. */
enum status app_package(struct app *, struct io, struct str app, struct str version, const struct package **, struct error *);
/* `name` is a patch's. */
enum status app_patch(struct app *, struct io, const struct package_name *name, const struct patch **, struct error *);
enum status app_channels(struct app *, struct io, struct str app, const struct channels **, struct error *);
/* A channel; one that is not known is looked for again in the store, but not more often than the store likes. */
struct app_channel {
    struct str app, id;
    const struct channels *channels; /* out */
    struct channel channel;          /* likewise */
};
enum status app_channel(struct app *, struct io, struct app_channel *, struct error *);
/* The stored object is not the one that we know of: the next call reads the record again and looks at the object. */
void app_doubt_package(struct app *, struct io, const struct package *);
void app_doubt_patch(struct app *, struct io, const struct patch *);
/* A patch has been made: that there was none is forgotten. */
void app_made_patch(struct app *, struct io, const struct package_name *name);

/* Prometheus lines of the store and the caches, once however many functions share them: `reporter` is the state of the one that is asked.
 */
void app_metrics(struct app *, const void *reporter, struct buf *out);
void app_cache_metrics(struct buf *out, const char *name, struct cache *);

#endif
