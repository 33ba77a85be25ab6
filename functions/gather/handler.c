#include "functions/gather/handler.h"

#include <stdlib.h>

#include "base/url.h"
#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"
#include "functions/common/settings.h"
#include "lib/gather/allow.h"
#include "lib/gather/answer.h"
#include "lib/gather/pool.h"
#include "lib/gather/scene.h"
#include "lib/http/accept.h"

enum { SCENES_BYTES = 32 << 20, WORKERS = 64, READY = 8, MEGABYTES_EACH = 8, ALLOW_LONGEST = 16 << 10 };
enum {
    QUESTION_QUICK = 16 << 10,
    ANSWER_TIME = 100 /* ms before the platform's deadline that an answer takes on its way out */
};

struct gatherer {
    struct app *app;
    struct cache *scenes; /* name → struct gather_scene */
    struct gather_pool *pool;
    struct str allow; /* PAKHUS_GATHER_ALLOW; empty: no lists in requests */
};

/* What was asked, until it is answered. */
struct question {
    struct gather_list list;
    struct gather_request request;
    bool json;
};

static enum status load_scene(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    const struct gather_scene *known = load->previous;
    struct gather_scene *scene = arena_new_of(load->io.arena, struct gather_scene);
    TRY(app_store_fault(gather_scene_load(app->store, load->io, load->key, known ? known->generation : 0, scene, error), error));
    *value = scene;
    return STATUS_OK;
}

/* --- a scene */

static const struct gather_resource *find(const struct gather_list *list, struct str id)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal(list->items[i].id, id)) return &list->items[i];
    return NULL;
}

/* `resources=a,b`: what a client still lacks of a scene. */
static enum status choose(struct arena *arena, struct str ids, struct gather_list *list, struct error *error)
{
    struct gather_list chosen = *list;
    if (ids.length == 0) return STATUS_OK;
    chosen.items = arena_array(arena, list->count, sizeof *chosen.items);
    chosen.count = 0;
    while (ids.data) {
        struct str id = str_cut(&ids, ',');
        const struct gather_resource *resource = find(list, id);
        ENSURE(resource, error, STATUS_INVALID, "'resources': the scene has no resource '" STR_FMT "'", STR_ARG(str_first(id, 128)));
        ENSURE(!find(&chosen, id), error, STATUS_INVALID, "'resources' names '" STR_FMT "' twice", STR_ARG(id));
        chosen.items[chosen.count++] = *resource;
    }
    *list = chosen;
    return STATUS_OK;
}

/* A client may have less time than the scene gives, not more. */
static enum status shorten(struct str text, struct gather_list *list, struct error *error)
{
    int64_t span;
    if (text.length == 0) return STATUS_OK;
    ENSURE(clock_parse_span(text, &span) && span > 0, error, STATUS_INVALID, "'deadline' must be a duration such as 800ms or 2s");
    if (span < list->deadline) list->deadline = span;
    return STATUS_OK;
}

static enum status check_given(const struct gatherer *gatherer, struct str retry_of, struct error *error)
{
    ENSURE(!retry_of.data || gather_pool_gave(gatherer->pool, retry_of), error, STATUS_INVALID,
           "'retry_of': no answer had the id '" STR_FMT "'", STR_ARG(str_first(retry_of, GATHER_ID)));
    return STATUS_OK;
}

static enum status read_scene(struct gatherer *gatherer, struct lc_call *call, const struct lc_request *request, struct question *question,
                              struct error *error)
{
    struct str name, ids, retry_of, deadline;
    const void *value;
    TRY(url_argument(call->arena, request->query, S("scene"), &name, error));
    TRY(url_argument(call->arena, request->query, S("resources"), &ids, error));
    TRY(url_argument(call->arena, request->query, S("retry_of"), &retry_of, error));
    TRY(url_argument(call->arena, request->query, S("deadline"), &deadline, error));
    ENSURE(str_is_id(name), error, STATUS_INVALID, "'scene' must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot");
    ENSURE(!retry_of.data || gather_is_id(retry_of), error, STATUS_INVALID,
           "'retry_of' must be the id of an answer, 32 hexadecimal digits");
    TRY(check_given(gatherer, retry_of, error));
    TRY(cache_get(gatherer->scenes, app_io(gatherer->app, call), name, &value, error));
    const struct gather_scene *scene = value;
    question->list = scene->list;
    TRY(choose(call->arena, ids, &question->list, error));
    TRY(shorten(deadline, &question->list, error));
    ENSURE(question->list.count >= GATHER_LEAST || retry_of.data, error, STATUS_INVALID,
           "'resources' names fewer than %d; with 'retry_of' one is enough", GATHER_LEAST);
    question->request.named = true;
    question->request.hedge = scene->hedge;
    question->request.allow = arena_join(call->arena, gatherer->allow, S(","), scene->allow);
    return STATUS_OK;
}

/* --- a list */

static enum status read_list(struct gatherer *gatherer, struct lc_call *call, const struct lc_request *request, struct question *question,
                             struct error *error)
{
    struct gather_question asked;
    ENSURE(!call->no_wait || request->body.length <= QUESTION_QUICK, error, STATUS_WOULD_BLOCK, "the loop has other things to do");
    TRY(gather_question_parse(call->arena, request->body, &asked, error));
    TRY(check_given(gatherer, asked.retry_of, error));
    question->list = asked.list;
    question->request.allow = gatherer->allow;
    return STATUS_OK;
}

/* --- asking */

static void on_done(struct gather_request *request)
{
    lc_resume(request->context);
}

/* Where the store has what a scene names. What is in another store has no key, and is refused by the worker. */
static void locate(const struct app *app, struct gather_list *list, struct arena *arena)
{
    struct gather_resource *items = arena_array(arena, list->count, sizeof *items); /* the list may be a cached scene's */
    struct error unused;
    for (size_t i = 0; i < list->count; i++) {
        struct url url;
        items[i] = list->items[i];
        if (url_parse(items[i].address, &url, &unused) == STATUS_OK && url_is_web(&url)) continue;
        if (store_locate(app->store_url, items[i].address, &items[i].key, &unused) != STATUS_OK) items[i].key = (struct str){0};
    }
    list->items = items;
}

static struct deadline deadline_of(const struct lc_call *call, int64_t span)
{
    int64_t asked = call->arrived + span, platform = call->deadline.at - ANSWER_TIME;
    return (struct deadline){asked < platform ? asked : platform};
}

static void submit(struct gatherer *gatherer, struct lc_call *call, struct question *question)
{
    struct gather_list *list = &question->list;
    struct gather_request *request = &question->request;
    locate(gatherer->app, list, call->arena);
    request->resources = list->items;
    request->count = list->count;
    request->deadline = deadline_of(call, list->deadline);
    request->total_limit = list->total_limit < call->body_limit ? list->total_limit : call->body_limit;
    request->resource_limit = list->resource_limit;
    request->access_key_id = call->credentials.access_key_id;
    request->secret_access_key = call->credentials.secret_access_key;
    request->session_token = call->credentials.session_token;
    request->done = on_done;
    request->context = call;
    lc_later(call, question);
    gather_pool_submit(gatherer->pool, call->arena, request);
}

static bool wants_json(struct arena *arena, const struct lc_request *request)
{
    struct str accept = lc_header_list(arena, &request->headers, S("accept"));
    return http_accept(accept, S("application/json")) > http_accept(accept, S("multipart/mixed"));
}

static enum status ask(struct gatherer *gatherer, struct lc_call *call, const struct lc_request *request, struct error *error)
{
    struct question *question = arena_new_of(call->arena, struct question);
    question->json = wants_json(call->arena, request);
    bool listed = str_equal(request->method, S("POST"));
    TRY((listed ? read_list : read_scene)(gatherer, call, request, question, error));
    submit(gatherer, call, question);
    return STATUS_OK;
}

/* --- answering */

static void log_missing(const struct lc_call *call, const struct gather_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct gather_outcome *outcome = &request->outcomes[i];
        if (outcome->reason == GATHER_COMPLETE) continue;
        log_info(call->log, "gather %s lacks " STR_FMT ": %s, status %d, " STR_FMT, request->id, STR_ARG(request->resources[i].id),
                 gather_reason_name(outcome->reason), outcome->status, STR_ARG(outcome->detail));
    }
}

static void answer(struct lc_call *call, struct question *question, struct lc_response *response)
{
    struct gather_request *request = &question->request;
    struct gather_answer made;
    struct lc_headers *headers = &response->headers;
    bool complete = gather_answer_fit(request->resources, request->outcomes, request->count, call->body_limit, question->json);
    log_missing(call, request);
    if (question->json)
        gather_answer_json(call->arena, str_of(request->id), request->resources, request->outcomes, request->count, &made);
    else
        gather_answer_multipart(call->arena, request->resources, request->outcomes, request->count, &made);
    lc_header_add(call->arena, headers, S("Content-Type"), made.type);
    lc_header_add(call->arena, headers, S("Cache-Control"), S("no-store"));
    lc_header_add(call->arena, headers, S("Vary"), S("Accept"));
    lc_header_add(call->arena, headers, S("Pakhus-Gather-Id"), str_of(request->id));
    lc_header_add(call->arena, headers, S("Pakhus-Complete"), complete ? S("1") : S("0"));
    response->body = made.body;
    response->stream = made.stream;
    response->length = made.length;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct gatherer *gatherer = state;
    struct error error;
    if (call->context) {
        answer(call, call->context, response);
        return STATUS_OK;
    }
    bool listed = str_equal(request->method, S("POST"));
    if (listed && gatherer->allow.length == 0)
        return respond_problem(call, response, PROBLEM_LISTS_OFF, "a request names a scene here; lists of its own are switched off");
    if (gather_pool_is_full(gatherer->pool))
        return respond_problem(call, response, PROBLEM_BUSY, "too many requests are being gathered; try again");
    if (ask(gatherer, call, request, &error) == STATUS_OK) return STATUS_OK;
    return respond_error(call, response, &error);
}

/* --- life */

/* Lambda says how much memory there is. A worker that has spoken TLS takes two megabytes, and there are the bodies. */
static uint64_t default_workers(void)
{
    uint64_t megabytes, fit;
    if (!str_to_u64(str_of(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")), &megabytes)) return WORKERS;
    fit = megabytes / MEGABYTES_EACH;
    return fit < READY ? READY : fit < WORKERS ? fit : WORKERS;
}

static enum status read_workers(size_t *workers, struct error *error)
{
    uint64_t number = default_workers();
    TRY(setting_number(SETTING_GATHER_WORKERS, &number, error));
    *workers = (size_t)number;
    return STATUS_OK;
}

static enum status read_allow(struct arena *arena, struct str *allow, struct error *error)
{
    struct allow parsed;
    *allow = arena_copy(arena, setting(SETTING_GATHER_ALLOW));
    ENSURE(allow->length <= ALLOW_LONGEST, error, STATUS_INVALID, "%s is longer than %d bytes", setting_name(SETTING_GATHER_ALLOW),
           ALLOW_LONGEST);
    if (allow_parse(arena, *allow, &parsed, error) != STATUS_OK) return setting_refuse(SETTING_GATHER_ALLOW, error);
    return STATUS_OK;
}

static enum status init(void **state, struct error *error)
{
    struct app *app;
    struct gather_pool_options pool;
    TRY(app_open(&app, error));
    struct gatherer *gatherer = arena_new_of(app->arena, struct gatherer);
    struct cache_options scenes = app_published_options(app);
    scenes.bytes = SCENES_BYTES;
    scenes.load = load_scene;
    scenes.context = app;
    TRY(read_allow(app->arena, &gatherer->allow, error));
    TRY(read_workers(&pool.workers, error));
    pool.ready = pool.workers < READY ? pool.workers : READY;
    pool.secret = arena_join(app->arena, setting(SETTING_ORIGIN_SECRET), S("\n"), str_of(app->store_url)); /* equal in all instances */
    gatherer->app = app;
    gatherer->scenes = cache_new(&scenes);
    TRY(gather_pool_open(&pool, &gatherer->pool, error));
    *state = gatherer;
    return STATUS_OK;
}

static void hurry(void *state, struct deadline until)
{
    struct gatherer *gatherer = state;
    gather_pool_hurry(gatherer->pool, until);
}

static void metrics(void *state, struct buf *out)
{
    struct gatherer *gatherer = state;
    app_metrics(gatherer->app, state, out);
    gather_pool_metrics(gatherer->pool, out);
}

const struct lc_function gather = {
    .name = "gather",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .guard = routes_guard,
    .http = http,
    .hurry = hurry,
    .metrics = metrics,
    .quick = true,
};
