#include "functions/channel-range-splice/handler.h"

#include "base/version.h"
#include "functions/channel-range-splice/slices.h"
#include "functions/channel-range-splice/splice.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"

static enum status serve(struct task *task, struct error *error)
{
    bool is_patch = str_starts(task->request->path, S("/patches/"));
    return is_patch ? patch_serve(task, error) : package_serve(task, error);
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct splice *splice = state;
    struct error error;
    struct task task = {.splice = splice, .call = call, .request = request, .response = response, .io = app_io(splice->app, call)};
    if (serve(&task, &error) == STATUS_OK) return STATUS_OK;
    *response = (struct lc_response){0};
    return respond_error(call, response, &error);
}

/* --- life */

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    struct splice *splice = arena_new_of(app->arena, struct splice);
    *splice = (struct splice){.app = app, .filled = package_regions(app), .slices = slices_new(app)};
    *state = splice;
    return STATUS_OK;
}

static void metrics(void *state, struct buf *out)
{
    struct splice *splice = state;
    app_metrics(splice->app, state, out);
}

const struct lc_function channel_range_splice = {
    .name = "channel-range-splice",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .guard = routes_guard,
    .http = http,
    .metrics = metrics,
    .quick = true,
};
