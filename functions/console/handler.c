#include "functions/console/handler.h"

#include <pthread.h>

#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "lib/report/report.h"

/* Whatever is asked, the store is read once a minute at most; and of what edges hold, as much as there is time for. */
enum { PAGE_LIFE = CLOCK_MINUTE, EDGES_TIME = 800 };

struct console {
    const struct app *app;
    pthread_mutex_t lock; /* of what follows: who comes while the page is made waits for it */
    struct arena *arena;  /* NULL: there is no page yet */
    struct str page;
    int64_t made; /* by clock_aging */
};

static enum status init(void **state, struct error *error)
{
    static struct console console = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct app *app;
    TRY(app_open(&app, error));
    console.app = app;
    *state = &console;
    return STATUS_OK;
}

/* The operators' guard comes before it (lc_mount). */
static bool guard(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response, size_t *body_max)
{
    (void)state;
    *body_max = 0;
    if (!str_equal(request->path, S(CONSOLE_PATH)))
        return respond_problem(call, response, PROBLEM_NOT_FOUND, "nothing is served under this path"), false;
    if (str_equal(request->method, S("GET")) || str_equal(request->method, S("HEAD"))) return true;
    respond_problem(call, response, PROBLEM_METHOD, "method not allowed; use GET, HEAD");
    lc_header_add(call->arena, &response->headers, S("Allow"), S("GET, HEAD"));
    return false;
}

static enum status make_page(const struct console *console, struct io io, struct buf *page, struct error *error)
{
    struct str document;
    TRY(store_check(console->app->store, io, error)); /* a directory that is gone would look like an empty store */
    TRY(report_collect(&(struct report_question){console->app->store, io, clock_now(), EDGES_TIME}, &document, error));
    report_write(page, document);
    ENSURE(!page->overflow, error, STATUS_INTERNAL, "the page has more than %d bytes", REPORT_PAGE_LIMIT);
    return STATUS_OK;
}

static enum status renew(struct console *console, struct deadline deadline, struct error *error)
{
    if (console->arena && clock_aging() - console->made < PAGE_LIFE) return STATUS_OK;
    struct arena *scratch = arena_new();
    struct buf page = buf_in(scratch, REPORT_PAGE_LIMIT);
    enum status status = make_page(console, (struct io){.arena = scratch, .deadline = deadline}, &page, error);
    if (status == STATUS_OK) {
        arena_free(console->arena);
        console->arena = arena_new();
        console->page = arena_copy(console->arena, buf_str(&page));
        console->made = clock_aging();
    }
    arena_free(scratch);
    return status;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct console *console = state;
    struct error error = {0};
    (void)request;
    pthread_mutex_lock(&console->lock);
    enum status status = renew(console, call->deadline, &error);
    if (status == STATUS_OK) response->body = arena_copy(call->arena, console->page);
    pthread_mutex_unlock(&console->lock);
    if (status != STATUS_OK) return respond_error(call, response, &error);
    struct str policy = arena_join(call->arena, report_page_policy(call->arena), S("; frame-ancestors 'none'"));
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("text/html; charset=utf-8"));
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), S("no-store"));
    lc_header_add(call->arena, &response->headers, S("Content-Security-Policy"), policy);
    lc_header_add(call->arena, &response->headers, S("X-Content-Type-Options"), S("nosniff"));
    return STATUS_OK;
}

const struct lc_function console_function = {
    .name = "console",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .guard = guard,
    .http = http,
    .ready = app_ready,
};
