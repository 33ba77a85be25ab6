#include <stdio.h>

#include "cli/fields.h"
#include "cli/stored.h"
#include "lib/placement/registry.h"
#include "lib/placement/state.h"

enum { EDGE_LIMIT = 1 << 20, PATIENCE = 2 * CLOCK_MINUTE };

static struct str store_url;
static bool json;

/* A fleet of edges is an object each to read. */
static struct io registry_io(struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(PATIENCE)};
}

/* --- add */

static struct str id, address, directory, lans, site, location, region, egress, edge_store, credentials;
static uint64_t quota = UINT64_MAX;
static bool splices;
static const struct command_option add_options[] = {
    STORED_OPTION(&store_url),
    {"id", 0, OPTION_TEXT, &id, "ID", "what the edge is called"},
    {"address", 'a', OPTION_TEXT, &address, "HOST[:PORT]", "where devices reach it"},
    {"directory", 0, OPTION_TEXT, &directory, "PATH", "what stands between host and package: /data/share"},
    {"lans", 'l', OPTION_TEXT, &lans, "LIST", "networks or codes of LANs that it serves, with commas between"},
    {"site", 0, OPTION_TEXT, &site, "SITE", "the shop that they are in, where others use the same networks"},
    {"egress", 0, OPTION_TEXT, &egress, "LIST", "public networks that the shop's queries come from"},
    {"location", 0, OPTION_TEXT, &location, "LAT,LON", "where it is, in degrees"},
    {"region", 0, OPTION_TEXT, &region, "REGION", "where it is: LANs of the same region are near"},
    {"quota", 'q', OPTION_SIZE, &quota, "BYTES", "of disk for packages; no limit unless said"},
    {"edge-store", 0, OPTION_TEXT, &edge_store, "URL", "its own store, s3://… or file:///…; without it the edge pulls"},
    {"credentials", 0, OPTION_TEXT, &credentials, "NAME", "of its store: <NAME>_ACCESS_KEY_ID and its kin in the environment"},
    {"splices", 0, OPTION_FLAG, &splices, NULL, "it runs 'pakhus serve': a base serves every channel"},
};
static const struct command add = {
    .name = "edge add",
    .arguments = "[FILE.json]",
    .summary = "Registers an edge, or changes it: a file ('-': standard input), or all of it as options.",
    .example = "pakhus edge add --store s3://packages --id shop-1 --address 192.168.0.5 --directory /data/share --lans 192.168.0.0/24 "
               "--site shop-1 --quota 64G",
    COMMAND_OPTIONS(add_options),
    .most = 1,
};

/* As the file would say it, so that one parser checks both. */
static enum status options_as_json(struct arena *arena, struct str *text, struct error *error)
{
    struct buf out = buf_in(arena, EDGE_LIMIT);
    buf_add(&out, S("{\"edge\":"));
    buf_add_json(&out, id);
    fields_add_text(&out, "address", address);
    fields_add_text(&out, "directory", directory);
    fields_add_list(&out, "lans", lans);
    fields_add_text(&out, "site", site);
    fields_add_list(&out, "egress", egress);
    TRY(fields_add_location(&out, "location", location, error));
    fields_add_text(&out, "region", region);
    if (quota != UINT64_MAX) buf_printf(&out, ",\"quota\":%llu", (unsigned long long)quota);
    fields_add_text(&out, "store", edge_store.data ? edge_store : S("pull"));
    fields_add_text(&out, "credentials", credentials);
    if (splices) buf_add(&out, S(",\"splices\":true"));
    buf_add(&out, S("}\n"));
    ENSURE(!out.overflow, error, STATUS_TOO_LARGE, "more than %d bytes to say of an edge", EDGE_LIMIT);
    *text = buf_str(&out);
    return STATUS_OK;
}

static bool has_options(void)
{
    return id.data || address.data || directory.data || lans.data || site.data || egress.data || location.data || region.data ||
           quota != UINT64_MAX || edge_store.data || credentials.data || splices;
}

static enum status run_add(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct edge edge;
    ENSURE((count == 1) != has_options(), error, STATUS_INVALID, "say the edge as FILE.json or as options, beginning with --id");
    if (count == 1)
        TRY(command_read(arena, words[0].data, EDGE_LIMIT, &text, error));
    else
        TRY(options_as_json(arena, &text, error));
    TRY(edge_parse(arena, text, &edge, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_put_edge(store, registry_io(arena), &edge, error));
    fprintf(stderr, STR_FMT ": serves %zu LAN%s\n", STR_ARG(edge.id), edge.lan_count, edge.lan_count == 1 ? "" : "s");
    return STATUS_OK;
}

/* --- list */

static const struct command_option list_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print the edges as a JSON array"},
};
static const struct command list = {
    .name = "edge list",
    .arguments = "",
    .summary = "Lists the edges: id, tab, address, tab, quota, tab, push or pull, tab, its LANs.",
    .example = "pakhus edge list --store s3://packages",
    COMMAND_OPTIONS(list_options),
};

static void print_quota(uint64_t bytes)
{
    if (bytes == UINT64_MAX)
        fputs("no limit", stdout);
    else
        printf("%llu", (unsigned long long)bytes);
}

static void print_edge(const struct edge *edge)
{
    printf(STR_FMT "\t" STR_FMT "\t", STR_ARG(edge->id), STR_ARG(edge->address));
    print_quota(edge->quota);
    printf("\t%s\t", edge->store.length > 0 ? "push" : "pull");
    for (size_t i = 0; i < edge->lan_count; i++) printf("%s" STR_FMT, i ? "," : "", STR_ARG(edge->lans[i]));
    puts(edge->lan_count > 0 ? "" : "-");
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct registry registry;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_load(store, registry_io(arena), &registry, error));
    for (size_t i = 0; i < registry.edge_count; i++) {
        const struct edge *edge = &registry.edges[i];
        if (json)
            printf("%s" STR_FMT, i ? "," : "[", STR_ARG(str_trim(edge_format(arena, edge))));
        else
            print_edge(edge);
    }
    if (json) puts(registry.edge_count > 0 ? "]" : "[]");
    return STATUS_OK;
}

/* --- show */

static const struct command_option show_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print all of it as JSON"},
};
static const struct command show = {
    .name = "edge show",
    .arguments = "EDGE",
    .summary = "Says what an edge is, what is wanted there and why, what it holds, and how much of its quota that takes.",
    .example = "pakhus edge show --store s3://packages shop-1",
    COMMAND_OPTIONS(show_options),
    .least = 1,
    .most = 1,
};

struct shown {
    struct edge edge;
    struct wanted wanted;
    struct held held;
    uint64_t wanted_bytes, held_bytes;
};

static void add_size(uint64_t *sum, uint64_t size)
{
    if (__builtin_add_overflow(*sum, size, sum)) *sum = UINT64_MAX;
}

static enum status load(struct arena *arena, struct str name, struct shown *shown, struct error *error)
{
    struct store *store;
    struct io io = command_io(arena);
    TRY(stored_check_id(name, "EDGE", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(registry_get_edge(store, io, name, &shown->edge, error));
    TRY(wanted_load(store, io, name, 0, &shown->wanted, error));
    TRY(held_load(store, io, name, 0, &shown->held, error));
    for (size_t i = 0; i < shown->wanted.count; i++)
        if (!shown->wanted.items[i].pending) add_size(&shown->wanted_bytes, shown->wanted.items[i].size);
    for (size_t i = 0; i < shown->held.count; i++) add_size(&shown->held_bytes, shown->held.items[i].size);
    return STATUS_OK;
}

static void print_json(struct arena *arena, const struct shown *shown)
{
    printf("{\"edge\":" STR_FMT, STR_ARG(str_trim(edge_format(arena, &shown->edge))));
    printf(",\"wanted\":" STR_FMT, STR_ARG(str_trim(wanted_format(arena, &shown->wanted))));
    printf(",\"held\":" STR_FMT, STR_ARG(str_trim(held_format(arena, &shown->held))));
    printf(",\"wanted_bytes\":%llu,\"held_bytes\":%llu}\n", (unsigned long long)shown->wanted_bytes, (unsigned long long)shown->held_bytes);
}

static const char *held_word(const struct shown *shown, struct str package)
{
    static const char *const words[] = {"held", "copying", "leaving"};
    const struct held_package *held = held_find_any(&shown->held, package);
    return held ? words[held->state] : "not held";
}

static void print_package(struct arena *arena, struct str package, uint64_t size, const char *wanted, const char *held, int64_t since)
{
    printf(STR_FMT "\t%llu\t%s\t%s\t" STR_FMT "\n", STR_ARG(package), (unsigned long long)size, wanted, held,
           STR_ARG(clock_format_time(arena, since)));
}

static void print_words(struct arena *arena, const struct shown *shown)
{
    printf("edge\t" STR_FMT "\naddress\t" STR_FMT STR_FMT "\nlans\t", STR_ARG(shown->edge.id), STR_ARG(shown->edge.address),
           STR_ARG(shown->edge.directory));
    for (size_t i = 0; i < shown->edge.lan_count; i++) printf("%s" STR_FMT, i ? "," : "", STR_ARG(shown->edge.lans[i]));
    fputs("\nquota\t", stdout);
    print_quota(shown->edge.quota);
    printf("\nwanted\t%llu\nheld\t%llu\n", (unsigned long long)shown->wanted_bytes, (unsigned long long)shown->held_bytes);
    for (size_t i = 0; i < shown->wanted.count; i++) {
        const struct wanted_package *item = &shown->wanted.items[i];
        const char *wanted = item->pending ? "pending" : policy_rule_name(item->reason);
        print_package(arena, item->package, item->size, wanted, held_word(shown, item->package), item->since);
    }
    for (size_t i = 0; i < shown->held.count; i++) {
        const struct held_package *item = &shown->held.items[i];
        if (wanted_find(&shown->wanted, item->package)) continue;
        print_package(arena, item->package, item->size, "not wanted", held_word(shown, item->package), item->since);
    }
}

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct shown shown = {0};
    (void)count;
    TRY(load(arena, words[0], &shown, error));
    if (json)
        print_json(arena, &shown);
    else
        print_words(arena, &shown);
    return STATUS_OK;
}

/* --- remove */

static const struct command_option remove_options[] = {STORED_OPTION(&store_url)};
static const struct command command_remove = {
    .name = "edge remove",
    .arguments = "EDGE",
    .summary = "Forgets an edge: no device is sent there any more. What lies on its disk stays.",
    .example = "pakhus edge remove --store s3://packages shop-1",
    COMMAND_OPTIONS(remove_options),
    .least = 1,
    .most = 1,
};

static enum status run_remove(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    (void)count;
    TRY(stored_check_id(words[0], "EDGE", error));
    TRY(stored_open(arena, store_url, &store, error));
    return registry_remove_edge(store, command_io(arena), words[0], error);
}

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
    return command_main(&command_remove, argc, argv, run_remove);
}

int cmd_edge(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"add", cmd_add, "register one, or change it"},
        {"list", cmd_list, "which there are"},
        {"show", cmd_show, "what one wants and holds"},
        {"remove", cmd_remove, "forget one"},
    };
    return command_choose("edge", entries, sizeof entries / sizeof *entries, argc, argv);
}
