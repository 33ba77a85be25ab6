/* A function that is built against the installed library alone, with names of its own that the library has inside. */
#include <lambda-c/lambda.h>

#include <stdio.h>

#if defined(S) || defined(TRY) || defined(ENSURE) || defined(STR_FMT)
#error "lambda.h defines a macro without its prefix"
#endif

int arena_new(void);
int arena_new(void)
{
    return 7;
}

static enum status init(void **state, struct error *error)
{
    static char up[] = "up";
    *state = up;
    return *up ? STATUS_OK : lc_fail(error, STATUS_INTERNAL, "it is %s", "down");
}

static void say(void *context)
{
    fputs(context, stderr);
}

static void metrics(void *state, struct buf *out)
{
    lc_print(out, "own_metric{state=\"%s\"} %d\n", (const char *)state, arena_new());
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    static char gone[] = "own: gone\n";
    char *room = lc_alloc(call->arena, 3);
    room[0] = 'o', room[1] = 'k';
    lc_defer(call->arena, say, gone);
    lc_log(call, LOG_WARN, "asked for " LC_FMT, LC_ARG(request->path));
    if (request->path.length > 20) {
        lc_problem(call, response, 414, NULL, lc_printf(call->arena, "%zu bytes", request->path.length));
        return STATUS_OK;
    }
    lc_header_add(call->arena, &response->headers, (struct str){"X-Version", 9}, lc_printf(call->arena, "%s", lc_version()));
    response->body =
        lc_printf(call->arena, "%s " LC_FMT " %s %d\n", room, LC_ARG(request->path), (const char *)state, lc_time_left(call) > 50000);
    return STATUS_OK;
}

int main(void)
{
    return lc_run(&(struct lc_function){.name = "own", .init = init, .http = http, .metrics = metrics});
}
