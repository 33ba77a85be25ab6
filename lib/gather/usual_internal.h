/* How long resources usually take: what the slowest twentieth of their last 64 fetches took more than. Bounded: a resource that has not
 * been asked for in a while makes room for another. Used by the pool's thread only. */
#ifndef GATHER_USUAL_INTERNAL_H
#define GATHER_USUAL_INTERNAL_H

#include <stdint.h>

struct usual;
struct usual *usual_new(void);
void usual_free(struct usual *);

void usual_note(struct usual *, uint64_t resource, int64_t milliseconds);
/* Milliseconds; -1 where too little is known of it. */
int64_t usual_p95(const struct usual *, uint64_t resource);

#endif
