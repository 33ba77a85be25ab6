/* Where a server of this machine is reached. */
#ifndef CLI_SERVED_H
#define CLI_SERVED_H

#include "base/arena.h"

/* HOST:PORT of `pakhus serve` with the present settings: a listener on all addresses is also on the loopback one. */
struct str served_at(struct arena *);

#endif
