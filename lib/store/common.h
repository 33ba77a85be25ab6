/* Small things that several files of the store need. */
#ifndef STORE_COMMON_H
#define STORE_COMMON_H

#include <pthread.h>

#include "base/clock.h"
#include "base/str.h"

/* For names that meet nobody's, and for what must not happen everywhere at once; not for keys. */
uint64_t store_random(void);
/* Quick, and for memory only: the values may differ between releases and machines. It begins with a start of one's own: where names come
 * from strangers a random one, so that they can't choose names that meet. */
uint64_t store_hash(uint64_t start, struct str);
void store_sleep(int64_t microseconds);

/* A header of HTTP, or a parameter of a URL. */
struct store_pair {
    struct str name, value;
};

/* A condition that is waited for until a deadline. */
void store_condition_init(pthread_cond_t *);
void store_condition_wait(pthread_cond_t *, pthread_mutex_t *, struct deadline);

#endif
