/* Alibaba Function Compute, custom runtime: an HTTP server that the platform's requests tell apart by `x-fc-control-path`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lc_hosts.h"
#include "lc_error.h"
#include "lc_server.h"
#include "lc_settings.h"
#include "lc_signals.h"

/* The platform's limits: 8 KiB of headers and 4 KiB of path and query in, 8 KiB of headers out. */
enum { IDLE_TIMEOUT = 20 * 60, HEAD_MEMORY = 32 * 1024, LONGEST_CALL = 24 * 60 * 60, STOP_GRACE = 5000 };

static const struct log no_request;

struct fc {
    struct lc_server server;
    struct lc_settings settings;
    struct lc_instance instance;
    _Atomic bool failed; /* init did: the process ends */
};

static struct fc *fc_of(const struct lc_exchange *x)
{
    return x->server->options.context;
}

/* --- the platform's log lines and headers */

/* FC Invoke Start RequestId: <id>
 * FC Invoke End RequestId: <id>, Error: Unhandled function error */
static void write_line(const struct lc_exchange *x, const char *what, const char *when, bool failed)
{
    char line[256];
    int length = snprintf(line, sizeof line, "FC %s %s RequestId: " STR_FMT "%s\n", what, when, STR_ARG(str_first(x->call.request_id, 128)),
                          failed ? ", Error: Unhandled function error" : "");
    ssize_t written = write(STDOUT_FILENO, line, (size_t)length);
    (void)written; /* nowhere left to complain */
}

/* Work may begin on the loop and again on a worker: its start is told once. */
static void write_start(struct lc_exchange *x, const char *what)
{
    if (!x->announced) write_line(x, what, "Start", false);
    x->announced = true;
}

static void finish(struct lc_exchange *x, const char *what, bool failed)
{
    lc_header_add(x->call.arena, &x->response.headers, S("x-fc-status"), failed ? S("404") : S("200"));
    write_line(x, what, "End", failed);
}

static struct deadline deadline_of(const struct lc_headers *headers)
{
    uint64_t seconds;
    bool known = str_to_u64(lc_header_get(headers, S("x-fc-function-timeout")), &seconds) && seconds >= 1 && seconds <= LONGEST_CALL;
    return deadline_in(known ? (int64_t)seconds * CLOCK_SECOND : CLOCK_MINUTE);
}

static void read_platform_headers(struct lc_exchange *x)
{
    const struct lc_headers *headers = &x->request.headers;
    struct str id = lc_header_get(headers, S("x-fc-request-id"));
    if (id.length > 0 && id.length <= 128) x->call.request_id = x->call.log.request_id = id;
    x->call.deadline = deadline_of(headers);
    x->call.credentials = (struct lc_credentials){
        .access_key_id = lc_header_get(headers, S("x-fc-access-key-id")),
        .secret_access_key = lc_header_get(headers, S("x-fc-access-key-secret")),
        .session_token = lc_header_get(headers, S("x-fc-security-token")),
    };
}

/* --- work */

/* The platform starts another process where this one cannot serve. The answer is sent first. */
static void end_process(struct fc *fc)
{
    fc->failed = true;
    kill(getpid(), SIGTERM);
}

static enum status init_or_fail(struct lc_exchange *x)
{
    struct error error = {0};
    struct fc *fc = fc_of(x);
    enum status status = lc_instance_init(&fc->instance, &error);
    if (status == STATUS_OK) return status;
    log_error(x->call.log, "%s: init failed: %s", fc->instance.function->name, error.text);
    lc_problem(&x->call, &x->response, 500, NULL, S("the function could not be initialized"));
    end_process(fc);
    return status;
}

static enum status initialize(struct lc_exchange *x)
{
    write_start(x, "Initialize");
    x->response.status = 200;
    finish(x, "Initialize", init_or_fail(x) != STATUS_OK);
    return STATUS_OK;
}

static enum status invoke(struct lc_exchange *x)
{
    write_start(x, "Invoke");
    bool failed = init_or_fail(x) != STATUS_OK || lc_server_event(x, 500) != STATUS_OK;
    finish(x, "Invoke", failed);
    return STATUS_OK;
}

static enum status invoke_http(struct lc_exchange *x)
{
    if (x->call.no_wait && !lc_instance_is_ready(&fc_of(x)->instance)) return STATUS_WOULD_BLOCK;
    write_start(x, "Invoke");
    if (init_or_fail(x) == STATUS_OK && lc_server_http(x) == STATUS_WOULD_BLOCK) return STATUS_WOULD_BLOCK;
    if (lc_later_is_promised(&x->later)) return STATUS_OK;
    finish(x, "Invoke", x->response.status >= 500);
    return STATUS_OK;
}

static void note_refusal(struct lc_exchange *x)
{
    write_start(x, "Invoke");
    finish(x, "Invoke", x->response.status >= 500);
}

static enum status pre_stop(struct lc_exchange *x)
{
    write_start(x, "PreStop");
    x->response.status = 200;
    finish(x, "PreStop", !lc_instance_stop(&fc_of(x)->instance, STOP_GRACE));
    return STATUS_OK;
}

static enum status pre_freeze(struct lc_exchange *x)
{
    struct lc_instance *instance = &fc_of(x)->instance;
    write_start(x, "PreFreeze");
    if (instance->function->before_idle && lc_instance_is_ready(instance)) instance->function->before_idle(instance->state);
    x->response.status = 200;
    finish(x, "PreFreeze", false);
    return STATUS_OK;
}

/* --- which work */

static const struct {
    const char *path, *method;
    lc_work *work;
    bool of_function; /* counts as a call of the function */
} controls[] = {
    {"/invoke", "POST", invoke, true},
    {"/initialize", "POST", initialize, false},
    {"/pre-stop", "GET", pre_stop, false},
    {"/pre-freeze", "GET", pre_freeze, false},
};

/* The platform says what a request is; where it does not, the path does. An HTTP trigger's path is its caller's affair. */
static bool route_control(struct lc_exchange *x)
{
    struct str said = lc_header_get(&x->request.headers, S("x-fc-control-path"));
    struct str path = said.data ? said : x->request.path;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        if (!str_equal(path, str_of(controls[i].path)) || !str_equal(x->request.method, str_of(controls[i].method))) continue;
        x->work = controls[i].work;
        x->body_max = LC_REQUEST_BODY_LIMIT;
        if (controls[i].of_function) x->instance = &fc_of(x)->instance;
        return true;
    }
    return false;
}

static void route(struct lc_exchange *x)
{
    struct fc *fc = fc_of(x);
    read_platform_headers(x);
    if (route_control(x) || lc_server_route_own(x)) return;
    x->instance = &fc->instance;
    x->work = invoke_http;
    x->unguarded = true;
    x->body_max = LC_REQUEST_BODY_LIMIT;
    x->quick = fc->instance.function->quick;
}

/* --- from start to stop */

static enum status start(struct fc *fc, struct error *error)
{
    char address[64];
    const char *port = getenv("FC_SERVER_PORT");
    int listening;
    TRY(lc_settings_read(fc->instance.function->prefix, &fc->settings, error));
    snprintf(address, sizeof address, "0.0.0.0:%s", port && *port ? port : "9000");
    TRY(lc_server_listen(str_of(address), &listening, error));
    struct lc_server_options options = {
        .socket = listening,
        .admin_socket = -1,
        .threads = fc->settings.threads,
        .head_memory = HEAD_MEMORY,
        .idle_timeout = IDLE_TIMEOUT,
        .from_fc = true,
        .route = route,
        .refused = note_refusal,
        .context = fc,
        .instances = &fc->instance,
        .instance_count = 1,
        .admin_secret = fc->settings.admin_secret,
    };
    return lc_server_start(&fc->server, &options, error);
}

int lc_fc_run(const struct lc_function *function)
{
    static struct fc fc;
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of a write, not the end of the process */
    lc_signals_block(NULL);
    lc_instance_make(&fc.instance, function);
    if (start(&fc, &error) != STATUS_OK) {
        log_error(no_request, "%s", error.text);
        return EXIT_FAILURE;
    }
    lc_server_run(&fc.server);
    return fc.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
