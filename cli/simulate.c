#include "cli/simulate.h"

#include <errno.h>
#include <stdio.h>

enum status simulate_write(struct str path, struct str text, struct error *error)
{
    FILE *file = fopen(path.data, "w");
    if (!file) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    bool whole = fwrite(text.data, 1, text.length, file) == text.length;
    if (fclose(file) != 0 || !whole) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    return STATUS_OK;
}

int cmd_simulate(int argc, char **argv)
{
    static const struct command_entry entries[] = {
        {"admission", simulate_admission, "a release under each mode of a profile"},
        {"placement", simulate_placement, "a week of demand under a placement policy, and under caches"},
        {"token", simulate_token, "changes of a site behind a fleet of caches"},
    };
    return command_choose("simulate", entries, sizeof entries / sizeof *entries, argc, argv);
}
