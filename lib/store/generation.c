#include "lib/store/generation.h"

#include "lib/store/common.h"

/* Sixteen digits, counting down: the newest sorts first. */
#define FIRST_NUMBER UINT64_C(9999999999999999)

enum {
    DIGITS = 16,
    PAGE = 1000,
    KEPT = 3, /* of the newest, whatever their age */
    KEPT_FOR = CLOCK_HOUR,
    LONGEST_UPDATE = 5 * CLOCK_MINUTE, /* far less than KEPT_FOR: see the header */
    TRIMMED_AT_ONCE = 32,
    TRIM_TIMEOUT = 2 * CLOCK_SECOND,
    LONGEST_PAUSE = 64,
    BODY_LIMIT = 64 * 1024 * 1024
};

static struct str key_of(struct arena *arena, struct str prefix, uint64_t number)
{
    return arena_printf(arena, STR_FMT "%016llu", STR_ARG(prefix), (unsigned long long)(FIRST_NUMBER - (number - 1)));
}

static bool number_of(struct str key, struct str prefix, uint64_t *number)
{
    uint64_t count;
    if (!str_starts(key, prefix) || key.length != prefix.length + DIGITS) return false;
    if (!str_to_u64(str_from(key, prefix.length), &count) || count == 0) return false;
    *number = FIRST_NUMBER - count + 1;
    return true;
}

bool generation_of_key(struct str key, struct str *prefix, uint64_t *number)
{
    if (key.length <= DIGITS) return false;
    *prefix = str_first(key, key.length - DIGITS);
    return str_ends(*prefix, S("/")) && number_of(key, *prefix, number);
}

/* The newest generations, as a listing shows them. */
struct row {
    struct arena *arena;
    struct str prefix;
    size_t wanted, count;
    bool saw_other; /* keys in the row that are no generations */
    struct generation *at;
};

static bool note(void *context, const struct store_object *object)
{
    struct row *row = context;
    uint64_t number;
    if (!number_of(object->key, row->prefix, &number)) {
        row->saw_other = true;
        return true;
    }
    row->at[row->count++] = (struct generation){.number = number, .key = arena_copy(row->arena, object->key), .modified = object->modified};
    return row->count < row->wanted;
}

/* Other keys may stand before the first generation and fill the page. */
static enum status read_row(const struct generations *all, struct row *row, struct error *error)
{
    row->at = arena_array(row->arena, row->wanted, sizeof *row->at);
    TRY(store_list(all->store, all->io, row->prefix, row->wanted, note, row, error));
    if (row->count == row->wanted || !row->saw_other) return STATUS_OK;
    row->count = 0;
    return store_list(all->store, all->io, row->prefix, 0, note, row, error);
}

/* Reads the newest of the row, and the row again where that was trimmed meanwhile. */
static enum status read_newest(const struct generations *all, struct row *row, uint64_t known, struct generation *newest,
                               struct error *error)
{
    const struct store_get get = {.limit = BODY_LIMIT};
    struct store_object object;
    for (;;) {
        row->count = 0;
        row->saw_other = false;
        TRY(read_row(all, row, error));
        *newest = row->count > 0 ? row->at[0] : (struct generation){0};
        if (newest->number == 0) return STATUS_OK;
        if (newest->number == known)
            return error_set(error, STATUS_NOT_MODIFIED, "generation %llu is still the newest", (unsigned long long)known);
        enum status status = store_get(all->store, all->io, newest->key, &get, &object, error);
        if (status == STATUS_NOT_FOUND && deadline_left(all->io.deadline) > 0) continue;
        if (status == STATUS_OK) newest->body = object.body;
        return status;
    }
}

static enum status check_prefix(struct str prefix, struct error *error)
{
    ENSURE(str_ends(prefix, S("/")), error, STATUS_INVALID, "'" STR_FMT "' is not the prefix of a row: it must end in '/'",
           STR_ARG(prefix));
    return STATUS_OK;
}

enum status generation_newest(struct generations all, uint64_t known, struct generation *newest, struct error *error)
{
    struct row row = {.arena = all.io.arena, .prefix = all.prefix, .wanted = 1};
    TRY(check_prefix(all.prefix, error));
    return read_newest(&all, &row, known, newest, error);
}

/* `row` is as it was before a newer one was put in front. Ages are measured by the store's own clock: what is an hour older than another
 * object in the store is at least an hour old. */
static void trim(const struct generations *all, const struct row *row)
{
    struct error ignored;
    struct io io = all->io;
    io.deadline = deadline_within(io.deadline, TRIM_TIMEOUT);
    size_t first = row->count > TRIMMED_AT_ONCE + KEPT - 1 ? row->count - TRIMMED_AT_ONCE : KEPT - 1;
    for (size_t i = row->count; i-- > first;) {
        if (row->at[0].modified - row->at[i].modified <= KEPT_FOR) return;
        if (store_remove(all->store, io, row->at[i].key, &ignored) != STATUS_OK) return;
    }
}

static void pause_a_little(unsigned lost)
{
    uint64_t longest = lost < 6 ? UINT64_C(1) << lost : LONGEST_PAUSE;
    store_sleep((int64_t)(store_random() % (longest * 1000)));
}

static enum status put_next(const struct generations *all, const struct generation *newest, struct str body, struct generation *out,
                            struct error *error)
{
    const struct store_put if_absent = {.condition = STORE_IF_ABSENT};
    struct store_object object;
    ENSURE(body.length <= BODY_LIMIT, error, STATUS_TOO_LARGE, STR_FMT ": a generation of %zu bytes where %d are allowed",
           STR_ARG(all->prefix), body.length, BODY_LIMIT);
    struct generation next = {.number = newest->number + 1, .body = body};
    next.key = key_of(all->io.arena, all->prefix, next.number);
    TRY(store_put(all->store, all->io, next.key, body, &if_absent, &object, error));
    next.modified = object.modified;
    *out = next;
    return STATUS_OK;
}

struct update {
    struct generations all;
    generation_change_fn *change;
    void *context;
    bool lost; /* the last attempt: another writer was faster */
};

/* One attempt. */
static enum status try_update(struct update *update, struct row *row, struct generation *out, struct error *error)
{
    const struct generations *all = &update->all;
    struct generation newest;
    struct str body = {0};
    update->lost = false;
    TRY(read_newest(all, row, 0, &newest, error));
    newest.key = arena_copy(all->io.arena, newest.key);
    *out = newest;
    enum status status = update->change(update->context, all->io.arena, &newest, &body, error);
    if (status != STATUS_OK) return status == STATUS_NOT_MODIFIED ? STATUS_OK : status;
    status = put_next(all, &newest, body, out, error);
    update->lost = status == STATUS_PRECONDITION;
    if (status == STATUS_OK) trim(all, row);
    return status;
}

enum status generation_update(struct generations all, generation_change_fn *change, void *context, struct generation *out,
                              struct error *error)
{
    TRY(check_prefix(all.prefix, error));
    all.io.deadline = deadline_within(all.io.deadline, LONGEST_UPDATE);
    struct update update = {.all = all, .change = change, .context = context};
    for (unsigned losses = 0;; losses++) {
        struct row row = {.arena = arena_new(), .prefix = all.prefix, .wanted = PAGE};
        enum status status = try_update(&update, &row, out, error);
        arena_free(row.arena);
        if (!update.lost) return status;
        ENSURE(deadline_left(all.io.deadline) > 0, error, STATUS_TIMEOUT, STR_FMT ": lost %u write races; timed out", STR_ARG(all.prefix),
               losses + 1);
        pause_a_little(losses);
    }
}
