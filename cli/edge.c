#include "cli/edge.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/stored.h"
#include "lib/demand/callers.h"
#include "lib/edges/edges.h"

static struct str store_url;
static bool json;
static const struct command_option store_options[] = {STORED_OPTION(&store_url)};
static const struct command_option shown_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print it as JSON"},
};

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
    edge_print(edge);
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
    TRY(state_forget(store, edge_registry_io(arena), words[0], &found, error));
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
    TRY(command_read(arena, words[0].data, EDGE_ENTRY_LIMIT, &text, error));
    TRY(lan_entry_parse(arena, text, &entry, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_put_lan(store, edge_registry_io(arena), text, &entry, error));
    fprintf(stderr, STR_FMT ": " STR_FMT "\n", STR_ARG(entry.code), STR_ARG(entry.lan));
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

static int cmd_lan_remove(int argc, char **argv)
{
    return command_main(&lan_removal, argc, argv, run_lan_remove);
}

static int cmd_lan(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_lan_set, "register one, or change it"},
        {"list", cmd_edge_lan_list, "which there are"},
        {"remove", cmd_lan_remove, "take one away"},
    };
    return command_choose("edge lan", entries, sizeof entries / sizeof *entries, argc, argv);
}

int cmd_edge(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"add", cmd_edge_add, "register one, or change it"},
        {"list", cmd_edge_list, "which there are"},
        {"show", cmd_show, "what one holds, and what is wanted there"},
        {"place", cmd_edge_place, "place a package on one by hand"},
        {"drop", cmd_edge_drop, "take a package off one"},
        {"remove", cmd_remove, "take one out of the register"},
        {"lan", cmd_lan, "LANs with a code of their own"},
        {"sync", cmd_edge_sync, "fill this edge's directory"},
    };
    return command_choose("edge", entries, sizeof entries / sizeof *entries, argc, argv);
}
