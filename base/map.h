/* A file in memory, page by page as it is looked at: the kernel may drop them again, so that its size costs address space only. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct map {
    char *bytes; /* may be written to: what is written stays in this process. NULL where the file is empty */
    size_t length;
};

/* A regular file, open for reading; unmapped with the arena. The file may be closed, but must not be made shorter by others meanwhile:
 * reading a page that is gone ends the process. */
enum status map_file(struct arena *, int fd, struct map *, struct error *);

#endif
