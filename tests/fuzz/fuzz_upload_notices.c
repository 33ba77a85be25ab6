/* Storage events. Whatever comes in: a clear error, an order whose names are ids, or notices, of which those that pass for an upload have
 * ids too. */
#include <stdlib.h>

#include "functions/prepare-upload/notices.h"
#include "lib/catalog/upload.h"

static void must(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct notices notices;
    struct error error = {0};
    enum status status = notices_parse(arena, str_make(data, size), &notices, &error);
    must(status == STATUS_OK || (status == STATUS_INVALID && error.text[0]));
    if (status == STATUS_OK && notices.app.data) must(notices.count == 0 && str_is_id(notices.app) && str_is_id(notices.version));
    for (size_t i = 0; status == STATUS_OK && i < notices.count; i++) {
        struct str app, version;
        must(notices.items[i].event.data && notices.items[i].object.data);
        if (upload_parse_key(notices.items[i].object, &app, &version)) must(str_is_id(app) && str_is_id(version));
    }
    arena_free(arena);
    return 0;
}
