#include "functions/query/handler.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/url.h"
#include "base/version.h"
#include "functions/common/app.h"
#include "functions/common/respond.h"
#include "functions/common/routes.h"
#include "functions/common/settings.h"
#include "functions/query/query.h"

enum { ARGUMENT_LONGEST = 256, FORMAT_MOST = 255, ANSWER_LIMIT = 16384 };
/* Kept for the answer, and for counting, whatever a miss sets going. */
enum { ANSWER_TIME = 3 * CLOCK_SECOND };
/* What is answered stays where it is for longer than that: an edge keeps what is to go for a while (delivery.h, grace). */
enum { ANSWER_LIFE = 5 * CLOCK_MINUTE, PRESIGN_LIFE = 30 * CLOCK_MINUTE };

/* One question on its way to its answer. */
struct task {
    struct query *query;
    struct io io;
    const struct lc_request *request;
    struct wish wish;
    struct whereabouts where;
    const struct registry *registry;
    const struct policy *policy;
    struct place place;
    struct chosen chosen;
    bool is_hit;                             /* P4 */
    bool is_at_node;                         /* the same, of place.node */
    bool wants_alert;                        /* an operator asks whether an edge is missing (P12) */
    uint64_t lone_misses;                    /* of a LAN that no edge serves, where that is asked */
    struct str source, address, url, sha256; /* of the answer */
    int64_t expires;
};

/* --- the question */

static enum status argument(const struct task *task, const char *name, struct str *value, struct error *error)
{
    struct str text;
    *value = (struct str){NULL, 0};
    TRY(url_argument(task->io.arena, task->request->query, str_of(name), &text, error));
    ENSURE(text.length <= ARGUMENT_LONGEST, error, STATUS_INVALID, "'%s' is longer than %d bytes", name, ARGUMENT_LONGEST);
    if (text.length > 0) *value = text;
    return STATUS_OK;
}

static enum status id_argument(const struct task *task, const char *name, struct str *value, struct error *error)
{
    TRY(argument(task, name, value, error));
    ENSURE(value->length == 0 || str_is_id(*value), error, STATUS_INVALID,
           "'%s' must be 1 to 128 letters, digits, '.', '_' or '-', not starting with a dot", name);
    return STATUS_OK;
}

/* A '+' is itself here, as RFC 3986 has it, not a space. */
static enum status version_argument(const struct task *task, const char *name, struct str *value, struct error *error)
{
    TRY(argument(task, name, value, error));
    ENSURE(value->length == 0 || str_is_version(*value), error, STATUS_INVALID, "'%s' must be " STR_VERSION_RULE, name);
    return STATUS_OK;
}

static enum status flag_argument(const struct task *task, const char *name, bool *value, struct error *error)
{
    struct str text;
    TRY(argument(task, name, &text, error));
    ENSURE(text.length == 0 || str_equal(text, S("1")), error, STATUS_INVALID, "'%s' must be 1", name);
    *value = text.length > 0;
    return STATUS_OK;
}

/* Which formats of patches the device applies: a list, of which those count that are known here. Whoever applies format 2 applies format 1
 * too, and so did every device before there was another one. */
static enum status refuse_formats(struct error *error)
{
    return error_set(error, STATUS_INVALID, "'patch' must list the formats of patches that the device applies, 1 among them, such as 1,2");
}

static enum status formats_argument(const struct task *task, bool *takes_format2, struct error *error)
{
    struct str rest;
    bool has_first = false;
    *takes_format2 = false;
    TRY(argument(task, "patch", &rest, error));
    if (rest.length == 0) return STATUS_OK;
    while (rest.data) {
        uint64_t format;
        if (!str_to_u64(str_cut(&rest, ','), &format) || format < PATCH_FORMAT_1 || format > FORMAT_MOST) return refuse_formats(error);
        has_first = has_first || format == PATCH_FORMAT_1;
        *takes_format2 = *takes_format2 || format == PATCH_FORMAT_2;
    }
    return has_first ? STATUS_OK : refuse_formats(error);
}

static enum status read_question(struct task *task, struct error *error)
{
    struct wish *wish = &task->wish;
    struct whereabouts *where = &task->where;
    TRY(id_argument(task, "app", &wish->app, error));
    TRY(version_argument(task, "version", &wish->version, error));
    TRY(version_argument(task, "from", &wish->from, error));
    TRY(id_argument(task, "channel", &wish->channel, error));
    TRY(id_argument(task, "from_channel", &wish->from_channel, error));
    TRY(formats_argument(task, &wish->takes_format2, error));
    TRY(argument(task, "device", &wish->device, error));
    TRY(id_argument(task, "lan", &where->code, error));
    TRY(id_argument(task, "site", &where->site, error));
    TRY(id_argument(task, "region", &where->region, error));
    TRY(argument(task, "ip", &where->ip, error));
    TRY(argument(task, "mask", &where->mask, error));
    TRY(flag_argument(task, "alert", &task->wants_alert, error));
    ENSURE(wish->app.length > 0, error, STATUS_INVALID, "'app' is missing");
    where->caller = client_address(&task->query->placement->app->proxies, task->io.arena, task->request);
    if (where->ip.length == 0 && where->mask.length > 0) where->ip = where->caller;
    ENSURE(where->ip.length == 0 || where->mask.length > 0, error, STATUS_INVALID, "'ip' needs 'mask', such as 255.255.255.0 or 24");
    return STATUS_OK;
}

/* --- addresses */

static struct str public_url(const struct task *task)
{
    struct str host = lc_header_get(&task->request->headers, S("host"));
    if (task->query->public_url.length > 0) return task->query->public_url;
    for (size_t i = 0; i < host.length; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]", host.data[i], 68)) return S("");
    return host.length > 0 ? arena_join(task->io.arena, S("http://"), host) : S("");
}

static void answer_edge(struct task *task, const struct edge *edge, struct str source, const struct held_package *held)
{
    struct arena *arena = task->io.arena;
    task->source = source;
    task->address = arena_join(arena, edge->address, edge_path(arena, edge, &task->chosen.offer.name));
    task->url = arena_join(arena, S("http://"), task->address);
    /* On an edge that splices a channel package is made as it is served. */
    bool is_whole = !(edge->splices && task->chosen.offer.name.channel.length > 0);
    task->sha256 = is_whole ? held->sha256 : (struct str){NULL, 0};
}

/* Through the functions or the CDN before them; where nobody says how these are reached, a base by a presigned URL. */
static enum status answer_origin(struct task *task, struct error *error)
{
    struct arena *arena = task->io.arena;
    const struct package_name *name = &task->chosen.offer.name;
    struct app *app = task->query->placement->app;
    bool is_patch = name->from.length > 0;
    struct str base = public_url(task);
    task->source = S("origin");
    task->sha256 = task->chosen.offer.sha256;
    if (task->query->public_url.length == 0 && name->channel.length == 0 && !is_patch && app->redirect == APP_REDIRECT_PRESIGNED) {
        TRY(store_presign(app->store, task->io, task->chosen.base, PRESIGN_LIFE, &task->url, &task->expires, error));
    } else {
        task->url = arena_join(arena, base, is_patch ? S("/patches/") : S("/packages/"), package_name_format(arena, name),
                               is_patch ? S(".diff") : S(".apk"));
    }
    size_t scheme = str_find_str(task->url, S("://"));
    task->address = scheme < task->url.length ? str_from(task->url, scheme + 3) : task->url;
    return STATUS_OK;
}

/* --- who holds it */

/* Of a patch, in either of the formats that the device takes: what is found becomes the answer. */
static const struct held_package *find_offered(const struct held *held, struct arena *arena, const struct edge *edge, struct chosen *chosen)
{
    struct package_name name = chosen->offer.name;
    edge_package(edge, &name);
    const struct held_package *found = held_find(held, package_name_format(arena, &name));
    if (found || chosen->other.name.version.length == 0) return found;
    found = held_find(held, package_name_format(arena, &chosen->other.name));
    if (!found) return NULL;
    const struct offer other = chosen->other;
    chosen->other = chosen->offer;
    chosen->offer = other;
    return found;
}

/* What can't be read of an edge is no reason to answer nothing: it is told of, and the edge passed by. */
static enum status find_held(struct task *task, const struct edge *edge, bool own, const struct held_package **found, struct error *error)
{
    const struct held *held;
    struct placement_app *placement = task->query->placement;
    *found = NULL;
    enum status status = own ? placement_app_held(placement, task->io, edge->id, &held, error)
                             : placement_app_nearby(placement, task->io, edge->id, &held, error);
    if (status == STATUS_WOULD_BLOCK) return status;
    if (status != STATUS_OK) {
        log_warn((struct log){0}, "edge=" STR_FMT " what it holds is not known: %s", STR_ARG(edge->id), error->text);
        return STATUS_OK;
    }
    *found = find_offered(held, task->io.arena, edge, &task->chosen);
    return STATUS_OK;
}

/* P4. */
static enum status try_own_edge(struct task *task, bool *found, struct error *error)
{
    const struct held_package *held = NULL;
    if (task->place.edge) TRY(find_held(task, task->place.edge, true, &held, error));
    *found = held != NULL;
    if (held) answer_edge(task, task->place.edge, S("edge"), held);
    return STATUS_OK;
}

/* An edge that is asked for its package, by its id: NULL where it is gone. */
static enum status ask_other(struct task *task, struct str id, const struct edge **edge, const struct held_package **held,
                             struct error *error)
{
    const struct registry *registry;
    *held = NULL;
    TRY(placement_app_edge(task->query->placement, task->io, id, &registry, error));
    *edge = registry_edge(registry, id);
    return *edge ? find_held(task, *edge, false, held, error) : STATUS_OK;
}

/* P6: the nearest other edge that holds it for sure, of so many that are nearest. */
static enum status look_nearby(struct task *task, const struct edge **edge, const struct held_package **held, struct error *error)
{
    const struct edge *edges[NEAREST_MOST];
    const struct registry *near;
    TRY(placement_app_near(task->query->placement, task->io, &task->place, &near, error));
    size_t count = registry_nearest(near, &task->place, edges, NEAREST_MOST);
    *held = NULL;
    for (size_t i = 0; i < count && !*held; i++) {
        *edge = edges[i];
        TRY(find_held(task, *edge, false, held, error));
        if (*held && (*edge)->address.length == 0) TRY(ask_other(task, edges[i]->id, edge, held, error));
    }
    return STATUS_OK;
}

/* What an edge may hold. */
static struct str candidates(const struct task *task)
{
    struct arena *arena = task->io.arena;
    const struct chosen *chosen = &task->chosen;
    struct str first = package_name_format(arena, &chosen->offer.name);
    if (chosen->other.name.version.length == 0) return first;
    return arena_join(arena, first, S(" "), package_name_format(arena, &chosen->other.name));
}

/* One that was found a moment ago is asked whether it still holds it. */
static enum status try_nearby(struct task *task, bool *found, struct error *error)
{
    const struct edge *edge = NULL;
    const struct held_package *held = NULL;
    struct str known;
    uint64_t hash = query_nearby_hash(task->query, &task->place, candidates(task));
    bool recalled = query_nearby_recall(task->query, task->io.arena, hash, &known);
    if (recalled && known.length == 0) return *found = false, STATUS_OK;
    if (recalled) TRY(ask_other(task, known, &edge, &held, error));
    if (!held) {
        TRY(look_nearby(task, &edge, &held, error));
        query_nearby_note(task->query, hash, held ? edge->id : S(""));
    }
    *found = held != NULL;
    if (held) answer_edge(task, edge, S("nearby"), held);
    return STATUS_OK;
}

/* A HEAD is somebody's who wants to know whether we are there. */
static bool is_counted(const struct task *task)
{
    return !str_equal(task->request->method, S("HEAD"));
}

/* P2: an edge without LANs stands in for the LANs that have none and are nearest to it. */
static struct place server_of(const struct task *task)
{
    struct place place = task->place;
    if (place.edge || !place.node) return place;
    place.edge = place.node;
    place.lan = place.node->home;
    return place;
}

/* For what a miss sets going: time is kept for the answer. */
static struct io patient_io(const struct task *task)
{
    struct io io = task->io;
    int64_t left = deadline_left(io.deadline);
    io.deadline = deadline_in(left > 2 * ANSWER_TIME ? left - ANSWER_TIME : left / 2);
    return io;
}

/* Of what is wanted there. */
static struct query_miss miss_of(const struct task *task, struct io io, const struct place *place)
{
    return (struct query_miss){.query = task->query, .io = io, .policy = task->policy, .place = place, .name = &task->chosen.wanted};
}

/* P7. What was asked for is on the edge now: it is answered, also a patch that there was none of before. */
static enum status trigger(struct task *task, bool *placed, struct error *error)
{
    const struct held_package *held = NULL;
    const struct place place = server_of(task);
    const struct edge *edge = place.edge;
    struct chosen *chosen = &task->chosen;
    if (!is_counted(task) || !edge || task->is_at_node) return STATUS_OK;
    struct query_miss miss = miss_of(task, patient_io(task), &place);
    if (chosen->wanted.from.length == chosen->offer.name.from.length) miss.size = chosen->offer.size;
    TRY(query_trigger(&miss, placed, error));
    if (!*placed) return STATUS_OK;
    chosen->offer.name = chosen->wanted;
    TRY(find_held(task, edge, true, &held, error));
    if (held && chosen->offer.name.from.length > 0) chosen->offer.size = held->size, chosen->offer.sha256 = held->sha256;
    return STATUS_OK;
}

/* Where no edge serves the LAN. *found: nobody who is nearer holds it, but the node does. */
static enum status try_node(struct task *task, bool *found, struct error *error)
{
    const struct held_package *held = NULL;
    if (task->place.node) TRY(find_held(task, task->place.node, true, &held, error));
    *found = held != NULL;
    if (held) answer_edge(task, task->place.node, S("nearby"), held);
    return STATUS_OK;
}

/* P6. */
static enum status make_patch(struct task *task, struct error *error)
{
    struct chosen *chosen = &task->chosen;
    struct package_source source = {0};
    bool made;
    if (!is_counted(task) || task->place.edge) return STATUS_OK;
    const struct query_miss miss = miss_of(task, patient_io(task), &task->place);
    TRY(query_make_patch(&miss, &source, &made, error));
    if (!made) return STATUS_OK;
    chosen->offer = (struct offer){chosen->wanted, source.size, source.sha256};
    return STATUS_OK;
}

static enum status count(struct task *task, struct error *error)
{
    if (task->wants_alert) {
        const struct query_miss miss = miss_of(task, task->io, &task->place);
        TRY(query_lone_misses(&miss, &task->lone_misses, error));
    }
    const struct counted counted = {
        .package = package_name_format(task->io.arena, &task->chosen.wanted), .hit = task->is_hit, .node_hit = task->is_at_node};
    if (is_counted(task)) query_count(task->query, task->io, &task->place, &counted);
    return STATUS_OK;
}

/* All that may have to wait comes before the count, since a question that would is asked again. A patch that nobody made yet is what was
 * asked for, and missed, whoever holds the full package (P5, P6). One that the device can apply is a hit, whatever its format. */
static enum status find_source(struct task *task, struct error *error)
{
    struct chosen *chosen = &task->chosen;
    bool stands_in = chosen->wanted.from.length > chosen->offer.name.from.length, found, at_node, placed = false;
    if (is_counted(task)) TRY(query_may_count(task->query, task->io, error));
    TRY(try_own_edge(task, &found, error));
    task->is_hit = found && !stands_in;
    if (task->is_hit) chosen->wanted = chosen->offer.name;
    if (!task->is_hit) {
        TRY(try_node(task, &at_node, error));
        task->is_at_node = at_node && !stands_in;
        if (task->is_at_node) chosen->wanted = chosen->offer.name;
        TRY(trigger(task, &placed, error));
        if (placed) TRY(try_own_edge(task, &found, error));
        if (!found && placed) TRY(try_node(task, &found, error));
        if (stands_in && !found) TRY(make_patch(task, error));
        if (!found) TRY(try_nearby(task, &found, error));
        if (!found) TRY(try_node(task, &found, error));
        if (!found) TRY(answer_origin(task, error));
    }
    return count(task, error);
}

/* --- the answer */

/* A patch keeps the channel of the installed package. Who changes it fills the region with the bytes that stand there in the wanted
 * channel's package: a range that the function serves itself. */
static void put_region(const struct task *task, struct json_writer *json)
{
    const struct chosen *chosen = &task->chosen;
    const struct package_name full = {.app = chosen->offer.name.app, .version = chosen->offer.name.version, .channel = task->wish.channel};
    if (chosen->offer.name.from.length == 0 || str_equal(task->wish.channel, task->wish.from_channel)) return;
    json_open_object(json, "region");
    json_put_text(json, "url",
                  arena_join(task->io.arena, public_url(task), S("/packages/"), package_name_format(task->io.arena, &full), S(".apk")));
    json_put_number(json, "offset", chosen->region.offset);
    json_put_number(json, "length", chosen->region.length);
    json_close(json);
}

/* P12: an edge is missing here, or not. */
static void put_alert(const struct task *task, struct json_writer *json)
{
    uint64_t threshold = policy_alert_threshold(task->policy);
    if (!task->wants_alert) return;
    if (task->lone_misses <= threshold) return json_put_null(json, "alert");
    json_open_object(json, "alert");
    json_put_text(json, "lan", task->place.lan);
    json_put_number(json, "misses", task->lone_misses);
    json_put_number(json, "threshold", threshold);
    json_close(json);
}

static struct str answer_json(const struct task *task)
{
    struct arena *arena = task->io.arena;
    struct buf out = buf_in(arena, ANSWER_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text_or_null(&json, "address", task->address);
    json_put_text_or_null(&json, "url", task->url);
    json_put_text_or_null(&json, "source", task->source);
    json_put_text(&json, "package", package_name_format(arena, &task->chosen.offer.name));
    json_put_word(&json, "kind", task->chosen.offer.name.from.length > 0 ? "patch" : "full");
    if (task->chosen.offer.name.from.length > 0) json_put_number(&json, "format", task->chosen.offer.name.format);
    json_put_number(&json, "size", task->chosen.offer.size);
    json_put_text_or_null(&json, "sha256", task->sha256);
    json_put_text(&json, "expires", clock_format_time(arena, task->expires / CLOCK_SECOND * CLOCK_SECOND));
    put_region(task, &json);
    put_alert(task, &json);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* P16: what a result refers to. */
static struct str note_sample(const struct task *task)
{
    struct samples *samples = task->query->samples;
    struct str id = samples_new_id(samples, task->io.arena);
    enum sample_placed placed = task->is_hit ? SAMPLE_HIT : task->place.edge ? SAMPLE_MISS : SAMPLE_NO_EDGE;
    if (task->place.lan.length > 0)
        samples_query(samples, &(struct sample){.id = id,
                                                .time = clock_now(),
                                                .placed = placed,
                                                .lan = task->place.lan,
                                                .package = package_name_format(task->io.arena, &task->chosen.wanted)});
    return id;
}

static enum status answer(struct task *task, struct lc_call *call, struct lc_response *response, struct error *error)
{
    struct placement_app *placement = task->query->placement;
    TRY(read_question(task, error));
    TRY(placement_app_where(placement, task->io, &task->where, &task->registry, error));
    TRY(placement_app_policy(placement, task->io, &task->policy, error));
    TRY(registry_find(task->registry, task->io.arena, &task->where, &task->place, error));
    TRY(query_choose(task->query, task->io, &task->wish, &task->chosen, error));
    if (!task->policy->generate_patches) task->chosen.wanted = task->chosen.offer.name;
    lc_header_add(call->arena, &response->headers, S("Cache-Control"), S("no-store"));
    if (task->chosen.is_current) {
        response->status = 204; /* there is nothing newer */
        return STATUS_OK;
    }
    TRY(find_source(task, error));
    query_note_caller(task->query, &task->place, &task->where);
    lc_header_add(call->arena, &response->headers, S("Content-Type"), S("application/json"));
    if (is_counted(task)) lc_header_add(call->arena, &response->headers, S("Pakhus-Query"), note_sample(task));
    response->body = answer_json(task);
    return STATUS_OK;
}

static enum status http(void *state, struct lc_call *call, const struct lc_request *request, struct lc_response *response)
{
    struct query *query = state;
    struct error error;
    struct task task = {
        .query = query, .io = app_io(query->placement->app, call), .request = request, .expires = clock_now() + ANSWER_LIFE};
    if (str_equal(request->path, S("/query/result"))) return query_result(query, call, request, response);
    if (answer(&task, call, response, &error) == STATUS_OK) return STATUS_OK;
    *response = (struct lc_response){0};
    return respond_error(call, response, &error);
}

/* --- life */

static enum status read_settings(struct query *query, struct error *error)
{
    struct arena *arena = query->placement->app->arena;
    struct url url;
    query->public_url = arena_copy(arena, setting(SETTING_PUBLIC_URL));
    while (str_ends(query->public_url, S("/"))) query->public_url.length--;
    if (query->public_url.length > 0 && url_parse(query->public_url, &url, error) != STATUS_OK)
        return setting_refuse(SETTING_PUBLIC_URL, error);
    return STATUS_OK;
}

static enum status init(void **state, struct error *error)
{
    struct placement_app *placement;
    TRY(placement_app_open(&placement, error));
    struct query *query = arena_new_of(placement->app->arena, struct query);
    query->placement = placement;
    TRY(read_settings(query, error));
    query->apps = query_apps(placement->app);
    query_open_triggers(query);
    query_open_nearby(query);
    TRY(query_open_counting(query, error));
    *state = query;
    return STATUS_OK;
}

static void before_idle(void *state)
{
    query_flush(state);
}

static void stop(void *state)
{
    query_close_counting(state);
}

static void metrics(void *state, struct buf *out)
{
    struct query *query = state;
    struct demand_counts counts = demand_counts(query->demand);
    placement_app_metrics(query->placement, state, out);
    buf_printf(out, "pakhus_queries_counted_total %llu\n", (unsigned long long)counts.counted);
    buf_printf(out, "pakhus_demand_pairs %llu\n", (unsigned long long)counts.pairs);
    buf_printf(out, "pakhus_demand_displaced_total %llu\n", (unsigned long long)counts.displaced);
    buf_printf(out, "pakhus_demand_flushes_total %llu\n", (unsigned long long)counts.flushes);
}

const struct lc_function query_function = {
    .name = "query",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .guard = routes_guard,
    .http = http,
    .before_idle = before_idle,
    .metrics = metrics,
    .stop = stop,
    .quick = true,
};
