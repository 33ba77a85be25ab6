/* What a store does, tried for real: `pakhus store check`, and what `publish` asks before it writes. Trials write, read and remove keys
 * under `probe/`, and send some 50 MB to an s3:// store. */
#ifndef STORE_TRIAL_H
#define STORE_TRIAL_H

#include "lib/store/store.h"

enum trial_verdict {
    TRIAL_GOOD,
    TRIAL_WEAK,    /* it does not do what S3 does, and Pakhus does not rely on it */
    TRIAL_REFUSED, /* nothing is published there: packages or updates could be lost or mixed up */
    TRIAL_SKIPPED, /* nothing to try: the store does not offer it, or its URL says that it doesn't */
};
const char *trial_verdict_name(enum trial_verdict);

struct trial_result {
    const char *name;  /* "put-if-absent" */
    const char *means; /* what Pakhus does with it */
    enum trial_verdict verdict;
    struct str seen; /* what the store did */
};
typedef void trial_fn(void *context, const struct trial_result *);

/* Runs all trials, tells of each as it ends, and keeps the outcome in the store for a day: `probe/checked.json`. *verdict is the worst of
 * GOOD, WEAK and REFUSED. Fails where the store can't be asked. Texts are in io.arena. */
enum status store_try(struct store *, struct io, trial_fn *tell, void *context, enum trial_verdict *verdict, struct error *);

/* Call it before the first write. STATUS_UNSUPPORTED, with advice, if the store may lose or mix up what is published. It uses the outcome
 * that store_try or an earlier call kept within the last day. Without one it tries put-if-absent (also with simultaneous writers) and
 * presigned ranges, and keeps the outcome. Races with one winner each prove nothing: a server that fails now and then may pass. */
enum status store_probe(struct store *, struct io, struct error *);

#endif
