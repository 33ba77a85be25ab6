/* Private to samples*.c. */
#ifndef DEMAND_SAMPLES_INTERNAL_H
#define DEMAND_SAMPLES_INTERNAL_H

#include "lib/demand/samples.h"

/* Of an id; stored objects depend on it. */
uint64_t sample_hash(struct str id);
/* samples/2026-11-22/ */
struct str samples_day_prefix(struct arena *, int64_t day);
extern const char samples_placed_letters[]; /* by enum sample_placed */

/* What one object holds by itself, of queries at any time; its own hour as its key says. */
struct sample_set samples_read_text(struct arena *, struct str text, int64_t hour, size_t most);

#endif
