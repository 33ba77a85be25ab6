#include "lc_instance.h"

#include <time.h>

const char lc_body_too_large[] = "the request body is larger than this route takes";

static const uint64_t closed = UINT64_C(1) << 63;

void lc_instance_make(struct lc_instance *instance, const struct lc_function *function)
{
    *instance = (struct lc_instance){.function = function, .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void run_init(struct lc_instance *instance)
{
    const struct lc_function *function = instance->function;
    enum status status = function->init ? function->init(&instance->state, &instance->init_error) : STATUS_OK;
    if (status != STATUS_OK && instance->init_error.status == STATUS_OK)
        error_set(&instance->init_error, status, "init failed: %s", status_name(status));
    atomic_store(&instance->stage, status == STATUS_OK ? LC_READY : LC_FAILED);
}

enum status lc_instance_init(struct lc_instance *instance, struct error *error)
{
    if (lc_instance_is_ready(instance)) return STATUS_OK;
    pthread_mutex_lock(&instance->lock);
    if (instance->stage == LC_NEW) run_init(instance);
    int stage = instance->stage;
    pthread_mutex_unlock(&instance->lock);
    if (stage == LC_FAILED) *error = instance->init_error;
    return stage == LC_FAILED ? error->status : STATUS_OK;
}

bool lc_instance_is_ready(const struct lc_instance *instance)
{
    return atomic_load_explicit(&instance->stage, memory_order_acquire) == LC_READY;
}

bool lc_instance_enter(struct lc_instance *instance)
{
    if (!(atomic_fetch_add(&instance->running, 1) & closed)) return true;
    atomic_fetch_sub(&instance->running, 1);
    return false;
}

void lc_instance_leave(struct lc_instance *instance)
{
    atomic_fetch_sub(&instance->running, 1);
}

uint64_t lc_instance_running(const struct lc_instance *instance)
{
    return atomic_load(&instance->running) & ~closed;
}

/* Closes the door at a moment when nobody is inside. */
static bool drain(struct lc_instance *instance, int64_t grace)
{
    struct deadline until = deadline_in(grace);
    for (;;) {
        uint64_t nobody = 0;
        if (atomic_compare_exchange_strong(&instance->running, &nobody, closed)) return true;
        if (deadline_left(until) == 0) return false;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

bool lc_instance_stop(struct lc_instance *instance, int64_t grace)
{
    bool stopped = true;
    pthread_mutex_lock(&instance->lock);
    if (instance->stage == LC_READY) {
        stopped = drain(instance, grace);
        if (stopped) atomic_store(&instance->stage, LC_STOPPED);
        if (stopped && instance->function->stop) instance->function->stop(instance->state);
    }
    pthread_mutex_unlock(&instance->lock);
    if (!stopped)
        log_error((struct log){0}, "%s: %llu calls still run after %lld ms", instance->function->name,
                  (unsigned long long)lc_instance_running(instance), (long long)grace);
    return stopped;
}

static bool flush(struct lc_instance *instance)
{
    const struct lc_function *function = instance->function;
    if (function->before_idle) function->before_idle(instance->state);
    return function->before_idle || !function->stop;
}

void lc_instance_hurry(struct lc_instance *instance, struct deadline until)
{
    if (!lc_instance_is_ready(instance)) return;
    if (instance->function->hurry) instance->function->hurry(instance->state, until);
    flush(instance);
}

bool lc_instance_abandon(struct lc_instance *instance)
{
    if (!lc_instance_is_ready(instance)) return true;
    atomic_fetch_or(&instance->running, closed);
    return flush(instance);
}

static void fail(struct lc_instance *instance, struct lc_call *call, struct lc_response *response, const char *why)
{
    log_error(call->log, "%s: the handler failed: %s", instance->function->name, why);
    stream_close(&response->stream);
    lc_problem(call, response, 500, NULL, (struct str){NULL, 0});
}

enum status lc_instance_ready(struct lc_instance *instance, struct lc_call *call, struct error *error)
{
    const struct lc_function *function = instance->function;
    TRY(lc_instance_init(instance, error));
    ENSURE(lc_instance_enter(instance), error, STATUS_UNAVAILABLE, "it has been stopped");
    enum status status = function->ready ? function->ready(instance->state, call, error) : STATUS_OK;
    if (status != STATUS_OK && error->status == STATUS_OK) error_set(error, status, "%s", status_name(status));
    lc_instance_leave(instance);
    return status;
}

bool lc_instance_guard(struct lc_instance *instance, struct lc_call *call, const struct lc_request *request, struct lc_response *response,
                       size_t *body_max)
{
    const struct lc_function *function = instance->function;
    call->function = function;
    *response = (struct lc_response){0};
    if (!function->http) {
        lc_problem(call, response, 501, NULL, S("this function takes events, not HTTP requests"));
        return false;
    }
    if (!function->guard || function->guard(instance->state, call, request, response, body_max)) return true;
    if (response->status == 0) response->status = 403;
    return false;
}

bool lc_instance_admit(struct lc_instance *instance, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    size_t body_max = SIZE_MAX;
    if (!lc_instance_guard(instance, call, request, response, &body_max)) return false;
    if (request->body.length <= body_max) return true;
    lc_problem(call, response, 413, NULL, str_of(lc_body_too_large));
    return false;
}

struct str lc_instance_health(struct arena *arena, const struct lc_function *function)
{
    return function->version ? arena_printf(arena, "ok %s\n", function->version) : S("ok\n");
}

enum status lc_instance_http(struct lc_instance *instance, struct lc_call *call, const struct lc_request *request,
                             struct lc_response *response)
{
    *response = (struct lc_response){0};
    enum status status = instance->function->http(instance->state, call, request, response);
    if (status == STATUS_WOULD_BLOCK && call->no_wait) return status;
    if (response->status == 0) response->status = 200;
    bool sane = response->status >= 200 && response->status <= 599;
    if (status != STATUS_OK || !sane)
        fail(instance, call, response, status == STATUS_OK ? "the status code is not one from 200 to 599" : status_name(status));
    return STATUS_OK;
}

enum status lc_instance_event(struct lc_instance *instance, struct lc_call *call, struct str event, struct str *result, struct error *error)
{
    const struct lc_function *function = instance->function;
    *result = (struct str){0};
    ENSURE(function->event, error, STATUS_UNSUPPORTED, "%s takes HTTP requests, not events", function->name);
    enum status status = function->event(instance->state, call, event, result, error);
    if (status == STATUS_OK) return status;
    if (error->status == STATUS_OK) error_set(error, status, "%s", status_name(status));
    log_error(call->log, "%s: the event failed: %s", function->name, error->text);
    return status;
}
