#include "lib/token/hits.h"

#include <stdalign.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { NONE = UINT32_MAX };
enum { UPDATES = 4, TAG_BITS = 21 };
enum kind { FREE, RESOURCE, PROCESSING, SUCCEEDED, FAILED };

struct entry {
    unsigned char id[32];  /* a resource: its cache key; a token: the key's first half, then the tag */
    uint32_t next;         /* in its bucket, or in the free list */
    uint32_t older, newer; /* in the order of use */
    uint8_t kind;
    uint8_t assumed;          /* a token: succeeded, for all that nobody said; a resource: cleaned up, and not updated since */
    uint16_t failures;        /* a resource: its type's tag */
    int64_t modified;         /* a resource: the newest that succeeded */
    int64_t since;            /* a token: of this state; a failed one: when to try again; a resource: its directories' tags */
    int64_t updates[UPDATES]; /* a resource: newest first; 0: none */
};

struct order {
    uint32_t oldest, newest;
};

/* Behind it stand the entries, and then the buckets, as many as there are entries. */
struct hits {
    uint32_t capacity, count;
    uint32_t fresh; /* from here on no entry has been used yet, nor its memory touched */
    uint32_t free;
    struct order failed, used;
    uint64_t version;
    uint32_t evicted_first, evicted_count; /* a ring */
    bool is_loading;
    struct token_key evicted[HITS_EVICTED];
    alignas(8) struct entry entries[];
};

size_t hits_size(uint32_t capacity)
{
    return sizeof(struct hits) + (size_t)capacity * (sizeof(struct entry) + sizeof(uint32_t));
}

uint32_t hits_capacity_in(size_t size)
{
    if (size < hits_size(HITS_LEAST)) return 0;
    size_t capacity = (size - sizeof(struct hits)) / (sizeof(struct entry) + sizeof(uint32_t));
    return capacity > HITS_MOST ? HITS_MOST : (uint32_t)capacity;
}

static uint32_t *buckets(struct hits *hits)
{
    return (uint32_t *)(hits->entries + hits->capacity);
}

struct hits *hits_init(void *memory, uint32_t capacity)
{
    struct hits *hits = memory;
    memset(hits, 0, sizeof *hits);
    hits->capacity = capacity;
    hits->failed = hits->used = (struct order){NONE, NONE};
    hits->free = NONE;
    for (uint32_t i = 0; i < capacity; i++) buckets(hits)[i] = NONE;
    return hits;
}

/* --- the order of use, and the buckets */

static struct order *order_of(struct hits *hits, const struct entry *entry)
{
    return entry->kind == FAILED ? &hits->failed : &hits->used;
}

static uint32_t index_of(const struct hits *hits, const struct entry *entry)
{
    return (uint32_t)(entry - hits->entries);
}

static void unlink_entry(struct hits *hits, struct entry *entry)
{
    struct order *order = order_of(hits, entry);
    uint32_t *from_older = entry->older == NONE ? &order->oldest : &hits->entries[entry->older].newer;
    uint32_t *from_newer = entry->newer == NONE ? &order->newest : &hits->entries[entry->newer].older;
    *from_older = entry->newer;
    *from_newer = entry->older;
}

static void link_newest(struct hits *hits, struct entry *entry)
{
    struct order *order = order_of(hits, entry);
    uint32_t index = index_of(hits, entry);
    entry->newer = NONE;
    entry->older = order->newest;
    *(order->newest == NONE ? &order->oldest : &hits->entries[order->newest].newer) = index;
    order->newest = index;
}

static void touch(struct hits *hits, struct entry *entry)
{
    unlink_entry(hits, entry);
    link_newest(hits, entry);
}

static void set_kind(struct hits *hits, struct entry *entry, enum kind kind)
{
    unlink_entry(hits, entry);
    entry->kind = (uint8_t)kind;
    link_newest(hits, entry);
}

/* Ids are digests: any of their bytes make a bucket. A token's tag lies behind, so both ends count. */
static uint32_t *bucket_of(struct hits *hits, const unsigned char id[32])
{
    return &buckets(hits)[(bytes_get32(id) ^ bytes_get32(id + 28)) % hits->capacity];
}

static struct entry *find(struct hits *hits, const unsigned char id[32], bool is_resource)
{
    for (uint32_t i = *bucket_of(hits, id); i != NONE; i = hits->entries[i].next) {
        struct entry *entry = &hits->entries[i];
        if ((entry->kind == RESOURCE) == is_resource && memcmp(entry->id, id, 32) == 0) return entry;
    }
    return NULL;
}

static void drop(struct hits *hits, struct entry *entry)
{
    uint32_t index = index_of(hits, entry), *link = bucket_of(hits, entry->id);
    while (*link != index) link = &hits->entries[*link].next;
    *link = entry->next;
    unlink_entry(hits, entry);
    *entry = (struct entry){.next = hits->free};
    hits->free = index;
    hits->count--;
}

/* The oldest entry makes room. */
static void evict(struct hits *hits)
{
    struct entry *entry = &hits->entries[hits->failed.oldest != NONE ? hits->failed.oldest : hits->used.oldest];
    if (entry->kind == RESOURCE && !hits->is_loading) {
        memcpy(hits->evicted[(hits->evicted_first + hits->evicted_count) % HITS_EVICTED].bytes, entry->id, sizeof entry->id);
        if (hits->evicted_count < HITS_EVICTED)
            hits->evicted_count++;
        else
            hits->evicted_first = (hits->evicted_first + 1) % HITS_EVICTED;
    }
    drop(hits, entry);
}

static uint32_t take_free(struct hits *hits)
{
    if (hits->free == NONE && hits->fresh < hits->capacity) return hits->fresh++;
    if (hits->free == NONE) evict(hits);
    uint32_t index = hits->free;
    hits->free = hits->entries[index].next;
    return index;
}

static struct entry *add(struct hits *hits, const unsigned char id[32], enum kind kind)
{
    uint32_t index = take_free(hits), *bucket = bucket_of(hits, id);
    struct entry *entry = &hits->entries[index];
    *entry = (struct entry){.kind = (uint8_t)kind, .next = *bucket};
    memcpy(entry->id, id, 32);
    *bucket = index;
    link_newest(hits, entry);
    hits->count++;
    return entry;
}

size_t hits_take_evicted(struct hits *hits, struct token_key *keys, size_t most)
{
    size_t count = 0;
    while (hits->evicted_count > 0 && count < most) {
        const struct token_key *key = &hits->evicted[hits->evicted_first];
        hits->evicted_first = (hits->evicted_first + 1) % HITS_EVICTED;
        hits->evicted_count--;
        if (!find(hits, key->bytes, true)) keys[count++] = *key;
    }
    return count;
}

/* --- tokens */

static void token_id(const struct hits_token *token, unsigned char id[32])
{
    memcpy(id, token->key.bytes, 16);
    memcpy(id + 16, token->tag, 16);
}

struct hits_token hits_token_of(const struct token_answer *answer)
{
    const struct token_fields *fields = &answer->token.fields;
    struct hits_token token = {.key = answer->key, .modified = fields->modified};
    token.about = stale_tags_of(answer->target.path, fields->type);
    memcpy(token.tag, answer->token.tag, sizeof token.tag);
    return token;
}

static void set_tags(struct entry *resource, const struct stale_tags *tags)
{
    int64_t packed = 0;
    for (int i = STALE_DIRECTORIES - 1; i >= 0; i--) packed = packed << TAG_BITS | tags->directories[i];
    resource->since = packed;
    resource->failures = tags->type;
}

static struct stale_tags tags_of(const struct entry *resource)
{
    struct stale_tags tags = {.type = resource->failures};
    for (int i = 0; i < STALE_DIRECTORIES; i++)
        tags.directories[i] = (uint32_t)(resource->since >> (TAG_BITS * i)) & ((1U << TAG_BITS) - 1);
    return tags;
}

static void remember_update(struct hits *hits, const struct hits_token *token, int64_t now)
{
    struct entry *resource = find(hits, token->key.bytes, true);
    if (!resource) resource = add(hits, token->key.bytes, RESOURCE);
    memmove(resource->updates + 1, resource->updates, (UPDATES - 1) * sizeof *resource->updates);
    resource->updates[0] = now;
    resource->assumed = false;
    set_tags(resource, &token->about);
    if (resource->modified < token->modified) resource->modified = token->modified;
    touch(hits, resource);
}

/* The resource first: when the table is full it must not push out the token that it is about. */
static void succeed(struct hits *hits, const struct hits_token *token, const unsigned char id[32], bool assumed, int64_t now)
{
    remember_update(hits, token, now);
    struct entry *entry = find(hits, id, false);
    if (!entry) entry = add(hits, id, SUCCEEDED);
    set_kind(hits, entry, SUCCEEDED);
    entry->assumed = assumed;
    entry->failures = 0;
    entry->since = now;
    entry->modified = token->modified;
    hits->version++;
}

static int64_t back_off(const struct hits_rules *rules, uint16_t failures)
{
    unsigned doublings = failures > 1 ? failures - 1U : 0;
    if (doublings > 30 || rules->back_off > rules->back_off_most >> doublings) return rules->back_off_most;
    return rules->back_off << doublings;
}

static void fail(struct hits *hits, const struct hits_rules *rules, const struct hits_token *token, const unsigned char id[32], int64_t now)
{
    struct entry *entry = find(hits, id, false);
    if (!entry) entry = add(hits, id, FAILED);
    set_kind(hits, entry, FAILED);
    if (entry->failures < UINT16_MAX) entry->failures++;
    entry->assumed = false;
    entry->modified = token->modified;
    entry->since = now + back_off(rules, entry->failures);
    hits->version++;
}

static enum token_reason process(struct hits *hits, struct entry *entry, enum token_reason reason, int64_t now)
{
    set_kind(hits, entry, PROCESSING);
    entry->since = now;
    return reason;
}

/* Whether a failed token is not tried again yet. A moment further off than any back-off is another clock's. */
static bool is_resting(const struct hits_rules *rules, const struct entry *entry, int64_t now)
{
    return now < entry->since && entry->since - now <= rules->back_off_most;
}

enum token_reason hits_ask(struct hits *hits, const struct hits_rules *rules, const struct hits_token *token, int64_t now)
{
    unsigned char id[32];
    token_id(token, id);
    struct entry *resource = find(hits, token->key.bytes, true);
    if (resource) touch(hits, resource);
    if (resource && resource->modified > token->modified) return TOKEN_OLDER;
    struct entry *entry = find(hits, id, false);
    if (!entry) {
        entry = add(hits, id, PROCESSING);
        entry->modified = token->modified;
        return process(hits, entry, TOKEN_DUE, now);
    }
    if (entry->kind == FAILED) return is_resting(rules, entry, now) ? TOKEN_BACK_OFF : process(hits, entry, TOKEN_RETRY, now);
    touch(hits, entry);
    if (entry->kind == SUCCEEDED) return TOKEN_DONE;
    if (now - entry->since < rules->window) return TOKEN_PROCESSING;
    succeed(hits, token, id, true, now);
    return TOKEN_DONE;
}

bool hits_knows(struct hits *hits, const struct hits_token *token)
{
    unsigned char id[32];
    token_id(token, id);
    const struct entry *resource = find(hits, token->key.bytes, true);
    return (resource && resource->modified > token->modified) || find(hits, id, false);
}

void hits_report(struct hits *hits, const struct hits_rules *rules, const struct hits_token *token, bool succeeded, int64_t now)
{
    unsigned char id[32];
    token_id(token, id);
    struct entry *entry = find(hits, id, false);
    bool known = entry && entry->kind == SUCCEEDED, failed = entry && entry->kind == FAILED;
    if (succeeded && known) entry->assumed = false;
    if (succeeded && !known) succeed(hits, token, id, false, now);
    if (!succeeded && !failed && (!known || entry->assumed)) fail(hits, rules, token, id, now);
}

uint64_t hits_version(const struct hits *hits)
{
    return hits->version;
}

/* --- T8 */

void hits_stale(struct hits *hits, const struct hits_stale_question *question, hits_resource_fn *each, void *context)
{
    const struct stale_rules *rules = question->rules;
    for (uint32_t i = 0; i < hits->fresh; i++) {
        struct entry *entry = &hits->entries[i];
        if (entry->kind != RESOURCE || entry->assumed) continue;
        const struct stale_tags tags = tags_of(entry);
        double least = stale_least_of(rules, &tags), frequency = stale_frequency(entry->updates, UPDATES, rules, least, question->now);
        if (frequency >= least) continue;
        struct hits_resource resource = {.updated = entry->updates[0], .modified = entry->modified, .frequency = frequency};
        memcpy(resource.key.bytes, entry->id, sizeof entry->id);
        each(context, &resource);
        if (!question->mark) continue;
        entry->assumed = true;
        hits->version++;
    }
}

/* --- as bytes */

static const unsigned char head[HITS_HEAD] = {'p', 'k', 'h', 'i', 't', 's', 0, 1};

size_t hits_saved_size(const struct hits *hits)
{
    return HITS_HEAD + (size_t)hits->count * HITS_RECORD;
}

static void save_entry(const struct entry *entry, unsigned char *out)
{
    memset(out, 0, HITS_RECORD);
    out[0] = entry->kind;
    out[1] = entry->assumed;
    bytes_put16(out + 2, entry->failures);
    bytes_put64(out + 8, (uint64_t)entry->modified);
    bytes_put64(out + 16, (uint64_t)entry->since);
    memcpy(out + 24, entry->id, 32);
    for (int i = 0; i < UPDATES; i++) bytes_put64(out + 56 + 8 * i, (uint64_t)entry->updates[i]);
}

static unsigned char *save_order(const struct hits *hits, struct order order, unsigned char *out)
{
    for (uint32_t i = order.oldest; i != NONE; i = hits->entries[i].newer, out += HITS_RECORD) save_entry(&hits->entries[i], out);
    return out;
}

size_t hits_save(const struct hits *hits, void *buffer)
{
    unsigned char *out = buffer;
    memcpy(out, head, HITS_HEAD);
    out = save_order(hits, hits->failed, out + HITS_HEAD);
    out = save_order(hits, hits->used, out);
    return (size_t)(out - (unsigned char *)buffer);
}

static bool load_entry(const unsigned char *in, struct entry *entry)
{
    *entry = (struct entry){.kind = in[0], .assumed = in[1], .failures = bytes_get16(in + 2)};
    entry->modified = (int64_t)bytes_get64(in + 8);
    entry->since = (int64_t)bytes_get64(in + 16);
    memcpy(entry->id, in + 24, 32);
    for (int i = 0; i < UPDATES; i++) entry->updates[i] = (int64_t)bytes_get64(in + 56 + 8 * i);
    bool moments = entry->modified >= 0 && entry->since >= 0;
    for (int i = 0; i < UPDATES; i++) moments = moments && entry->updates[i] >= 0;
    return moments && entry->kind >= RESOURCE && entry->kind <= FAILED && entry->assumed <= 1;
}

/* Another instance's word counts where it is later, and a success against everything else. */
static bool is_newer(const struct entry *loaded, const struct entry *known)
{
    if (!known) return true;
    if (known->kind == RESOURCE) return loaded->updates[0] > known->updates[0];
    if (known->kind == SUCCEEDED) return loaded->kind == SUCCEEDED && known->assumed && !loaded->assumed;
    return loaded->kind == SUCCEEDED || loaded->since > known->since;
}

static void merge(struct hits *hits, const struct entry *loaded)
{
    struct entry *known = find(hits, loaded->id, loaded->kind == RESOURCE);
    int64_t modified = known && known->kind == RESOURCE && known->modified > loaded->modified ? known->modified : loaded->modified;
    if (known && known->kind == RESOURCE) known->modified = modified;
    bool same = known && known->kind == RESOURCE && loaded->updates[0] == known->updates[0];
    if (same && loaded->assumed) known->assumed = true;
    if (!is_newer(loaded, known)) return;
    if (!known) known = add(hits, loaded->id, (enum kind)loaded->kind);
    set_kind(hits, known, (enum kind)loaded->kind);
    known->assumed = loaded->assumed;
    known->failures = loaded->failures;
    known->modified = modified;
    known->since = loaded->since;
    memcpy(known->updates, loaded->updates, sizeof known->updates);
}

static bool load_entries(struct hits *hits, struct str saved)
{
    if (saved.length < HITS_HEAD || (saved.length - HITS_HEAD) % HITS_RECORD != 0 || memcmp(saved.data, head, HITS_HEAD) != 0) return false;
    struct str records = str_from(saved, HITS_HEAD);
    for (size_t at = 0; at < records.length; at += HITS_RECORD) {
        struct entry loaded;
        if (!load_entry((const unsigned char *)records.data + at, &loaded)) return false;
        merge(hits, &loaded);
    }
    return true;
}

bool hits_load(struct hits *hits, struct str saved)
{
    hits->is_loading = true;
    bool whole = load_entries(hits, saved);
    hits->is_loading = false;
    return whole;
}
