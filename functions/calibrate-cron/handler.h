/* {"pakhus":"calibrate",…} by schedule, timer or direct invoke: thresholds from what decisions came to (P16). */
#ifndef FUNCTIONS_CALIBRATE_CRON_HANDLER_H
#define FUNCTIONS_CALIBRATE_CRON_HANDLER_H

#include "functions/common/app.h"
#include "lib/placement/calibrate.h"

extern const struct lc_function calibrate_cron_function;

struct calibrating {
    int64_t now;
    uint64_t samples; /* at most */
    int64_t horizon;  /* ms after a query in which a download counts; 0: one of the policy's placing windows */
    bool apply;       /* writes the policy; else proposes */
};
void calibrating_default(struct calibrating *);
/* Reads samples over all the time that the policy looks back, but for those whose horizon is not over. */
enum status calibrating_run(struct app *, struct io, const struct calibrating *, struct calibration *, struct error *);
struct str calibrating_json(struct arena *, const struct calibrating *, const struct calibration *);

#endif
