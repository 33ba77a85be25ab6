/* Says what is being waited for, where a person is waiting too: after two seconds without progress, and every five from then on. */
#ifndef STORE_WAIT_INTERNAL
#define STORE_WAIT_INTERNAL

#include "base/clock.h"
#include "lib/store/store.h"

/* One operation with all its tries. */
struct store_wait {
    struct str name; /* of what is waited for */
    int64_t since;   /* of its beginning or its last progress, monotonic */
    char why[160];   /* the last try failed; empty: there is no answer yet */
};

struct store_wait wait_begin(struct str name);
void wait_progress(struct store_wait *);
void wait_failed(struct store_wait *, const struct error *);
/* Called at least once a second while nothing happens. */
void wait_tick(const struct store_wait *);

#endif
