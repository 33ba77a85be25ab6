#include "functions/channel-range-splice/redirect.h"
#include "functions/channel-range-splice/slices.h"
#include "functions/channel-range-splice/splice.h"
#include "functions/common/respond.h"
#include "lib/apk/overlay.h"
#include "lib/apk/splice.h"

/* Up to here a range is answered as one buffer, which is the fastest; above it is a stream. */
enum { BUFFER_MAX = 4 << 20 };

static void add_header(struct task *task, struct str name, struct str value)
{
    lc_header_add(task->io.arena, &task->response->headers, name, value);
}

static void add_common_headers(struct task *task)
{
    char digits[U64_DIGITS];
    struct str life = str_of_u64(digits, (uint64_t)task->content.life);
    content_add_validators(task);
    add_header(task, S("Cache-Control"), arena_join(task->io.arena, S("public, max-age="), life));
}

static enum status send_stream(struct task *task, struct str key, const struct store_get *get, struct error *error)
{
    struct store_object object;
    struct stream inner;
    TRY(store_stream(task->splice->app->store, task->io, key, get, &inner, &object, error));
    task->response->stream = apk_overlay_stream(task->io.arena, inner, get->offset, task->content.region, task->content.filled);
    task->response->length = get->length;
    return STATUS_OK;
}

static enum status send_buffer(struct task *task, struct str key, const struct store_get *get, struct error *error)
{
    struct store_object object;
    TRY(store_get(task->splice->app->store, task->io, key, get, &object, error));
    if (task->content.filled) /* the body is ours: it lies in this call's arena */
        apk_overlay(&task->content.region, task->content.filled, get->offset, (char *)(uintptr_t)object.body.data, object.body.length);
    task->response->body = object.body;
    return STATUS_OK;
}

static enum status send_kept(struct task *task, struct error *error)
{
    struct str base;
    const struct slice slice = {task->content.key, task->content.etag, task->range.offset, task->range.length};
    TRY(slices_get(task->splice->slices, task->io, &slice, &base, error));
    char *bytes = arena_buffer(task->io.arena, base.length);
    memcpy(bytes, base.data, base.length);
    apk_overlay(&task->content.region, task->content.filled, task->range.offset, bytes, base.length);
    task->response->body = str_make(bytes, base.length);
    return STATUS_OK;
}

/* Reading a directory costs no more than asking it. */
static bool is_kept(const struct task *task, const struct splice_plan *plan)
{
    bool touches_region = plan->count > 1 || plan->part[0].kind == SPLICE_INFO;
    return touches_region && task->range.length <= SLICE_MAX && !store_abilities(task->splice->app->store)->cheap_metadata;
}

static enum status send_stored_bytes(struct task *task, const struct splice_plan *plan, struct error *error)
{
    struct str key = task->content.key;
    const struct store_get get = {
        .offset = task->range.offset, .length = task->range.length, .if_match = task->content.etag, .limit = BUFFER_MAX};
    enum status status = is_kept(task, plan)       ? send_kept(task, error)
                         : get.length > BUFFER_MAX ? send_stream(task, key, &get, error)
                                                   : send_buffer(task, key, &get, error);
    if (status != STATUS_PRECONDITION && status != STATUS_NOT_FOUND) return app_store_fault(status, error);
    task->outdated = true;
    return respond_problem(
        task->call, task->response, PROBLEM_STORED_OBJECT_CHANGED,
        "the stored object is not the one that was published; if this lasts, the operator must publish the package again");
}

static enum status send_body(struct task *task, const struct splice_plan *plan, struct error *error)
{
    task->response->length = task->range.length;
    if (str_equal(task->request->method, S("HEAD"))) return STATUS_OK;
    if (task->range.length > task->call->body_limit)
        return respond_problem(task->call, task->response, PROBLEM_RANGE_REQUIRED,
                               "this host can send %llu bytes at most: ask for a range of that length or less",
                               (unsigned long long)task->call->body_limit);
    if (plan->count == 1 && plan->part[0].kind == SPLICE_INFO) {
        task->response->body = str_make(task->content.filled + plan->part[0].offset, (size_t)plan->part[0].length);
        return STATUS_OK;
    }
    return send_stored_bytes(task, plan, error);
}

static enum status send_content(struct task *task, const struct splice_plan *plan, struct error *error)
{
    struct arena *arena = task->io.arena;
    task->response->status = task->partial ? 206 : 200;
    add_header(task, S("Content-Type"), task->content.type);
    if (task->partial) add_header(task, S("Content-Range"), http_content_range(arena, task->range, task->content.size));
    if (task->partial) add_header(task, S("Vary"), S("Range")); /* some caches answer the whole from a stored part */
    add_common_headers(task);
    return send_body(task, plan, error);
}

/* --- the answer */

static struct str field(const struct task *task, struct str name)
{
    return lc_header_list(task->io.arena, &task->request->headers, name);
}

static struct http_conditions conditions_of(const struct task *task)
{
    return (struct http_conditions){
        .if_match = field(task, S("if-match")),
        .if_none_match = field(task, S("if-none-match")),
        .if_modified_since = field(task, S("if-modified-since")),
        .if_unmodified_since = field(task, S("if-unmodified-since")),
        .if_range = field(task, S("if-range")),
    };
}

static enum status not_satisfiable(struct task *task)
{
    uint64_t size = task->content.size;
    respond_problem(task->call, task->response, PROBLEM_RANGE, "it has %llu bytes", (unsigned long long)size);
    add_header(task, S("Content-Range"), http_content_range_unsatisfied(task->io.arena, size));
    return STATUS_OK;
}

static struct splice_plan plan_of(const struct task *task)
{
    struct apk_region region = task->content.filled ? task->content.region : (struct apk_region){0};
    return splice_plan(region, task->range.offset, task->range.length);
}

/* The whole where no range is asked for. */
static void choose_range(struct task *task, enum http_range_kind kind)
{
    task->partial = kind == HTTP_RANGE_ONE;
    if (!task->partial) task->range = (struct http_range){0, task->content.size};
}

static enum status answer_here(struct task *task, enum http_range_kind kind, struct error *error)
{
    struct http_conditions conditions = conditions_of(task);
    int verdict = http_precondition(&conditions, &task->content.validators);
    if (verdict == 412)
        return respond_problem(task->call, task->response, PROBLEM_PRECONDITION, "it is not the version that was asked for");
    if (verdict == 304) {
        task->response->status = 304;
        task->response->length = task->content.size; /* which keeps the connection, see lambda.h */
        add_common_headers(task);
        return STATUS_OK;
    }
    if (!http_if_range(&conditions, &task->content.validators)) kind = HTTP_RANGE_NONE;
    if (kind == HTTP_RANGE_UNSATISFIABLE) return not_satisfiable(task);
    choose_range(task, kind);
    struct splice_plan plan = plan_of(task);
    return send_content(task, &plan, error);
}

/* A redirect goes before the conditions: they are for what it leads to (RFC 9110 section 13.2.1). */
enum status content_answer(struct task *task, struct error *error)
{
    struct str range = field(task, S("range"));
    enum http_range_kind kind = http_range_parse(range, task->content.size, &task->range);
    choose_range(task, kind);
    struct splice_plan plan = plan_of(task);
    bool is_base = plan.count == 1 && plan.part[0].kind == SPLICE_BASE && kind != HTTP_RANGE_UNSATISFIABLE;
    if (is_base && redirect_applies(task, range)) return redirect_answer(task, range, error);
    return answer_here(task, kind, error);
}
