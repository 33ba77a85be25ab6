#include "lib/store/wait_internal.h"

#include <stdatomic.h>
#include <stdio.h>

enum { FIRST_AFTER = 2 * CLOCK_SECOND, NEXT_AFTER = 5 * CLOCK_SECOND, TEXT = 480 };

static _Atomic(store_wait_fn *) listener;
static _Atomic int64_t told; /* when anything was last said: parts that are sent side by side wait for one store */

void store_tell_waits(store_wait_fn *tell)
{
    atomic_store(&listener, tell);
}

struct store_wait wait_begin(struct str name)
{
    return (struct store_wait){.name = name, .since = clock_monotonic()};
}

void wait_progress(struct store_wait *wait)
{
    wait->since = clock_monotonic();
}

void wait_failed(struct store_wait *wait, const struct error *error)
{
    snprintf(wait->why, sizeof wait->why, "%.*s", (int)sizeof wait->why - 1, error->text);
}

void wait_tick(const struct store_wait *wait)
{
    char text[TEXT];
    store_wait_fn *tell = atomic_load(&listener);
    int64_t now = clock_monotonic(), waited = now - wait->since, last = atomic_load(&told);
    if (!tell || waited < FIRST_AFTER || (last > 0 && now - last < NEXT_AFTER)) return;
    if (!atomic_compare_exchange_strong(&told, &last, now)) return;
    snprintf(text, sizeof text, "waiting for " STR_FMT " (%lld s): %s", STR_ARG(wait->name), (long long)(waited / CLOCK_SECOND),
             wait->why[0] ? wait->why : "no answer yet");
    tell(text);
}
