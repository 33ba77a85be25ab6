/* `pakhus store …`: the store itself, not what is in it. */
#include <stdio.h>

#include "cli/edge.h"
#include "cli/stored.h"
#include "lib/catalog/channels.h"
#include "lib/catalog/newest.h"
#include "lib/edges/lookup.h"
#include "lib/store/document.h"
#include "lib/store/trial.h"

static struct str store_url;
static bool json;

static const struct command_option check_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print one JSON object"},
};
static const struct command check = {
    .name = "store check",
    .arguments = "",
    .summary =
        "Tries what the store does, also for writers at the same time, and says what that means; publish reads the outcome for a day.",
    .example = "pakhus store check --store s3://packages",
    COMMAND_OPTIONS(check_options),
};

static void print_row(void *context, const struct trial_result *result)
{
    (void)context;
    printf("%-8s %-26s " STR_FMT "\n", trial_verdict_name(result->verdict), result->name, STR_ARG(result->seen));
    if (result->verdict == TRIAL_WEAK || result->verdict == TRIAL_REFUSED) printf("%-8s %-26s (%s)\n", "", "", result->means);
    fflush(stdout); /* each takes a while */
}

static void put_row(void *context, const struct trial_result *result)
{
    struct json_writer *all = context;
    json_open_object(all, NULL);
    json_put_word(all, "name", result->name);
    json_put_word(all, "verdict", trial_verdict_name(result->verdict));
    json_put_lossy(all, "seen", result->seen);
    json_put_word(all, "means", result->means);
    json_close(all);
}

static void print_verdict(enum trial_verdict verdict)
{
    static const char *const words[] = {
        [TRIAL_GOOD] = "fit for Pakhus",
        [TRIAL_WEAK] = "fit for Pakhus, which does not rely on what is weak",
        [TRIAL_REFUSED] = "not fit: nothing is published there, since packages or updates could be lost or mixed up",
    };
    printf("%s\n", words[verdict]);
}

static enum status run_check(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    enum trial_verdict verdict;
    struct json_writer all = command_json(arena);
    (void)words, (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    json_open_object(&all, NULL);
    json_open_array(&all, "trials");
    TRY(store_try(store, command_upload_io(arena), json ? put_row : print_row, json ? &all : NULL, &verdict, error));
    json_close(&all);
    json_put_word(&all, "verdict", trial_verdict_name(verdict));
    json_close(&all);
    if (json)
        command_print(&all);
    else
        print_verdict(verdict);
    ENSURE(verdict != TRIAL_REFUSED, error, STATUS_UNSUPPORTED, "the store is not fit for Pakhus: see what is refused above");
    return STATUS_OK;
}

static const struct command_option upgrade_options[] = {STORED_OPTION(&store_url)};
static const struct command upgrade = {
    .name = "store upgrade",
    .arguments = "",
    .summary = "Moves what version 0.1 wrote into today's layout, and makes the look-up document of a large fleet. It can be stopped and "
               "repeated at any time, and older instances go on answering.",
    .example = "pakhus store upgrade --store s3://packages",
    COMMAND_OPTIONS(upgrade_options),
};

static enum status upgrade_channels(struct store *store, struct str app, size_t *count, struct error *error)
{
    bool moved;
    struct arena *arena = arena_new();
    enum status status = channels_upgrade((struct catalog){store, command_io(arena), app}, &moved, error);
    arena_free(arena);
    if (status != STATUS_OK) return status;
    *count += moved;
    if (moved) fprintf(stderr, "moved the channels of " STR_FMT "\n", STR_ARG(app));
    return STATUS_OK;
}

static enum status upgrade_newest(struct store *store, struct str app, size_t *count, struct error *error)
{
    struct arena *arena = arena_new();
    enum status status = newest_refresh((struct catalog){store, command_io(arena), app}, S(""), error);
    arena_free(arena);
    *count += status == STATUS_OK;
    return status;
}

typedef enum status upgrade_fn(struct store *, struct str app, size_t *count, struct error *);

/* Each app that has objects in the folder; one that fails does not keep the others. */
static enum status upgrade_each(struct arena *arena, struct store *store, const char *folder, upgrade_fn *one, struct error *error)
{
    struct str *apps;
    size_t count, done = 0;
    TRY(document_list((struct documents){store, command_upload_io(arena), folder}, &apps, &count, error));
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (one(store, apps[i], &done, error) == STATUS_OK) continue;
        fprintf(stderr, STR_FMT ": %s\n", STR_ARG(apps[i]), error->text);
        failed++;
    }
    fprintf(stderr, "%s: %zu of %zu apps\n", one == upgrade_channels ? "channels moved" : "newest version looked up", done, count);
    ENSURE(failed == 0, error, STATUS_INVALID, "%zu of %zu apps failed: mend what is said of them above, and repeat this", failed, count);
    return STATUS_OK;
}

/* The edges and LANs of a large fleet are looked up by a document of their own, which is made here, or made right. */
static enum status upgrade_lookup(struct arena *arena, struct store *store, struct error *error)
{
    struct registry registry;
    size_t changed;
    TRY(registry_load(store, edge_registry_io(arena), &registry, error));
    TRY(lookup_repair(store, edge_registry_io(arena), &registry, &changed, error));
    fprintf(stderr, "look-up document of edges: %zu entries corrected\n", changed);
    return STATUS_OK;
}

static enum status run_upgrade(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    (void)words, (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    struct error also;
    enum status channels = upgrade_each(arena, store, "channels", upgrade_channels, error);
    enum status newest = upgrade_each(arena, store, "packages", upgrade_newest, channels == STATUS_OK ? error : &also);
    enum status first = channels == STATUS_OK ? newest : channels;
    enum status lookup = upgrade_lookup(arena, store, first == STATUS_OK ? error : &also);
    return first == STATUS_OK ? lookup : first;
}

static int cmd_check(int argc, char **argv)
{
    return command_main(&check, argc, argv, run_check);
}

static int cmd_upgrade(int argc, char **argv)
{
    return command_main(&upgrade, argc, argv, run_upgrade);
}

int cmd_store(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"check", cmd_check, "try what a store does before it is relied on"},
        {"upgrade", cmd_upgrade, "move what version 0.1 wrote into today's layout"},
    };
    return command_choose("store", entries, sizeof entries / sizeof *entries, argc, argv);
}
