/* What FILE.part is a part of: FILE.part.json. */
#ifndef TRANSFER_RESUME_H
#define TRANSFER_RESUME_H

#include "base/io.h"

enum { RESUME_SOURCES_MAXIMUM = 64 };

struct resume {
    uint64_t size;     /* 0: not known yet */
    struct str sha256; /* may be empty */
    struct resume_source {
        struct str name;      /* its URL without the query, where signatures change */
        struct str validator; /* may be empty */
    } sources[RESUME_SOURCES_MAXIMUM];
    size_t source_count; /* those that bytes came from */
};

/* False where there is none, or none that makes sense. */
bool resume_load(struct arena *, const char *path, struct resume *);
/* Atomic. */
enum status resume_save(struct arena *, const char *path, const struct resume *, struct error *);

struct str resume_name(struct str url);
struct resume_source *resume_find(struct resume *, struct str name); /* NULL: no bytes came from there */

#endif
