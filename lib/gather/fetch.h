/* Fetches one thing in a worker: from the web over connections that are used again, or from the store. */
#ifndef GATHER_FETCH_H
#define GATHER_FETCH_H

#include "lib/gather/body.h"
#include "lib/gather/message.h"

struct fetcher;
/* One for the process. `channel` is watched during a fetch: what comes there is a cancel, or the end of the front, and then of this
 * process. */
struct fetcher *fetcher_new(int channel);

/* Fills the report but for its ticket; its texts live until the next fetch. The body is sealed where the report's length is not 0, and
 * stays the fetcher's. */
void fetcher_run(struct fetcher *, const struct order *, struct report *, int *body);
void fetcher_drop(struct fetcher *); /* the body, once it has been handed over */

#endif
