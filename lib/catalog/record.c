#include "lib/catalog/record.h"

enum { RECORD_MAXIMUM = 65536 };

enum status record_read(struct store *store, struct io io, struct str key, struct str *text, struct error *error)
{
    struct store_object object;
    const struct store_get all = {.limit = RECORD_MAXIMUM};
    enum status status = store_get(store, io, key, &all, &object, error);
    if (status == STATUS_TOO_LARGE) return error->status = STATUS_CORRUPT;
    TRY(status);
    *text = object.body;
    return STATUS_OK;
}
