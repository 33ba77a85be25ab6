#include <endian.h>
#include <stdlib.h>

#include "lib/patch/make2_internal.h"

/* Positions of the old bytes, sorted by a hash of the bytes there: those of one hash stand in `positions` from heads[hash] on. Where there
 * are too many, only every `step`-th position is in it. */
struct index {
    struct str old;
    uint64_t step;
    unsigned key, bits; /* bytes that are hashed; log2 of the hashes */
    uint32_t *heads, *positions;
};

enum {
    SAMPLES_MAX = 32 << 20,
    BITS_MIN = 12,
    BITS_MAX = 24,
    KEY = 6,
    KEY_SAMPLED = 8,
    WORD = 8,
    CANDIDATES = 64,
    ENOUGH = 4096, /* a match of this length is not improved upon */
};

static uint64_t word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

static size_t hash_at(const struct index *index, const char *bytes)
{
    uint64_t word = word_at(bytes) << (8 * (WORD - index->key));
    return (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> (64 - index->bits));
}

/* --- building */

typedef void visit_range(struct index *, uint64_t from, uint64_t to);

static int by_old(const void *a, const void *b)
{
    const struct anchor *one = a, *other = b;
    return (one->from > other->from) - (one->from < other->from);
}

/* What lies between the anchors of the old bytes. */
static void visit_rest(struct index *index, const struct anchor *sorted, size_t count, visit_range *visit)
{
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].from > at) visit(index, at, sorted[i].from);
        if (sorted[i].from + sorted[i].length > at) at = sorted[i].from + sorted[i].length;
    }
    visit(index, at, index->old.length);
}

/* Positions of a range at which a whole word can be read. */
static uint64_t first_of(const struct index *index, uint64_t from)
{
    return (from + index->step - 1) / index->step * index->step;
}

static uint64_t end_of(const struct index *index, uint64_t to)
{
    uint64_t last = index->old.length < WORD ? 0 : index->old.length - WORD + 1;
    return to < last ? to : last;
}

static void count_range(struct index *index, uint64_t from, uint64_t to)
{
    for (uint64_t at = first_of(index, from), end = end_of(index, to); at < end; at += index->step)
        index->heads[hash_at(index, index->old.data + at)]++;
}

/* Positions of one hash ascend. Each head ends up where the next one began. */
static void put_range(struct index *index, uint64_t from, uint64_t to)
{
    for (uint64_t at = first_of(index, from), end = end_of(index, to); at < end; at += index->step)
        index->positions[index->heads[hash_at(index, index->old.data + at)]++] = (uint32_t)(at / index->step);
}

static void measure(struct index *index, const struct anchor *sorted, size_t count)
{
    uint64_t total = index->old.length, end = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t from = sorted[i].from > end ? sorted[i].from : end, last = sorted[i].from + sorted[i].length;
        if (last > from) total -= last - from, end = last;
    }
    index->step = 1;
    while (total / index->step > SAMPLES_MAX || index->old.length / index->step > UINT32_MAX) index->step *= 2;
    index->key = index->step == 1 ? KEY : KEY_SAMPLED;
    index->bits = BITS_MIN;
    while (index->bits < BITS_MAX && UINT64_C(1) << index->bits < total / index->step) index->bits++;
}

/* Counts become where each hash's positions begin; returns how many there are. */
static uint32_t sum_counts(struct index *index)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < (size_t)1 << index->bits; i++) {
        uint32_t count = index->heads[i];
        index->heads[i] = sum;
        sum += count;
    }
    index->heads[(size_t)1 << index->bits] = sum;
    return sum;
}

struct index *index_new(struct arena *arena, struct str old, const struct anchor *anchors, size_t count)
{
    struct index *index = arena_new_of(arena, struct index);
    struct anchor *sorted = arena_array(arena, count, sizeof *sorted);
    if (count > 0) memcpy(sorted, anchors, count * sizeof *sorted);
    if (count > 0) qsort(sorted, count, sizeof *sorted, by_old);
    index->old = old;
    measure(index, sorted, count);
    index->heads = arena_array(arena, ((size_t)1 << index->bits) + 1, sizeof *index->heads);
    visit_rest(index, sorted, count, count_range);
    index->positions = arena_array(arena, sum_counts(index), sizeof *index->positions);
    visit_rest(index, sorted, count, put_range);
    memmove(index->heads + 1, index->heads, ((size_t)1 << index->bits) * sizeof *index->heads);
    index->heads[0] = 0;
    return index;
}

/* --- searching */

static uint64_t common(struct str old, uint64_t at_old, struct str target, uint64_t at_new)
{
    const char *a = old.data + at_old, *b = target.data + at_new;
    uint64_t most = old.length - at_old < target.length - at_new ? old.length - at_old : target.length - at_new, length = 0;
    while (most - length >= WORD) {
        uint64_t differs = word_at(a + length) ^ word_at(b + length);
        if (differs) return length + (unsigned)__builtin_ctzll(differs) / 8;
        length += WORD;
    }
    while (length < most && a[length] == b[length]) length++;
    return length;
}

/* The candidates around the first one that is not before `expected`. */
static void choose(const struct index *index, size_t hash, uint64_t expected, uint32_t *first, uint32_t *last)
{
    uint32_t low = index->heads[hash], high = index->heads[hash + 1], begin = low, end = high;
    if (end - begin > CANDIDATES) {
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (index->positions[middle] < expected / index->step)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > begin + CANDIDATES / 2) begin = low - CANDIDATES / 2;
        if (end > begin + CANDIDATES) end = begin + CANDIDATES;
    }
    *first = begin;
    *last = end;
}

uint64_t index_search(const struct index *index, struct str target, uint64_t at, uint64_t expected, uint64_t *position)
{
    uint64_t best = 0;
    uint32_t first, last;
    *position = 0;
    if (expected < index->old.length) {
        best = common(index->old, expected, target, at);
        *position = expected;
    }
    if (best >= ENOUGH || target.length - at < WORD) return best;
    choose(index, hash_at(index, target.data + at), expected, &first, &last);
    for (uint32_t i = first; i < last && best < ENOUGH; i++) {
        uint64_t candidate = index->positions[i] * index->step;
        if (best > 0 && (candidate + best >= index->old.length || at + best >= target.length ||
                         index->old.data[candidate + best] != target.data[at + best]))
            continue;
        uint64_t length = common(index->old, candidate, target, at);
        if (length > best) best = length, *position = candidate;
    }
    return best;
}
