#include "lib/demand/callers.h"

#include "base/clock.h"

enum { LINE_MAX = 256 };

#define CALLERS "demand/callers/"

bool callers_are_untold(const struct edge *edge, struct str lan)
{
    return edge->site.length == 0 && edge->egress_count == 0 && str_find(lan, '@') == lan.length;
}

static struct str key_of(struct arena *arena, struct str edge, const char *number)
{
    return arena_join(arena, S(CALLERS), edge, S("/"), str_of(number));
}

static enum status put(struct store *store, struct io io, struct str key, struct str line, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "text/plain"};
    return store_put(store, io, key, line, &once, NULL, error);
}

/* Empty: it is not there. */
static enum status get(struct store *store, struct io io, struct str key, struct str *line, struct error *error)
{
    struct store_object object;
    *line = (struct str){NULL, 0};
    enum status status = store_get(store, io, key, &(struct store_get){.limit = LINE_MAX}, &object, error);
    if (status == STATUS_OK) *line = str_trim(object.body);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status callers_note(struct store *store, struct io io, const struct caller *caller, bool *second, struct error *error)
{
    struct str address = network_format(io.arena, caller->address), known;
    struct str line = arena_join(io.arena, address, S(" "), clock_format_time(io.arena, caller->time), S("\n"));
    *second = false;
    enum status status = put(store, io, key_of(io.arena, caller->edge, "1"), line, error);
    if (status != STATUS_PRECONDITION) return status;
    TRY(get(store, io, key_of(io.arena, caller->edge, "1"), &known, error));
    if (known.length == 0 || str_equal(str_cut(&known, ' '), address)) return STATUS_OK;
    *second = true;
    status = put(store, io, key_of(io.arena, caller->edge, "2"), line, error);
    return status == STATUS_PRECONDITION ? STATUS_OK : status;
}

/* --- all of them */

struct listing {
    struct arena *arena;
    struct callers *items;
    size_t count, capacity;
};

static bool note_second(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct str rest = str_from(object->key, S(CALLERS).length), edge = str_cut(&rest, '/');
    if (!str_equal(rest, S("2"))) return true;
    listing->items = arena_grow(listing->arena, listing->items, listing->count, &listing->capacity, sizeof *listing->items);
    listing->items[listing->count++] = (struct callers){.edge = arena_copy(listing->arena, edge)};
    return true;
}

enum status callers_load(struct store *store, struct io io, struct callers **items, size_t *count, struct error *error)
{
    struct listing listing = {.arena = io.arena};
    TRY(store_list(store, io, S(CALLERS), 0, note_second, &listing, error));
    for (size_t i = 0; i < listing.count; i++) {
        struct callers *callers = &listing.items[i];
        TRY(get(store, io, key_of(io.arena, callers->edge, "1"), &callers->first, error));
        TRY(get(store, io, key_of(io.arena, callers->edge, "2"), &callers->second, error));
    }
    *items = listing.items;
    *count = listing.count;
    return STATUS_OK;
}

enum status callers_forget(struct store *store, struct io io, struct str edge, struct error *error)
{
    TRY(store_remove(store, io, key_of(io.arena, edge, "2"), error));
    return store_remove(store, io, key_of(io.arena, edge, "1"), error);
}
