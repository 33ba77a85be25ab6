#include "lib/catalog/record.h"

#include "base/encode.h"
#include "lib/transfer/watch.h"

enum { RECORD_MAX = 65536 };

enum status record_read(struct store *store, struct io io, struct str key, struct str *text, int64_t *put, struct error *error)
{
    struct store_object object;
    const struct store_get all = {.limit = RECORD_MAX};
    enum status status = store_get(store, io, key, &all, &object, error);
    if (status == STATUS_TOO_LARGE) return error->status = STATUS_CORRUPT;
    TRY(status);
    *text = object.body;
    *put = object.modified;
    return STATUS_OK;
}

/* As the store tells it, or as it is read. */
static enum status digest(struct store *store, struct io io, const struct store_object *object, struct str *sha256, struct error *error)
{
    struct stream stream;
    struct store_object unused;
    const struct store_get get = {.if_match = object->etag};
    if (object->has_sha256) return *sha256 = hex_encode(io.arena, str_make(object->sha256, sizeof object->sha256)), STATUS_OK;
    TRY(store_stream(store, io, object->key, &get, &stream, &unused, error));
    struct watch *watch = watch_new(io.arena, stream, NULL);
    struct stream watched = watch_stream(watch);
    enum status status = stream_drain(watched, error);
    stream_close(&watched);
    *sha256 = watch_sha256(watch, io.arena);
    return status;
}

enum status record_identify(struct store *store, struct io io, struct str key, struct record_object *object, struct error *error)
{
    struct store_object there;
    struct str sha256;
    const struct record_object *known = object->known;
    enum status status = store_head(store, io, key, &there, error);
    if (status == STATUS_NOT_FOUND || status == STATUS_UNSUPPORTED) return STATUS_OK; /* as its readers will find */
    TRY(status);
    if (str_equal(there.etag, object->etag) || there.size != object->size) return STATUS_OK;
    there.key = key;
    bool was_read = known && str_equal(known->seen, there.etag) && str_equal(known->sha256, object->sha256);
    if (!was_read) TRY(digest(store, io, &there, &sha256, error));
    bool is_it = was_read ? str_equal(known->etag, known->seen) : str_equal(sha256, object->sha256);
    object->seen = there.etag;
    if (is_it) object->etag = there.etag;
    return STATUS_OK;
}
