/* Objects under `<prefix><day>/…`, such as decisions/2026-11-25/101500-3f0c….jsonl, and when they go. */
#ifndef DEMAND_DAYS_INTERNAL_H
#define DEMAND_DAYS_INTERNAL_H

#include "lib/store/store.h"

/* Removes those of days that ended before `before` ms, some ten thousand in a run. Keys that name no day are left alone. */
enum status days_drop(struct store *, struct io, struct str prefix, int64_t before, struct error *);

#endif
