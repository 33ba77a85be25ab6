#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "lib/store/shard_internal.h"

enum {
    FILLED = 28 * 1024, /* bytes of entries in a shard that is new: they differ in size, and none should be split at once */
    MANY = 8192,        /* entries from which on their bytes are estimated, from so many of them: */
    SAMPLE = 256,
};

/* Entries that stand behind one another, sorted by hash. */
struct range {
    const struct shard_entry *at;
    size_t count;
};

/* Some of them, which belong into one shard. */
struct group {
    const struct shards *shards;
    const struct shards_change *change;
    const struct shard_entry **entries; /* sorted by key */
    size_t count;
    struct shard_place place;
    bool is_guess;         /* the shard was not looked for: where it is not there, it must be */
    bool again;            /* the entries belong into other shards */
    struct shard frozen;   /* which is why; generation 0: it was a wrong guess */
    size_t written;        /* entries that are others than before */
    struct buf lines;      /* the new ones */
    struct arena *scratch; /* of one change */
};

static enum status check_entry(struct str key, struct str value, struct error *error)
{
    ENSURE(value.length > 0 && str_find(value, '\n') == value.length, error, STATUS_INVALID,
           "the value of the entry '" STR_FMT "' is not one line", STR_ARG(key));
    ENSURE(key.length + value.length <= SHARD_ENTRY_MAX, error, STATUS_TOO_LARGE, "the entry '" STR_FMT "' has %zu bytes; %d are allowed",
           STR_ARG(key), key.length + value.length, SHARD_ENTRY_MAX);
    return STATUS_OK;
}

static void put_line(struct buf *out, struct str key, struct str value)
{
    buf_add(out, key);
    buf_add_byte(out, '\t');
    buf_add(out, value);
    buf_add_byte(out, '\n');
}

static enum status change_entry(struct group *group, const struct shard_entry *entry, struct str before, struct error *error)
{
    struct str after = before;
    arena_reset(group->scratch);
    TRY(group->change->change(group->change->context, group->scratch, entry, &after, error));
    bool same = str_equal(before, after) && !before.data == !after.data;
    if (!same && after.data) TRY(check_entry(entry->key, after, error));
    if (after.data) put_line(&group->lines, entry->key, after);
    group->written += !same;
    return STATUS_OK;
}

/* Both are sorted by key. */
static enum status merge(struct group *group, struct str lines, struct error *error)
{
    struct str key = {0}, value = {0};
    bool more = shard_next(&lines, &key, &value);
    group->written = 0;
    for (size_t i = 0; i < group->count; i++) {
        const struct shard_entry *entry = group->entries[i];
        int order = 1;
        while (more && (order = str_compare(key, entry->key)) < 0) {
            put_line(&group->lines, key, value);
            more = shard_next(&lines, &key, &value);
        }
        bool is_there = more && order == 0;
        TRY(change_entry(group, entry, is_there ? value : (struct str){NULL, 0}, error));
        if (is_there) more = shard_next(&lines, &key, &value);
    }
    for (; more; more = shard_next(&lines, &key, &value)) put_line(&group->lines, key, value);
    return STATUS_OK;
}

/* The entries of a frozen shard that belong into this child. */
static struct str inherited(struct arena *arena, const struct shards *shards, const struct shard_place *place, uint64_t hash)
{
    struct str key, value;
    if (!place->frozen) return S("");
    struct buf out = buf_in(arena, SHARD_LINES_MAX);
    for (struct str rest = place->frozen->lines; shard_next(&rest, &key, &value);)
        if (shard_prefix(shards_hash(shards, key), place->depth) == shard_prefix(hash, place->depth)) put_line(&out, key, value);
    return buf_str(&out);
}

/* So deep that this many bytes fill no shard too much. */
static unsigned split_depth(unsigned depth, size_t bytes)
{
    do {
        depth++;
        bytes /= 4;
    } while (bytes > FILLED && depth < SHARD_DEPTH_MAX);
    return depth;
}

/* The shard as it is, which is split because it would have so many bytes. */
static enum status freeze(struct group *group, struct arena *arena, const struct shard *shard, size_t bytes, struct str *body)
{
    group->again = true;
    group->frozen = (struct shard){shard->generation + 1, split_depth(group->place.depth, bytes), shard->lines};
    *body = shard_format(arena, group->frozen.split, shard->lines);
    return STATUS_OK;
}

static enum status make_body(struct group *group, struct arena *arena, const struct shard *shard, struct str *body, struct error *error)
{
    struct str lines = buf_str(&group->lines);
    bool can_split = group->place.depth < SHARD_DEPTH_MAX && str_find(lines, '\n') + 1 < lines.length;
    if (can_split && lines.length > SHARD_SPLIT_AT) return freeze(group, arena, shard, lines.length, body);
    ENSURE(lines.length <= SHARD_LINES_MAX, error, STATUS_TOO_LARGE, STR_FMT ": a shard of %zu bytes; %d are allowed",
           STR_ARG(group->shards->root), lines.length, SHARD_LINES_MAX);
    *body = shard_format(arena, 0, lines);
    return STATUS_OK;
}

/* Entries that are too many for one shard are not merged to find that out. */
static enum status estimate(struct group *group, const struct shard *shard, size_t *bytes, struct error *error)
{
    struct group sample = *group;
    sample.count = group->count < SAMPLE ? group->count : SAMPLE;
    sample.lines.limit = SIZE_MAX;
    for (size_t i = 0; i < sample.count; i++)
        TRY(change_entry(&sample, group->entries[i * (group->count / sample.count)], (struct str){NULL, 0}, error));
    *bytes = shard->lines.length + sample.lines.length / sample.count * group->count;
    return STATUS_OK;
}

static enum status change_lines(struct group *group, struct arena *arena, struct shard *shard, struct str *body, struct error *error)
{
    size_t bytes = 0;
    if (shard->generation == 0) shard->lines = inherited(arena, group->shards, &group->place, group->entries[0]->hash);
    group->lines = buf_in(arena, SIZE_MAX);
    if (group->count >= MANY) TRY(estimate(group, shard, &bytes, error));
    if (bytes > SHARD_LINES_MAX && group->place.depth < SHARD_DEPTH_MAX) return freeze(group, arena, shard, bytes, body);
    TRY(merge(group, shard->lines, error));
    if (group->written == 0) return error_set(error, STATUS_NOT_MODIFIED, "no change");
    return make_body(group, arena, shard, body, error);
}

static enum status change_shard(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    struct group *group = context;
    struct shard shard = {.generation = newest->number};
    if (newest->number > 0) TRY(shard_parse(newest->key, newest->body, &shard, error));
    shard.generation = newest->number;
    group->frozen = shard;
    group->again = shard.split || (newest->number == 0 && group->is_guess);
    if (group->again) return error_set(error, STATUS_NOT_MODIFIED, "frozen, or not there");
    group->scratch = arena_new();
    enum status status = change_lines(group, arena, &shard, body, error);
    arena_free(group->scratch);
    return status;
}

/* --- one group after the other */

/* The frozen shard that was met last: it never changes, and its children need not be looked for. */
struct frozen {
    struct arena *arena; /* of its lines; NULL: there is none */
    struct shard shard;
    unsigned depth;
    uint64_t prefix;
};

/* Of one range of entries, which one thread works through. */
struct run {
    struct shards shards; /* without a cache */
    const struct shards_change *change;
    int64_t span;
    struct frozen frozen;
    size_t written;
    unsigned deepest;
};

static int by_key(const void *a, const void *b)
{
    return str_compare((*(const struct shard_entry *const *)a)->key, (*(const struct shard_entry *const *)b)->key);
}

/* The entries from the first one on that belong into the same shard. */
static void gather(struct arena *arena, const struct range *range, struct group *group)
{
    unsigned depth = group->place.depth;
    uint64_t prefix = shard_prefix(range->at[0].hash, depth);
    size_t same = 1;
    while (same < range->count && shard_prefix(range->at[same].hash, depth) == prefix) same++;
    group->entries = arena_array(arena, same, sizeof(struct shard_entry *));
    for (size_t i = 0; i < same; i++) group->entries[i] = &range->at[i];
    qsort(group->entries, same, sizeof *group->entries, by_key);
    group->count = same;
}

/* Most shards are where the last one was, and are not looked for. */
static void guess(const struct run *run, uint64_t hash, struct group *group)
{
    static const struct shard none = {0};
    const struct frozen *frozen = &run->frozen;
    bool is_below = frozen->arena && shard_prefix(hash, frozen->depth) == frozen->prefix;
    group->is_guess = !is_below && run->shards.depth > 0;
    group->place = (struct shard_place){.depth = run->shards.depth, .leaf = &none};
    if (is_below) group->place = (struct shard_place){frozen->shard.split, &none, &frozen->shard};
}

static void remember(struct run *run, const struct group *group)
{
    struct arena *arena = arena_new();
    struct shard shard = group->frozen;
    uint64_t hash = group->entries[0]->hash;
    shard.lines = arena_copy(arena, shard.lines);
    arena_free(run->frozen.arena);
    run->frozen = (struct frozen){arena, shard, group->place.depth, shard_prefix(hash, group->place.depth)};
}

static enum status write_shard(struct run *run, struct io io, const struct range *range, struct group *group, struct error *error)
{
    struct generation ignored;
    gather(io.arena, range, group);
    struct str row = shard_row(io.arena, run->shards.root, group->place.depth, range->at[0].hash);
    TRY(generation_update((struct generations){run->shards.store, io, row}, change_shard, group, &ignored, error));
    if (group->place.depth > run->deepest) run->deepest = group->place.depth;
    if (group->frozen.split) remember(run, group);
    return STATUS_OK;
}

/* Takes those that need no more from the range: none where their shard was split, and they have to be looked at again. */
static enum status write_group(struct run *run, struct io io, struct range *range, struct error *error)
{
    struct group group = {.shards = &run->shards, .change = run->change};
    guess(run, range->at[0].hash, &group);
    TRY(write_shard(run, io, range, &group, error));
    if (group.again && group.frozen.generation == 0) {
        struct shards shards = run->shards;
        shards.io = io;
        group.is_guess = false;
        TRY(shards_locate(&shards, range->at[0].hash, &group.place, error));
        TRY(write_shard(run, io, range, &group, error));
    }
    run->shards.depth = group.again ? group.frozen.split : group.place.depth;
    if (group.again) return STATUS_OK;
    run->written += group.written;
    *range = (struct range){range->at + group.count, range->count - group.count};
    return STATUS_OK;
}

static enum status write_next(struct run *run, struct range *range, struct error *error)
{
    struct io io = {.arena = arena_new(), .deadline = deadline_in(run->span)};
    enum status status = write_group(run, io, range, error);
    arena_free(io.arena);
    return status;
}

/* --- several threads */

enum { THREADS = 6, FEW = 64 };

/* Threads take the entries of one shard at a time, of the depth that the first shard has. */
struct work {
    struct range left;
    size_t done;
    unsigned depth;
    const struct shards_change *change;
    pthread_mutex_t lock;
    enum status status;
    struct error *error;
};

struct worker {
    struct work *work;
    struct run run;
    pthread_t thread;
    bool is_running;
};

/* Called with the lock. */
static struct range take(struct work *work)
{
    struct range taken = {work->left.at, 0};
    if (work->status != STATUS_OK || work->left.count == 0) return taken;
    uint64_t prefix = shard_prefix(taken.at->hash, work->depth);
    while (taken.count < work->left.count && shard_prefix(taken.at[taken.count].hash, work->depth) == prefix) taken.count++;
    work->left = (struct range){taken.at + taken.count, work->left.count - taken.count};
    return taken;
}

/* Likewise. */
static void report(struct work *work, size_t done, enum status status, const struct error *error)
{
    work->done += done;
    if (status == STATUS_OK && work->change->progress) work->change->progress(work->change->progress_context, work->done);
    if (status == STATUS_OK || work->status != STATUS_OK) return;
    work->status = status;
    *work->error = *error;
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    struct work *work = worker->work;
    struct error error;
    pthread_mutex_lock(&work->lock);
    for (struct range range; (range = take(work)).count > 0;) {
        const size_t count = range.count;
        enum status status = STATUS_OK;
        pthread_mutex_unlock(&work->lock);
        while (range.count > 0 && status == STATUS_OK) status = write_next(&worker->run, &range, &error);
        pthread_mutex_lock(&work->lock);
        report(work, count, status, &error);
    }
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

static struct frozen copy_of(const struct frozen *frozen)
{
    struct frozen copy = *frozen;
    if (copy.arena) copy.arena = arena_new();
    if (copy.arena) copy.shard.lines = arena_copy(copy.arena, copy.shard.lines);
    return copy;
}

static enum status run_workers(struct work *work, const struct run *run, struct shards_result *result)
{
    struct worker workers[THREADS];
    pthread_mutex_init(&work->lock, NULL);
    size_t wanted = work->left.count > FEW ? THREADS : 1;
    for (size_t i = 0; i < wanted; i++) {
        workers[i] = (struct worker){.work = work, .run = *run};
        workers[i].run.frozen = copy_of(&run->frozen);
    }
    for (size_t i = 1; i < wanted; i++) workers[i].is_running = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0;
    run_worker(&workers[0]);
    for (size_t i = 0; i < wanted; i++) {
        if (workers[i].is_running) pthread_join(workers[i].thread, NULL);
        result->written += workers[i].run.written;
        arena_free(workers[i].run.frozen.arena);
        if (workers[i].run.deepest > result->depth) result->depth = workers[i].run.deepest;
    }
    pthread_mutex_destroy(&work->lock);
    return work->status;
}

static int by_hash(const void *a, const void *b)
{
    const struct shard_entry *one = a, *other = b;
    if (one->hash != other->hash) return one->hash < other->hash ? -1 : 1;
    int order = str_compare(one->key, other->key);
    if (order != 0) return order;
    return one->tag < other->tag ? -1 : one->tag > other->tag;
}

static enum status prepare(const struct shards *shards, const struct shards_change *change, struct range *range, struct error *error)
{
    struct shard_entry *entries = change->entries;
    size_t kept = 0, count = change->count;
    for (size_t i = 0; i < count; i++) {
        struct str key = entries[i].key;
        ENSURE(key.length > 0 && key.length <= SHARD_KEY_MAX && !str_has_control(key), error, STATUS_INVALID,
               "'" STR_FMT "' cannot be the key of an entry", STR_ARG(str_first(key, 128)));
        entries[i].hash = shards_hash(shards, key);
    }
    qsort(entries, count, sizeof *entries, by_hash);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !str_equal(entries[i].key, entries[i + 1].key)) entries[kept++] = entries[i];
    *range = (struct range){entries, kept};
    return STATUS_OK;
}

/* The first shard alone, which may be split again and again, and tells how deep the others are. */
static enum status update(struct run *run, struct work *work, struct shards_result *result)
{
    const size_t all = work->left.count;
    while (work->left.count == all) TRY(write_next(run, &work->left, work->error));
    work->done = all - work->left.count;
    work->depth = run->shards.depth;
    *result = (struct shards_result){run->written, run->deepest};
    run->written = 0;
    return run_workers(work, run, result);
}

enum status shards_update(const struct shards *shards, const struct shards_change *change, struct shards_result *result,
                          struct error *error)
{
    struct run run = {.shards = *shards, .change = change, .span = deadline_left(shards->io.deadline)};
    struct work work = {.change = change, .error = error};
    *result = (struct shards_result){0};
    if (change->count == 0) return STATUS_OK;
    TRY(prepare(shards, change, &work.left, error));
    run.shards.cache = NULL;
    enum status status = update(&run, &work, result);
    arena_free(run.frozen.arena);
    return status;
}
