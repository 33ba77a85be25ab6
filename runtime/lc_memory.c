#include "lc_memory.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A file that holds a number of bytes, or "max"; UINT64_MAX where there is none. */
static uint64_t read_limit(const char *path)
{
    char line[32];
    uint64_t bytes;
    FILE *file = fopen(path, "re");
    if (!file) return UINT64_MAX;
    bool found = fgets(line, sizeof line, file) && str_to_u64(str_trim(str_of(line)), &bytes);
    fclose(file);
    return found && bytes > 0 ? bytes : UINT64_MAX;
}

static uint64_t of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
}

static uint64_t of_process(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : UINT64_MAX;
}

/* In a container its own control group is the root that it sees. */
uint64_t lc_memory_size(void)
{
    uint64_t v2 = read_limit("/sys/fs/cgroup/memory.max"), v1 = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    return least(least(v1, v2), least(of_machine(), of_process()));
}
