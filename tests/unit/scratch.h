/* A folder of a test's own. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int scratch_remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* With all that is in it; links are not followed. */
static inline void scratch_remove(const char *folder)
{
    nftw(folder, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
