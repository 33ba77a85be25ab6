#include <stdio.h>

#include "cli/edge.h"
#include "cli/stored.h"
#include "lib/demand/callers.h"

static struct str store_url, prefix, after;
static uint64_t limit;
static bool json;
static const struct command_option options[] = {
    STORED_OPTION(&store_url),
    {"prefix", 0, OPTION_TEXT, &prefix, "TEXT", "only those whose id or code begins so"},
    {"after", 0, OPTION_TEXT, &after, "ID", "only those behind this one: the last of the page before"},
    {"limit", 0, OPTION_SIZE, &limit, "COUNT", "at most so many", .positive = true},
    {"json", 0, OPTION_FLAG, &json, NULL, "print each as a line of JSON"},
};

static enum status open_store(struct arena *arena, struct store **store, struct error *error)
{
    ENSURE(prefix.length == 0 || str_is_id(prefix), error, STATUS_INVALID, "--prefix '" STR_FMT "' is not the beginning of an id",
           STR_ARG(str_first(prefix, 200)));
    TRY(stored_open(arena, store_url, store, error));
    return stored_reach(arena, *store, error);
}

/* --- edges */

static const struct command list = {
    .name = "edge list",
    .arguments = "",
    .summary = "Lists the edges: id, tab, address and directory, tab, its LANs with commas. Warns of edges that may serve several shops.",
    .example = "pakhus edge list --store s3://packages",
    COMMAND_OPTIONS(options),
};

/* P1: as published, an edge that says nothing of its callers serves its networks to whoever is in one of that address. */
static enum status warn_of_callers(struct arena *arena, struct store *store, const struct registry *registry, struct error *error)
{
    struct callers *callers;
    size_t count;
    TRY(callers_load(store, edge_registry_io(arena), &callers, &count, error));
    for (size_t i = 0; i < count; i++) {
        const struct edge *edge = registry_edge(registry, callers[i].edge);
        if (!edge || edge->site.length > 0 || edge->egress_count > 0) continue;
        fprintf(stderr,
                "warning: edge " STR_FMT " has neither site nor egress, and callers with more than one public address use it: " STR_FMT
                " and " STR_FMT ". If they are several shops, give it a site or an egress\n",
                STR_ARG(edge->id), STR_ARG(callers[i].first), STR_ARG(callers[i].second));
    }
    return STATUS_OK;
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    const struct registry_page page = {prefix, after, (size_t)limit};
    (void)words;
    (void)count;
    TRY(open_store(arena, &store, error));
    TRY(registry_load_page(store, edge_registry_io(arena), &page, &registry, error));
    struct arena *scratch = arena_new();
    for (size_t i = 0; i < registry.edge_count; i++) {
        if (json) printf(STR_FMT, STR_ARG(edge_format(scratch, &registry.edges[i])));
        if (!json) edge_print(&registry.edges[i]);
        arena_reset(scratch);
    }
    arena_free(scratch);
    return warn_of_callers(arena, store, &registry, error);
}

/* --- LANs */

static const struct command lan_list = {
    .name = "edge lan list",
    .arguments = "",
    .summary = "Lists the registered LANs: code, tab, LAN, tab, the edge that serves it.",
    .example = "pakhus edge lan list --store s3://packages",
    COMMAND_OPTIONS(options),
};

static void print_lan(const struct lan_entry *entry, const struct edge *edge)
{
    printf(STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(entry->code), STR_ARG(entry->lan), STR_ARG(edge ? edge->id : S("-")));
}

static void print_lan_json(struct arena *arena, const struct lan_entry *entry, const struct edge *edge)
{
    struct json_writer line = command_json(arena);
    json_open_object(&line, NULL);
    json_put_text(&line, "code", entry->code);
    json_put_text(&line, "lan", entry->lan);
    json_put_text(&line, "region", entry->region);
    if (entry->location.known) json_put_raw(&line, "location", location_format(arena, &entry->location));
    json_put_text_or_null(&line, "edge", edge ? edge->id : S(""));
    json_close(&line);
    command_print(&line);
}

static bool is_on_page(const struct lan_entry *entry)
{
    return str_starts(entry->code, prefix) && str_compare(entry->code, after) > 0;
}

static enum status run_lan_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    uint64_t printed = 0;
    (void)words;
    (void)count;
    TRY(open_store(arena, &store, error));
    TRY(registry_load(store, edge_registry_io(arena), &registry, error));
    for (size_t i = 0; i < registry.lan_count && (limit == 0 || printed < limit); i++) {
        const struct lan_entry *entry = &registry.lans[i];
        const struct whereabouts code = {.code = entry->code};
        struct place place;
        if (!is_on_page(entry)) continue;
        TRY(registry_find(&registry, arena, &code, &place, error));
        if (json) print_lan_json(arena, entry, place.edge);
        if (!json) print_lan(entry, place.edge);
        printed++;
    }
    return STATUS_OK;
}

int cmd_edge_list(int argc, char **argv)
{
    return command_main(&list, argc, argv, run_list);
}

int cmd_edge_lan_list(int argc, char **argv)
{
    return command_main(&lan_list, argc, argv, run_lan_list);
}
