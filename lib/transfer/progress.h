/* A progress bar on stderr, for what takes over a second, where stderr is a terminal. Otherwise silent.
 *
 *     upload base.apk  [==========>         ]  52 %  9.4 MB of 18 MB  31 MB/s  0:01 left */
#ifndef TRANSFER_PROGRESS_H
#define TRANSFER_PROGRESS_H

#include "base/io.h"

struct progress {
    const char *label;
    uint64_t total, done; /* bytes; total 0: not known */
    uint64_t before;      /* of those done, what was there at the start: it says nothing of the speed */
    int64_t started, drawn;
    bool visible;
    void (*report)(struct progress *); /* instead of the bar; may be NULL */
};

struct progress progress_start(const char *label, uint64_t total);
void progress_add(struct progress *, uint64_t bytes);
void progress_end(struct progress *); /* clears the line */

#endif
