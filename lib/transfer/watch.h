/* A stream that is watched as it passes: its bytes are digested (SHA-256) and shown as progress. */
#ifndef TRANSFER_WATCH_H
#define TRANSFER_WATCH_H

#include "base/io.h"
#include "lib/transfer/progress.h"

struct watch;

/* State in the arena; closing the watched stream closes the inner one. `progress` may be NULL. */
struct watch *watch_new(struct arena *, struct stream inner, struct progress *);
struct stream watch_stream(struct watch *);
/* Lower-case hexadecimal SHA-256 of what has passed; ends the digest: call once, at the end. */
struct str watch_sha256(struct watch *, struct arena *);

#endif
