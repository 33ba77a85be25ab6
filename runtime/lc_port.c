/* A plain port: one function, or several behind path prefixes. Events come as HTTP requests, from whoever lc_admin_may lets in. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lc_admin.h"
#include "lc_hosts.h"
#include "lc_server.h"
#include "lc_settings.h"
#include "lc_signals.h"

/* A head of 12 KiB, and what is answered to it. With 32 KiB redirects would come at three quarters of the speed. */
enum { IDLE_TIMEOUT = 75, HEAD_MEMORY = 16 * 1024 };

static const struct log no_request;

struct mount {
    struct str path; /* without a slash at its end */
    struct lc_instance *instance;
    bool operators;
};

struct port {
    struct lc_server server;
    struct lc_settings settings;
    struct lc_instance *instances;
    size_t instance_count;
    struct mount *mounts;
    size_t mount_count;
    struct str admin; /* where the admin listener is; empty: there is none */
    bool single;      /* one function, which need not be named to be invoked */
};

/* --- which function */

static bool is_under(struct str path, struct str mount)
{
    return str_starts(path, mount) && (path.length == mount.length || path.data[mount.length] == '/');
}

static const struct mount *find_mount(const struct port *port, struct str path)
{
    const struct mount *best = NULL;
    for (size_t i = 0; i < port->mount_count; i++) {
        const struct mount *mount = &port->mounts[i];
        if (is_under(path, mount->path) && (!best || mount->path.length > best->path.length)) best = mount;
    }
    return best;
}

static struct lc_instance *find_name(const struct port *port, struct str name)
{
    for (size_t i = 0; i < port->instance_count; i++)
        if (str_equal(str_of(port->instances[i].function->name), name)) return &port->instances[i];
    return NULL;
}

/* --- events */

static enum status invoke(struct lc_exchange *x)
{
    lc_server_event(x, 500);
    return STATUS_OK;
}

/* Lambda's Invoke answers 200 also where the function failed, and says so in a header. */
static enum status invoke_as_lambda(struct lc_exchange *x)
{
    if (lc_server_event(x, 200) != STATUS_OK) lc_header_add(x->call.arena, &x->response.headers, S("X-Amz-Function-Error"), S("Unhandled"));
    lc_header_add(x->call.arena, &x->response.headers, S("X-Amzn-RequestId"), x->call.request_id);
    return STATUS_OK;
}

static void route_event(struct lc_exchange *x, struct lc_instance *instance, lc_work *work)
{
    if (!lc_admin_may(x)) return;
    if (!instance) {
        lc_problem(&x->call, &x->response, 404, NULL, S("there is no function of that name"));
        return;
    }
    x->instance = instance;
    x->work = work;
    x->body_max = LC_REQUEST_BODY_LIMIT;
}

/* POST /2015-03-31/functions/<name>/invocations */
static bool is_lambda_invoke(struct str path, struct str *name)
{
    static const struct str before = {"/2015-03-31/functions/", 22}, behind = {"/invocations", 12};
    if (!str_starts(path, before) || !str_ends(path, behind) || path.length <= before.length + behind.length) return false;
    *name = str_make(path.data + before.length, path.length - before.length - behind.length);
    return true;
}

/* --- every request */

static void route(struct lc_exchange *x)
{
    const struct port *port = x->server->options.context;
    struct str name;
    bool posts = str_equal(x->request.method, S("POST"));
    if (lc_server_route_own(x)) return;
    if (posts && port->single && port->instances[0].function->event && str_equal(x->request.path, S("/invoke"))) {
        route_event(x, &port->instances[0], invoke);
        return;
    }
    if (is_lambda_invoke(x->request.path, &name)) {
        if (posts)
            route_event(x, find_name(port, name), invoke_as_lambda);
        else
            lc_server_refuse_method(x, "POST");
        return;
    }
    const struct mount *mount = find_mount(port, x->request.path);
    if (mount && mount->operators && !lc_admin_may(x)) return;
    if (!mount || (x->loop->admin && !mount->operators)) {
        lc_problem(&x->call, &x->response, 404, NULL, S("nothing is served under this path"));
        return;
    }
    x->instance = mount->instance;
    x->work = lc_server_http;
    x->unguarded = true;
    x->body_max = LC_REQUEST_BODY_LIMIT;
    x->quick = x->instance->function->quick;
}

/* --- from start to stop */

static struct lc_instance *instance_of(struct port *port, const struct lc_function *function)
{
    for (size_t i = 0; i < port->instance_count; i++)
        if (port->instances[i].function == function) return &port->instances[i];
    struct lc_instance *instance = &port->instances[port->instance_count++];
    lc_instance_make(instance, function);
    return instance;
}

static void add_mounts(struct port *port, struct arena *arena, const struct lc_mount *mounts, size_t count)
{
    port->instances = arena_array(arena, count, sizeof *port->instances);
    port->mounts = arena_array(arena, count, sizeof *port->mounts);
    for (size_t i = 0; i < count; i++) {
        struct str path = str_of(mounts[i].path);
        struct lc_instance *instance = instance_of(port, mounts[i].function);
        while (str_ends(path, S("/"))) path.length--;
        if (path.data) port->mounts[port->mount_count++] = (struct mount){path, instance, mounts[i].operators};
    }
}

static void announce(const char *what, int listening)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char text[LC_ADDRESS_TEXT];
    if (getsockname(listening, (struct sockaddr *)&address, &length) != 0) return;
    printf("%s http://" STR_FMT "\n", what, STR_ARG(lc_address_text((const struct sockaddr *)&address, text)));
}

static void announce_all(const struct port *port, int listening, int admin)
{
    announce("listening on", listening);
    if (admin >= 0 && str_starts(port->admin, S("unix:")))
        printf("admin listener on " STR_FMT "\n", STR_ARG(port->admin));
    else if (admin >= 0)
        announce("admin listener on", admin);
    fflush(stdout);
}

static enum status init_all(struct port *port, struct error *error)
{
    for (size_t i = 0; i < port->instance_count; i++)
        if (lc_instance_init(&port->instances[i], error) != STATUS_OK) return error_context(error, "%s", port->instances[i].function->name);
    return STATUS_OK;
}

static void close_both(int listening, int admin)
{
    close(listening);
    if (admin >= 0) close(admin);
}

/* Both addresses are taken before anything else is done, so that a port in use is found first. */
static enum status listen_on(struct port *port, const struct lc_port_options *options, int *listening, int *admin, struct error *error)
{
    *admin = -1;
    TRY(lc_settings_read(options->prefix, &port->settings, error));
    struct str address = str_of(options->admin ? options->admin : port->settings.admin);
    TRY(lc_server_listen(str_of(options->listen ? options->listen : port->settings.listen), listening, error));
    if (address.length == 0) return STATUS_OK;
    if (lc_admin_listen(address, port->settings.admin_secret.length > 0, admin, error) != STATUS_OK)
        return close(*listening), error->status;
    port->admin = address;
    return STATUS_OK;
}

static enum status start(struct port *port, const struct lc_port_options *options, struct error *error)
{
    int listening, admin;
    TRY(listen_on(port, options, &listening, &admin, error));
    if (init_all(port, error) != STATUS_OK) return close_both(listening, admin), error->status;
    struct lc_server_options server = {
        .socket = listening,
        .admin_socket = admin,
        .threads = options->threads > 0 ? options->threads : port->settings.threads,
        .head_memory = HEAD_MEMORY,
        .idle_timeout = IDLE_TIMEOUT,
        .quiet = options->quiet,
        .route = route,
        .context = port,
        .instances = port->instances,
        .instance_count = port->instance_count,
        .admin_secret = port->settings.admin_secret,
    };
    TRY(lc_server_start(&port->server, &server, error));
    announce_all(port, listening, admin);
    return STATUS_OK;
}

static int serve(const struct lc_port_options *options, const struct lc_mount *mounts, size_t count, bool single)
{
    struct arena *arena = arena_new();
    struct port *port = arena_new_of(arena, struct port);
    struct error error = {0};
    sigset_t before;
    port->single = single;
    add_mounts(port, arena, mounts, count);
    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of a write, not the end of the process */
    lc_signals_block(&before);
    enum status status = start(port, options, &error);
    if (status == STATUS_OK) {
        lc_server_run(&port->server);
    } else {
        log_error(no_request, "%s", error.text);
        for (size_t i = 0; i < port->instance_count; i++) lc_instance_stop(&port->instances[i], 0);
    }
    lc_admin_unlisten(port->admin);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    arena_free(arena);
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int lc_serve(const struct lc_port_options *options, const struct lc_mount *mounts, size_t count)
{
    return serve(options, mounts, count, false);
}

int lc_port_run(const struct lc_function *function)
{
    const struct lc_mount everything = {"/", function};
    return serve(&(struct lc_port_options){.prefix = function->prefix}, &everything, 1, true);
}
