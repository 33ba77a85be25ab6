#include "lib/catalog/stored_apk_internal.h"

/* What is read at once, since the next read is likely to be near: twice as much each time that one begins where the last one ended. */
enum { WINDOW_MIN = 1 << 20, WINDOW_MAX = 8 << 20 };

struct stored_apk {
    struct store *store;
    struct str key, etag;
    uint64_t size;
    int64_t span;
    struct arena *arena; /* of the window only */
    uint64_t offset;
    size_t length; /* to be read at once */
    struct str window;
};

static void free_window(void *context)
{
    arena_free(context);
}

static enum status load_window(struct stored_apk *apk, uint64_t offset, struct error *error)
{
    struct store_object object;
    bool goes_on = apk->window.length > 0 && offset == apk->offset + apk->window.length;
    apk->length = !goes_on ? WINDOW_MIN : apk->length < WINDOW_MAX ? apk->length * 2 : WINDOW_MAX;
    arena_reset(apk->arena);
    apk->window = (struct str){0};
    /* The last window is a whole one: what is read first is the end. */
    uint64_t last = apk->size > apk->length ? apk->size - apk->length : 0;
    apk->offset = offset < last ? offset : last;
    const struct store_get get = {.offset = apk->offset,
                                  .length = apk->size - apk->offset < apk->length ? apk->size - apk->offset : apk->length,
                                  .if_match = apk->etag};
    const struct io io = {.arena = apk->arena, .deadline = deadline_in(apk->span)};
    TRY(store_get(apk->store, io, apk->key, &get, &object, error));
    apk->window = object.body;
    return STATUS_OK;
}

static enum status read_stored(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    struct stored_apk *apk = context;
    for (size_t used = 0; used < length;) {
        uint64_t at = offset + used;
        if (at < apk->offset || at - apk->offset >= apk->window.length) TRY(load_window(apk, at, error));
        struct str run = str_first(str_from(apk->window, (size_t)(at - apk->offset)), length - used);
        memcpy((char *)buffer + used, run.data, run.length);
        used += run.length;
    }
    return STATUS_OK;
}

struct apk_source stored_apk(struct store *store, struct io io, const struct store_object *object)
{
    struct stored_apk *apk = arena_new_of(io.arena, struct stored_apk);
    *apk = (struct stored_apk){.store = store,
                               .key = object->key,
                               .etag = object->etag,
                               .size = object->size,
                               .span = deadline_left(io.deadline),
                               .arena = arena_new()};
    arena_defer(io.arena, free_window, apk->arena);
    return (struct apk_source){.read = read_stored, .context = apk, .size = object->size};
}
