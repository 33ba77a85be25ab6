/* Local APKs: read as an apk_source, and what is said about them. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "cli/command.h"
#include "lib/apk/prepare.h"
#include "lib/transfer/progress.h"

/* Closed with the arena. */
enum status file_source(struct arena *, const char *path, struct apk_source *, struct error *);
int file_descriptor(const struct apk_source *); /* of one that file_source opened */
/* A source whose reads are shown as progress, which the caller ends. */
struct file_reading {
    struct apk_source inner;
    struct progress progress;
};
struct apk_source file_reading_start(struct file_reading *, const char *label, const struct apk_source *);
/* A v4 signature beside it belongs to exactly this file: a warning on stderr (S3). */
void file_warn_of_idsig(const char *path);
/* What apk_prepare did that a person should know, a line each on stderr. */
void file_tell_notes(const struct apk_prepared *);

#endif
