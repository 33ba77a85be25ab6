#include "functions/evict-cron/handler.h"

#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/cron.h"

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    *state = app;
    return STATUS_OK;
}

static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    return cron_event(state, CRON_EVICT, call, text, result, error);
}

const struct lc_function evict_cron_function = {
    .name = "evict-cron",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .event = event,
};
