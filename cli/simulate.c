#include "cli/simulate.h"

int cmd_simulate(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"admission", simulate_admission, "a release under each mode of a profile"},
        {"placement", simulate_placement, "a week of demand under a placement policy, and under caches"},
        {"token", simulate_token, "changes of a site behind a fleet of caches"},
    };
    return command_choose("simulate", entries, sizeof entries / sizeof *entries, argc, argv);
}
