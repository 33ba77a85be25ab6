/* A summary of edges or LANs, as it stands in a store where others write too: it is refused, or what is taken from it is in order. */
#include <assert.h>
#include <zstd.h>

#include "lib/edges/registry_load_internal.h"

static void check(struct arena *arena, const struct kind *kind, struct str body)
{
    const struct store_object object = {.key = S("summary"), .body = body};
    struct content content;
    struct error error;
    if (summary_parse(kind, arena, &object, &content, &error) != STATUS_OK) return;
    const struct registry_sources sources = content.sources;
    const struct items items = content.items;
    assert(sources.count == items.count);
    for (size_t i = 0; i < sources.count; i++) {
        struct str id = kind->id(items.at + i * kind->size);
        assert(str_is_id(sources.at[i].name) && str_is_id(id));
        assert(i == 0 || str_compare(kind->id(items.at + (i - 1) * kind->size), id) <= 0);
        assert(i == 0 || registry_by_key(&sources.at[i - 1], &sources.at[i]) <= 0);
    }
}

/* As it is stored; and as the lines of one, which no chance would pack. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    size_t room = ZSTD_compressBound(size);
    char *packed = arena_buffer(arena, room);
    size_t length = ZSTD_compress(packed, room, data, size, 1);
    assert(!ZSTD_isError(length));
    check(arena, &registry_edge_kind, str_make(data, size));
    check(arena, &registry_edge_kind, str_make(packed, length));
    check(arena, &registry_lan_kind, str_make(packed, length));
    arena_free(arena);
    return 0;
}
