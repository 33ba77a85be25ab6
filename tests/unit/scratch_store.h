/* A file:// store of a test's own, which is gone with the arena. */
#ifndef TESTS_UNIT_SCRATCH_STORE_H
#define TESTS_UNIT_SCRATCH_STORE_H

#include "lib/store/store.h"
#include "tests/unit/unit.h"
#include "tests/unit/scratch.h"

static inline void scratch_store_remove(void *folder)
{
    scratch_remove(folder);
}

static inline void scratch_store_close(void *store)
{
    store_close(store);
}

static inline struct store *scratch_store(struct arena *arena)
{
    struct store *store;
    struct error error;
    char *folder = arena_cstr(arena, S("/tmp/pakhus-unit-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    arena_defer(arena, scratch_store_remove, folder);
    assert_ok(store_open(arena_printf(arena, "file://%s", folder).data, &store, &error), &error);
    arena_defer(arena, scratch_store_close, store);
    return store;
}

#endif
