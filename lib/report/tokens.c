#include <stdlib.h>

#include "lib/report/report_internal.h"
#include "lib/token/hits.h"

enum { NODES_MOST = 200, NODES_BYTES = 48 << 10 };

/* A cache node, and the tables that instances keep of it: tokens/<node>/<instance>. */
struct node {
    struct str name;
    uint64_t instances, entries;
    int64_t written; /* the newest */
};

struct nodes {
    struct arena *arena;
    struct node *items;
    size_t count, capacity;
};

/* A table's size tells how many tokens and resources it remembers: no table is read. */
static bool note_table(void *context, const struct store_object *object)
{
    struct nodes *nodes = context;
    struct str rest = str_from(object->key, S("tokens/").length), name = str_cut(&rest, '/');
    if (!rest.data) return true;
    struct node *last = nodes->count > 0 ? &nodes->items[nodes->count - 1] : NULL;
    if (!last || !str_equal(last->name, name)) {
        nodes->items = arena_grow(nodes->arena, nodes->items, nodes->count, &nodes->capacity, sizeof *nodes->items);
        last = &nodes->items[nodes->count++];
        *last = (struct node){.name = arena_copy(nodes->arena, name)};
    }
    last->instances++;
    last->entries += object->size > HITS_HEAD ? (object->size - HITS_HEAD) / HITS_RECORD : 0;
    if (object->modified > last->written) last->written = object->modified;
    return true;
}

static int by_time(const void *left, const void *right)
{
    const struct node *a = left, *b = right;
    if (a->written != b->written) return a->written > b->written ? -1 : 1;
    return str_compare(a->name, b->name);
}

enum status report_put_tokens(struct collecting *at, struct error *error)
{
    struct nodes nodes = {.arena = at->io.arena};
    TRY(store_list(at->question->store, at->io, S("tokens/"), 0, note_table, &nodes, error));
    if (nodes.count > 0) qsort(nodes.items, nodes.count, sizeof *nodes.items, by_time);
    json_open_object(&at->json, "nodes");
    json_put_number(&at->json, "count", nodes.count);
    struct report_list list = report_list_open(at, "shown", NODES_MOST, NODES_BYTES);
    for (size_t i = 0; i < nodes.count && report_list_takes_one(&list); i++) {
        const struct node *node = &nodes.items[i];
        json_open_object(&at->json, NULL);
        json_put_text(&at->json, "node", node->name);
        json_put_number(&at->json, "instances", node->instances);
        json_put_number(&at->json, "entries", node->entries);
        json_put_text(&at->json, "written", clock_format_time(at->io.arena, node->written));
        json_close(&at->json);
    }
    json_close(&at->json);
    json_close(&at->json);
    return STATUS_OK;
}
