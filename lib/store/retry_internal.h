/* When to try again, whatever the service is. Seen only inside lib/store. */
#ifndef STORE_RETRY_INTERNAL
#define STORE_RETRY_INTERNAL

#include "lib/store/wait_internal.h"

/* Waits before the next try, the longer the more tries there were; false where the deadline is nearer. */
bool retry_pause(unsigned tries, struct deadline, struct store_wait *);

#endif
