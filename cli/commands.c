/* Every command, in the order of the help. */
#include "cli/command.h"

static const struct command_entry commands[] = {
    {"serve", cmd_serve, "all functions on one port"},
    {"store", cmd_store, "whether a store does what Pakhus relies on"},
    {"prepare", cmd_prepare, "reserve a region for channel info in an APK"},
    {"publish", cmd_publish, "put a base package into the store"},
    {"unpublish", cmd_unpublish, "take a package out of the store"},
    {"release", cmd_release, "say which version of an app is current"},
    {"channel", cmd_channel, "an app's channels, and what holds for all of them"},
    {"url", cmd_url, "signed URLs with channel info of their own"},
    {"admission", cmd_admission, "who may download when, ahead of a deadline"},
    {"scene", cmd_scene, "many resources that are gathered into one answer"},
    {"fetch", cmd_fetch, "download a resource ahead of its deadline"},
    {"query", cmd_query, "where a device gets a package, and that it asked"},
    {"evaluate", cmd_evaluate, "which packages edges should hold, by demand"},
    {"evict", cmd_evict, "which packages edges need hold no longer"},
    {"calibrate", cmd_calibrate, "thresholds from what decisions came to"},
    {"reconcile", cmd_reconcile, "make edges hold what is wanted there"},
    {"policy", cmd_policy, "when packages are placed on edges, and when they go"},
    {"edge", cmd_edge, "storage inside LANs: registered, looked at, filled"},
    {"simulate", cmd_simulate, "what would happen to origin and edges"},
    {"token", cmd_token, "cache updates that travel with the URL"},
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
