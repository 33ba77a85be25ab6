/* What `pakhus demo` is made of. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/store/store.h"

/* All have one version. The last one is asked for in the first days only, so that it is evicted. */
enum { DEMO_APPS = 6, DEMO_DAYS = 7 };
extern const char *const demo_apps[DEMO_APPS];
#define DEMO_VERSION "1.0"

/* A LAN that no edge serves: evaluate finds that one is missing there. */
#define DEMO_LONE_LAN "203.0.113.9/32@10.4.0.0/24"

/* Counts what the LANs ask for on one day of a made-up week, which began at `begin` (ms, a full hour). The same day can be recorded again:
 * it takes the place of what was recorded. The clock stands at the end of that day afterwards. */
enum status demo_record(struct arena *, struct store *, int64_t begin, unsigned day, struct error *);

#endif
