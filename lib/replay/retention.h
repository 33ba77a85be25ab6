/* When packages go (T3 and, where the policy goes by confidence, C2): no formula is published, so they come from replaying the recorded
 * demand (recorded.h) through the simulator (simulate.h) with candidates around the present values.
 *
 * Which of them: byte hits always grow when less is evicted, and what eviction buys is room and, where what went comes back, costs bytes
 * placed. So of the candidates that place no more bytes than the present values do, those whose byte hits are within half a percent of the
 * best are as good; of these the one is taken that keeps the least on edges (then places the least; then the present value). In other
 * words: what serves hardly anybody goes, as long as that costs neither hits nor copies.
 *
 * It stands here, not beside the formulas (calibrate.h): it replays, and lib/policy knows nothing of replays. */
#ifndef REPLAY_RETENTION_H
#define REPLAY_RETENTION_H

#include "lib/replay/recorded.h"

/* What the replay says of a policy. */
struct replayed {
    double byte_hit;       /* of all bytes asked for, the share that edges served */
    uint64_t bytes_placed; /* brought to edges */
    double bytes_kept;     /* on all edges together, on average over the time */
};
enum status retention_replay(const struct recorded *, const struct policy *, struct replayed *, struct error *);

struct retention {
    uint64_t t3;
    double c2; /* 0: the policy goes by n of N */
    struct replayed replayed;
};
/* Starts from `policy`, which has the present T3 and C2. STATUS_INVALID, and why: all candidates come to the same. */
enum status retention_choose(const struct recorded *, const struct policy *, struct retention *, struct error *);
/* The rule above: which of the results it takes, the first being that of the present values. */
size_t retention_pick(const struct replayed *, size_t count);

#endif
