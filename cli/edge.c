#include "cli/edge.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/stored.h"
#include "lib/demand/callers.h"
#include "lib/edges/edges.h"

enum { ENTRY_LIMIT = 1 << 20, REGISTRY_TIME = 5 * CLOCK_MINUTE };

static struct str store_url;
static bool json;
static const struct command_option store_options[] = {STORED_OPTION(&store_url)};
static const struct command_option shown_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};

static struct io registry_io(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(REGISTRY_TIME)};
}

/* --- add */

static const struct command add = {
    .name = "edge add",
    .arguments = "FILE.json",
    .summary = "Registers an edge, or changes it: its address, LANs, quota, store; '-' reads it from standard input.",
    .example = "echo '{\"edge\":\"shop-1\",\"address\":\"192.168.0.5\",\"lans\":[\"192.168.0.0/24\"],\"store\":\"pull\"}' | pakhus edge "
               "add --store s3://packages -",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

/* A run that was at work while an edge was removed may have said afterwards what it holds: a new one of its id holds nothing. */
static enum status forget_namesake(struct arena *arena, struct store *store, struct str id, struct error *error)
{
    struct edge known;
    struct error ignored;
    bool found;
    if (registry_get_edge(store, command_io(arena), id, &known, &ignored) != STATUS_NOT_FOUND) return STATUS_OK;
    TRY(callers_forget(store, command_io(arena), id, error));
    return state_forget(store, registry_io(arena), id, &found, error);
}

static enum status run_add(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct edge edge;
    (void)count;
    TRY(command_read(arena, words[0].data, ENTRY_LIMIT, &text, error));
    TRY(edge_parse(arena, text, &edge, error)); /* before there is a store: its words are of the edge */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(stored_reach(arena, store, error));
    TRY(forget_namesake(arena, store, edge.id, error));
    TRY(registry_put_edge(store, registry_io(arena), &edge, error));
    fprintf(stderr, STR_FMT ": %zu LAN%s\n", STR_ARG(edge.id), edge.lan_count, edge.lan_count == 1 ? "" : "s");
    return STATUS_OK;
}

/* --- list */

static const struct command list = {
    .name = "edge list",
    .arguments = "",
    .summary = "Lists the edges: id, tab, address and directory, tab, its LANs with commas. Warns of edges that may serve several shops.",
    .example = "pakhus edge list --store s3://packages",
    COMMAND_OPTIONS(shown_options),
};

static enum status load_registry(struct arena *arena, struct store **store, struct registry *registry, struct error *error)
{
    TRY(stored_open(arena, store_url, store, error));
    TRY(stored_reach(arena, *store, error));
    return registry_load(*store, registry_io(arena), registry, error);
}

/* P1: as published, an edge that says nothing of its callers serves its networks to whoever is in one of that address. */
static enum status warn_of_callers(struct arena *arena, struct store *store, const struct registry *registry, struct error *error)
{
    struct callers *callers;
    size_t count;
    TRY(callers_load(store, registry_io(arena), &callers, &count, error));
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

static void print_edge(const struct edge *edge)
{
    printf(STR_FMT "\t" STR_FMT STR_FMT "\t", STR_ARG(edge->id), STR_ARG(edge->address), STR_ARG(edge->directory));
    for (size_t i = 0; i < edge->lan_count; i++) printf("%s" STR_FMT, i ? "," : "", STR_ARG(edge->lans[i]));
    putchar('\n');
}

static void print_edges_json(struct arena *arena, const struct registry *registry)
{
    for (size_t i = 0; i < registry->edge_count; i++)
        printf("%s" STR_FMT, i ? "," : "[", STR_ARG(str_trim(edge_format(arena, &registry->edges[i]))));
    puts(registry->edge_count ? "]" : "[]");
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    (void)words;
    (void)count;
    TRY(load_registry(arena, &store, &registry, error));
    if (json) print_edges_json(arena, &registry);
    for (size_t i = 0; !json && i < registry.edge_count; i++) print_edge(&registry.edges[i]);
    return warn_of_callers(arena, store, &registry, error);
}

/* --- show */

static const struct command show = {
    .name = "edge show",
    .arguments = "EDGE",
    .summary =
        "Tells what an edge holds and what is wanted there: package, tab, state, tab, bytes, tab, since when; then tab, 'by hand' if a "
        "person placed it.",
    .example = "pakhus edge show --store s3://packages shop-1",
    COMMAND_OPTIONS(shown_options),
    .least = 1,
    .most = 1,
};

struct shown {
    struct edge edge;
    struct wanted wanted;
    struct held held;
};

/* What is on its way in or out takes room too. */
static uint64_t used(const struct held *held)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < held->count; i++) bytes += held->items[i].size;
    return bytes;
}

static void print_summary(const struct shown *shown)
{
    const struct edge *edge = &shown->edge;
    print_edge(edge);
    printf("%" PRIu64 " bytes", used(&shown->held));
    if (edge->quota != UINT64_MAX) printf(" of %" PRIu64, edge->quota);
    printf("; %s%s\n", edge->store.length > 0 ? "we copy to it" : "it pulls", edge->splices ? ", and splices" : "");
}

struct line {
    struct str package;
    const char *state;
    uint64_t size;
    int64_t since;
    const struct wanted_package *wanted; /* NULL: no longer */
};

static void print_package(struct arena *arena, const struct line *line)
{
    bool by_hand = line->wanted && line->wanted->reason == RULE_HAND;
    printf(STR_FMT "\t%s\t%" PRIu64 "\t" STR_FMT "%s\n", STR_ARG(line->package), line->state, line->size,
           STR_ARG(clock_format_time(arena, line->since)), by_hand ? "\tby hand" : "");
}

/* What is there in any state says so for itself; of what is wanted, what is not there at all. */
static void print_packages(struct arena *arena, const struct held *held, const struct wanted *wanted)
{
    static const char *const states[] = {[HELD_HERE] = "held", [HELD_COPYING] = "copying", [HELD_LEAVING] = "leaving"};
    for (size_t i = 0; i < held->count; i++) {
        const struct held_package *item = &held->items[i];
        print_package(arena,
                      &(struct line){item->package, states[item->state], item->size, item->since, wanted_find(wanted, item->package)});
    }
    for (size_t i = 0; i < wanted->count; i++) {
        const struct wanted_package *item = &wanted->items[i];
        if (held_find_any(held, item->package)) continue;
        print_package(arena, &(struct line){item->package, item->pending ? "pending" : "wanted", item->size, item->since, item});
    }
}

static void print_shown_json(struct arena *arena, const struct shown *shown)
{
    struct json_writer all = command_json(arena);
    json_open_object(&all, NULL);
    json_put_raw(&all, "edge", str_trim(edge_format(arena, &shown->edge)));
    json_put_number(&all, "used", used(&shown->held));
    json_put_raw(&all, "held", str_trim(held_format(arena, &shown->held)));
    json_put_raw(&all, "wanted", str_trim(wanted_format(arena, &shown->wanted)));
    json_close(&all);
    command_print(&all);
}

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct shown shown;
    (void)count;
    TRY(stored_check_id(words[0], "EDGE", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_get_edge(store, command_io(arena), words[0], &shown.edge, error));
    TRY(wanted_load(store, command_io(arena), words[0], 0, &shown.wanted, error));
    TRY(held_load(store, command_io(arena), words[0], 0, &shown.held, error));
    if (json) return print_shown_json(arena, &shown), STATUS_OK;
    print_summary(&shown);
    print_packages(arena, &shown.held, &shown.wanted);
    return STATUS_OK;
}

/* --- remove */

static const struct command removal = {
    .name = "edge remove",
    .arguments = "EDGE",
    .summary =
        "Takes an edge out of the register: no device is sent there any more, and what it holds is forgotten. Its files stay on its disk.",
    .example = "pakhus edge remove --store s3://packages shop-1",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

/* The register first: from then on nobody is sent there, and no new run begins. What is there of a try that was cut off goes too. */
static enum status run_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct error unregistered;
    bool found;
    (void)count;
    TRY(stored_check_id(words[0], "EDGE", error));
    TRY(stored_open(arena, store_url, &store, error));
    enum status status = registry_remove_edge(store, command_io(arena), words[0], &unregistered);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return *error = unregistered, status;
    TRY(callers_forget(store, command_io(arena), words[0], error));
    TRY(state_forget(store, registry_io(arena), words[0], &found, error));
    if (status == STATUS_NOT_FOUND && !found) return *error = unregistered, status;
    fprintf(stderr, STR_FMT ": removed\n", STR_ARG(words[0]));
    return STATUS_OK;
}

/* --- lan set */

static const struct command lan_set = {
    .name = "edge lan set",
    .arguments = "FILE.json",
    .summary = "Registers a LAN under a code of its own, with or without an edge; '-' reads it from standard input.",
    .example = "echo '{\"code\":\"SHOP-7\",\"site\":\"shop-7\",\"network\":\"10.1.0.0/16\"}' | pakhus edge lan set --store s3://packages -",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

static enum status run_lan_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct lan_entry entry;
    (void)count;
    TRY(command_read(arena, words[0].data, ENTRY_LIMIT, &text, error));
    TRY(lan_entry_parse(arena, text, &entry, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_put_lan(store, registry_io(arena), text, &entry, error));
    fprintf(stderr, STR_FMT ": " STR_FMT "\n", STR_ARG(entry.code), STR_ARG(entry.lan));
    return STATUS_OK;
}

/* --- lan list */

static const struct command lan_list = {
    .name = "edge lan list",
    .arguments = "",
    .summary = "Lists the registered LANs: code, tab, LAN, tab, the edge that serves it.",
    .example = "pakhus edge lan list --store s3://packages",
    COMMAND_OPTIONS(shown_options),
};

static void print_lan(const struct lan_entry *entry, const struct edge *edge)
{
    printf(STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(entry->code), STR_ARG(entry->lan), STR_ARG(edge ? edge->id : S("-")));
}

static void put_lan(struct arena *arena, struct json_writer *all, const struct lan_entry *entry, const struct edge *edge)
{
    json_open_object(all, NULL);
    json_put_text(all, "code", entry->code);
    json_put_text(all, "lan", entry->lan);
    json_put_text(all, "region", entry->region);
    if (entry->location.known) json_put_raw(all, "location", location_format(arena, &entry->location));
    json_put_text_or_null(all, "edge", edge ? edge->id : S(""));
    json_close(all);
}

static enum status run_lan_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    struct json_writer all = command_json(arena);
    (void)words;
    (void)count;
    TRY(load_registry(arena, &store, &registry, error));
    json_open_array(&all, NULL);
    for (size_t i = 0; i < registry.lan_count; i++) {
        const struct lan_entry *entry = &registry.lans[i];
        const struct whereabouts code = {.code = entry->code};
        struct place place;
        TRY(registry_find(&registry, arena, &code, &place, error));
        put_lan(arena, &all, entry, place.edge);
        if (!json) print_lan(entry, place.edge);
    }
    json_close(&all);
    if (json) command_print(&all);
    return STATUS_OK;
}

/* --- lan remove */

static const struct command lan_removal = {
    .name = "edge lan remove",
    .arguments = "CODE",
    .summary = "Takes a LAN's code out of the register.",
    .example = "pakhus edge lan remove --store s3://packages SHOP-7",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

static enum status run_lan_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    (void)count;
    TRY(stored_check_id(words[0], "CODE", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_remove_lan(store, command_io(arena), words[0], error));
    fprintf(stderr, STR_FMT ": removed\n", STR_ARG(words[0]));
    return STATUS_OK;
}

/* --- which of them */

static int cmd_add(int argc, char **argv)
{
    return command_main(&add, argc, argv, run_add);
}

static int cmd_list(int argc, char **argv)
{
    return command_main(&list, argc, argv, run_list);
}

static int cmd_show(int argc, char **argv)
{
    return command_main(&show, argc, argv, run_show);
}

static int cmd_remove(int argc, char **argv)
{
    return command_main(&removal, argc, argv, run_remove);
}

static int cmd_lan_set(int argc, char **argv)
{
    return command_main(&lan_set, argc, argv, run_lan_set);
}

static int cmd_lan_list(int argc, char **argv)
{
    return command_main(&lan_list, argc, argv, run_lan_list);
}

static int cmd_lan_remove(int argc, char **argv)
{
    return command_main(&lan_removal, argc, argv, run_lan_remove);
}

static int cmd_lan(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_lan_set, "register one, or change it"},
        {"list", cmd_lan_list, "which there are"},
        {"remove", cmd_lan_remove, "take one away"},
    };
    return command_choose("edge lan", entries, sizeof entries / sizeof *entries, argc, argv);
}

int cmd_edge(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"add", cmd_add, "register one, or change it"},
        {"list", cmd_list, "which there are"},
        {"show", cmd_show, "what one holds, and what is wanted there"},
        {"place", cmd_edge_place, "place a package on one by hand"},
        {"drop", cmd_edge_drop, "take a package off one"},
        {"remove", cmd_remove, "take one out of the register"},
        {"lan", cmd_lan, "LANs with a code of their own"},
        {"sync", cmd_edge_sync, "fill this edge's directory"},
    };
    return command_choose("edge", entries, sizeof entries / sizeof *entries, argc, argv);
}
