/* A file that appears whole or not at all: written without a name where the file system can do that, else under another one; made durable,
 * then put in its place. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/transfer/progress.h"

struct output;

/* What is not committed is gone when the arena ends. STATUS_INVALID where `path` is there and no regular file. */
enum status output_open(struct arena *, const char *path, struct output **, struct error *);
/* Appends. A copy is left to the file system where it can share blocks or copy by itself. */
enum status output_write(struct output *, const void *bytes, size_t length, struct error *);
enum status output_copy(struct output *, struct io_place from, uint64_t length, struct progress *, struct error *);
enum status output_stream(struct output *, struct stream, struct error *); /* to its end; does not close it */
/* Writes over what is there. */
enum status output_write_at(struct output *, uint64_t offset, const void *bytes, size_t length, struct error *);
int output_descriptor(const struct output *); /* to read what was written before it is committed */
enum status output_commit(struct output *, struct error *);

#endif
