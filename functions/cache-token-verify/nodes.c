#include "functions/cache-token-verify/nodes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "base/encode.h"

/* All in ms. How long the store may keep a node waiting, and is left alone after it failed; how often what others wrote is read again;
 * after how long a table that nobody writes to is another one's to remove, once that has taken it over. */
enum { STORE_TIME = 2 * CLOCK_SECOND, STORE_REST = 10 * CLOCK_SECOND, READ_PAUSE = 5 * CLOCK_SECOND, ABANDONED = CLOCK_HOUR };
enum { NODES_MOST = 512, ABANDONED_MOST = 32, TABLE_LIMIT = 256 << 20 };

struct node {
    struct arena *arena;
    struct str name, prefix, key;
    pthread_mutex_t io_lock;    /* around reading and writing */
    pthread_mutex_t table_lock; /* around `hits`; held for moments only */
    struct hits *hits;
    int users;
    uint64_t used;                                     /* nodes' clock of use */
    atomic_bool loaded;                                /* read once */
    atomic_bool due;                                   /* somebody is on the way to write it */
    _Atomic uint64_t written;                          /* the version that the store has */
    _Atomic int64_t read_at, write_from, failed_until; /* the last time; not before */
    struct str abandoned[ABANDONED_MOST];
    size_t abandoned_count;
};

struct nodes {
    struct nodes_options options;
    struct arena *arena;
    struct str instance;
    pthread_mutex_t lock; /* around what follows */
    struct node *items[NODES_MOST];
    size_t count;
    uint64_t clock;
};

struct nodes *nodes_new(const struct nodes_options *options)
{
    unsigned char random[8] = {0};
    struct arena *arena = arena_new();
    struct nodes *nodes = arena_new_of(arena, struct nodes);
    (void)!getrandom(random, sizeof random, 0); /* no secret, and OpenSSL would take two milliseconds of the start-up to begin */
    *nodes = (struct nodes){.options = *options, .arena = arena, .instance = hex_encode(arena, str_make(random, sizeof random))};
    pthread_mutex_init(&nodes->lock, NULL);
    return nodes;
}

static void free_node(struct node *node)
{
    pthread_mutex_destroy(&node->io_lock);
    pthread_mutex_destroy(&node->table_lock);
    arena_free(node->arena);
}

void nodes_free(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) free_node(nodes->items[i]);
    pthread_mutex_destroy(&nodes->lock);
    arena_free(nodes->arena);
}

size_t nodes_count(struct nodes *nodes)
{
    pthread_mutex_lock(&nodes->lock);
    size_t count = nodes->count;
    pthread_mutex_unlock(&nodes->lock);
    return count;
}

/* --- reading; with io_lock */

struct reading {
    struct nodes *nodes;
    struct node *node;
    struct io io;
    struct log log;
    struct error error;
    enum status status;
};

static void remember_abandoned(struct node *node, const struct store_object *object)
{
    bool old = object->modified < clock_real() - ABANDONED;
    for (size_t i = 0; i < node->abandoned_count; i++)
        if (str_equal(node->abandoned[i], object->key)) return;
    if (old && node->abandoned_count < ABANDONED_MOST) node->abandoned[node->abandoned_count++] = arena_copy(node->arena, object->key);
}

static bool read_table(void *context, const struct store_object *listed)
{
    struct reading *reading = context;
    struct node *node = reading->node;
    struct store_object object;
    bool ours = str_equal(listed->key, node->key), old = listed->modified < atomic_load(&node->read_at) - CLOCK_MINUTE;
    if (atomic_load(&node->loaded) && (ours || old)) return true;
    struct str key = arena_copy(reading->io.arena, listed->key);
    reading->status =
        store_get(reading->nodes->options.store, reading->io, key, &(struct store_get){.limit = TABLE_LIMIT}, &object, &reading->error);
    if (reading->status == STATUS_NOT_FOUND) return reading->status = STATUS_OK, true; /* removed since it was listed */
    if (reading->status != STATUS_OK) return false;
    pthread_mutex_lock(&node->table_lock);
    bool whole = hits_load(node->hits, object.body);
    pthread_mutex_unlock(&node->table_lock);
    if (!whole) log_warn(reading->log, STR_FMT " is not a hit table", STR_ARG(key));
    if (!ours) remember_abandoned(node, listed);
    return true;
}

static void read_tables(struct nodes *nodes, struct node *node, struct io io, struct log log)
{
    io.deadline = deadline_within(io.deadline, STORE_TIME);
    struct reading reading = {.nodes = nodes, .node = node, .io = io, .log = log};
    int64_t now = clock_real();
    enum status status = store_list(nodes->options.store, io, node->prefix, 0, read_table, &reading, &reading.error);
    if (status != STATUS_OK || reading.status != STATUS_OK)
        log_warn(log, "the hit table of node " STR_FMT " can't be read: %s", STR_ARG(node->name), reading.error.text);
    atomic_store(&node->read_at, now);
    atomic_store(&node->loaded, true);
}

/* --- writing */

static void remove_abandoned(struct nodes *nodes, struct node *node, struct io io)
{
    struct error error;
    for (size_t i = 0; i < node->abandoned_count; i++) store_remove(nodes->options.store, io, node->abandoned[i], &error);
    node->abandoned_count = 0;
}

static struct str saved_table(struct node *node, struct arena *arena, uint64_t *version)
{
    pthread_mutex_lock(&node->table_lock);
    *version = hits_version(node->hits);
    bool changed = *version != atomic_load(&node->written);
    void *bytes = changed ? arena_buffer(arena, hits_saved_size(node->hits)) : NULL;
    struct str saved = str_make(bytes, changed ? hits_save(node->hits, bytes) : 0);
    pthread_mutex_unlock(&node->table_lock);
    return saved;
}

/* With io_lock. Those that wait for it find their change written with the others'. */
static void write_table(struct nodes *nodes, struct node *node, struct io io, struct log log)
{
    uint64_t version;
    struct error error;
    atomic_store(&node->due, false);
    struct str saved = saved_table(node, io.arena, &version);
    if (!saved.data) return;
    io.deadline = deadline_within(io.deadline, STORE_TIME);
    enum status status = store_put(nodes->options.store, io, node->key, saved, NULL, NULL, &error);
    if (status != STATUS_OK) atomic_store(&node->failed_until, clock_monotonic() + STORE_REST);
    atomic_store(&node->write_from, clock_monotonic() + (status == STATUS_OK ? nodes->options.flush : STORE_REST));
    if (status != STATUS_OK) {
        log_warn(log, "the hit table of node " STR_FMT " can't be written: %s", STR_ARG(node->name), error.text);
        return;
    }
    atomic_store(&node->written, version);
    remove_abandoned(nodes, node, io);
}

static void write_locked(struct nodes *nodes, struct node *node, struct io io, struct log log)
{
    pthread_mutex_lock(&node->io_lock);
    write_table(nodes, node, io, log);
    pthread_mutex_unlock(&node->io_lock);
}

static bool is_changed(struct node *node)
{
    pthread_mutex_lock(&node->table_lock);
    bool changed = hits_version(node->hits) != atomic_load(&node->written);
    pthread_mutex_unlock(&node->table_lock);
    return changed;
}

static void release(struct nodes *nodes, struct node *node)
{
    pthread_mutex_lock(&nodes->lock);
    node->users--;
    pthread_mutex_unlock(&nodes->lock);
}

void nodes_flush(struct nodes *nodes, struct io io, struct log log)
{
    struct node *items[NODES_MOST];
    pthread_mutex_lock(&nodes->lock);
    size_t count = nodes->count;
    for (size_t i = 0; i < count; i++) (items[i] = nodes->items[i])->users++;
    pthread_mutex_unlock(&nodes->lock);
    for (size_t i = 0; i < count; i++) {
        if (is_changed(items[i])) write_locked(nodes, items[i], io, log);
        release(nodes, items[i]);
    }
}

/* --- holding */

static struct node *new_node(struct nodes *nodes, struct str name)
{
    struct arena *arena = arena_new();
    struct node *node = arena_new_of(arena, struct node);
    node->arena = arena;
    node->name = arena_copy(arena, name);
    node->prefix = arena_printf(arena, "tokens/" STR_FMT "/", STR_ARG(name));
    node->key = arena_printf(arena, STR_FMT STR_FMT, STR_ARG(node->prefix), STR_ARG(nodes->instance));
    node->hits = hits_init(arena_buffer(arena, hits_size(nodes->options.entries)), nodes->options.entries);
    pthread_mutex_init(&node->io_lock, NULL);
    pthread_mutex_init(&node->table_lock, NULL);
    return node;
}

static struct node *find_node(struct nodes *nodes, struct str name)
{
    for (size_t i = 0; i < nodes->count; i++)
        if (str_equal(nodes->items[i]->name, name)) return nodes->items[i];
    return NULL;
}

/* The one that nobody holds and that was asked longest ago leaves the list; NULL: all are held. */
static struct node *take_out_oldest(struct nodes *nodes)
{
    size_t oldest = NODES_MOST;
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->items[i]->users == 0 && (oldest == NODES_MOST || nodes->items[i]->used < nodes->items[oldest]->used)) oldest = i;
    if (oldest == NODES_MOST) return NULL;
    struct node *node = nodes->items[oldest];
    nodes->items[oldest] = nodes->items[--nodes->count];
    return node;
}

/* *out NULL: there is no room. *evicted: what made room, to be written and freed. */
static void hold_locked(struct nodes *nodes, struct str name, bool may_add, struct node **out, struct node **evicted)
{
    struct node *node = find_node(nodes, name);
    if (!node && may_add && nodes->count == NODES_MOST) *evicted = take_out_oldest(nodes);
    if (!node && may_add && nodes->count < NODES_MOST) node = nodes->items[nodes->count++] = new_node(nodes, name);
    if (node) {
        node->users++;
        node->used = ++nodes->clock;
    }
    *out = node;
}

enum status nodes_hold(struct held_node *held, struct str name, struct error *error)
{
    struct nodes *nodes = held->nodes;
    struct node *node, *evicted = NULL;
    bool no_wait = held->io.no_wait;
    pthread_mutex_lock(&nodes->lock);
    hold_locked(nodes, name, !no_wait, &node, &evicted);
    pthread_mutex_unlock(&nodes->lock);
    if (evicted) {
        write_locked(nodes, evicted, held->io, held->log);
        free_node(evicted);
    }
    ENSURE(node || !no_wait, error, STATUS_WOULD_BLOCK, "a node that is new here is read from the store");
    ENSURE(node, error, STATUS_THROTTLED, "over %d nodes ask at once", NODES_MOST);
    held->node = node;
    if (atomic_load(&node->loaded)) return STATUS_OK;
    if (no_wait) {
        nodes_release(held);
        return error_set(error, STATUS_WOULD_BLOCK, "a node that is new here is read from the store");
    }
    pthread_mutex_lock(&node->io_lock);
    if (!atomic_load(&node->loaded)) read_tables(nodes, node, held->io, held->log);
    pthread_mutex_unlock(&node->io_lock);
    return STATUS_OK;
}

void nodes_release(const struct held_node *held)
{
    release(held->nodes, held->node);
}

/* --- work */

/* On the loop one caller is sent to where it may wait, and the others go on meanwhile. */
static enum status write_if_due(const struct held_node *held, struct error *error)
{
    struct node *node = held->node;
    bool no_wait = held->io.no_wait;
    bool late = clock_monotonic() >= atomic_load(&node->write_from);
    if (!late || !is_changed(node)) {
        if (!no_wait) atomic_store(&node->due, false); /* whoever was sent here found it done */
        return STATUS_OK;
    }
    bool claimed = false;
    if (no_wait && atomic_compare_exchange_strong(&node->due, &claimed, true))
        return error_set(error, STATUS_WOULD_BLOCK, "the hit table is written");
    if (!no_wait) write_locked(held->nodes, node, held->io, held->log);
    return STATUS_OK;
}

static bool knows(struct node *node, const struct hits_token *token)
{
    pthread_mutex_lock(&node->table_lock);
    bool known = hits_knows(node->hits, token);
    pthread_mutex_unlock(&node->table_lock);
    return known;
}

static bool is_read_long_ago(const struct node *node)
{
    int64_t age = clock_real() - atomic_load(&node->read_at);
    return age >= READ_PAUSE || age < 0;
}

enum status node_ask(const struct held_node *held, const struct hits_token *token, int64_t now, enum token_reason *reason,
                     struct error *error)
{
    struct node *node = held->node;
    TRY(write_if_due(held, error));
    if (is_read_long_ago(node) && !knows(node, token)) {
        ENSURE(!held->io.no_wait, error, STATUS_WOULD_BLOCK, "a token that is new here is looked for in the store");
        pthread_mutex_lock(&node->io_lock);
        if (is_read_long_ago(node)) read_tables(held->nodes, node, held->io, held->log);
        pthread_mutex_unlock(&node->io_lock);
    }
    pthread_mutex_lock(&node->table_lock);
    *reason = hits_ask(node->hits, &held->nodes->options.rules, token, now);
    pthread_mutex_unlock(&node->table_lock);
    return STATUS_OK;
}

enum status node_report(const struct held_node *held, const struct hits_token *token, bool succeeded, int64_t now, struct error *error)
{
    struct node *node = held->node;
    ENSURE(!held->io.no_wait, error, STATUS_WOULD_BLOCK, "a result is written to the store");
    pthread_mutex_lock(&node->table_lock);
    hits_report(node->hits, &held->nodes->options.rules, token, succeeded, now);
    pthread_mutex_unlock(&node->table_lock);
    bool resting = clock_monotonic() < atomic_load(&node->failed_until); /* later, then, with write_if_due */
    if (!resting && is_changed(node)) write_locked(held->nodes, node, held->io, held->log);
    return STATUS_OK;
}

size_t node_take_evicted(struct node *node, struct token_key *keys, size_t most)
{
    pthread_mutex_lock(&node->table_lock);
    size_t count = hits_take_evicted(node->hits, keys, most);
    pthread_mutex_unlock(&node->table_lock);
    return count;
}

static bool remove_other(void *context, const struct store_object *object)
{
    struct reading *reading = context;
    struct str key = arena_copy(reading->io.arena, object->key);
    if (!str_equal(key, reading->node->key)) store_remove(reading->nodes->options.store, reading->io, key, &reading->error);
    return true;
}

void node_stale(const struct held_node *held, const struct hits_stale_question *question, hits_resource_fn *each, void *context)
{
    struct node *node = held->node;
    struct reading reading = {.nodes = held->nodes, .node = node, .io = held->io, .log = held->log};
    pthread_mutex_lock(&node->io_lock);
    read_tables(held->nodes, node, held->io, held->log);
    pthread_mutex_lock(&node->table_lock);
    hits_stale(node->hits, question, each, context);
    pthread_mutex_unlock(&node->table_lock);
    if (question->mark) {
        write_table(held->nodes, node, held->io, held->log);
        store_list(held->nodes->options.store, held->io, node->prefix, 0, remove_other, &reading, &reading.error);
    }
    pthread_mutex_unlock(&node->io_lock);
}
