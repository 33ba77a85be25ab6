#include "base/bytes.h"
#include "lib/patch/format2_internal.h"

/* --- the directory */

enum { PROPERTIES_MAX = 225, LC_LP_MAX = 4, LC_COUNT = 9, LP_COUNT = 5 };

static enum status take_byte(struct str *rest, unsigned *byte, struct error *error)
{
    ENSURE(rest->length > 0, error, STATUS_CORRUPT, "the patch is truncated");
    *byte = (unsigned char)rest->data[0];
    *rest = str_from(*rest, 1);
    return STATUS_OK;
}

static enum status take_number(struct str *rest, uint64_t *value, struct error *error)
{
    unsigned byte;
    *value = 0;
    for (unsigned shift = 0; shift < 7 * NUMBER_SIZE_MAX; shift += 7) {
        TRY(take_byte(rest, &byte, error));
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return STATUS_OK;
    }
    return error_set(error, STATUS_CORRUPT, "the patch is damaged: a number in it has more than 9 bytes");
}

static enum status take_packing(struct str *rest, enum packed_stream stream, struct packing *packing, struct error *error)
{
    unsigned properties;
    TRY(take_number(rest, &packing->unpacked, error));
    TRY(take_number(rest, &packing->packed, error));
    bool sizes = packing->unpacked <= PACKED_SIZE_MAX && packing->packed <= packing->unpacked;
    ENSURE(sizes, error, STATUS_CORRUPT, "the patch is damaged: a stream has %llu bytes of %llu", (unsigned long long)packing->packed,
           (unsigned long long)packing->unpacked);
    if (packing->packed == packing->unpacked) return STATUS_OK;
    TRY(take_byte(rest, &properties, error));
    TRY(take_byte(rest, &packing->dictionary, error));
    packing->lc = properties % LC_COUNT;
    packing->lp = properties / LC_COUNT % LP_COUNT;
    packing->pb = properties / (LC_COUNT * LP_COUNT);
    bool known = properties < PROPERTIES_MAX && packing->lc + packing->lp <= LC_LP_MAX && packing->dictionary >= PACKED_DICTIONARY_MIN &&
                 packing->dictionary <= packed_dictionary_max(stream);
    ENSURE(known, error, STATUS_CORRUPT, "the patch is damaged: a stream has the properties %u and a dictionary of 2^%u bytes", properties,
           packing->dictionary);
    return STATUS_OK;
}

static enum status open_streams(struct arena *arena, struct str rest, struct plan *plan, struct error *error)
{
    struct packing packings[PACKED_STREAMS] = {0};
    for (size_t i = 0; i < PACKED_STREAMS; i++) TRY(take_packing(&rest, (enum packed_stream)i, &packings[i], error));
    for (size_t i = 0; i < PACKED_STREAMS; i++) {
        ENSURE(packings[i].packed <= rest.length, error, STATUS_CORRUPT, "the patch is truncated");
        size_t length = (size_t)packings[i].packed;
        TRY(packed_open(arena, &packings[i], str_first(rest, length), &plan->streams[i], error));
        rest = str_from(rest, length);
    }
    ENSURE(rest.length == 0, error, STATUS_CORRUPT, "the patch is damaged: there are bytes behind its end");
    return STATUS_OK;
}

/* --- entries */

enum { LEVEL_MASK = 15, MEMORY_SHIFT = 4, MEMORY_MASK = 15, MEMORY_USUAL = 8, STRATEGY_SHIFT = 8, STRATEGY_MAX = 4 };
enum { MEMORY_MIN = 1, MEMORY_MAX = 9, LEVEL_MAX = 9 };

static enum status read_deflater(struct packed *stream, struct deflater *deflater, struct error *error)
{
    uint64_t value;
    TRY(packed_number(stream, &value, error));
    uint64_t memory = ((value >> MEMORY_SHIFT & MEMORY_MASK) + MEMORY_USUAL) & MEMORY_MASK;
    uint64_t level = value & LEVEL_MASK; /* level 0 makes what the room for its output happens to be */
    bool known =
        level >= 1 && level <= LEVEL_MAX && memory >= MEMORY_MIN && memory <= MEMORY_MAX && value >> STRATEGY_SHIFT <= STRATEGY_MAX;
    ENSURE(known, error, STATUS_CORRUPT, "the patch is damaged: an entry has the deflate parameters %llu", (unsigned long long)value);
    *deflater = (struct deflater){(int)level, (int)memory, (int)(value >> STRATEGY_SHIFT)};
    return STATUS_OK;
}

/* `end`: of the entry before. Deflate makes at most 1032 bytes of one. */
static enum status read_entry(struct packed *stream, uint64_t end, uint64_t size, struct entry *entry, struct error *error)
{
    enum { INFLATION_MAX = 1032 };
    uint64_t gap;
    TRY(packed_number(stream, &gap, error));
    TRY(packed_number(stream, &entry->deflated, error));
    TRY(packed_number(stream, &entry->inflated, error));
    bool inside = gap <= size - end && entry->deflated > 0 && entry->deflated <= size - end - gap;
    ENSURE(inside, error, STATUS_CORRUPT, "the patch is damaged: an entry lies beyond its package");
    ENSURE(entry->inflated <= entry->deflated * INFLATION_MAX, error, STATUS_CORRUPT,
           "the patch is damaged: an entry of %llu bytes would inflate to %llu", (unsigned long long)entry->deflated,
           (unsigned long long)entry->inflated);
    entry->offset = end + gap;
    return STATUS_OK;
}

static enum status read_entries(struct arena *arena, struct packed *stream, uint64_t size, struct entries *entries, struct error *error)
{
    uint64_t count, end = 0;
    TRY(packed_number(stream, &count, error));
    /* each takes three bytes at least, so that a count never takes more memory than the patch has promised */
    ENSURE(count <= ENTRIES_MAX && count <= packed_left(stream) / 3, error, STATUS_CORRUPT, "the patch is damaged: it has %llu entries",
           (unsigned long long)count);
    entries->of = arena_array(arena, (size_t)count, sizeof(struct entry));
    entries->count = (size_t)count;
    for (size_t i = 0; i < entries->count; i++) {
        struct entry *entry = &entries->of[i];
        TRY(read_entry(stream, end, size, entry, error));
        if (entries->deflaters) TRY(read_deflater(stream, &entry->deflater, error));
        end = entry->offset + entry->deflated;
    }
    ENSURE(entries_inflated_size(entries, size) <= INFLATED_FORM_MAX, error, STATUS_CORRUPT,
           "the patch is damaged: a package would inflate to more than 64 GiB");
    return STATUS_OK;
}

uint64_t entries_inflated_size(const struct entries *entries, uint64_t base_size)
{
    uint64_t size = base_size;
    for (size_t i = 0; i < entries->count; i++) size += entries->of[i].inflated - entries->of[i].deflated;
    return size;
}

/* Each command makes a byte at least and each run is of one at least, so that what the new package takes is known: a stream that promises
 * more is refused before anything is unpacked or inflated. */
static enum status check_promises(const struct plan *plan, const struct patch_header *header, struct error *error)
{
    const uint64_t size = entries_inflated_size(&plan->to, header->to.size);
    for (size_t i = PACKED_COPIES; i < PACKED_STREAMS; i++) {
        uint64_t each = i >= PACKED_DIFFERENCES ? 1 : i == PACKED_RUNS ? 2 * NUMBER_SIZE_MAX : NUMBER_SIZE_MAX;
        uint64_t promised = packed_left(plan->streams[i]);
        ENSURE(promised <= each * size, error, STATUS_CORRUPT,
               "the patch is damaged: a stream has %llu bytes, for a package that inflates to %llu", (unsigned long long)promised,
               (unsigned long long)size);
    }
    return STATUS_OK;
}

enum status plan_read(struct arena *arena, struct str bytes, const struct patch_header *header, struct plan *plan, struct error *error)
{
    *plan = (struct plan){.to = {.deflaters = true}};
    TRY(open_streams(arena, bytes, plan, error));
    struct packed *stream = plan->streams[PACKED_ENTRIES];
    TRY(read_entries(arena, stream, header->from.size, &plan->from, error));
    TRY(read_entries(arena, stream, header->to.size, &plan->to, error));
    TRY(packed_finish(stream, error));
    return check_promises(plan, header, error);
}
