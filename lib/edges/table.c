#include "lib/edges/table_internal.h"

struct table table_new(struct arena *arena, size_t most)
{
    size_t slots = 8;
    while (slots < 2 * most) slots *= 2;
    return (struct table){arena_array(arena, slots, sizeof(uint64_t)), slots - 1};
}

/* The hashes are FNV's, whose lower bits alone tell too little. */
static uint64_t spread(uint64_t hash)
{
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

uint32_t table_find(const struct table *table, uint64_t hash, table_same_fn *same, const void *context, const void *key)
{
    const uint64_t upper = UINT64_C(0xffffffff) << 32;
    hash = spread(hash);
    if (!table->slots) return TABLE_NONE;
    for (size_t at = hash & table->mask; table->slots[at]; at = (at + 1) & table->mask) {
        uint32_t number = (uint32_t)table->slots[at] - 1;
        if (((table->slots[at] ^ hash) & upper) == 0 && same(context, number, key)) return number;
    }
    return TABLE_NONE;
}

void table_put(struct table *table, uint64_t hash, uint32_t number)
{
    const uint64_t upper = UINT64_C(0xffffffff) << 32;
    hash = spread(hash);
    size_t at = hash & table->mask;
    while (table->slots[at]) at = (at + 1) & table->mask;
    table->slots[at] = (hash & upper) | (number + 1);
}
