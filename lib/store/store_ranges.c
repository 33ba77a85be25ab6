#include "lib/store/store_internal.h"

enum { URL_LIFE = 5 * CLOCK_MINUTE };

static enum status not_bound(const struct store *store, const char *what, int http_status, struct error *error)
{
    return error_set(error, STATUS_UNSUPPORTED,
                     STR_FMT " %s (status %d), so a redirect to it could give a device the base package without its channel: add "
                             "bind-range=no to the store's URL, here and where the functions run. Redirects then go only to those who send "
                             "Pakhus-Follow: 1 or are in PAKHUS_FOLLOWERS",
                     STR_ARG(store->name), what, http_status);
}

static enum status answer_of(struct store *store, struct io io, struct str url, struct str range, int *http_status, struct error *error)
{
    TRY(store->backend->fetch(store, io, url, range, http_status, error));
    ENSURE(*http_status < 500, error, STATUS_UNAVAILABLE, STR_FMT ": status %d to a presigned URL", STR_ARG(store->name), *http_status);
    return STATUS_OK;
}

enum status store_probe_ranges(struct store *store, struct io io, struct str key, struct error *error)
{
    static const struct str signed_range = {"bytes=1-2", 9}, other = {"bytes=0-0", 9}, none = {NULL, 0};
    struct str url;
    int64_t valid_until;
    int http_status;
    if (!store->backend->presign || store->ignores_ranges) return STATUS_OK;
    TRY(store_presign_range(store, io, key, signed_range, URL_LIFE, &url, &valid_until, error));
    TRY(answer_of(store, io, url, signed_range, &http_status, error));
    if (http_status != 206) return not_bound(store, "does not give the range that a presigned URL is signed for", http_status, error);
    TRY(answer_of(store, io, url, other, &http_status, error));
    if (http_status < 400) return not_bound(store, "gives another range than a presigned URL is signed for", http_status, error);
    TRY(answer_of(store, io, url, none, &http_status, error));
    if (http_status < 400)
        return not_bound(store, "gives all of an object where a presigned URL is signed for a range", http_status, error);
    return STATUS_OK;
}
