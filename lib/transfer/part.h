/* A file that comes in pieces, over any number of runs:
 *
 *     FILE.part       what has come, from the beginning on, digested as it comes
 *     FILE.part.json  what it is part of (resume.h)
 *
 * It is locked while it is open. FILE appears at the end, whole, by rename. */
#ifndef TRANSFER_PART_H
#define TRANSFER_PART_H

#include "lib/transfer/progress.h"
#include "lib/transfer/resume.h"

struct part {
    struct arena *arena;
    const char *path, *part, *state;
    int fd;
    uint64_t offset; /* bytes that are there */
    struct resume resume;
    void *digest;
    struct progress *progress; /* NULL: none */
};

struct part_options {
    uint64_t size;             /* of the object; 0: not known */
    struct str sha256;         /* empty: not known */
    struct progress *progress; /* NULL: none */
};
/* What there is of that object is taken up; of another one nothing is. Closed with the arena. STATUS_PRECONDITION: another process is
 * loading it. STATUS_INVALID: FILE.part is a link, or no regular file. STATUS_TOO_LARGE: the disk has no room for the rest. */
enum status part_open(struct arena *, const char *path, const struct part_options *, struct part **, struct error *);
/* Nothing has come. */
enum status part_begin_again(struct part *, uint64_t size, struct str sha256, struct error *);
/* STATUS_TOO_LARGE: the disk is full. */
enum status part_append(struct part *, struct str bytes, struct error *);
/* Writes part->resume. Atomic. */
enum status part_remember(struct part *, struct error *);
/* Lower-case hexadecimal SHA-256 of all that came; ends the digest: until part_begin_again nothing more is appended. */
struct str part_sha256(struct part *);
/* Makes it durable, and FILE. */
enum status part_finish(struct part *, struct error *);

/* Of a file; empty where it cannot be read. */
struct str part_file_sha256(struct arena *, const char *path);

#endif
