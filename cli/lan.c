#include <stdio.h>

#include "cli/fields.h"
#include "cli/stored.h"
#include "lib/placement/registry.h"

enum { ENTRY_LIMIT = 1 << 16 };

static struct str store_url, site, network, region, location;
static bool json;

/* --- add */

static const struct command_option add_options[] = {
    STORED_OPTION(&store_url),
    {"network", 'n', OPTION_TEXT, &network, "NETWORK", "such as 192.168.0.0/24; without it only the code names the LAN"},
    {"site", 0, OPTION_TEXT, &site, "SITE", "the shop that it is in, where others use the same network"},
    {"region", 0, OPTION_TEXT, &region, "REGION", "where it is: edges of the same region are near"},
    {"location", 0, OPTION_TEXT, &location, "LAT,LON", "where it is, in degrees"},
};
static const struct command add = {
    .name = "lan add",
    .arguments = "CODE",
    .summary = "Registers a LAN, which queries may then name by its code; again to change it.",
    .example = "pakhus lan add --store s3://packages SHOP-7 --site shop-7 --network 192.168.0.0/24 --location 31.2,121.5",
    COMMAND_OPTIONS(add_options),
    .least = 1,
    .most = 1,
};

static enum status run_add(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct lan_entry entry;
    struct buf out = buf_in(arena, ENTRY_LIMIT);
    (void)count;
    buf_add(&out, S("{\"code\":"));
    buf_add_json(&out, words[0]);
    fields_add_text(&out, "site", site);
    fields_add_text(&out, "network", network);
    fields_add_text(&out, "region", region);
    TRY(fields_add_location(&out, "location", location, error));
    buf_add(&out, S("}\n"));
    ENSURE(!out.overflow, error, STATUS_TOO_LARGE, "more than %d bytes to say of a LAN", ENTRY_LIMIT);
    TRY(lan_entry_parse(arena, buf_str(&out), &entry, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_put_lan(store, command_io(arena), buf_str(&out), &entry, error));
    fprintf(stderr, STR_FMT ": " STR_FMT "\n", STR_ARG(entry.code), STR_ARG(entry.lan));
    return STATUS_OK;
}

/* --- list */

static const struct command_option list_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print them as a JSON array"},
};
static const struct command list = {
    .name = "lan list",
    .arguments = "",
    .summary = "Lists the registered LANs: code, tab, LAN, tab, the edge that serves it.",
    .example = "pakhus lan list --store s3://packages",
    COMMAND_OPTIONS(list_options),
};

static void print_entry(struct arena *arena, const struct registry *registry, const struct lan_entry *entry, bool first)
{
    const struct edge *edge = registry_edge_of(registry, entry->lan);
    if (!json) {
        printf(STR_FMT "\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(entry->code), STR_ARG(entry->lan), STR_ARG(edge ? edge->id : S("-")));
        return;
    }
    struct buf out = buf_in(arena, ENTRY_LIMIT);
    buf_add(&out, first ? S("[{\"code\":") : S(",{\"code\":"));
    buf_add_json(&out, entry->code);
    fields_add_text(&out, "lan", entry->lan);
    if (edge) fields_add_text(&out, "edge", edge->id);
    printf(STR_FMT "}", STR_ARG(buf_str(&out)));
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_load(store, command_io(arena), &registry, error));
    for (size_t i = 0; i < registry.lan_count; i++) print_entry(arena, &registry, &registry.lans[i], i == 0);
    if (json) puts(registry.lan_count > 0 ? "]" : "[]");
    return STATUS_OK;
}

/* --- remove */

static const struct command_option remove_options[] = {STORED_OPTION(&store_url)};
static const struct command command_remove = {
    .name = "lan remove",
    .arguments = "CODE",
    .summary = "Forgets a registered LAN.",
    .example = "pakhus lan remove --store s3://packages SHOP-7",
    COMMAND_OPTIONS(remove_options),
    .least = 1,
    .most = 1,
};

static enum status run_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    (void)count;
    TRY(stored_check_id(words[0], "CODE", error));
    TRY(stored_open(arena, store_url, &store, error));
    return registry_remove_lan(store, command_io(arena), words[0], error);
}

static int cmd_add(int argc, char **argv)
{
    return command_main(&add, argc, argv, run_add);
}

static int cmd_list(int argc, char **argv)
{
    return command_main(&list, argc, argv, run_list);
}

static int cmd_remove(int argc, char **argv)
{
    return command_main(&command_remove, argc, argv, run_remove);
}

int cmd_lan(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"add", cmd_add, "register one, or change it"},
        {"list", cmd_list, "which there are"},
        {"remove", cmd_remove, "forget one"},
    };
    return command_choose("lan", entries, sizeof entries / sizeof *entries, argc, argv);
}
