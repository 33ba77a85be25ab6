/* Replay: what a policy, or a cache in its place, would have made of demand.
 *
 *     trace.h        who asked for what when: read from a file, or made up
 *     recorded.h     a trace of the demand that was counted (lib/demand)
 *     simulate.h     a trace replayed under a policy (lib/policy) or a cache
 *     choose.h       which setting a policy that sets itself would choose
 *     retention.h    which thresholds of eviction do best in the replay
 *
 * No other module of lib/ uses this one. */
#ifndef REPLAY_REPLAY_H
#define REPLAY_REPLAY_H

#include "lib/replay/choose.h"
#include "lib/replay/recorded.h"
#include "lib/replay/retention.h"
#include "lib/replay/simulate.h"
#include "lib/replay/trace.h"

#endif
