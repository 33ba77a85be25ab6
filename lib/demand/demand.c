/* Counting, in an instance of query. */
#include "lib/demand/demand.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "lib/demand/text.h"
#include "lib/edges/lan.h"
#include "lib/store/common.h"

enum { NONE = UINT32_MAX };
enum { TABLES = 4, TEXT_LIMIT = 64 << 20, KNOWN_USUAL = 200000, OTHERS_USUAL = 4096 };
static const int64_t LATEST = CLOCK_HOUR; /* after its end an hour's object is written no more */

struct pair {
    struct str lan, package; /* one allocation, of the pair's own */
    bool registered;
    unsigned part; /* of its LAN */
    uint32_t next; /* of the same slot */
    uint64_t rank; /* Space-Saving's estimate: what it counted, and what the pair that it took the place of had */
    uint32_t hits[HOUR_BUCKETS], misses[HOUR_BUCKETS];
    struct sums {
        uint64_t hits, misses;
    } all, sent, flushed; /* counted; what a write under way has of it; what is in the store */
};

/* An hour's counts. */
struct table {
    int64_t hour;   /* its beginning; −1: free */
    unsigned epoch; /* of the clock: each has objects of its own */
    struct pair *pairs;
    uint32_t count, capacity, others;
    uint32_t *slots, slot_count;
    bool dirty[LAN_PARTS];
};

struct demand {
    struct arena *arena;
    struct str instance;
    uint32_t known_most, others_most;
    pthread_mutex_t lock, flush_lock; /* flush_lock is taken first, and held over I/O */
    struct table tables[TABLES];
    int64_t latest; /* the latest hour that was ever counted in */
    unsigned epoch;
    uint64_t sequence, flushed; /* of counts: all up to `flushed` are in the store */
    struct demand_counts counts;
};

struct demand *demand_new(const struct demand_options *options)
{
    struct arena *arena = arena_new();
    struct demand *demand = arena_new_of(arena, struct demand);
    demand->arena = arena;
    unsigned long long random = store_random(), more = store_random();
    demand->instance =
        options->instance.length > 0 ? arena_copy(arena, options->instance) : arena_printf(arena, "%016llx%016llx", random, more);
    demand->known_most = options->known_most ? options->known_most : KNOWN_USUAL;
    demand->others_most = options->others_most ? options->others_most : OTHERS_USUAL;
    demand->latest = INT64_MIN;
    pthread_mutex_init(&demand->lock, NULL);
    pthread_mutex_init(&demand->flush_lock, NULL);
    for (int i = 0; i < TABLES; i++) demand->tables[i].hour = -1;
    return demand;
}

static void clear_table(struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++) free((void *)(uintptr_t)table->pairs[i].lan.data);
    free(table->pairs);
    free(table->slots);
    *table = (struct table){.hour = -1};
}

void demand_free(struct demand *demand)
{
    for (int i = 0; i < TABLES; i++) clear_table(&demand->tables[i]);
    pthread_mutex_destroy(&demand->lock);
    pthread_mutex_destroy(&demand->flush_lock);
    arena_free(demand->arena);
}

static void *must(void *memory)
{
    if (!memory) abort(); /* as everywhere: a failed malloc ends the process */
    return memory;
}

/* --- pairs */

static uint32_t hash_of(struct str lan, struct str package)
{
    uint32_t hash = hash32(hash32(HASH32, lan), package);
    return hash ^ hash >> 15;
}

static void link_pair(struct table *table, uint32_t index)
{
    struct pair *pair = &table->pairs[index];
    uint32_t *slot = &table->slots[hash_of(pair->lan, pair->package) & (table->slot_count - 1)];
    pair->next = *slot;
    *slot = index;
}

static void unlink_pair(struct table *table, uint32_t index)
{
    const struct pair *pair = &table->pairs[index];
    uint32_t *at = &table->slots[hash_of(pair->lan, pair->package) & (table->slot_count - 1)];
    while (*at != index) at = &table->pairs[*at].next;
    *at = pair->next;
}

static void grow(struct table *table)
{
    table->capacity = table->capacity ? table->capacity * 2 : 64;
    table->slot_count = table->capacity * 2;
    table->pairs = must(realloc(table->pairs, table->capacity * sizeof *table->pairs));
    free(table->slots);
    table->slots = must(malloc(table->slot_count * sizeof *table->slots));
    for (uint32_t i = 0; i < table->slot_count; i++) table->slots[i] = NONE;
    for (uint32_t i = 0; i < table->count; i++) link_pair(table, i);
}

static struct pair *find_pair(const struct table *table, struct str lan, struct str package)
{
    if (table->slot_count == 0) return NULL;
    uint32_t at = table->slots[hash_of(lan, package) & (table->slot_count - 1)];
    while (at != NONE && !(str_equal(table->pairs[at].package, package) && str_equal(table->pairs[at].lan, lan)))
        at = table->pairs[at].next;
    return at == NONE ? NULL : &table->pairs[at];
}

static void name_pair(struct pair *pair, struct str lan, struct str package)
{
    char *text = must(malloc(lan.length + package.length + 1));
    memcpy(text, lan.data, lan.length);
    memcpy(text + lan.length, package.data, package.length);
    pair->lan = str_make(text, lan.length);
    pair->package = str_make(text + lan.length, package.length);
    pair->part = lan_part(lan);
}

/* Space-Saving: the pair that was asked for least makes room, and the newcomer begins where that one was. */
static struct pair *displace(struct demand *demand, struct table *table)
{
    uint32_t least = NONE;
    for (uint32_t i = 0; i < table->count; i++)
        if (!table->pairs[i].registered && (least == NONE || table->pairs[i].rank < table->pairs[least].rank)) least = i;
    struct pair *pair = &table->pairs[least];
    unlink_pair(table, least);
    table->dirty[pair->part] = true;
    free((void *)(uintptr_t)pair->lan.data);
    *pair = (struct pair){.rank = pair->rank};
    demand->counts.displaced++;
    return pair;
}

/* What is one too many of the registered is counted among the others. */
static struct pair *add_pair(struct demand *demand, struct table *table, struct str lan, struct str package, bool registered)
{
    struct pair *pair;
    registered = registered && table->count - table->others < demand->known_most;
    if (!registered && table->others == demand->others_most) {
        pair = displace(demand, table);
    } else {
        if (table->count == table->capacity) grow(table);
        pair = &table->pairs[table->count++];
        *pair = (struct pair){.registered = registered};
        table->others += !registered;
    }
    pair->registered = registered;
    name_pair(pair, lan, package);
    link_pair(table, (uint32_t)(pair - table->pairs));
    return pair;
}

/* --- hours */

static int64_t floor_to(int64_t moment, int64_t step)
{
    int64_t rest = moment % step;
    return moment - (rest < 0 ? rest + step : rest);
}

static bool is_dirty(const struct table *table)
{
    for (unsigned part = 0; part < LAN_PARTS; part++)
        if (table->dirty[part]) return true;
    return false;
}

static void add(uint32_t *counter, uint64_t amount)
{
    *counter = amount > UINT32_MAX - *counter ? UINT32_MAX : *counter + (uint32_t)amount;
}

static void count_in(struct demand *demand, struct table *table, const struct pair *what, unsigned bucket, struct sums more)
{
    struct pair *pair = find_pair(table, what->lan, what->package);
    if (!pair) pair = add_pair(demand, table, what->lan, what->package, what->registered);
    add(&pair->hits[bucket], more.hits);
    add(&pair->misses[bucket], more.misses);
    pair->all.hits += more.hits;
    pair->all.misses += more.misses;
    pair->rank += more.hits + more.misses;
    table->dirty[pair->part] = true;
}

/* What was not written in time is counted as if it had come now: its hour may have been folded. */
static void carry_over(struct demand *demand, struct table *from, struct table *to, unsigned bucket)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct pair *pair = &from->pairs[i];
        const struct sums left = {pair->all.hits - pair->flushed.hits, pair->all.misses - pair->flushed.misses};
        if (left.hits > 0 || left.misses > 0) count_in(demand, to, pair, bucket, left);
    }
}

static struct table *table_at(struct demand *demand, int64_t hour)
{
    for (int i = 0; i < TABLES; i++)
        if (demand->tables[i].hour == hour) return &demand->tables[i];
    return NULL;
}

static struct table *free_table(struct demand *demand, int64_t hour)
{
    struct table *oldest = &demand->tables[0];
    for (int i = 1; i < TABLES && oldest->hour != -1; i++)
        if (demand->tables[i].hour < oldest->hour) oldest = &demand->tables[i];
    struct table old = *oldest;
    if (hour < demand->latest) demand->epoch++; /* the clock went back: our object of that hour may be there, and is not in memory */
    if (hour > demand->latest) demand->latest = hour;
    *oldest = (struct table){.hour = hour, .epoch = demand->epoch};
    if (old.hour != -1 && is_dirty(&old)) carry_over(demand, &old, oldest, 0);
    if (old.hour != -1) clear_table(&old);
    return oldest;
}

void demand_count(struct demand *demand, const struct demand_request *request, int64_t now)
{
    const struct pair what = {.lan = request->lan, .package = request->package, .registered = request->registered};
    int64_t hour = floor_to(now, CLOCK_HOUR);
    pthread_mutex_lock(&demand->lock);
    struct table *table = table_at(demand, hour);
    if (!table) table = free_table(demand, hour);
    count_in(demand, table, &what, (unsigned)((now - hour) / BUCKET), (struct sums){request->hit, !request->hit});
    demand->sequence++;
    demand->counts.counted++;
    pthread_mutex_unlock(&demand->lock);
}

/* --- writing */

struct written {
    struct str key, text;
    int64_t hour;
    unsigned part;
    struct written *next;
};

static int by_name(const void *a, const void *b)
{
    const struct pair *one = *(struct pair *const *)a, *other = *(struct pair *const *)b;
    int lans = str_compare(one->lan, other->lan);
    return lans ? lans : str_compare(one->package, other->package);
}

static void write_pair(struct buf *out, const struct pair *pair)
{
    demand_text_package(out, pair->package);
    for (unsigned i = 0; i < HOUR_BUCKETS; i++)
        if (pair->hits[i] || pair->misses[i]) demand_text_cell(out, i, pair->hits[i], pair->misses[i]);
    buf_add_byte(out, '\n');
}

static struct str text_of(struct arena *arena, struct table *table, unsigned part)
{
    struct buf out = buf_in(arena, TEXT_LIMIT);
    struct pair **pairs = arena_array(arena, table->count, sizeof *pairs);
    struct str lan = {0};
    size_t count = 0;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->pairs[i].part == part) pairs[count++] = &table->pairs[i];
    if (count > 0) qsort(pairs, count, sizeof *pairs, by_name);
    demand_text_begin(&out);
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(lan, pairs[i]->lan)) demand_text_lan(&out, lan = pairs[i]->lan);
        write_pair(&out, pairs[i]);
        pairs[i]->sent = pairs[i]->all;
    }
    return buf_str(&out);
}

static void collect_part(struct demand *demand, struct arena *arena, struct table *table, unsigned part, struct written **list)
{
    struct written *written = arena_new_of(arena, struct written);
    *written = (struct written){.hour = table->hour, .part = part, .next = *list};
    struct str name = demand->instance;
    if (table->epoch > 0) name = arena_printf(arena, STR_FMT "+%u", STR_ARG(name), table->epoch);
    written->key = demand_live_key(arena, table->hour, part, name);
    written->text = text_of(arena, table, part);
    table->dirty[part] = false;
    *list = written;
}

static void carry_late_over(struct demand *demand, int64_t now)
{
    int64_t hour = floor_to(now, CLOCK_HOUR);
    for (int i = 0; i < TABLES; i++) {
        struct table *table = &demand->tables[i];
        if (table->hour == -1 || table->hour + CLOCK_HOUR + LATEST >= now) continue;
        struct table old = *table;
        *table = (struct table){.hour = -1};
        if (is_dirty(&old)) {
            struct table *current = table_at(demand, hour);
            carry_over(demand, &old, current ? current : free_table(demand, hour), (unsigned)((now - hour) / BUCKET));
        }
        clear_table(&old);
    }
}

/* Part after part, so that who counts never waits for all of them. */
static struct written *collect(struct demand *demand, struct arena *arena)
{
    struct written *list = NULL;
    for (unsigned at = 0; at < TABLES * LAN_PARTS; at++) {
        struct table *table = &demand->tables[at / LAN_PARTS];
        pthread_mutex_lock(&demand->lock);
        if (table->hour != -1 && table->dirty[at % LAN_PARTS]) collect_part(demand, arena, table, at % LAN_PARTS, &list);
        pthread_mutex_unlock(&demand->lock);
    }
    return list;
}

static void mark_flushed(struct demand *demand, const struct written *written)
{
    pthread_mutex_lock(&demand->lock);
    struct table *table = table_at(demand, written->hour);
    for (uint32_t i = 0; table && i < table->count; i++)
        if (table->pairs[i].part == written->part) table->pairs[i].flushed = table->pairs[i].sent;
    pthread_mutex_unlock(&demand->lock);
}

static void mark_dirty(struct demand *demand, const struct written *list)
{
    pthread_mutex_lock(&demand->lock);
    for (; list; list = list->next) {
        struct table *table = table_at(demand, list->hour);
        if (table) table->dirty[list->part] = true;
    }
    pthread_mutex_unlock(&demand->lock);
}

static enum status put_all(struct demand *demand, struct store *store, struct io io, const struct written *list, struct error *error)
{
    static const struct store_put text = {.content_type = "text/plain"};
    for (; list; list = list->next) {
        if (store_put(store, io, list->key, list->text, &text, NULL, error) != STATUS_OK) return mark_dirty(demand, list), error->status;
        mark_flushed(demand, list);
    }
    return STATUS_OK;
}

static enum status flush_locked(struct demand *demand, struct store *store, struct io io, struct error *error)
{
    pthread_mutex_lock(&demand->lock);
    uint64_t sequence = demand->sequence;
    carry_late_over(demand, clock_now());
    demand->counts.flushes++;
    pthread_mutex_unlock(&demand->lock);
    const struct written *list = collect(demand, io.arena);
    TRY(put_all(demand, store, io, list, error));
    demand->flushed = sequence;
    return STATUS_OK;
}

enum status demand_flush(struct demand *demand, struct store *store, struct io io, struct error *error)
{
    pthread_mutex_lock(&demand->lock);
    uint64_t mine = demand->sequence;
    pthread_mutex_unlock(&demand->lock);
    pthread_mutex_lock(&demand->flush_lock);
    enum status status = demand->flushed >= mine ? STATUS_OK : flush_locked(demand, store, io, error);
    pthread_mutex_unlock(&demand->flush_lock);
    return status;
}

bool demand_is_dirty(struct demand *demand)
{
    bool dirty = false;
    pthread_mutex_lock(&demand->lock);
    for (int i = 0; i < TABLES; i++) dirty = dirty || is_dirty(&demand->tables[i]);
    pthread_mutex_unlock(&demand->lock);
    return dirty;
}

static uint64_t recent_misses(const struct table *table, const struct pair *pair, int64_t since)
{
    uint64_t sum = 0;
    for (int i = 0; i < HOUR_BUCKETS; i++)
        if (table->hour + i * (int64_t)BUCKET >= since) sum += pair->misses[i];
    return sum;
}

struct demand_misses demand_misses(struct demand *demand, struct str lan, struct str package, int64_t since)
{
    struct demand_misses sum = {0};
    pthread_mutex_lock(&demand->lock);
    for (int i = 0; i < TABLES; i++) {
        const struct pair *pair = demand->tables[i].hour == -1 ? NULL : find_pair(&demand->tables[i], lan, package);
        if (!pair) continue;
        sum.counted += pair->all.misses;
        sum.written += pair->flushed.misses;
        sum.recent += recent_misses(&demand->tables[i], pair, since);
    }
    pthread_mutex_unlock(&demand->lock);
    return sum;
}

struct str demand_instance(const struct demand *demand)
{
    return demand->instance;
}

struct demand_counts demand_counts(struct demand *demand)
{
    pthread_mutex_lock(&demand->lock);
    struct demand_counts counts = demand->counts;
    for (int i = 0; i < TABLES; i++) {
        counts.pairs += demand->tables[i].count;
        counts.others += demand->tables[i].others;
    }
    pthread_mutex_unlock(&demand->lock);
    return counts;
}
