/* Every command, in the order of the help. */
#include "cli/command.h"

static const struct command_entry commands[] = {
    {"serve", cmd_serve, "all functions on one port"},
    {"demo", cmd_demo, "fill a folder with a small demo, and serve it"},
    {"store", cmd_store, "whether a store does what Pakhus relies on"},
    {"prepare", cmd_prepare, "reserve a region for channel info in an APK"},
    {"publish", cmd_publish, "put a base package into the store"},
    {"unpublish", cmd_unpublish, "remove a package from the store"},
    {"release", cmd_release, "set the current version of an app"},
    {"channel", cmd_channel, "channels of an app and their settings"},
    {"url", cmd_url, "signed URLs with channel info of their own"},
    {"admission", cmd_admission, "profiles that spread the downloads of a release"},
    {"scene", cmd_scene, "lists of resources that are gathered into one answer"},
    {"fetch", cmd_fetch, "download a resource ahead of its deadline"},
    {"query", cmd_query, "ask where a device gets a package"},
    {"evaluate", cmd_evaluate, "decide by demand which packages edges should hold"},
    {"evict", cmd_evict, "evict packages that edges no longer need"},
    {"calibrate", cmd_calibrate, "suggest thresholds from observed downloads"},
    {"reconcile", cmd_reconcile, "copy to edges what is wanted there, and delete the rest"},
    {"policy", cmd_policy, "thresholds for placing and evicting packages"},
    {"edge", cmd_edge, "register, show and fill storage inside LANs"},
    {"report", cmd_report, "a page of what is in a store: releases, edges, demand, decisions"},
    {"simulate", cmd_simulate, "simulate placement, admission and cache tokens"},
    {"token", cmd_token, "cache tokens: updates that travel with the URL"},
    {"splice", cmd_splice, "make a channel package offline"},
    {"diff", cmd_diff, "make a patch from one version to another"},
    {"patch", cmd_patch, "apply a patch to an installed package"},
    {"inspect", cmd_inspect, "what is in an APK's signing block"},
    {"version", cmd_version, "version, commit and libraries of this program"},
};

int commands_run(int argc, char **argv)
{
    struct str word = str_of(argc > 1 ? argv[1] : "");
    if (str_equal(word, S("--version")) || str_equal(word, S("-V"))) return print_version();
    return command_choose("", commands, sizeof commands / sizeof *commands, argc, argv);
}

void commands_visit(const struct command_visitor *visitor)
{
    command_visit(visitor);
    commands_run(0, NULL);
    command_visit(NULL);
}
