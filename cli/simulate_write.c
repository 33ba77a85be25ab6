#include <errno.h>
#include <stdio.h>

#include "cli/simulate.h"

enum status simulate_write(struct str path, struct str text, struct error *error)
{
    FILE *file = fopen(path.data, "w");
    if (!file) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    bool whole = fwrite(text.data, 1, text.length, file) == text.length;
    if (fclose(file) != 0 || !whole) return error_errno(error, errno, STR_FMT, STR_ARG(path));
    return STATUS_OK;
}
