#include "functions/prepare-upload/handler.h"

#include "base/json.h"
#include "base/version.h"
#include "functions/common/app.h"
#include "functions/prepare-upload/notices.h"
#include "lib/catalog/upload.h"

enum { STEP_TIME = 60 * CLOCK_SECOND, LIST_LIMIT = 1 << 20 };

/* What became of the notices. */
enum { PREPARED, FAILED, IGNORED, LISTS };
static const char *const list_names[LISTS] = {[PREPARED] = "prepared", [FAILED] = "failed", [IGNORED] = "ignored"};

struct task {
    struct app *app;
    struct lc_call *call;
    struct buf texts[LISTS];
    struct json_writer lists[LISTS]; /* an open array each */
    struct error again;              /* the last failure that may pass */
};

static void ignore(struct task *task, struct str object, struct str why)
{
    log_info(task->call->log, STR_FMT " is ignored: " STR_FMT, STR_ARG(object), STR_ARG(why));
    struct json_writer *list = &task->lists[IGNORED];
    json_open_object(list, NULL);
    json_put_lossy(list, "object", object);
    json_put_lossy(list, "why", why);
    json_close(list);
}

static void tell_prepared(struct task *task, const struct publish_plan *plan)
{
    const struct package *package = &plan->package;
    const struct apk_prepared *prepared = &plan->prepared;
    struct json_writer *list = &task->lists[PREPARED];
    log_info(task->call->log, STR_FMT "/" STR_FMT " is prepared and published: %llu bytes", STR_ARG(package->app),
             STR_ARG(package->version), (unsigned long long)package->size);
    json_open_object(list, NULL);
    json_put_text(list, "app", package->app);
    json_put_text(list, "version", package->version);
    json_put_number(list, "size", package->size);
    json_put_text(list, "sha256", package->sha256);
    json_open_array(list, "notes");
    for (int i = 0; i < prepared->note_count; i++) json_put_lossy(list, NULL, prepared->notes[i]);
    for (size_t i = 0; i < plan->warning_count; i++) json_put_lossy(list, NULL, plan->warnings[i]);
    json_close(list);
    json_close(list);
}

/* Whether the same package may fare better another time, without anyone's doing anything about it. */
static bool may_pass(enum status status)
{
    return status != STATUS_INVALID && status != STATUS_CORRUPT && status != STATUS_UNSUPPORTED && status != STATUS_TOO_LARGE &&
           status != STATUS_PRECONDITION;
}

static void tell_failed(struct task *task, struct str app, struct str version, const struct error *error)
{
    log_warn(task->call->log, STR_FMT "/" STR_FMT " is not prepared: %s", STR_ARG(app), STR_ARG(version), error->text);
    struct json_writer *list = &task->lists[FAILED];
    json_open_object(list, NULL);
    json_put_text(list, "app", app);
    json_put_text(list, "version", version);
    json_put_lossy(list, "problem", str_of(error->text));
    json_close(list);
    if (may_pass(error->status)) task->again = *error;
}

static enum status publish(struct task *task, struct str app, struct str version, struct error *error)
{
    struct publish_plan plan = {0};
    struct io io = app_io(task->app, task->call);
    io.deadline = deadline_within(task->call->deadline, STEP_TIME);
    TRY(upload_publish((struct catalog){task->app->store, io, app}, version, &plan, error));
    tell_prepared(task, &plan);
    return STATUS_OK;
}

/* Other bytes than a key may hold become '_'. */
static struct str as_key(struct arena *arena, struct str object)
{
    char *key = arena_cstr(arena, object);
    for (size_t i = 0; i < object.length; i++)
        if (!str_is_version(str_make(key + i, 1)) && !memchr("./=@,", key[i], 5)) key[i] = '_';
    return str_make(key, object.length);
}

/* A package whose name was not understood is not left without a word. */
static void take_other(struct task *task, const struct notice *notice)
{
    struct str key, whole = as_key(task->call->arena, notice->object);
    struct error error;
    struct store *store = task->app->store;
    bool is_ours = store_key_of(store, whole, &key);
    if (!is_ours || !upload_is_misnamed(str_from(notice->object, whole.length - key.length)))
        return ignore(task, notice->object, S("it is not uploads/<app>/<version>.apk of this store"));
    struct io io = app_io(task->app, task->call);
    io.deadline = deadline_within(task->call->deadline, STEP_TIME);
    enum status status = upload_refuse(store, io, key, notice->object, &error);
    log_warn(task->call->log, STR_FMT " is not prepared: %s", STR_ARG(notice->object), error.text);
    struct json_writer *list = &task->lists[FAILED];
    json_open_object(list, NULL);
    json_put_lossy(list, "object", notice->object);
    json_put_lossy(list, "problem", str_of(error.text));
    json_close(list);
    if (may_pass(status)) task->again = error;
}

static void take_notice(struct task *task, const struct notice *notice)
{
    struct str key, app, version;
    struct error error;
    if (!notice->created) return ignore(task, notice->object, arena_join(task->call->arena, S("it was not put: "), notice->event));
    bool is_upload = store_key_of(task->app->store, notice->object, &key) && upload_parse_key(key, &app, &version);
    if (!is_upload) return take_other(task, notice);
    enum status status = publish(task, app, version, &error);
    if (status == STATUS_NOT_FOUND) return ignore(task, notice->object, arena_copy(task->call->arena, str_of(error.text)));
    if (status != STATUS_OK) tell_failed(task, app, version, &error);
}

static void open_lists(struct task *task)
{
    for (int i = 0; i < LISTS; i++) {
        task->texts[i] = buf_in(task->call->arena, LIST_LIMIT);
        task->lists[i] = json_writer(&task->texts[i]);
        json_open_array(&task->lists[i], NULL);
    }
}

/* False where they are too long. */
static bool close_lists(struct task *task, struct str *result)
{
    struct buf out = buf_in(task->call->arena, LISTS * (LIST_LIMIT + 16));
    struct json_writer json = json_writer(&out);
    bool whole = true;
    json_open_object(&json, NULL);
    for (int i = 0; i < LISTS; i++) {
        json_close(&task->lists[i]);
        json_put_raw(&json, list_names[i], buf_str(&task->texts[i]));
        whole = whole && !task->texts[i].overflow;
    }
    json_close(&json);
    *result = buf_str(&out);
    return whole && !out.overflow;
}

static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    struct notices notices;
    struct arena *arena = call->arena;
    struct task task = {.app = state, .call = call};
    TRY(notices_parse(arena, text, &notices, error));
    open_lists(&task);
    if (notices.app.data) TRY(publish(&task, notices.app, notices.version, error));
    for (size_t i = 0; i < notices.count; i++) take_notice(&task, &notices.items[i]);
    if (task.again.status != STATUS_OK) return *error = task.again, error->status;
    ENSURE(close_lists(&task, result), error, STATUS_TOO_LARGE,
           "%zu notifications are too many to report individually; all were processed, see the log", notices.count);
    return STATUS_OK;
}

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    *state = app;
    return STATUS_OK;
}

static void metrics(void *state, struct buf *out)
{
    app_metrics(state, state, out);
}

const struct lc_function prepare_upload = {
    .name = "prepare-upload",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .event = event,
    .metrics = metrics,
};
