#include <stdio.h>

#include "cli/client.h"
#include "cli/stored.h"
#include "lib/admission/answer.h"
#include "lib/admission/published.h"

static struct str store_url;
static const struct command_option store_options[] = {STORED_OPTION(&store_url)};

/* --- profile set */

static const struct command profile_set = {
    .name = "admission profile set",
    .arguments = "FILE.json",
    .summary = "Checks an admission profile and publishes it for its resource; '-' reads it from standard input.",
    .example = "pakhus admission profile set --store s3://packages game-2.0.json",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

static enum status run_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct admission_published published;
    (void)count;
    TRY(command_read(arena, words[0].data, 1 << 20, &text, error));
    TRY(admission_profile_prepare(arena, text, &text, &published.profile, error)); /* its errors come before those of the store */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(admission_publish(store, command_io(arena), text, &published, error));
    fprintf(stderr, STR_FMT ": generation %llu\n", STR_ARG(published.profile.resource), (unsigned long long)published.generation);
    return STATUS_OK;
}

/* --- profile show */

static const struct command profile_show = {
    .name = "admission profile show",
    .arguments = "RESOURCE",
    .summary = "Prints a resource's profile.",
    .example = "pakhus admission profile show --store s3://packages game-2.0",
    COMMAND_OPTIONS(store_options),
    .least = 1,
    .most = 1,
};

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct admission_published published;
    (void)count;
    TRY(stored_check_id(words[0], "RESOURCE", error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(admission_load(store, command_io(arena), words[0], 0, &published, error));
    fwrite(published.text.data, 1, published.text.length, stdout);
    return STATUS_OK;
}

/* --- profile list */

static bool json;
static const struct command_option list_options[] = {
    STORED_OPTION(&store_url),
    {"json", 0, OPTION_FLAG, &json, NULL, "print the resources as a JSON array"},
};
static const struct command profile_list = {
    .name = "admission profile list",
    .arguments = "",
    .summary = "Lists the resources that have a profile: resource, tab, mode, tab, release, tab, deadline.",
    .example = "pakhus admission profile list --store s3://packages",
    COMMAND_OPTIONS(list_options),
};

static enum status print_line(struct arena *arena, struct store *store, struct str resource, struct error *error)
{
    struct admission_published published;
    TRY(admission_load(store, command_io(arena), resource, 0, &published, error));
    printf(STR_FMT "\t%s\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(resource), admission_mode_name(published.profile.mode),
           STR_ARG(clock_format_time(arena, published.profile.release)), STR_ARG(clock_format_time(arena, published.profile.deadline)));
    return STATUS_OK;
}

static enum status run_list(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str *resources;
    size_t resource_count;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(admission_list(store, command_io(arena), &resources, &resource_count, error));
    for (size_t i = 0; !json && i < resource_count; i++) TRY(print_line(arena, store, resources[i], error));
    if (json) stored_print_ids(arena, resources, resource_count);
    return STATUS_OK;
}

/* --- ask */

static struct str client_id;
static int64_t now = ADMISSION_NEVER;
static const struct command_option ask_options[] = {
    STORED_OPTION(&store_url),
    {"client", 'c', OPTION_TEXT, &client_id, "ID", "id of the client", .required = true},
    {"now", 0, OPTION_TIME, &now, "TIME", "decide as if it were then"},
    CLIENT_OPTIONS,
};
static const struct command ask = {
    .name = "admission ask",
    .arguments = "RESOURCE",
    .summary = "Decides about one client as GET /admission does, and prints the answer.",
    .example = "pakhus admission ask --store s3://packages game-2.0 --client device-1 --now 2026-08-21T10:00:00Z",
    COMMAND_OPTIONS(ask_options),
    .least = 1,
    .most = 1,
};

static enum status run_ask(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct admission_published published;
    struct admission_client client;
    struct admission_answer answer;
    (void)count;
    TRY(stored_check_id(words[0], "RESOURCE", error));
    TRY(client_read(arena, client_id, &client, error));
    TRY(stored_open(arena, store_url, &store, error));
    TRY(admission_load(store, command_io(arena), words[0], 0, &published, error));
    TRY(admission_client_fits(&published.profile, &client, error));
    admission_decide(&published.profile, &client, now == ADMISSION_NEVER ? clock_now() : now, admission_fresh(), &answer);
    struct str text = admission_answer_json(arena, &published.profile, &answer);
    fwrite(text.data, 1, text.length, stdout);
    return STATUS_OK;
}

static int cmd_profile_set(int argc, char **argv)
{
    return command_main(&profile_set, argc, argv, run_set);
}

static int cmd_profile_show(int argc, char **argv)
{
    return command_main(&profile_show, argc, argv, run_show);
}

static int cmd_profile_list(int argc, char **argv)
{
    return command_main(&profile_list, argc, argv, run_list);
}

static int cmd_profile(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"set", cmd_profile_set, "check one and publish it"},
        {"show", cmd_profile_show, "print one"},
        {"list", cmd_profile_list, "which there are"},
    };
    return command_choose("admission profile", entries, sizeof entries / sizeof *entries, argc, argv);
}

static int cmd_ask(int argc, char **argv)
{
    return command_main(&ask, argc, argv, run_ask);
}

int cmd_admission(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"profile", cmd_profile, "admission profiles: set, show and list"},
        {"ask", cmd_ask, "may this client download now"},
    };
    return command_choose("admission", entries, sizeof entries / sizeof *entries, argc, argv);
}
