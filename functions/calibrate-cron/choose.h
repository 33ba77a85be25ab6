/* What a policy that sets itself ("auto") moves to, by what was recorded in the eight days before. */
#ifndef FUNCTIONS_CALIBRATE_CRON_CHOOSE_H
#define FUNCTIONS_CALIBRATE_CRON_CHOOSE_H

#include "functions/calibrate-cron/handler.h"

struct choosing {
    struct app *app;
    const struct calibrating *calibrating;
    const struct registry *registry;
    struct calibrated *out; /* its present policy is known */
};
/* Fills in what of `out` is of policies that set themselves, and publishes the new one where `calibrating` says so. A policy that was
 * published meanwhile stays. */
enum status choosing_run(const struct choosing *, struct io, struct error *);
struct str choosing_json(struct arena *, const struct calibrated *);

#endif
