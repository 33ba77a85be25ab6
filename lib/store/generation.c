#include "lib/store/generation.h"

enum { BODY_LIMIT = 64 << 20, KEPT = 3, KEPT_FOR = CLOCK_HOUR, LONGEST = 5 * CLOCK_MINUTE };
static const uint64_t FIRST = UINT64_C(9999999999999999);

static struct str key_of(struct arena *arena, struct str prefix, uint64_t number)
{
    return arena_printf(arena, STR_FMT "%016llu", STR_ARG(prefix), (unsigned long long)(FIRST - (number - 1)));
}

/* 0 where the key is none of the row's. */
static uint64_t number_of(struct str prefix, struct str key)
{
    uint64_t counted;
    struct str digits = str_from(key, prefix.length);
    bool ours = str_starts(key, prefix) && digits.length == 16 && str_to_u64(digits, &counted);
    return ours && counted > 0 ? FIRST - counted + 1 : 0;
}

struct search {
    struct arena *arena;
    struct str prefix;
    struct generation newest;
};

static bool take_first(void *context, const struct store_object *object)
{
    struct search *search = context;
    uint64_t number = number_of(search->prefix, object->key);
    if (number == 0) return true;
    search->newest = (struct generation){.number = number, .key = arena_copy(search->arena, object->key), .modified = object->modified};
    return false;
}

static enum status newest_key(struct store *store, struct io io, struct str prefix, struct generation *newest, struct error *error)
{
    struct search search = {.arena = io.arena, .prefix = prefix};
    TRY(store_list(store, io, prefix, 1, take_first, &search, error));
    *newest = search.newest;
    return STATUS_OK;
}

enum status generation_newest(struct store *store, struct io io, struct str prefix, uint64_t known, struct generation *out,
                              struct error *error)
{
    const struct store_get all = {.limit = BODY_LIMIT};
    for (;;) {
        struct generation newest;
        struct store_object object;
        TRY(newest_key(store, io, prefix, &newest, error));
        ENSURE(known == 0 || newest.number != known, error, STATUS_NOT_MODIFIED, "nothing new");
        *out = newest;
        if (newest.number == 0) return STATUS_OK;
        enum status status = store_get(store, io, newest.key, &all, &object, error);
        if (status == STATUS_NOT_FOUND && deadline_left(io.deadline) > 0) continue; /* trimmed in between: there is a newer one */
        TRY(status);
        out->body = object.body;
        return STATUS_OK;
    }
}

struct trim {
    struct arena *arena;
    struct str prefix;
    uint64_t newest;
    struct old {
        struct str key;
        struct old *next;
    } * first;
};

static bool collect_old(void *context, const struct store_object *object)
{
    struct trim *trim = context;
    uint64_t number = number_of(trim->prefix, object->key);
    bool old = number > 0 && number + KEPT <= trim->newest && object->modified + KEPT_FOR < clock_now();
    if (!old) return true;
    struct old *entry = arena_new_of(trim->arena, struct old);
    *entry = (struct old){arena_copy(trim->arena, object->key), trim->first};
    trim->first = entry;
    return true;
}

/* What fails here is done by a later writer. */
static void trim_row(struct store *store, struct io io, struct str prefix, uint64_t newest)
{
    struct trim trim = {.arena = io.arena, .prefix = prefix, .newest = newest};
    struct error ignored;
    if (newest <= KEPT || store_list(store, io, prefix, 0, collect_old, &trim, &ignored) != STATUS_OK) return;
    for (const struct old *old = trim.first; old; old = old->next) store_remove(store, io, old->key, &ignored);
}

static enum status put_next(struct store *store, struct io io, struct str prefix, uint64_t number, struct str body,
                            struct generation *result, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "application/json"};
    struct store_object object;
    struct str key = key_of(io.arena, prefix, number);
    TRY(store_put(store, io, key, body, &once, &object, error));
    *result = (struct generation){.number = number, .key = key, .body = body, .modified = object.modified};
    return STATUS_OK;
}

enum status generation_update(struct store *store, struct io io, struct str prefix, generation_change_fn *change, void *context,
                              struct generation *result, struct error *error)
{
    io.deadline = deadline_within(io.deadline, LONGEST);
    for (;;) {
        struct str body;
        TRY(generation_newest(store, io, prefix, 0, result, error));
        enum status status = change(context, io.arena, result, &body, error);
        if (status == STATUS_NOT_MODIFIED) return STATUS_OK;
        TRY(status);
        status = put_next(store, io, prefix, result->number + 1, body, result, error);
        if (status == STATUS_OK) return trim_row(store, io, prefix, result->number), STATUS_OK;
        if (status != STATUS_PRECONDITION) return status;
        ENSURE(deadline_left(io.deadline) > 0, error, STATUS_TIMEOUT, STR_FMT ": other writers were faster each time", STR_ARG(prefix));
    }
}
