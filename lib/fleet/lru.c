#include "lib/fleet/lru_internal.h"

enum { NONE = UINT32_MAX };

struct lru lru_new(struct arena *arena, const uint32_t *size, uint32_t things, uint64_t capacity)
{
    struct lru lru = {.copies = arena_array(arena, things, sizeof *lru.copies), .size = size, .capacity = capacity};
    lru.oldest = lru.newest = NONE;
    return lru;
}

static void unlink_copy(struct lru *lru, struct lru_copy *copy)
{
    *(copy->older == NONE ? &lru->oldest : &lru->copies[copy->older].newer) = copy->newer;
    *(copy->newer == NONE ? &lru->newest : &lru->copies[copy->newer].older) = copy->older;
}

static void link_newest(struct lru *lru, struct lru_copy *copy)
{
    uint32_t thing = (uint32_t)(copy - lru->copies);
    copy->newer = NONE;
    copy->older = lru->newest;
    *(lru->newest == NONE ? &lru->oldest : &lru->copies[lru->newest].newer) = thing;
    lru->newest = thing;
}

struct lru_copy *lru_find(struct lru *lru, uint32_t thing)
{
    struct lru_copy *copy = &lru->copies[thing];
    if (!copy->held) return NULL;
    unlink_copy(lru, copy);
    link_newest(lru, copy);
    return copy;
}

void lru_drop(struct lru *lru, uint32_t thing)
{
    struct lru_copy *copy = &lru->copies[thing];
    if (!copy->held) return;
    unlink_copy(lru, copy);
    copy->held = false;
    lru->used -= lru->size[thing];
}

void lru_put(struct lru *lru, uint32_t thing, uint32_t version, int64_t fetched, int64_t fresh_until)
{
    struct lru_copy *copy = &lru->copies[thing];
    lru_drop(lru, thing);
    if (lru->size[thing] > lru->capacity) return;
    while (lru->used + lru->size[thing] > lru->capacity) lru_drop(lru, lru->oldest);
    *copy = (struct lru_copy){.version = version, .fetched = fetched, .fresh_until = fresh_until, .held = true};
    link_newest(lru, copy);
    lru->used += lru->size[thing];
}
