#include "functions/admission/handler.h"

#include <openssl/sha.h>

#include "base/encode.h"
#include "base/url.h"
#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"
#include "lib/admission/answer.h"
#include "lib/admission/public.h"
#include "lib/admission/published.h"
#include "lib/http/precondition.h"

enum { PROFILES_BYTES = 32 << 20, CLIENT_LONGEST = 256 };

struct admitting {
    struct app *app;
    struct cache *profiles; /* resource → struct loaded */
};
struct loaded {
    struct admission_published published;
    struct str body, etag; /* what clients that decide by themselves are given */
};

static void make_public(struct arena *arena, struct loaded *loaded)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    loaded->body = admission_public_json(arena, &loaded->published.profile, loaded->published.generation);
    SHA256((const unsigned char *)loaded->body.data, loaded->body.length, digest);
    loaded->etag = arena_printf(arena, "\"" STR_FMT "\"", STR_ARG(hex_encode(arena, str_make(digest, 16))));
}

static enum status load_profile(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct app *app = context;
    const struct loaded *known = load->previous;
    struct loaded *loaded = arena_new_of(load->io.arena, struct loaded);
    uint64_t generation = known ? known->published.generation : 0;
    TRY(app_store_fault(admission_load(app->store, load->io, load->key, generation, &loaded->published, error), error));
    make_public(load->io.arena, loaded);
    *value = loaded;
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

static enum status answer_client(struct admitting *admitting, struct lc_call *call, const struct lc_request *request,
                                 struct lc_response *response, struct error *error)
{
    const struct question question = {call->arena, request->query};
    struct admission_client client;
    struct admission_answer decided;
    struct str resource;
    const void *value;
    TRY(read_resource(&question, &resource, error));
    TRY(read_client(&question, &client, error));
    TRY(cache_get(admitting->profiles, app_io(admitting->app, call), resource, &value, error));
    const struct admission_profile *profile = &((const struct loaded *)value)->published.profile;
    TRY(admission_client_fits(profile, &client, error));
    admission_decide(profile, &client, clock_now(), admission_fresh(), &decided);
    struct lc_headers *headers = &response->headers;
    lc_header_add(call->arena, headers, S("Content-Type"), S("application/json"));
    lc_header_add(call->arena, headers, S("Cache-Control"), S("no-store"));
    lc_header_add(call->arena, headers, S("Retry-After"), arena_printf(call->arena, "%lld", (long long)decided.retry_after));
    response->body = admission_answer_json(call->arena, profile, &decided);
    return STATUS_OK;
}

/* The same for everyone, so that any cache on the way may answer. */
static enum status answer_profile(struct admitting *admitting, struct lc_call *call, const struct lc_request *request,
                                  struct lc_response *response, struct error *error)
{
    const struct question question = {call->arena, request->query};
    struct str resource;
    const void *value;
    TRY(read_resource(&question, &resource, error));
    TRY(cache_get(admitting->profiles, app_io(admitting->app, call), resource, &value, error));
    const struct loaded *loaded = value;
    const struct http_validators validators = {.etag = loaded->etag};
    const struct http_conditions conditions = {.if_match = lc_header_list(call->arena, &request->headers, S("if-match")),
                                               .if_none_match = lc_header_list(call->arena, &request->headers, S("if-none-match"))};
    int verdict = http_precondition(&conditions, &validators);
    if (verdict == 412) return respond_problem(call, response, PROBLEM_PRECONDITION, "the profile has changed");
    lc_header_add(call->arena, &response->headers, S("ETag"), loaded->etag);
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), S("public, max-age=300"));
    if (verdict == 304) {
        response->status = 304;
        response->length = loaded->body.length; /* which keeps the connection, see lambda.h */
        return STATUS_OK;
    }
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/json"));
    response->body = loaded->body;
    return STATUS_OK;
}

static enum status answer(struct admitting *admitting, struct lc_call *call, const struct lc_request *request, struct lc_response *response,
                          struct error *error)
{
    if (str_equal(request->path, S("/admission/profile"))) return answer_profile(admitting, call, request, response, error);
    return answer_client(admitting, call, request, response, error);
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
