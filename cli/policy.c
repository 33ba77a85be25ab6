#include "lib/placement/policy.h"

#include <stdio.h>

#include "cli/stored.h"

enum { POLICY_LIMIT = 1 << 20 };

static struct str store_url;
static const struct command_option options[] = {STORED_OPTION(&store_url)};

/* --- set */

static const struct command set = {
    .name = "policy set",
    .arguments = "FILE.json",
    .summary = "Checks the policy that says what edges are to hold, and publishes it; '-' reads it from standard input.",
    .example = "pakhus policy set --store s3://packages policy.json",
    COMMAND_OPTIONS(options),
    .least = 1,
    .most = 1,
};

static enum status run_set(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct str text;
    struct policy policy;
    (void)count;
    TRY(command_read(arena, words[0].data, POLICY_LIMIT, &text, error));
    TRY(policy_parse(arena, text, &policy, error)); /* before there is a store: its words are of the policy */
    TRY(stored_open(arena, store_url, &store, error));
    TRY(policy_publish(store, command_io(arena), text, &policy, error));
    fprintf(stderr, "policy: generation %llu\n", (unsigned long long)policy.generation);
    return STATUS_OK;
}

/* --- show */

static const struct command show = {
    .name = "policy show",
    .arguments = "",
    .summary = "Prints the policy that holds.",
    .example = "pakhus policy show --store s3://packages",
    COMMAND_OPTIONS(options),
};

static enum status run_show(struct arena *arena, const struct str *words, int count, struct error *error)
{
    struct store *store;
    struct policy policy;
    (void)words;
    (void)count;
    TRY(stored_open(arena, store_url, &store, error));
    TRY(policy_load(store, command_io(arena), 0, &policy, error));
    if (policy.generation == 0) fputs("pakhus policy show: none was set; this is what holds until then\n", stderr);
    printf(STR_FMT, STR_ARG(policy_format(arena, &policy)));
    return STATUS_OK;
}

static int cmd_set(int argc, char **argv)
{
    return command_main(&set, argc, argv, run_set);
}

static int cmd_show(int argc, char **argv)
{
    return command_main(&show, argc, argv, run_show);
}

int cmd_policy(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"show", cmd_show, "print the one that holds"},
        {"set", cmd_set, "check one and publish it"},
    };
    return command_choose("policy", entries, sizeof entries / sizeof *entries, argc, argv);
}
