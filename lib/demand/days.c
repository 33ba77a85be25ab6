#include "lib/demand/days_internal.h"

#include "lib/demand/text.h"

enum { KEYS_MOST = 10000 };

struct dropping {
    struct arena *arena;
    struct str prefix, *keys;
    size_t count, capacity;
    int64_t before;
};

/* In byte order: what follows a day that is young enough is younger. */
static bool note_key(void *context, const struct store_object *object)
{
    struct dropping *dropping = context;
    struct str rest = str_from(object->key, dropping->prefix.length);
    int64_t day;
    if (!demand_day_parse(str_cut(&rest, '/'), &day)) return true;
    if (day + CLOCK_DAY > dropping->before) return false;
    dropping->keys = arena_grow(dropping->arena, dropping->keys, dropping->count, &dropping->capacity, sizeof *dropping->keys);
    dropping->keys[dropping->count++] = arena_copy(dropping->arena, object->key);
    return dropping->count < KEYS_MOST;
}

static enum status drop(struct store *store, struct io io, struct str prefix, int64_t before, struct error *error)
{
    struct dropping dropping = {.arena = io.arena, .prefix = prefix, .before = before};
    TRY(store_list(store, io, prefix, 0, note_key, &dropping, error));
    for (size_t i = 0; i < dropping.count; i++) TRY(store_remove(store, io, dropping.keys[i], error));
    return STATUS_OK;
}

enum status days_drop(struct store *store, struct io io, struct str prefix, int64_t before, struct error *error)
{
    io.arena = arena_new();
    enum status status = drop(store, io, prefix, before, error);
    arena_free(io.arena);
    return status;
}
