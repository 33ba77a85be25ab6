/* What the server's hosts have in common: its own pages, and a function's two kinds of work. */
#include <stdlib.h>
#include <unistd.h>

#include "lc_admin.h"
#include "lc_error.h"
#include "lc_server.h"
#include "lc_signals.h"

enum { GRACE = 10 * 1000, STUCK_GRACE = 50, METRICS_LIMIT = 4 * 1024 * 1024 };

static const struct log no_request;

static void answer_text(struct lc_exchange *x, struct str type, struct str body)
{
    x->response = (struct lc_response){.status = 200, .body = body};
    lc_header_add(x->call.arena, &x->response.headers, S("Content-Type"), type);
    lc_header_add(x->call.arena, &x->response.headers, S("Cache-Control"), S("no-store"));
}

static enum status write_metrics(struct lc_exchange *x)
{
    const struct lc_server_options *options = &x->server->options;
    struct buf out = buf_in(x->call.arena, METRICS_LIMIT);
    struct lc_metrics_source *sources = arena_array(x->call.arena, options->instance_count, sizeof *sources);
    for (size_t i = 0; i < options->instance_count; i++) {
        struct lc_instance *instance = &options->instances[i];
        sources[i] = (struct lc_metrics_source){instance->function->name, &instance->metrics, lc_instance_running(instance)};
    }
    lc_metrics_write_build(&out, options->instances[0].function);
    lc_metrics_write(&out, sources, options->instance_count);
    for (size_t i = 0; i < options->instance_count; i++) {
        struct lc_instance *instance = &options->instances[i];
        if (!instance->function->metrics || !lc_instance_enter(instance)) continue;
        if (lc_instance_is_ready(instance)) instance->function->metrics(instance->state, &out);
        lc_instance_leave(instance);
    }
    answer_text(x, S("text/plain; version=0.0.4"), buf_str(&out));
    return STATUS_OK;
}

/* The first function that is not ready says for all why the server is not. */
static enum status answer_ready(struct lc_exchange *x)
{
    const struct lc_server_options *options = &x->server->options;
    struct error error = {0};
    if (x->server->draining) return lc_problem(&x->call, &x->response, 503, NULL, S("the server is about to stop")), STATUS_OK;
    for (size_t i = 0; i < options->instance_count; i++) {
        struct lc_instance *instance = &options->instances[i];
        if (lc_instance_ready(instance, &x->call, &error) == STATUS_OK) continue;
        lc_problem(&x->call, &x->response, 503, NULL, arena_printf(x->call.arena, "%s: %s", instance->function->name, error.text));
        log_warn(x->call.log, "not ready: %s: %s", instance->function->name, error.text);
        return STATUS_OK;
    }
    answer_text(x, S("text/plain"), S("ready\n"));
    return STATUS_OK;
}

void lc_server_refuse_method(struct lc_exchange *x, const char *methods)
{
    lc_problem(&x->call, &x->response, 405, NULL, S("this path takes other methods; Allow lists them"));
    lc_header_add(x->call.arena, &x->response.headers, S("Allow"), str_of(methods));
}

static void route_health(struct lc_exchange *x)
{
    if (str_equal(x->request.query, S("ready"))) {
        x->work = answer_ready;
        return;
    }
    answer_text(x, S("text/plain"), lc_instance_health(x->call.arena, x->server->options.instances[0].function));
}

bool lc_server_route_own(struct lc_exchange *x)
{
    bool reads = str_equal(x->request.method, S("GET")) || str_equal(x->request.method, S("HEAD"));
    bool health = str_equal(x->request.path, S("/healthz"));
    if (!health && !str_equal(x->request.path, S("/metrics"))) return false;
    if (!reads)
        lc_server_refuse_method(x, "GET, HEAD");
    else if (health)
        route_health(x);
    else if (lc_admin_may(x))
        x->work = write_metrics;
    return true;
}

enum status lc_server_http(struct lc_exchange *x)
{
    if (x->unguarded && !lc_instance_admit(x->instance, &x->call, &x->request, &x->response)) return STATUS_OK;
    return lc_instance_http(x->instance, &x->call, &x->request, &x->response);
}

enum status lc_server_event(struct lc_exchange *x, int error_status)
{
    struct error error = {0};
    struct str result;
    enum status status = lc_instance_event(x->instance, &x->call, x->request.body, &result, &error);
    if (status != STATUS_OK) result = lc_error_json(x->call.arena, lc_error_type(x->call.arena, status), str_of(error.text));
    answer_text(x, S("application/json"), result.length > 0 ? result : S("null"));
    if (status != STATUS_OK) x->response.status = error_status;
    return status == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}

/* False: something that a function holds could not be stored. A stuck call costs nobody else anything. */
static bool stop_instance(struct lc_instance *instance)
{
    return lc_instance_stop(instance, STUCK_GRACE) || lc_instance_abandon(instance);
}

void lc_server_run(struct lc_server *server)
{
    struct lc_server_options options = server->options;
    bool saved = true;
    lc_signals_wait();
    bool ended = lc_server_stop(server, GRACE);
    for (size_t i = 0; i < options.instance_count; i++) saved = stop_instance(&options.instances[i]) && saved;
    if (ended) return;
    log_error(no_request, saved ? "a call does not end: the process does, and everything is stored"
                                : "a call does not end: the process does, and what its function held is lost");
    _exit(saved ? EXIT_SUCCESS : EXIT_FAILURE);
}
