#include "lib/store/shard_internal.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

/* FNV-1a leaves the first bits of short keys much alike; the names of shards are made of those, so they are mixed (as in MurmurHash3). */
uint64_t shard_hash(struct str key)
{
    uint64_t hash = hash64(HASH64, key);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

struct str shard_row(struct arena *arena, struct str root, unsigned depth, uint64_t hash)
{
    char digits[SHARD_DEPTH_MAX];
    for (unsigned i = 0; i < depth; i++) digits[i] = (char)('0' + (hash >> (62 - 2 * i) & 3));
    return arena_join(arena, root, S("s"), str_make(digits, depth), S("/"));
}

/* --- the body */

struct str shard_format(struct arena *arena, unsigned split, struct str lines)
{
    struct str first = arena_printf(arena, "shard 1 %u %zu %016llx\n", split, lines.length, (unsigned long long)hash64(HASH64, lines));
    return arena_join(arena, first, lines);
}

static bool parse_first_line(struct str line, struct shard *shard)
{
    uint64_t split, length, hash;
    bool is_known = str_equal(str_cut(&line, ' '), S("shard")) && str_equal(str_cut(&line, ' '), S("1"));
    if (!is_known || !str_to_u64(str_cut(&line, ' '), &split) || !str_to_u64(str_cut(&line, ' '), &length)) return false;
    if (split > SHARD_DEPTH_MAX || line.length != 16 || !str_hex_to_u64(line, &hash)) return false;
    shard->split = (unsigned)split;
    return length == shard->lines.length && hash == hash64(HASH64, shard->lines);
}

enum status shard_parse(struct str key, struct str body, struct shard *out, struct error *error)
{
    struct shard shard = {.lines = body};
    struct str line = str_cut(&shard.lines, '\n');
    bool ends = shard.lines.data && (shard.lines.length == 0 || str_ends(shard.lines, S("\n")));
    ENSURE(ends && parse_first_line(line, &shard), error, STATUS_CORRUPT,
           STR_FMT ": this shard is damaged: its first line does not fit the rest", STR_ARG(key));
    *out = shard;
    return STATUS_OK;
}

bool shard_next(struct str *lines, struct str *key, struct str *value)
{
    if (lines->length == 0) return false;
    *value = str_cut(lines, '\n');
    *key = str_cut(value, '\t');
    return value->data != NULL;
}

/* Binary search over bytes: each probe goes back to the beginning of its line. */
static bool find_line(struct str lines, struct str key, struct str *value)
{
    size_t low = 0, high = lines.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2, before = str_find_last(str_make(lines.data + low, middle - low), '\n');
        size_t start = before < middle - low ? low + before + 1 : low;
        struct str rest = str_make(lines.data + start, high - start), line = str_cut(&rest, '\n'), name = str_cut(&line, '\t');
        int order = str_compare(key, name);
        if (order == 0) return *value = line, line.data != NULL;
        if (order < 0)
            high = start;
        else
            low = rest.data ? (size_t)(rest.data - lines.data) : high;
    }
    return false;
}

/* --- reading */

enum status shard_load(void *store, const struct cache_load *load, void **value, struct error *error)
{
    const struct shard *known = load->previous;
    struct generation newest;
    struct shard *shard = arena_new_of(load->io.arena, struct shard);
    if (known && known->split) return error_set(error, STATUS_NOT_MODIFIED, "frozen");
    TRY(generation_newest((struct generations){store, load->io, load->key}, known ? known->generation : 0, &newest, error));
    if (newest.number > 0) TRY(shard_parse(newest.key, newest.body, shard, error));
    shard->generation = newest.number;
    *value = shard;
    return STATUS_OK;
}

static enum status get_shard(const struct shards *shards, uint64_t hash, unsigned depth, const struct shard **shard, struct error *error)
{
    struct str row = shard_row(shards->io.arena, shards->root, depth, hash);
    const void *cached;
    void *loaded;
    if (shards->cache) {
        TRY(cache_get(shards->cache, shards->io, row, &cached, error));
        return *shard = cached, STATUS_OK;
    }
    TRY(shard_load(shards->store, &(struct cache_load){.io = shards->io, .key = row}, &loaded, error));
    return *shard = loaded, STATUS_OK;
}

enum status shards_locate(const struct shards *shards, uint64_t hash, struct shard_place *out, struct error *error)
{
    static const struct shard none = {0};
    unsigned depth = shards->depth < SHARD_DEPTH_MAX ? shards->depth : SHARD_DEPTH_MAX;
    unsigned missing = SHARD_DEPTH_MAX + 1; /* the least depth that was found to have no shard */
    struct shard_place place = {0};
    TRY(get_shard(shards, hash, depth, &place.leaf, error));
    while (place.leaf->generation == 0 && depth > 0) {
        missing = depth--;
        TRY(get_shard(shards, hash, depth, &place.leaf, error));
    }
    while (place.leaf->split > depth) {
        place.frozen = place.leaf;
        depth = place.leaf->split;
        place.leaf = &none;
        if (depth != missing) TRY(get_shard(shards, hash, depth, &place.leaf, error));
    }
    if (place.leaf->generation > 0) place.frozen = NULL;
    place.depth = depth;
    *out = place;
    return STATUS_OK;
}

enum status shards_find(const struct shards *shards, struct str key, struct str *value, struct error *error)
{
    struct shard_place place;
    TRY(shards_locate(shards, shards_hash(shards, key), &place, error));
    const struct shard *shard = place.frozen ? place.frozen : place.leaf;
    ENSURE(find_line(shard->lines, key, value), error, STATUS_NOT_FOUND, "there is no entry '" STR_FMT "' in " STR_FMT, STR_ARG(key),
           STR_ARG(shards->root));
    return STATUS_OK;
}

enum status shards_part(const struct shards *shards, struct shards_part *part, struct error *error)
{
    struct shard_place place;
    TRY(shards_locate(shards, part->hash, &place, error));
    part->deeper = place.depth > part->depth;
    part->lines = place.frozen ? place.frozen->lines : place.leaf->lines;
    return STATUS_OK;
}

void shards_expire(const struct shards *shards, struct str key)
{
    uint64_t hash = shards_hash(shards, key);
    for (unsigned depth = 0; depth <= SHARD_DEPTH_MAX; depth++)
        cache_expire(shards->cache, shard_row(shards->io.arena, shards->root, depth, hash));
}

/* --- all of them */

/* The newest generation of each shard, as one listing shows them: a shard before its children. */
struct rows {
    struct arena *arena;
    size_t root_length;
    struct row {
        struct str name, key; /* "s20", and the whole key */
    } * at;
    size_t count, capacity;
};

static bool note_row(void *context, const struct store_object *object)
{
    struct rows *rows = context;
    struct str name = str_from(object->key, rows->root_length);
    size_t end = str_find(name, '/');
    if (end == name.length || name.data[0] != 's' || end > SHARD_DEPTH_MAX + 1 || name.length != end + 17) return true;
    name.length = end;
    if (rows->count > 0 && str_equal(rows->at[rows->count - 1].name, name)) return true;
    rows->at = arena_grow(rows->arena, rows->at, rows->count, &rows->capacity, sizeof *rows->at);
    struct str key = arena_copy(rows->arena, object->key);
    rows->at[rows->count++] = (struct row){str_make(key.data + rows->root_length, end), key};
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct row *)a)->name, ((const struct row *)b)->name);
}

struct visit {
    const struct shards *shards;
    struct rows rows;
    struct str prefix;
    shard_each_fn *each;
    void *context;
};

/* Whether a shard below this one has the entry. Only a frozen shard has any, and a leaf that was frozen while the listing went on. */
static bool is_below(const struct visit *visit, const struct row *row, struct arena *arena, struct str key)
{
    const struct row *next = row + 1, *end = visit->rows.at + visit->rows.count;
    if (next == end || !str_starts(next->name, row->name)) return false;
    struct str name = shard_row(arena, S(""), SHARD_DEPTH_MAX, shards_hash(visit->shards, key));
    for (size_t length = row->name.length + 1; length <= SHARD_DEPTH_MAX + 1; length++) {
        const struct row wanted = {.name = str_first(name, length)};
        if (bsearch(&wanted, next, (size_t)(end - next), sizeof wanted, by_name)) return true;
    }
    return false;
}

static enum status load_listed(const struct visit *visit, struct io io, const struct row *row, const struct shard **out,
                               struct error *error)
{
    const struct store_get get = {.limit = 2 * SHARD_LINES_MAX};
    struct store_object object;
    void *loaded;
    struct str prefix = str_first(row->key, row->key.length - 16);
    struct shard *shard = arena_new_of(io.arena, struct shard);
    enum status status = store_get(visit->shards->store, io, row->key, &get, &object, error);
    if (status == STATUS_NOT_FOUND) { /* trimmed since it was listed */
        TRY(shard_load(visit->shards->store, &(struct cache_load){.io = io, .key = prefix}, &loaded, error));
        return *out = loaded, STATUS_OK;
    }
    TRY(status);
    *out = shard;
    return shard_parse(row->key, object.body, shard, error);
}

static enum status visit_shard(const struct visit *visit, struct io io, const struct row *row, struct error *error)
{
    const struct shard *shard;
    struct str key, value;
    TRY(load_listed(visit, io, row, &shard, error));
    for (struct str rest = shard->lines; shard_next(&rest, &key, &value);) {
        if (!str_starts(key, visit->prefix) || is_below(visit, row, io.arena, key)) continue;
        TRY(visit->each(visit->context, key, value, error));
    }
    return STATUS_OK;
}

enum status shards_each(const struct shards *shards, struct str prefix, shard_each_fn *each, void *context, struct error *error)
{
    struct visit visit = {shards, {.arena = shards->io.arena, .root_length = shards->root.length}, prefix, each, context};
    const int64_t span = deadline_left(shards->io.deadline);
    enum status status = store_list(shards->store, shards->io, shards->root, 0, note_row, &visit.rows, error);
    for (size_t i = 0; i < visit.rows.count && status == STATUS_OK; i++) {
        struct io own = {.arena = arena_new(), .deadline = deadline_in(span)};
        status = visit_shard(&visit, own, &visit.rows.at[i], error);
        arena_free(own.arena);
    }
    return status;
}

struct keys {
    struct arena *arena;
    struct str *at;
    size_t count, capacity;
};

static bool note_key(void *context, const struct store_object *object)
{
    struct keys *keys = context;
    keys->at = arena_grow(keys->arena, keys->at, keys->count, &keys->capacity, sizeof *keys->at);
    keys->at[keys->count++] = arena_copy(keys->arena, object->key);
    return true;
}

enum status shards_remove(const struct shards *shards, struct error *error)
{
    struct keys keys = {.arena = shards->io.arena};
    const int64_t span = deadline_left(shards->io.deadline);
    TRY(store_list(shards->store, shards->io, shards->root, 0, note_key, &keys, error));
    for (size_t i = 0; i < keys.count; i++) TRY(store_remove(shards->store, io_anew(shards->io, span), keys.at[i], error));
    return STATUS_OK;
}
