/* What stores have in common, seen only inside lib/store. */
#ifndef STORE_INTERNAL
#define STORE_INTERNAL

#include <stdatomic.h>

#include "base/url.h"
#include "lib/store/store.h"

enum { STORE_KEY_LENGTH = 900, STORE_PREFIX_LENGTH = 100, STORE_GET_LIMIT = 16 * 1024 * 1024 };

struct store_pieces; /* pieces_internal.h */

/* One operation of store.h: on which object, and with how much time. */
struct store_call {
    struct store *store;
    struct io io;
    struct str key; /* for lists and sweeps: how keys begin */
};

/* What is uploaded. */
struct store_source {
    struct stream stream;
    uint64_t size; /* UINT64_MAX: not known */
};

/* A URL that lets its bearer read an object. */
struct store_presigned {
    struct str url;
    int64_t valid_until; /* ms */
};

/* A kind of stores: what a URL begins with, and the operations of store.h behind its checks: keys are well-formed, I/O is allowed, `get`
 * and `put` are never NULL. */
struct store_backend {
    const char *scheme;
    /* Allocates its store in `arena`, which becomes the store's, and says there what it can do. No I/O. */
    enum status (*open)(struct arena *arena, const struct url *, struct store **, struct error *);
    enum status (*get)(const struct store_call *, const struct store_get *, struct store_object *, struct error *);
    enum status (*stream)(const struct store_call *, const struct store_get *, struct stream *, struct store_object *, struct error *);
    enum status (*head)(const struct store_call *, struct store_object *, struct error *);
    enum status (*put)(const struct store_call *, struct str body, const struct store_put *, struct store_object *, struct error *);
    enum status (*upload)(const struct store_call *, const struct store_source *, const struct store_put *, struct store_object *,
                          struct error *);
    enum status (*compose)(const struct store_call *, const struct store_pieces *, const struct store_put *, struct store_object *,
                           struct error *);
    enum status (*remove)(const struct store_call *, struct error *);
    enum status (*list)(const struct store_call *, size_t limit, store_list_fn *each, void *context, struct error *);
    uint64_t (*folder_mark)(struct store *, struct str folder);      /* NULL: there are none */
    enum status (*check)(struct store *, struct error *);            /* what a listing does not tell; NULL: it tells all */
    enum status (*sweep)(const struct store_call *, struct error *); /* NULL: writers do it themselves */
    /* May be called with io.no_wait; `range` may be empty. It checks the key itself, once for a URL that it keeps. NULL: not offered. */
    enum status (*presign)(const struct store_call *, struct str range, int64_t lifetime, struct store_presigned *, struct error *);
    /* The HTTP status of one GET of a presigned URL, with this Range field; empty: without one. NULL where `presign` is. */
    enum status (*fetch)(struct store *, struct io, struct str url, struct str range, int *http_status, struct error *);
    bool (*copies_from)(struct store *, struct io, struct store *from); /* of the same kind, but not the same; NULL: never */
    void (*offer_credentials)(struct store *, struct str id, struct str secret, struct str token); /* NULL: none are needed */
    void (*close)(struct store *);                                                                 /* NULL: nothing but memory */
};

struct store_counters {
    _Atomic uint64_t requests, retries, failures, bytes_in, bytes_out;
};

struct store {
    const struct store_backend *backend;
    struct arena *arena; /* holds the store itself */
    struct str name;     /* for words: "s3://bucket at host" or "file:///var/pakhus" */
    struct str asked;    /* the name, and what its URL says of how the store is asked: what a trial depends on */
    struct str prefix;   /* before its keys in the bucket: empty, or with its '/' */
    struct store_abilities abilities;
    struct store_counters counters;
    atomic_bool probed;
};

static inline void store_count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

extern const struct store_backend store_backend_s3, store_backend_azure, store_backend_file; /* the rows of backends.c */
/* The backend of URLs that begin so; NULL: there is none. */
const struct store_backend *store_backend_of(struct str scheme);

/* Whether it lets us in, by one listing. A directory that is not there yet lets us in. */
enum status store_reach(struct store *, struct io, struct error *);

bool store_is_key(struct str key);
enum status store_check_key(struct str key, struct error *); /* STATUS_INVALID, with what a key is */
/* A key, a key with '/' behind it, the start of one, or nothing. */
bool store_is_prefix(struct str prefix);

#endif
