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

/* What we know of a package may be out of date: it was published again, or the store is a copy. Whoever noticed it has said so, and it is
 * looked up once more. */
static enum status serve_again(struct task *task, struct error *error)
{
    task->outdated = false;
    *task->response = (struct lc_response){0};
    TRY(serve(task, error));
    if (task->outdated)
        log_error(task->call->log,
                  STR_FMT " is not the object that was published: no byte of it is sent; publishing the same package again mends it",
                  STR_ARG(task->content.key));
    return STATUS_OK;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct splice *splice = state;
    struct error error;
    struct task task = {.splice = splice, .call = call, .request = request, .response = response, .io = app_io(splice->app, call)};
    enum status status = serve(&task, &error);
    if (status == STATUS_OK && task.outdated) status = serve_again(&task, &error);
    if (status == STATUS_OK) return STATUS_OK;
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
