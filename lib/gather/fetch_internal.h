/* Fetches one thing in a worker: from the web over connections that are used again, or from the store. */
#ifndef GATHER_FETCH_INTERNAL_H
#define GATHER_FETCH_INTERNAL_H

#include "lib/gather/body_internal.h"
#include "lib/gather/message_internal.h"

struct fetcher;
/* One for the process. `channel` is watched during a fetch: what comes there is a cancel, or the end of the front, and then of this
 * process. */
struct fetcher *fetcher_new(int channel);

/* A memfd (body_internal.h) that the pool has to map before the first report. */
int fetcher_region(const struct fetcher *);
/* Fills the report; its texts live until the next fetch. *body: a sealed memfd for what has no room in the region, else -1; it stays the
 * fetcher's. */
void fetcher_run(struct fetcher *, const struct order *, struct report *, int *body);
void fetcher_drop(struct fetcher *); /* the body, once it has been handed over */

#endif
