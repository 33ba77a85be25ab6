#include <stdio.h>
#include <stdlib.h>

#include "cli/edge.h"
#include "cli/stored.h"
#include "lib/demand/callers.h"
#include "lib/edges/state.h"
#include "lib/transfer/progress.h"

enum { LINES_LIMIT = 256 << 20, BATCH_TIME = CLOCK_HOUR };

static struct str store_url, from;
static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"from", 'f', OPTION_TEXT, &from, "FILE.jsonl",
     "many at once: an edge a line, as 'edge list --json' prints them; '-' is standard input"},
};
static const struct command add = {
    .name = "edge add",
    .arguments = "[FILE.json]",
    .summary = "Registers an edge, or changes it: its address, LANs, quota, store; '-' reads it from standard input.",
    .example = "echo '{\"edge\":\"shop-1\",\"address\":\"192.168.0.5\",\"lans\":[\"192.168.0.0/24\"],\"store\":\"pull\"}' | pakhus edge "
               "add --store s3://packages -",
    COMMAND_OPTIONS(options),
    .least = 0,
    .most = 1,
};

/* --- one */

/* A run that was at work while an edge was removed may have said afterwards what it holds: a new one of its id holds nothing. */
static enum status forget_namesake(struct arena *arena, struct store *store, struct str id, struct error *error)
{
    struct edge known;
    struct error ignored;
    bool found;
    if (registry_get_edge(store, command_io(arena), id, &known, &ignored) != STATUS_NOT_FOUND) return STATUS_OK;
    TRY(callers_forget(store, command_io(arena), id, error));
    return state_forget(store, edge_registry_io(arena), id, &found, error);
}

static enum status add_one(struct arena *arena, struct str file, struct error *error)
{
    struct store *store;
    struct str text;
    struct edge edge;
    TRY(command_read(arena, file.data, EDGE_ENTRY_LIMIT, &text, error));
    TRY(edge_parse(arena, text, &edge, error)); /* before there is a store: its words are of the edge */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(stored_reach(arena, store, error));
    TRY(forget_namesake(arena, store, edge.id, error));
    TRY(registry_put_edge(store, edge_registry_io(arena), &edge, error));
    fprintf(stderr, STR_FMT ": %zu LAN%s\n", STR_ARG(edge.id), edge.lan_count, edge.lan_count == 1 ? "" : "s");
    return STATUS_OK;
}

/* --- many */

struct batch {
    struct arena *arena;
    struct store *store;
    struct registry known;
    struct edge *edges;
    size_t count, written;
    uint64_t bytes; /* of all lines */
    size_t told;    /* of the edges that are written: those that the bar shows */
    struct progress progress;
};

/* The ids behind a prefix, each once: `held/<id>/…`. */
struct remains {
    struct arena *arena;
    size_t prefix;
    struct str *ids;
    size_t count, capacity;
};

static bool note_remains(void *context, const struct store_object *object)
{
    struct remains *remains = context;
    struct str rest = str_from(object->key, remains->prefix), id = str_cut(&rest, '/');
    if (remains->count > 0 && str_equal(remains->ids[remains->count - 1], id)) return true;
    remains->ids = arena_grow(remains->arena, remains->ids, remains->count, &remains->capacity, sizeof *remains->ids);
    remains->ids[remains->count++] = arena_copy(remains->arena, id);
    return true;
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* As forget_namesake, of all that are new: what there is of edges is listed once. */
static enum status forget_namesakes(struct batch *batch, struct error *error)
{
    static const char *const prefixes[] = {"held/", "wanted/", "demand/callers/"};
    struct remains remains = {.arena = batch->arena};
    bool found;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        remains.prefix = strlen(prefixes[i]);
        TRY(store_list(batch->store, edge_registry_io(batch->arena), str_of(prefixes[i]), 0, note_remains, &remains, error));
    }
    if (remains.count > 0) qsort(remains.ids, remains.count, sizeof *remains.ids, by_text);
    for (size_t i = 0; i < batch->count && remains.count > 0; i++) {
        struct str id = batch->edges[i].id;
        if (registry_edge(&batch->known, id) || !bsearch(&id, remains.ids, remains.count, sizeof id, by_text)) continue;
        TRY(callers_forget(batch->store, command_io(batch->arena), id, error));
        TRY(state_forget(batch->store, edge_registry_io(batch->arena), id, &found, error));
    }
    return STATUS_OK;
}

static void show_progress(void *context, size_t done)
{
    struct batch *batch = context;
    progress_add(&batch->progress, batch->bytes * done / batch->count - batch->bytes * batch->told / batch->count);
    batch->told = done;
}

static enum status put_all(struct batch *batch, struct error *error)
{
    const struct registry_batch what = {
        .known = &batch->known, .edges = batch->edges, .count = batch->count, .progress = show_progress, .context = batch};
    const struct io io = {.arena = batch->arena, .deadline = deadline_in(BATCH_TIME)};
    batch->progress = progress_start("edge add", batch->bytes);
    enum status status = registry_put_edges(batch->store, io, &what, &batch->written, error);
    progress_end(&batch->progress);
    return status;
}

static enum status add_many(struct arena *arena, struct error *error)
{
    struct batch batch = {.arena = arena};
    struct str text;
    TRY(command_read(arena, from.data, LINES_LIMIT, &text, error));
    batch.bytes = text.length;
    if (edges_parse(arena, text, &batch.edges, &batch.count, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(from));
    TRY(stored_open(arena, store_url, &batch.store, error));
    TRY(stored_reach(arena, batch.store, error));
    TRY(registry_load(batch.store, edge_registry_io(arena), &batch.known, error));
    TRY(forget_namesakes(&batch, error));
    TRY(put_all(&batch, error));
    fprintf(stderr, "%zu edge%s, of which %zu %s written\n", batch.count, batch.count == 1 ? "" : "s", batch.written,
            batch.written == 1 ? "was" : "were");
    return STATUS_OK;
}

static enum status run_add(struct arena *arena, const struct str *words, int count, struct error *error)
{
    ENSURE((count == 1) != (from.data != NULL), error, STATUS_INVALID, "say either FILE.json or --from FILE.jsonl");
    return from.data ? add_many(arena, error) : add_one(arena, words[0], error);
}

int cmd_edge_add(int argc, char **argv)
{
    return command_main(&add, argc, argv, run_add);
}
