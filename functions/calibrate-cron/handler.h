/* {"pakhus":"calibrate",…} by schedule, timer or direct invoke: thresholds from what decisions came to (P16), and from replaying what was
 * asked for (lib/replay/replay.h). The two kinds of evidence have nothing to do with each other: where P16 refuses T1, T2 and C1, T3
 * and C2 may still follow, and the other way round. What does not follow is said why, and keeps its value. */
#ifndef FUNCTIONS_CALIBRATE_CRON_HANDLER_H
#define FUNCTIONS_CALIBRATE_CRON_HANDLER_H

#include "functions/common/app.h"
#include "lib/demand/downloads.h"
#include "lib/policy/calibrate.h"
#include "lib/replay/choose.h"
#include "lib/replay/retention.h"

extern const struct lc_function calibrate_cron_function;

struct calibrating {
    int64_t now;
    uint64_t samples; /* at most */
    int64_t horizon;  /* ms after a query in which a download counts; 0: one of the policy's placing windows */
    bool apply;       /* writes the policy; else proposes */
    bool moves;       /* the same of a policy that sets itself ("auto"), which a schedule moves */
    bool formulas;    /* P16 also where the policy sets itself */
    /* Reads access logs; NULL: there are none. */
    enum status (*import)(void *context, const struct registry *, struct downloads *, struct error *);
    void *context;
};
void calibrating_default(struct calibrating *);
extern const char *const calibrating_methods[]; /* "auto", "formulas" */

struct calibrated {
    struct calibration thresholds;  /* its counts always */
    struct error refused;           /* why T1, T2 and C1 do not follow; STATUS_OK: they do */
    struct error retention_refused; /* why T3 and C2 do not follow; STATUS_OK: they do, C2 where the policy goes by confidence */
    struct policy present, proposed;
    bool replayed; /* there is recorded demand: what comes of both policies */
    uint64_t requests, factor;
    struct replayed present_replayed, proposed_replayed;
    struct download_counts log; /* where logs were read */
    bool applied;
    bool automatic;      /* the policy sets itself: `refused`, `requests` and what follows here are filled in, and nothing else */
    double share, asked; /* recorded.h */
    bool begins;         /* no replay has chosen yet, and the setting to begin with is another one than that in force */
    struct choice choice;
};
/* Reads samples over all the time that the policy looks back, but for those whose horizon is not over; and demand up to now. T3 and C2 are
 * chosen for the policy as it will be with T1, T2 and C1. STATUS_OK also where nothing follows. */
enum status calibrating_run(struct app *, struct io, const struct calibrating *, struct calibrated *, struct error *);
bool calibrated_follows(const struct calibrated *); /* anything does */
struct str calibrating_json(struct arena *, const struct calibrating *, const struct calibrated *);

#endif
