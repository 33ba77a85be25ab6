#include "functions/cache-token-verify/handler.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/url.h"
#include "base/version.h"
#include "functions/cache-token-verify/nodes.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"
#include "functions/common/settings.h"
#include "lib/config/config.h"
#include "lib/http/date.h"

/* Keys in one answer: an update pushes out fewer, and Varnish needs a restart for each. */
enum { EVICTED_MOST = 4 };
enum { ENTRIES = 8192, FLUSH = CLOCK_SECOND, FLUSH_TIME = 400 };

struct verify {
    struct app *app;
    struct keyring ring;
    struct str business, parameter;
    struct nodes *nodes;
    bool purges; /* PAKHUS_TOKEN_ON_EVICT */
    _Atomic uint64_t answers[TOKEN_REASONS];
};

struct task {
    struct verify *verify;
    struct lc_call *call;
    const struct lc_request *request;
    struct lc_response *response;
    struct io io;
    struct token_question question;
    struct token_answer answer;
    struct str node;
};

/* What a node says became of an update. */
struct result {
    bool succeeded;
    struct token_copy copy;
};

static struct str header(const struct task *task, struct str name)
{
    return lc_header_get(&task->request->headers, name);
}

/* --- the question */

/* The asker's address where the node has no name; an IPv6 address has colons, which no key of the store has. */
static enum status read_node(struct task *task, struct error *error)
{
    struct str named = header(task, S("pakhus-node"));
    ENSURE(!named.data || str_is_id(named), error, STATUS_INVALID, "Pakhus-Node must be 1 to 128 letters, digits, '.', '_' or '-'");
    char *name = arena_cstr(task->io.arena, named.data ? named : task->request->client_address);
    for (char *c = name; *c; c++)
        if (*c == ':') *c = '_';
    task->node = str_is_id(str_of(name)) ? str_of(name) : S("unknown");
    return STATUS_OK;
}

static enum status read_question(struct task *task, struct error *error)
{
    struct str host = header(task, S("x-original-host")), business = header(task, S("pakhus-business"));
    struct token_question *question = &task->question;
    *question = (struct token_question){.uri = header(task, S("x-original-uri")), .parameter = task->verify->parameter, .now = clock_now()};
    question->host = host.data ? host : header(task, S("host"));
    question->business = business.data ? business : task->verify->business;
    TRY(read_node(task, error));
    if (question->uri.data) return STATUS_OK;
    TRY(url_argument(task->io.arena, task->request->query, S("uri"), &question->uri, error));
    ENSURE(question->uri.data, error, STATUS_INVALID, "say which URL: the header X-Original-URI, or ?uri=");
    return STATUS_OK;
}

/* --- the answer */

static void log_refusal(struct task *task, enum token_reason reason)
{
    if (reason == TOKEN_UNKNOWN_KEY) {
        struct str token = task->answer.target.token, id = str_first(token, str_find(token, '.'));
        log_warn(task->call->log, "token: node " STR_FMT " was asked with the key id '" STR_FMT "', which is not in PAKHUS_TOKEN_KEYS here",
                 STR_ARG(task->node), STR_ARG(str_first(id, 32)));
    } else {
        log_info(task->call->log, "token: refused for node " STR_FMT ": %s", STR_ARG(task->node), token_reason_name(reason));
    }
}

static void answer(struct task *task, const char *action, const char *reason)
{
    char key[2 * TOKEN_KEY_LENGTH + 1];
    struct arena *arena = task->io.arena;
    struct lc_headers *headers = &task->response->headers;
    lc_header_add(arena, headers, S("Pakhus-Action"), str_of(action));
    lc_header_add(arena, headers, S("Pakhus-Reason"), str_of(reason));
    if (!task->answer.has_key) return;
    token_key_hex(&task->answer.key, key);
    lc_header_add(arena, headers, S("Pakhus-Cache-Key"), arena_copy(arena, str_of(key)));
}

static void respond(struct task *task, enum token_reason reason)
{
    enum token_action action = token_action_of(reason);
    atomic_fetch_add_explicit(&task->verify->answers[reason], 1, memory_order_relaxed);
    if (action == TOKEN_REFUSE) {
        log_refusal(task, reason);
        respond_problem(task->call, task->response, PROBLEM_TOKEN_MALFORMED + (reason - TOKEN_MALFORMED), "%s",
                        token_reason_detail(reason));
    } else {
        task->response->status = 204;
        lc_header_add(task->io.arena, &task->response->headers, S("Cache-Control"), S("no-store"));
    }
    answer(task, token_action_name(action), token_reason_name(reason));
}

/* So that a node can tell a copy that is not the one meant from one that is, before it stores it. The digest as in Repr-Digest (RFC 9530).
 */
static void describe_copy(struct task *task)
{
    struct arena *arena = task->io.arena;
    const struct token_fields *fields = &task->answer.token.fields;
    struct lc_headers *headers = &task->response->headers;
    struct str digest = base64_encode(arena, str_make(fields->digest, sizeof fields->digest));
    lc_header_add(arena, headers, S("Pakhus-Modified"), http_date(arena, fields->modified / CLOCK_SECOND * CLOCK_SECOND));
    if (fields->has_size) lc_header_add(arena, headers, S("Pakhus-Size"), arena_printf(arena, "%llu", (unsigned long long)fields->size));
    if (fields->type.length > 0) lc_header_add(arena, headers, S("Pakhus-Type"), token_type_essence(fields->type));
    if (fields->has_digest) lc_header_add(arena, headers, S("Pakhus-Digest"), arena_join(arena, S("sha-256=:"), digest, S(":")));
}

/* Copies that the node is to drop, since its hit table forgot them. */
static void tell_evicted(struct task *task, struct node *node)
{
    struct token_key keys[EVICTED_MOST];
    char key[2 * TOKEN_KEY_LENGTH + 1];
    struct buf out = buf_in(task->io.arena, (size_t)EVICTED_MOST * sizeof key);
    size_t count = task->verify->purges ? node_take_evicted(node, keys, EVICTED_MOST) : 0;
    for (size_t i = 0; i < count; i++) {
        token_key_hex(&keys[i], key);
        if (i > 0) buf_add_byte(&out, ',');
        buf_add(&out, str_of(key));
    }
    if (count > 0) lc_header_add(task->io.arena, &task->response->headers, S("Pakhus-Purge"), buf_str(&out));
}

static enum status ask_node(struct task *task, enum token_reason *reason, struct error *error)
{
    struct held_node held = {.nodes = task->verify->nodes, .io = task->io, .log = task->call->log};
    struct hits_token token = hits_token_of(&task->answer);
    TRY(nodes_hold(&held, task->node, error));
    enum status status = node_ask(&held, &token, task->question.now, reason, error);
    if (status == STATUS_OK) tell_evicted(task, held.node);
    nodes_release(&held);
    return status;
}

static enum status verify(struct task *task, struct error *error)
{
    TRY(read_question(task, error));
    enum token_reason reason = token_verify(&task->verify->ring, &task->question, &task->answer);
    if (reason == TOKEN_DUE) TRY(ask_node(task, &reason, error));
    respond(task, reason);
    if (token_action_of(reason) == TOKEN_UPDATE) describe_copy(task);
    return STATUS_OK;
}

/* --- results */

static bool parse_digest(struct arena *arena, struct str text, struct token_copy *copy)
{
    struct str bytes;
    if (text.length != 64 || !hex_decode(arena, text, &bytes)) return false;
    memcpy(copy->digest, bytes.data, sizeof copy->digest);
    return copy->has_digest = true;
}

/* What is not what it should be is taken as not said: it comes from an origin, and a result must not be lost over it. */
static void read_copy(struct arena *arena, struct str size, struct str modified, struct str digest, struct token_copy *copy)
{
    copy->has_size = str_to_u64(size, &copy->size);
    copy->has_modified = http_date_parse(modified, &copy->modified) || clock_parse_time(modified, &copy->modified);
    parse_digest(arena, digest, copy);
}

static enum status read_headers(struct task *task, struct str *outcome, struct token_copy *copy)
{
    *outcome = header(task, S("pakhus-outcome"));
    copy->type = header(task, S("pakhus-type"));
    read_copy(task->io.arena, header(task, S("pakhus-size")), header(task, S("pakhus-modified")), header(task, S("pakhus-digest")), copy);
    return STATUS_OK;
}

/* {"outcome":"succeeded","uri":"/a?pkt=…","host":"cdn.example","size":7,"type":"text/css","modified":"…","sha256":"…"} */
static enum status read_body(struct task *task, struct str *outcome, struct token_copy *copy, struct error *error)
{
    struct config body;
    struct str modified = {NULL, 0}, digest = {NULL, 0};
    uint64_t size = UINT64_MAX;
    TRY(config_open(task->io.arena, task->request->body, "result", &body, error));
    TRY(config_text(&body, "outcome", CONFIG_REQUIRED, outcome, error));
    TRY(config_text(&body, "uri", CONFIG_OPTIONAL, &task->question.uri, error));
    TRY(config_text(&body, "host", CONFIG_OPTIONAL, &task->question.host, error));
    TRY(config_whole(&body, "size", CONFIG_OPTIONAL, 0, INT64_MAX, &size, error));
    TRY(config_text(&body, "type", CONFIG_OPTIONAL, &copy->type, error));
    TRY(config_text(&body, "modified", CONFIG_OPTIONAL, &modified, error));
    TRY(config_text(&body, "sha256", CONFIG_OPTIONAL, &digest, error));
    TRY(config_end(&body, error));
    read_copy(task->io.arena, S(""), modified, digest, copy);
    if (size != UINT64_MAX) copy->size = size, copy->has_size = true;
    return STATUS_OK;
}

static enum status read_result(struct task *task, struct result *result, struct error *error)
{
    struct str outcome;
    enum status status = read_question(task, error);
    bool in_body = task->request->body.length > 0;
    if (status != STATUS_OK && !in_body) return status; /* without a body the URL stands in a header */
    TRY(in_body ? read_body(task, &outcome, &result->copy, error) : read_headers(task, &outcome, &result->copy));
    result->succeeded = str_equal(outcome, S("succeeded"));
    ENSURE(result->succeeded || str_equal(outcome, S("failed")), error, STATUS_INVALID, "the outcome must be 'succeeded' or 'failed'");
    return STATUS_OK;
}

static enum status tell_node(struct task *task, bool succeeded, struct error *error)
{
    struct held_node held = {.nodes = task->verify->nodes, .io = task->io, .log = task->call->log};
    struct hits_token token = hits_token_of(&task->answer);
    TRY(nodes_hold(&held, task->node, error));
    enum status status = node_report(&held, &token, succeeded, task->question.now, error);
    nodes_release(&held);
    return status;
}

/* Only what could have been answered `update` can have an outcome. */
static enum status take_result(struct task *task, struct error *error)
{
    struct result result = {0};
    TRY(read_result(task, &result, error));
    enum token_reason reason = token_verify(&task->verify->ring, &task->question, &task->answer);
    if (reason != TOKEN_DUE) return respond(task, reason), STATUS_OK;
    const char *mismatch = result.succeeded ? token_copy_mismatch(&task->answer.token.fields, &result.copy) : NULL;
    bool succeeded = result.succeeded && !mismatch;
    TRY(tell_node(task, succeeded, error));
    if (mismatch)
        log_warn(task->call->log, "token: what node " STR_FMT " fetched has another %s than its token says", STR_ARG(task->node), mismatch);
    task->response->status = 204;
    answer(task, "serve", mismatch ? mismatch : succeeded ? "succeeded" : "failed");
    return STATUS_OK;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct error error;
    struct verify *verifier = state;
    struct task task = {.verify = verifier, .call = call, .request = request, .response = response, .io = app_io(verifier->app, call)};
    bool is_result = str_equal(request->path, S("/token/result"));
    if ((is_result ? take_result : verify)(&task, &error) == STATUS_OK) return STATUS_OK;
    *response = (struct lc_response){0};
    return respond_error(call, response, &error);
}

/* --- {"pakhus":"stale"} */

struct stale_request {
    struct str node; /* empty: all that the store knows */
    struct stale_rules rules;
    bool mark;
};

struct listing {
    struct verify *verify;
    struct lc_call *call;
    struct io io;
    struct stale_request request;
    json_t *nodes, *keys;
    struct error *error;
};

static void free_json(void *json)
{
    json_decref(json);
}

static enum status parse_event(struct arena *arena, struct str text, struct stale_request *request, struct error *error)
{
    struct config event;
    struct str name, rules = {NULL, 0};
    TRY(config_open(arena, text, "event", &event, error));
    TRY(config_text(&event, "pakhus", CONFIG_REQUIRED, &name, error));
    ENSURE(str_equal(name, S("stale")), error, STATUS_INVALID, "event.pakhus: must be 'stale' here");
    TRY(config_id(&event, "node", CONFIG_OPTIONAL, &request->node, error));
    TRY(config_number(&event, "least", CONFIG_OPTIONAL, 0, 1e9, &request->rules.least, error));
    TRY(config_span(&event, "period", CONFIG_OPTIONAL, &request->rules.period, error));
    TRY(config_text(&event, "rules", CONFIG_OPTIONAL, &rules, error));
    TRY(config_flag(&event, "forget", CONFIG_OPTIONAL, &request->mark, error));
    TRY(config_end(&event, error));
    ENSURE(request->rules.period > 0, error, STATUS_INVALID, "event.period: must be longer than nothing");
    return stale_rules_parse(arena, rules, &request->rules, error);
}

/* A Function Compute timer wraps what is meant for us in a "payload". */
static struct str unwrap(struct arena *arena, struct str event)
{
    json_t *json = json_loadb(event.data ? event.data : "", event.length, 0, NULL), *payload = json_object_get(json, "payload");
    struct str inner = event;
    if (json_is_string(payload) && json_object_get(json, "triggerName"))
        inner = arena_copy(arena, str_make(json_string_value(payload), json_string_length(payload)));
    json_decref(json);
    return inner;
}

static void list_key(void *context, const struct hits_resource *resource)
{
    struct listing *listing = context;
    struct arena *arena = listing->io.arena;
    char key[2 * TOKEN_KEY_LENGTH + 1];
    token_key_hex(&resource->key, key);
    struct str updated = clock_format_time(arena, resource->updated), modified = clock_format_time(arena, resource->modified);
    json_array_append_new(listing->keys, json_pack("{s:s, s:f, s:s, s:s}", "key", key, "frequency", resource->frequency, "updated",
                                                   updated.data, "modified", modified.data));
}

static enum status list_node(struct listing *listing, struct str name)
{
    struct held_node held = {.nodes = listing->verify->nodes, .io = listing->io, .log = listing->call->log};
    const struct hits_stale_question question = {&listing->request.rules, clock_now(), listing->request.mark};
    TRY(nodes_hold(&held, name, listing->error));
    listing->keys = json_array();
    node_stale(&held, &question, list_key, listing);
    nodes_release(&held);
    json_array_append_new(listing->nodes, json_pack("{s:s%, s:o}", "node", name.data, name.length, "stale", listing->keys));
    return STATUS_OK;
}

struct names {
    struct arena *arena;
    struct buf text; /* a line each */
    struct str last;
};

static bool collect_name(void *context, const struct store_object *object)
{
    struct names *names = context;
    struct str rest = str_from(object->key, 7), name = str_cut(&rest, '/');
    if (!rest.data || str_equal(name, names->last)) return true;
    names->last = arena_copy(names->arena, name);
    buf_add(&names->text, name);
    buf_add_byte(&names->text, '\n');
    return !names->text.overflow;
}

static enum status list_all(struct listing *listing)
{
    struct names names = {.arena = listing->io.arena, .text = buf_in(listing->io.arena, 1 << 20)};
    TRY(store_list(listing->verify->app->store, listing->io, S("tokens/"), 0, collect_name, &names, listing->error));
    for (struct str rest = buf_str(&names.text); rest.data;) {
        struct str name = str_cut(&rest, '\n');
        if (str_is_id(name)) TRY(list_node(listing, name));
    }
    return STATUS_OK;
}

static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    struct verify *verify = state;
    struct listing listing = {.verify = verify, .call = call, .io = app_io(verify->app, call), .nodes = json_array(), .error = error};
    listing.request.rules = (struct stale_rules){.least = 1, .period = STALE_PERIOD};
    json_t *whole = json_pack("{s:o}", "nodes", listing.nodes);
    arena_defer(call->arena, free_json, whole);
    TRY(parse_event(call->arena, unwrap(call->arena, text), &listing.request, error));
    TRY(listing.request.node.data ? list_node(&listing, listing.request.node) : list_all(&listing));
    char *dumped = json_dumps(whole, JSON_COMPACT);
    *result = arena_copy(call->arena, str_of(dumped));
    free(dumped);
    return STATUS_OK;
}

/* --- life */

static enum status read_settings(struct verify *verify, struct nodes_options *options, struct error *error)
{
    struct arena *arena = verify->app->arena;
    if (keyring_parse(arena, setting(SETTING_TOKEN_KEYS), TOKEN_SECRET_LENGTH, &verify->ring, error) != STATUS_OK)
        return setting_refuse(SETTING_TOKEN_KEYS, error);
    verify->business = arena_copy(arena, setting(SETTING_TOKEN_BUSINESS));
    verify->parameter = arena_copy(arena, setting(SETTING_TOKEN_PARAM));
    ENSURE(verify->parameter.length == 0 || token_is_parameter(verify->parameter), error, STATUS_INVALID,
           "%s must be 1 to 32 letters, digits, '_' or '-'", setting_name(SETTING_TOKEN_PARAM));
    struct str on_evict = setting(SETTING_TOKEN_ON_EVICT);
    verify->purges = str_equal(on_evict, S("purge"));
    ENSURE(verify->purges || !on_evict.data || str_equal(on_evict, S("keep")), error, STATUS_INVALID,
           "%s is '" STR_FMT "', not keep or purge", setting_name(SETTING_TOKEN_ON_EVICT), STR_ARG(str_first(on_evict, 100)));
    TRY(app_flush_span(&options->flush, error));
    TRY(setting_span(SETTING_TOKEN_WINDOW, &options->rules.window, error));
    uint64_t entries = ENTRIES;
    TRY(setting_number(SETTING_TOKEN_ENTRIES, &entries, error));
    options->entries = (uint32_t)entries;
    return STATUS_OK;
}

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    struct verify *verify = arena_new_of(app->arena, struct verify);
    struct nodes_options options = {.store = app->store, .flush = FLUSH, .rules = HITS_RULES};
    verify->app = app;
    TRY(read_settings(verify, &options, error));
    verify->nodes = nodes_new(&options);
    *state = verify;
    return STATUS_OK;
}

static void flush(struct verify *verify)
{
    struct arena *arena = arena_new();
    nodes_flush(verify->nodes, (struct io){.arena = arena, .deadline = deadline_in(FLUSH_TIME)}, (struct log){0});
    arena_free(arena);
}

static void before_idle(void *state)
{
    flush(state);
}

static void stop(void *state)
{
    struct verify *verify = state;
    flush(verify);
    nodes_free(verify->nodes);
}

static void metrics(void *state, struct buf *out)
{
    struct verify *verify = state;
    for (int i = 0; i < TOKEN_REASONS; i++)
        buf_printf(out, "pakhus_token_answers_total{action=\"%s\",reason=\"%s\"} %llu\n",
                   token_action_name(token_action_of((enum token_reason)i)), token_reason_name((enum token_reason)i),
                   (unsigned long long)atomic_load(&verify->answers[i]));
    buf_printf(out, "pakhus_token_nodes %zu\n", nodes_count(verify->nodes));
}

const struct lc_function cache_token_verify = {
    .name = "cache-token-verify",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .guard = routes_guard,
    .http = http,
    .event = event,
    .before_idle = before_idle,
    .metrics = metrics,
    .stop = stop,
    .quick = true,
};
