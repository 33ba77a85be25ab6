/* Sums over spans, days folded, days cell by cell. */
#include <stdlib.h>

#include "base/log.h"
#include "lib/demand/cells.h"
#include "lib/demand/days_internal.h"

/* Live objects that a day's list names. */
struct folded {
    struct arena *arena;
    struct str *names;
    size_t count, capacity;
};

struct summing {
    struct demand_part of;                  /* in an arena of its own */
    const struct demand_question *question; /* of sums over spans */
    void (*add)(void *context, const struct demand_bucket *);
    struct cells cells; /* misses of each span, then hits of each; of a fold each pair's number */
    struct fold *fold;  /* NULL: sums over spans */
    int64_t base;       /* of the buckets in the object that is read */
    struct folded folded;
};

static int64_t floor_to_day(int64_t moment)
{
    int64_t rest = moment % CLOCK_DAY;
    return moment - (rest < 0 ? rest + CLOCK_DAY : rest);
}

static void note_folded(void *context, struct str name)
{
    struct folded *folded = &((struct summing *)context)->folded;
    folded->names = arena_grow(folded->arena, folded->names, folded->count, &folded->capacity, sizeof *folded->names);
    folded->names[folded->count++] = arena_copy(folded->arena, name);
}

static int by_bytes(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Of all the day's live objects each is looked for in the list. */
static void sort_folded(struct folded *folded)
{
    if (folded->count > 0) qsort(folded->names, folded->count, sizeof *folded->names, by_bytes);
}

static bool is_folded(const struct folded *folded, struct str key)
{
    struct str name = demand_live_name(key);
    return folded->count > 0 && bsearch(&name, folded->names, folded->count, sizeof name, by_bytes);
}

static void add_cell(void *context, const struct demand_bucket *cell)
{
    struct summing *summing = context;
    const struct demand_question *question = summing->question;
    int64_t at = summing->base + cell->bucket * (int64_t)BUCKET;
    uint64_t *counts = NULL;
    for (unsigned i = 0; i < question->span_count; i++) {
        if (at < question->spans[i].from || at >= question->spans[i].to) continue;
        if (!counts) counts = cells_of(&summing->cells, cell->lan, cell->package);
        cells_add(&counts[i], cell->misses);
        cells_add(&counts[question->span_count + i], cell->hits);
    }
}

/* Each object in memory of its own, one at a time. *found: it was there. One that makes no sense is told of, and what could be read of it
 * is counted: somebody wrote past us. */
static enum status read_object(const struct demand_part *part, struct str key, const struct demand_reader *reader, bool *found,
                               struct error *error)
{
    struct io own = {.arena = arena_new(), .deadline = part->io.deadline};
    struct store_object object;
    enum status status = store_get(part->store, own, key, &(struct store_get){.limit = DEMAND_OBJECT_LIMIT}, &object, error);
    *found = status == STATUS_OK;
    if (*found && !demand_text_read(object.body, reader))
        log_warn((struct log){0}, STR_FMT " is damaged: what could be read of it is counted", STR_ARG(key));
    arena_free(own.arena);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_day(struct summing *summing, int64_t day, bool *found, struct error *error)
{
    const struct demand_reader reader = {.cell = summing->add, .folded = note_folded, .context = summing, .buckets = DAY_BUCKETS};
    struct str key = demand_day_key(summing->of.io.arena, day, summing->of.part);
    summing->base = day;
    summing->folded = (struct folded){.arena = summing->of.io.arena};
    TRY(read_object(&summing->of, key, &reader, found, error));
    sort_folded(&summing->folded);
    return STATUS_OK;
}

static int64_t hour_of(int64_t day, struct str key)
{
    struct str rest = demand_live_name(key);
    uint64_t hour = 0;
    str_to_u64(str_cut(&rest, '/'), &hour);
    return day + (int64_t)hour * CLOCK_HOUR;
}

/* A live object that is gone when it is read was folded since the day was looked for: *again. */
static enum status read_live(struct summing *summing, int64_t day, const struct live_keys *keys, bool *again, struct error *error)
{
    const struct demand_reader reader = {.cell = summing->add, .context = summing, .buckets = HOUR_BUCKETS};
    bool found;
    for (size_t i = 0; i < keys->count; i++) {
        if (is_folded(&summing->folded, keys->items[i])) continue;
        summing->base = hour_of(day, keys->items[i]);
        TRY(read_object(&summing->of, keys->items[i], &reader, &found, error));
        *again = *again || !found;
    }
    return STATUS_OK;
}

/* Live objects are listed before the day is looked for, so that what is folded between the two is in the day. */
static enum status read_whole_day(struct summing *summing, int64_t day, struct span within, bool *again, struct error *error)
{
    struct live_keys keys;
    bool found;
    TRY(demand_list_live(&summing->of, day, within, &keys, error));
    TRY(read_day(summing, day, &found, error));
    return read_live(summing, day, &keys, again, error);
}

static enum status sum_days(struct summing *summing, struct span all, bool *again, struct error *error)
{
    *again = false;
    for (int64_t day = floor_to_day(all.from); day < all.to && !*again; day += CLOCK_DAY)
        TRY(read_whole_day(summing, day, all, again, error));
    return STATUS_OK;
}

static enum status hand_on(const struct summing *summing, demand_row_fn *each, void *context, struct error *error)
{
    for (size_t i = 0; i < summing->cells.count; i++) {
        const struct cells_pair *pair = &summing->cells.pairs[i];
        const struct demand_row row = {pair->lan, pair->package, pair->counts, pair->counts + summing->question->span_count};
        TRY(each(context, &row, error));
    }
    return STATUS_OK;
}

enum { TRIES = 5 };

static enum status tried_enough(int tries, struct error *error)
{
    ENSURE(tries < TRIES, error, STATUS_UNAVAILABLE, "demand is being folded faster than it can be read");
    return STATUS_OK;
}

static enum status sum(struct summing *summing, demand_row_fn *each, void *context, struct error *error)
{
    const struct demand_question *question = summing->question;
    struct span all = {INT64_MAX, INT64_MIN};
    bool again = true;
    for (unsigned i = 0; i < question->span_count; i++) {
        if (question->spans[i].from < all.from) all.from = question->spans[i].from;
        if (question->spans[i].to > all.to) all.to = question->spans[i].to;
    }
    for (int tries = 0; again; tries++) {
        TRY(tried_enough(tries, error));
        summing->cells = (struct cells){.arena = summing->of.io.arena, .width = 2 * (size_t)question->span_count};
        TRY(sum_days(summing, all, &again, error));
    }
    cells_sort(&summing->cells);
    return hand_on(summing, each, context, error);
}

static struct demand_part in_own_arena(const struct demand_part *part)
{
    return (struct demand_part){part->store, {.arena = arena_new(), .deadline = part->io.deadline}, part->part};
}

enum status demand_sum(const struct demand_part *part, const struct demand_question *question, demand_row_fn *each, void *context,
                       struct error *error)
{
    struct summing summing = {.of = in_own_arena(part), .question = question, .add = add_cell};
    enum status status = sum(&summing, each, context, error);
    arena_free(summing.of.io.arena);
    return status;
}

/* --- folding */

enum { SETTLED = 2 * CLOCK_HOUR }; /* after its end a day's live objects are written no more: see demand.h */

/* What an instance counted of a pair in a bucket of the day; most pairs are asked for in few buckets. */
struct fold_cell {
    uint32_t pair, bucket;
    uint64_t hits, misses;
};
struct fold {
    struct summing *summing; /* whose `fold` this is */
    struct fold_cell *cells;
    size_t count, capacity;
};

static void fold_cell(void *context, const struct demand_bucket *cell)
{
    struct summing *summing = context;
    struct fold *fold = summing->fold;
    struct cells *pairs = &summing->cells;
    unsigned at = (unsigned)((summing->base - floor_to_day(summing->base)) / BUCKET) + cell->bucket;
    uint64_t *number = cells_of(pairs, cell->lan, cell->package);
    if (*number == 0) *number = pairs->count; /* from 1 on */
    if (fold->count == fold->capacity) {
        fold->capacity = fold->capacity ? fold->capacity * 2 : 1024;
        struct fold_cell *larger = realloc(fold->cells, fold->capacity * sizeof *larger);
        if (!larger) abort();
        fold->cells = larger;
    }
    fold->cells[fold->count++] = (struct fold_cell){(uint32_t)*number, at, cell->hits, cell->misses};
}

static int by_pair_and_bucket(const void *a, const void *b)
{
    const struct fold_cell *one = a, *other = b;
    if (one->pair != other->pair) return one->pair < other->pair ? -1 : 1;
    return one->bucket < other->bucket ? -1 : one->bucket > other->bucket;
}

/* Numbers become places in the order of names; cells of one bucket become one. */
static void sort_fold(struct fold *fold)
{
    struct cells *pairs = &fold->summing->cells;
    cells_sort(pairs);
    uint32_t *places = arena_array(pairs->arena, pairs->count + 1, sizeof *places);
    for (size_t i = 0; i < pairs->count; i++) places[pairs->pairs[i].counts[0]] = (uint32_t)i;
    for (size_t i = 0; i < fold->count; i++) fold->cells[i].pair = places[fold->cells[i].pair];
    if (fold->count > 0) qsort(fold->cells, fold->count, sizeof *fold->cells, by_pair_and_bucket);
    size_t kept = 0;
    for (size_t i = 0; i < fold->count; i++) {
        struct fold_cell *last = kept > 0 ? &fold->cells[kept - 1] : NULL;
        if (last && by_pair_and_bucket(last, &fold->cells[i]) == 0) {
            cells_add(&last->hits, fold->cells[i].hits);
            cells_add(&last->misses, fold->cells[i].misses);
        } else {
            fold->cells[kept++] = fold->cells[i];
        }
    }
    fold->count = kept;
}

static void write_pairs(struct buf *out, const struct fold *fold)
{
    const struct cells *pairs = &fold->summing->cells;
    struct str lan = {0};
    size_t at = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        if (!str_equal(lan, pairs->pairs[i].lan)) demand_text_lan(out, lan = pairs->pairs[i].lan);
        demand_text_package(out, pairs->pairs[i].package);
        for (; at < fold->count && fold->cells[at].pair == i; at++)
            demand_text_cell(out, fold->cells[at].bucket, fold->cells[at].hits, fold->cells[at].misses);
        buf_add_byte(out, '\n');
    }
}

static struct str day_text(struct fold *fold, const struct live_keys *keys)
{
    struct buf out = buf_in(fold->summing->of.io.arena, DEMAND_OBJECT_LIMIT);
    sort_fold(fold);
    demand_text_begin(&out);
    for (size_t i = 0; i < keys->count; i++) {
        buf_add(&out, S("F "));
        buf_add(&out, demand_live_name(keys->items[i]));
        buf_add_byte(&out, '\n');
    }
    write_pairs(&out, fold);
    return out.overflow ? (struct str){NULL, 0} : buf_str(&out);
}

/* *whole: every object was there; if not, another one was faster, and is removing them. */
static enum status read_all(struct fold *fold, int64_t day, const struct live_keys *keys, bool *whole, struct error *error)
{
    struct summing *summing = fold->summing;
    const struct demand_reader reader = {.cell = fold_cell, .context = summing, .buckets = HOUR_BUCKETS};
    *whole = true;
    summing->cells = (struct cells){.arena = summing->of.io.arena, .width = 1};
    for (size_t i = 0; i < keys->count && *whole; i++) {
        summing->base = hour_of(day, keys->items[i]);
        TRY(read_object(&summing->of, keys->items[i], &reader, whole, error));
    }
    return STATUS_OK;
}

/* Puts the day where there is none. Another who folds at the same time makes the same of it, and the first one stands. */
static enum status put_day(struct fold *fold, int64_t day, const struct live_keys *keys, struct error *error)
{
    static const struct store_put once = {.condition = STORE_IF_ABSENT, .content_type = "text/plain"};
    struct summing *summing = fold->summing;
    bool whole;
    TRY(read_all(fold, day, keys, &whole, error));
    if (!whole) return STATUS_OK;
    struct str text = day_text(fold, keys), key = demand_day_key(summing->of.io.arena, day, summing->of.part);
    ENSURE(text.data, error, STATUS_TOO_LARGE, STR_FMT ": a day of more than %d bytes", STR_ARG(key), DEMAND_OBJECT_LIMIT);
    enum status status = store_put(summing->of.store, summing->of.io, key, text, &once, NULL, error);
    return status == STATUS_PRECONDITION ? STATUS_OK : status;
}

static enum status make_day(struct summing *summing, int64_t day, const struct live_keys *keys, struct error *error)
{
    struct fold fold = {.summing = summing};
    summing->fold = &fold;
    enum status status = put_day(&fold, day, keys, error);
    free(fold.cells);
    return status;
}

/* What the day's list names counts no more, and goes; what it does not name counts on. */
static enum status remove_folded(struct summing *summing, int64_t day, const struct live_keys *keys, struct error *error)
{
    const struct demand_reader reader = {.cell = add_cell, .folded = note_folded, .context = summing, .buckets = DAY_BUCKETS};
    struct str key = demand_day_key(summing->of.io.arena, day, summing->of.part);
    bool found;
    summing->folded = (struct folded){.arena = summing->of.io.arena};
    TRY(read_object(&summing->of, key, &reader, &found, error));
    sort_folded(&summing->folded);
    for (size_t i = 0; i < keys->count; i++)
        if (is_folded(&summing->folded, keys->items[i])) TRY(store_remove(summing->of.store, summing->of.io, keys->items[i], error));
    return STATUS_OK;
}

static enum status fold_day(struct summing *summing, int64_t day, struct error *error)
{
    struct live_keys keys;
    struct store_object object;
    TRY(demand_list_live(&summing->of, day, (struct span){INT64_MIN, INT64_MAX}, &keys, error));
    if (keys.count == 0) return STATUS_OK;
    struct str key = demand_day_key(summing->of.io.arena, day, summing->of.part);
    enum status status = store_head(summing->of.store, summing->of.io, key, &object, error);
    if (status == STATUS_NOT_FOUND) status = make_day(summing, day, &keys, error);
    TRY(status);
    return remove_folded(summing, day, &keys, error);
}

/* Keys of nobody's may stand before it. */
static bool note_first(void *context, const struct store_object *object)
{
    struct str rest = str_from(object->key, S("demand/live/").length);
    return !demand_day_parse(str_cut(&rest, '/'), context);
}

/* From the first day with a live object on that anybody looks at. */
static enum status fold_all(struct summing *summing, int64_t horizon, int64_t now, struct error *error)
{
    int64_t first = INT64_MAX, earliest = floor_to_day(horizon), end = now - SETTLED - CLOCK_DAY;
    TRY(store_list(summing->of.store, summing->of.io, S("demand/live/"), 0, note_first, &first, error));
    for (int64_t day = first > earliest ? first : earliest; day <= end; day += CLOCK_DAY) {
        struct arena *arena = summing->of.io.arena;
        summing->of.io.arena = arena_new();
        enum status status = fold_day(summing, day, error);
        arena_free(summing->of.io.arena);
        summing->of.io.arena = arena;
        TRY(status);
    }
    return STATUS_OK;
}

enum status demand_drop(struct store *store, struct io io, int64_t horizon, struct error *error)
{
    TRY(days_drop(store, io, S("demand/live/"), horizon, error));
    return days_drop(store, io, S("demand/days/"), horizon, error);
}

enum status demand_fold(const struct demand_part *part, int64_t horizon, int64_t now, struct error *error)
{
    static const struct demand_question none = {0}; /* the day's list is read, its cells are not */
    struct summing summing = {.of = in_own_arena(part), .question = &none};
    enum status status = fold_all(&summing, horizon, now, error);
    arena_free(summing.of.io.arena);
    return status;
}

/* --- cell by cell */

static enum status read_cells(struct summing *summing, int64_t day, struct error *error)
{
    bool again = true;
    for (int tries = 0; again; tries++) {
        TRY(tried_enough(tries, error));
        again = false;
        summing->cells = (struct cells){.arena = summing->of.io.arena, .width = 1};
        summing->fold->count = 0;
        TRY(read_whole_day(summing, day, (struct span){day, day + CLOCK_DAY}, &again, error));
    }
    sort_fold(summing->fold);
    return STATUS_OK;
}

static enum status hand_on_cells(const struct fold *fold, int64_t day, demand_cell_fn *each, void *context, struct error *error)
{
    for (size_t i = 0; i < fold->count; i++) {
        const struct fold_cell *cell = &fold->cells[i];
        const struct cells_pair *pair = &fold->summing->cells.pairs[cell->pair];
        const struct demand_cell told = {pair->lan, pair->package, day + cell->bucket * (int64_t)BUCKET, cell->hits, cell->misses};
        TRY(each(context, &told, error));
    }
    return STATUS_OK;
}

enum status demand_each_cell(const struct demand_part *part, int64_t day, demand_cell_fn *each, void *context, struct error *error)
{
    struct fold fold = {0};
    struct summing summing = {.of = in_own_arena(part), .add = fold_cell, .fold = &fold};
    fold.summing = &summing;
    enum status status = read_cells(&summing, day, error);
    if (status == STATUS_OK) status = hand_on_cells(&fold, day, each, context, error);
    free(fold.cells);
    arena_free(summing.of.io.arena);
    return status;
}
