#include "functions/channel-range-splice/slices.h"

enum { SLICES_BYTES = 32 << 20 };

/* "base offset length etag". The ETag comes last: it is the store's, and may hold anything. */
static struct slice slice_of(struct str key)
{
    struct slice slice = {.base = str_cut(&key, ' ')};
    str_to_u64(str_cut(&key, ' '), &slice.offset);
    str_to_u64(str_cut(&key, ' '), &slice.length);
    slice.etag = key;
    return slice;
}

static enum status load_slice(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    struct slice slice = slice_of(load->key);
    struct store_object *object = arena_new_of(load->io.arena, struct store_object);
    struct store_get get = {.offset = slice.offset, .length = slice.length, .limit = SLICE_MAX};
    *(load->previous ? &get.if_none_match : &get.if_match) = slice.etag;
    enum status status = store_get(app->store, load->io, slice.base, &get, object, error);
    bool has_shrunk = status == STATUS_INVALID && load->previous; /* the range was there before */
    if (has_shrunk || (status == STATUS_OK && !str_equal(object->etag, slice.etag)))
        return error_set(error, STATUS_PRECONDITION, "the base is another object than it was");
    *value = object;
    return status;
}

struct cache *slices_new(struct app *app)
{
    return cache_new(&(struct cache_options){.bytes = SLICES_BYTES, .load = load_slice, .context = app});
}

enum status slices_get(struct cache *slices, struct io io, const struct slice *slice, struct str *bytes, struct error *error)
{
    const void *value;
    char offset[U64_DIGITS], length[U64_DIGITS];
    struct str key = arena_join(io.arena, slice->base, S(" "), str_of_u64(offset, slice->offset), S(" "), str_of_u64(length, slice->length),
                                S(" "), slice->etag);
    TRY(cache_get(slices, io, key, &value, error));
    *bytes = ((const struct store_object *)value)->body;
    return STATUS_OK;
}
