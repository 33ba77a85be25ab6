/* AWS Lambda: asks the Runtime API for one invocation after the other. On Managed Instances several threads do. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lc_access_log.h"
#include "lc_aws_delivery.h"
#include "lc_aws_event.h"
#include "lc_aws_extension.h"
#include "lc_hosts.h"
#include "lc_instance.h"
#include "lc_later.h"
#include "lc_emf.h"
#include "lc_error.h"
#include "lc_settings.h"
#include "lc_signals.h"

enum {
    EVENT_RESULT_LIMIT = 6 * 1024 * 1024,
    STREAM_LIMIT = 200 * 1024 * 1024,
    STACK = 1024 * 1024,
    LEAST_DEADLINE = 1000,
    FAILURES_ALLOWED = 10,
    GRACE = 200, /* of the 500 ms that Lambda leaves between SIGTERM and SIGKILL */
    GRACE_MANAGED = 5000
};

static const struct log no_request;

struct aws {
    struct lc_instance instance;
    struct lc_settings settings;
    struct str authority; /* host:port of the Runtime API */
    int concurrency;      /* 0: not on Managed Instances */
    bool extended;        /* there is something to stop, so that SIGTERM is listened to */
    int stop_fd;          /* readable when every loop is to end; -1 where nobody would say so */
    _Atomic bool failed;
};

/* One thread's connection, and the invocation that it is at. */
struct loop {
    struct aws *aws;
    struct lc_aws_client client;
    struct arena *arena;
    struct lc_call call;
    struct lc_later_thread later;
    struct str event;
    enum lc_aws_form form;
    int failures; /* in a row, of /next */
    pthread_t thread;
};

/* --- the next invocation */

/* Lambda-Runtime-Deadline-Ms is a moment on the platform's wall clock. */
static struct deadline deadline_of(const struct lc_headers *headers)
{
    int64_t moment, left;
    if (!str_to_i64(lc_header_get(headers, S("Lambda-Runtime-Deadline-Ms")), &moment)) return deadline_in(CLOCK_MINUTE);
    if (__builtin_sub_overflow(moment, clock_real(), &left)) return deadline_in(CLOCK_MINUTE);
    return deadline_in(left > LEAST_DEADLINE ? left : LEAST_DEADLINE);
}

/* "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=0": what all of one trace share is behind "Root=". */
static struct str trace_root(struct str header)
{
    for (struct str rest = header; rest.data;) {
        struct str part = str_trim(str_cut(&rest, ';'));
        if (str_starts(part, S("Root="))) return str_from(part, S("Root=").length);
    }
    return header;
}

static void open_call(struct loop *loop, const struct lc_aws_reply *reply)
{
    struct str id = lc_header_get(&reply->headers, S("Lambda-Runtime-Aws-Request-Id"));
    struct str trace = lc_header_get(&reply->headers, S("Lambda-Runtime-Trace-Id"));
    loop->call = (struct lc_call){
        .arena = loop->arena,
        .arrived = clock_monotonic(),
        .request_id = id,
        .trace_id = trace,
        .deadline = deadline_of(&reply->headers),
        .log = {.request_id = id, .trace_id = trace_root(trace)},
        .body_limit = EVENT_RESULT_LIMIT,
        .later = &loop->later.later,
    };
    loop->event = reply->body;
}

static enum status ask_for_next(struct loop *loop, struct lc_aws_reply *reply, struct error *error)
{
    struct buf head = buf_in(loop->arena, 1024);
    lc_aws_head(&head, &loop->client, "GET", "/2018-06-01/runtime/invocation/next");
    buf_add(&head, S("User-Agent: lambda-c\r\n\r\n"));
    struct str request = buf_str(&head);
    *reply = (struct lc_aws_reply){0};
    TRY(lc_aws_send(&loop->client, &request, 1, deadline_in(CLOCK_MINUTE), error));
    return lc_aws_receive_next(&loop->client, loop->arena, reply, error);
}

/* An event that came with an id, but not whole, is answered, so that the platform need not wait for its time to run out. */
static enum status receive_event(struct loop *loop, struct error *error)
{
    struct lc_aws_reply reply;
    enum status status = ask_for_next(loop, &reply, error);
    if (reply.status == 0) return status;
    ENSURE(reply.status == 200, error, reply.status >= 500 ? STATUS_INTERNAL : STATUS_UNAVAILABLE, "/next was answered %d", reply.status);
    open_call(loop, &reply);
    ENSURE(str_is_id(loop->call.request_id), error, STATUS_UNAVAILABLE, "/next came without a usable request id");
    if (status == STATUS_OK) return STATUS_OK;
    log_error(loop->call.log, "the event did not come whole: %s", error->text);
    lc_aws_deliver_error(&loop->client, &loop->call, status == STATUS_TOO_LARGE ? S("Runtime.EventTooLarge") : S("Runtime.EventTruncated"),
                         error->text);
    return status;
}

/* The process ends, and the platform starts another. */
static bool give_up(struct aws *aws)
{
    log_error(no_request, "the Lambda Runtime API is not responding");
    aws->failed = true;
    if (aws->extended)
        kill(getpid(), SIGTERM); /* which is blocked, so that it stays where all loops see it */
    else if (aws->stop_fd >= 0)
        eventfd_write(aws->stop_fd, 1);
    return false;
}

static bool is_told_to_stop(const struct aws *aws, int64_t within)
{
    struct pollfd poller = {.fd = aws->stop_fd, .events = POLLIN};
    return poll(&poller, 1, (int)within) > 0;
}

/* False where the loop is to end. A 500 says that the sandbox is beyond repair. */
static bool next(struct loop *loop)
{
    for (;;) {
        struct error error = {0};
        arena_reset(loop->arena);
        enum status status = receive_event(loop, &error);
        if (status == STATUS_OK) loop->failures = 0;
        if (status == STATUS_OK || loop->client.told_to_stop) return status == STATUS_OK;
        log_warn(no_request, "no event: %s", error.text);
        if (status == STATUS_INTERNAL || ++loop->failures > FAILURES_ALLOWED) return give_up(loop->aws);
        if (is_told_to_stop(loop->aws, lc_aws_pause_before(loop->failures))) return false;
    }
}

/* --- answering it */

static enum status deliver(struct loop *loop, const struct str *body, size_t count)
{
    struct buf head = buf_in(loop->arena, 4096);
    struct str path = arena_printf(loop->arena, "/2018-06-01/runtime/invocation/" STR_FMT "/response", STR_ARG(loop->call.request_id));
    struct str parts[LC_AWS_PARTS];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += body[i].length;
    lc_aws_head(&head, &loop->client, "POST", path.data);
    buf_printf(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    parts[0] = buf_str(&head);
    for (size_t i = 0; i < count; i++) parts[i + 1] = body[i];

    enum status status = lc_aws_deliver(&loop->client, &loop->call, parts, count + 1);
    if (status != STATUS_TOO_LARGE) return status;
    log_error(loop->call.log, "the answer of %zu bytes exceeds what the platform takes", length);
    lc_aws_deliver_error(&loop->client, &loop->call, S("Function.ResponseTooLarge"), "the answer exceeds what the platform takes");
    return status;
}

/* A stream has to become a body where the platform wants one piece. */
static void gather_stream(struct loop *loop, const struct lc_request *request, struct lc_response *response)
{
    struct error error = {0};
    enum status status = STATUS_OK;
    if (!response->stream.read) return;
    bool head = str_equal(request->method, S("HEAD"));
    if (!head) status = stream_read_all(response->stream, loop->arena, loop->call.body_limit, &response->body, &error);
    if (!head && status == STATUS_OK && response->length != LC_LENGTH_UNKNOWN && response->length != response->body.length)
        status = error_set(&error, STATUS_CORRUPT, "it has not the length that was announced");
    stream_close(&response->stream);
    if (status == STATUS_OK) return;
    log_error(loop->call.log, "the stream failed: %s", error.text);
    lc_problem(&loop->call, response, 500, NULL, (struct str){NULL, 0});
}

static bool is_health_check(const struct lc_request *request)
{
    bool reads = str_equal(request->method, S("GET")) || str_equal(request->method, S("HEAD"));
    return reads && str_equal(request->path, S("/healthz"));
}

static void make_response(struct loop *loop, const struct lc_request *request, struct lc_response *response)
{
    if (!is_health_check(request)) {
        if (!lc_instance_admit(&loop->aws->instance, &loop->call, request, response)) return;
        do lc_instance_http(&loop->aws->instance, &loop->call, request, response);
        while (lc_later_thread_wait(&loop->later));
        return;
    }
    struct error error = {0};
    if (str_equal(request->query, S("ready")) && lc_instance_ready(&loop->aws->instance, &loop->call, &error) != STATUS_OK) {
        lc_problem(&loop->call, response, 503, NULL, str_of(error.text));
        return;
    }
    *response = (struct lc_response){.status = 200, .body = lc_instance_health(loop->arena, loop->aws->instance.function)};
    lc_header_add(loop->arena, &response->headers, S("Content-Type"), S("text/plain"));
}

/* A load balancer takes no streams. */
static bool streams(const struct loop *loop)
{
    return loop->aws->settings.streaming && (loop->form == LC_AWS_V2 || loop->form == LC_AWS_V1);
}

static void send_response(struct loop *loop, const struct lc_request *request, struct lc_response *response, struct lc_access *access)
{
    if (streams(loop)) {
        access->aborted = !lc_aws_deliver_stream(&loop->client, &loop->call, request, response, &access->bytes);
        return;
    }
    gather_stream(loop, request, response);
    struct lc_aws_answer answer = lc_aws_answer_make(loop->arena, loop->form, request, response);
    access->bytes = response->body.length;
    access->aborted = deliver(loop, answer.part, 3) != STATUS_OK;
}

static void answer_http(struct loop *loop, const struct lc_request *request, enum status parsed, const struct error *error,
                        struct lc_access *access)
{
    struct lc_response response;
    loop->call.body_limit = streams(loop) ? STREAM_LIMIT : lc_aws_body_limit(loop->form);
    access->method = request->method;
    access->path = request->path;
    if (parsed == STATUS_OK)
        make_response(loop, request, &response);
    else
        lc_problem(&loop->call, &response, 400, NULL, str_of(error->text));
    access->status = response.status;
    send_response(loop, request, &response, access);
}

static void answer_event(struct loop *loop, struct lc_access *access)
{
    struct error error = {0};
    struct str result;
    enum status status = lc_instance_event(&loop->aws->instance, &loop->call, loop->event, &result, &error);
    access->method = S("EVENT");
    access->path = S("-");
    access->status = status == STATUS_OK ? 200 : 500;
    if (status != STATUS_OK) {
        lc_aws_deliver_error(&loop->client, &loop->call, lc_error_type(loop->arena, status), error.text);
        return;
    }
    if (result.length == 0) result = S("null");
    access->bytes = result.length;
    access->aborted = deliver(loop, &result, 1) != STATUS_OK;
}

static void answer(struct loop *loop)
{
    struct error error = {0};
    struct lc_request request;
    struct lc_access access = {.log = loop->call.log};
    int64_t start = lc_microseconds();
    enum status parsed = lc_aws_event_parse(loop->arena, loop->event, &loop->form, &request, &error);
    if (loop->form == LC_AWS_EVENT)
        answer_event(loop, &access);
    else
        answer_http(loop, &request, parsed, &error, &access);
    access.microseconds = lc_microseconds() - start;
    lc_access_log(&access);
    if (loop->aws->settings.emf) lc_emf_write(loop->aws->instance.function, &access);
}

static void *serve(void *context)
{
    struct loop *loop = context;
    struct aws *aws = loop->aws;
    const struct lc_function *function = aws->instance.function;
    loop->arena = arena_new();
    lc_later_thread_make(&loop->later);
    for (;;) {
        if (function->before_idle) function->before_idle(aws->instance.state);
        if (!next(loop)) break;
        if (!lc_instance_enter(&aws->instance)) {
            lc_aws_deliver_error(&loop->client, &loop->call, S("Runtime.Stopped"), "the function has been stopped");
            break;
        }
        answer(loop);
        lc_instance_leave(&aws->instance);
    }
    arena_free(loop->arena);
    lc_aws_client_close(&loop->client);
    return NULL;
}

/* --- from start to stop */

static int concurrency_setting(void)
{
    struct str text = str_of(getenv("AWS_LAMBDA_MAX_CONCURRENCY"));
    uint64_t number;
    if (text.length == 0) return 0;
    if (str_to_u64(text, &number) && number >= 1 && number <= 1024) return (int)number;
    log_warn(no_request, "AWS_LAMBDA_MAX_CONCURRENCY is '" STR_FMT "', not a number from 1 to 1024: taken as 1", STR_ARG(text));
    return 1;
}

/* The first loop runs on the main thread, so that the usual function has no other. */
static void serve_on_threads(struct aws *aws)
{
    int count = aws->concurrency > 0 ? aws->concurrency : 1, started = 1;
    struct arena *arena = arena_new();
    struct loop *loops = arena_array(arena, (size_t)count, sizeof *loops);
    pthread_attr_t attributes;
    struct error error;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    for (int i = 0; i < count; i++) {
        loops[i].aws = aws;
        lc_aws_client_make(&loops[i].client, aws->authority, aws->stop_fd, &error);
    }
    while (started < count && pthread_create(&loops[started].thread, &attributes, serve, &loops[started]) == 0) started++;
    if (started < count) log_error(no_request, "only %d of %d threads could be started", started, count);
    serve(&loops[0]);

    bool drained = lc_instance_stop(&aws->instance, aws->concurrency > 0 ? GRACE_MANAGED : GRACE);
    if (!drained)
        _exit(lc_instance_abandon(&aws->instance) ? EXIT_SUCCESS : EXIT_FAILURE); /* other threads are in the middle of something */
    for (int i = 1; i < started; i++) pthread_join(loops[i].thread, NULL);
    pthread_attr_destroy(&attributes);
    arena_free(arena);
}

static enum status prepare(struct aws *aws, struct error *error)
{
    TRY(lc_settings_read(aws->instance.function->prefix, &aws->settings, error));
    return lc_instance_init(&aws->instance, error);
}

static int report_init_error(struct aws *aws, const struct error *error)
{
    struct lc_aws_client client;
    struct error unreachable = {0};
    struct arena *arena = arena_new();
    log_error(no_request, "%s: init failed: %s", aws->instance.function->name, error->text);
    if (lc_aws_client_make(&client, aws->authority, -1, &unreachable) == STATUS_OK) {
        lc_aws_deliver_init_error(&client, arena, error->text);
        lc_aws_client_close(&client);
    }
    arena_free(arena);
    return EXIT_FAILURE;
}

/* SIGTERM matters to a function that has something to stop; a failure of one thread to the others. */
static enum status open_stop(struct aws *aws, struct error *error)
{
    aws->stop_fd = -1;
    if (!aws->extended && aws->concurrency <= 1) return STATUS_OK;
    if (aws->extended) lc_signals_block(NULL);
    aws->stop_fd = aws->extended ? lc_signals_fd() : eventfd(0, EFD_CLOEXEC);
    return aws->stop_fd >= 0 ? STATUS_OK : error_errno(error, errno, "could not create the shutdown eventfd");
}

static int run(struct aws *aws)
{
    struct lc_aws_extension extension;
    struct error error = {0};
    bool registers = aws->extended && aws->concurrency == 0; /* Managed Instances refuse it, and send the signal anyhow */
    if (open_stop(aws, &error) != STATUS_OK) return report_init_error(aws, &error);
    if (registers) lc_aws_extension_begin(&extension, aws->authority, aws->instance.function->name);
    if (prepare(aws, &error) != STATUS_OK) return report_init_error(aws, &error);
    if (registers) lc_aws_extension_await(&extension);
    serve_on_threads(aws);
    if (registers) lc_aws_extension_end(&extension);
    if (aws->stop_fd >= 0) close(aws->stop_fd);
    return aws->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int lc_aws_run(const struct lc_function *function)
{
    static struct aws aws;
    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of a write, not the end of the process */
    lc_instance_make(&aws.instance, function);
    aws.authority = str_of(getenv("AWS_LAMBDA_RUNTIME_API"));
    aws.concurrency = concurrency_setting();
    aws.extended = function->stop != NULL;
    return run(&aws);
}
