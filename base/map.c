#include "base/map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void unmap(void *context)
{
    struct map *map = context;
    if (map->bytes) munmap(map->bytes, map->length);
}

enum status map_file(struct arena *arena, int fd, struct map *out, struct error *error)
{
    struct stat stat;
    *out = (struct map){NULL, 0};
    if (fstat(fd, &stat) != 0) return error_errno(error, errno, "mapping");
    ENSURE(S_ISREG(stat.st_mode), error, STATUS_INVALID, "not a regular file");
    if (stat.st_size == 0) return STATUS_OK;
    if ((uint64_t)stat.st_size > SIZE_MAX) return error_errno(error, ENOMEM, "mapping");
    struct map *map = arena_new_of(arena, struct map); /* before the mapping is made: nothing is left behind when memory runs out */
    arena_defer(arena, unmap, map);
    void *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (bytes == MAP_FAILED) return error_errno(error, errno, "mapping");
    *map = *out = (struct map){bytes, (size_t)stat.st_size};
    return STATUS_OK;
}
