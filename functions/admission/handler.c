#include "functions/admission/handler.h"

#include "base/url.h"
#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"
#include "lib/admission/answer.h"
#include "lib/admission/published.h"

enum { PROFILES_BYTES = 32 << 20, CLIENT_LONGEST = 256 };

struct admitting {
    struct app *app;
    struct cache *profiles; /* resource → struct admission_published */
};

static enum status load_profile(void *context, struct io io, struct str key, const void *previous, void **value, struct error *error)
{
    struct app *app = context;
    const struct admission_published *known = previous;
    struct admission_published *published = arena_new_of(io.arena, struct admission_published);
    TRY(app_store_fault(admission_load(app->store, io, key, known ? known->generation : 0, published, error), error));
    *value = published;
    return STATUS_OK;
}

/* --- the question */

struct question {
    struct arena *arena;
    struct str query;
};

/* Leaves *value alone where the argument is absent or empty. */
static enum status text_argument(const struct question *question, const char *name, struct str *value, struct error *error)
{
    struct str text;
    TRY(url_argument(question->arena, question->query, str_of(name), &text, error));
    ENSURE(text.length <= CLIENT_LONGEST, error, STATUS_INVALID, "'%s' is longer than %d bytes", name, CLIENT_LONGEST);
    if (text.length > 0) *value = text;
    return STATUS_OK;
}

static enum status read_resource(const struct question *question, struct str *resource, struct error *error)
{
    *resource = (struct str){0};
    TRY(text_argument(question, "resource", resource, error));
    ENSURE(resource->length > 0, error, STATUS_INVALID, "'resource' is missing");
    ENSURE(str_is_id(*resource), error, STATUS_INVALID,
           "'resource' must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot");
    return STATUS_OK;
}

static enum status read_client(const struct question *question, struct admission_client *client, struct error *error)
{
    struct str id = {0};
    TRY(text_argument(question, "client", &id, error));
    ENSURE(id.length > 0, error, STATUS_INVALID, "'client' is missing");
    admission_client_init(client, id);
    for (enum admission_field field = 0; field < ADMISSION_FIELD_COUNT; field++) {
        const char *name = admission_field_names[field];
        struct str text = {0}, label = arena_printf(question->arena, "'%s'", name);
        TRY(text_argument(question, name, &text, error));
        TRY(admission_client_set(question->arena, client, field, text, label.data, error));
    }
    return STATUS_OK;
}

/* --- the answer */

static enum status answer(struct admitting *admitting, struct lc_call *call, const struct lc_request *request, struct lc_response *response,
                          struct error *error)
{
    const struct question question = {call->arena, request->query};
    struct admission_client client;
    struct admission_answer decided;
    struct str resource;
    const void *value;
    TRY(read_resource(&question, &resource, error));
    TRY(read_client(&question, &client, error));
    TRY(cache_get(admitting->profiles, app_io(admitting->app, call), resource, &value, error));
    const struct admission_published *published = value;
    TRY(admission_client_fits(&published->profile, &client, error));
    admission_decide(&published->profile, &client, clock_now(), admission_fresh(), &decided);
    struct lc_headers *headers = &response->headers;
    lc_header_add(call->arena, headers, S("Content-Type"), S("application/json"));
    lc_header_add(call->arena, headers, S("Cache-Control"), S("no-store"));
    lc_header_add(call->arena, headers, S("Retry-After"), arena_printf(call->arena, "%lld", (long long)decided.retry_after));
    response->body = admission_answer_json(call->arena, &published->profile, &decided);
    return STATUS_OK;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct error error;
    if (answer(state, call, request, response, &error) == STATUS_OK) return STATUS_OK;
    *response = (struct lc_response){0};
    return respond_error(call, response, &error);
}

/* --- life */

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    struct admitting *admitting = arena_new_of(app->arena, struct admitting);
    struct cache_options options = app_published_options(app);
    options.bytes = PROFILES_BYTES;
    options.load = load_profile;
    options.context = app;
    *admitting = (struct admitting){app, cache_new(&options)};
    *state = admitting;
    return STATUS_OK;
}

static void metrics(void *state, struct buf *out)
{
    struct admitting *admitting = state;
    app_metrics(admitting->app, state, out);
}

const struct lc_function admission = {
    .name = "admission",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .guard = routes_guard,
    .http = http,
    .metrics = metrics,
    .quick = true,
};
