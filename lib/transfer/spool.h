/* What a stream yields in a nameless file of its own, so that it can be read again (base/map.h) however large it is. */
#ifndef TRANSFER_SPOOL_H
#define TRANSFER_SPOOL_H

#include "base/io.h"

/* A new nameless file, open for reading and writing, in $TMPDIR or /tmp. The file goes when the arena does. */
enum status spool_open(struct arena *, int *fd, struct error *);
/* In $TMPDIR, or /tmp. The file goes when the arena does. Does not close the stream. */
enum status spool_stream(struct arena *, struct stream, int *fd, struct error *);
/* The same in `folder`; NULL: as spool_stream. */
enum status spool_stream_in(struct arena *, const char *folder, struct stream, int *fd, struct error *);

#endif
