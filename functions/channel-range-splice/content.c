#include "base/encode.h"
#include "functions/channel-range-splice/slices.h"
#include "functions/channel-range-splice/splice.h"
#include "functions/common/respond.h"
#include "lib/apk/overlay.h"
#include "lib/apk/splice.h"
#include "lib/http/date.h"

/* How long a redirect's signature is good, at least (store_presign), and what caches leave unused of it. */
enum { PRESIGN_LIFE = 30 * CLOCK_MINUTE, PRESIGN_MARGIN = 60 };
/* Up to here a range is answered as one buffer, which is the fastest; above it is a stream. */
enum { BUFFER_LIMIT = 4 << 20 };

static void add_header(struct task *task, struct str name, struct str value)
{
    lc_header_add(task->io.arena, &task->response->headers, name, value);
}

static void add_common_headers(struct task *task, int64_t life)
{
    struct arena *arena = task->io.arena;
    char digits[U64_DIGITS];
    add_header(task, S("ETag"), task->content.validators.etag);
    add_header(task, S("Last-Modified"), http_date(arena, task->content.validators.modified));
    add_header(task, S("Cache-Control"), arena_join(arena, S("public, max-age="), str_of_u64(digits, (uint64_t)life)));
    add_header(task, S("Accept-Ranges"), S("bytes"));
    add_header(task, S("Content-Disposition"), task->content.disposition);
}

/* Says where the bytes are. The follower needs the base's own ETag to be sure that no other object's bytes get in (If-Match). */
static enum status redirect(struct task *task, struct error *error)
{
    struct app *app = task->splice->app;
    struct str key = task->content.key, url;
    int64_t life = task->content.life, valid_until;
    if (app->redirect == APP_REDIRECT_PRESIGNED) {
        TRY(store_presign(app->store, task->io, key, PRESIGN_LIFE, &url, &valid_until, error));
        int64_t left = (valid_until - clock_real()) / CLOCK_SECOND - PRESIGN_MARGIN;
        if (left < life) life = left > 0 ? left : 0;
    } else {
        url = arena_join(task->io.arena, app->redirect_url, percent_encode(task->io.arena, key, true));
    }
    task->response->status = 302;
    add_header(task, S("Location"), url);
    add_header(task, S("Pakhus-Base-ETag"), task->content.etag);
    add_common_headers(task, life);
    return STATUS_OK;
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
    TRY(slices_get(task->splice->slices, task->io, task->content.key, task->content.etag, task->range, &base, error));
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
    return touches_region && task->range.length <= SLICES_LONGEST && !task->splice->app->directory;
}

static enum status send_stored_bytes(struct task *task, const struct splice_plan *plan, struct error *error)
{
    struct str key = task->content.key;
    const struct store_get get = {
        .offset = task->range.offset, .length = task->range.length, .if_match = task->content.etag, .limit = BUFFER_LIMIT};
    enum status status = is_kept(task, plan)         ? send_kept(task, error)
                         : get.length > BUFFER_LIMIT ? send_stream(task, key, &get, error)
                                                     : send_buffer(task, key, &get, error);
    if (status != STATUS_PRECONDITION && status != STATUS_NOT_FOUND) return app_store_fault(status, error);
    task->outdated = true; /* unpublished, or published anew, behind our back */
    log_error(task->call->log, STR_FMT " is not the object that was published: no byte of it is sent; publishing the same package again mends it",
              STR_ARG(key));
    return respond_problem(task->call, task->response, 503, "stored-object-changed",
                           "the stored object is not the one that was published; if this lasts, the operator must publish the package again");
}

static enum status send_body(struct task *task, const struct splice_plan *plan, struct error *error)
{
    task->response->length = task->range.length;
    if (str_equal(task->request->method, S("HEAD"))) return STATUS_OK;
    if (task->range.length > task->call->body_limit)
        return respond_problem(task->call, task->response, 501, "range-required",
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
    add_common_headers(task, task->content.life);
    return send_body(task, plan, error);
}

static struct http_conditions conditions_of(const struct lc_request *request)
{
    return (struct http_conditions){
        .if_match = lc_header_get(&request->headers, S("if-match")),
        .if_none_match = lc_header_get(&request->headers, S("if-none-match")),
        .if_modified_since = lc_header_get(&request->headers, S("if-modified-since")),
        .if_unmodified_since = lc_header_get(&request->headers, S("if-unmodified-since")),
        .if_range = lc_header_get(&request->headers, S("if-range")),
    };
}

/* If-Range and If-Match go along with a redirect too, and are compared with the base's own ETag where it leads. */
static bool is_for_us(const struct task *task, struct str name)
{
    struct str value = lc_header_get(&task->request->headers, name);
    bool holds_there = task->splice->app->redirect == APP_REDIRECT_PRESIGNED && str_equal(value, task->content.etag);
    return value.data && !holds_there;
}

/* A client sends its Range to where it is redirected, and stores do not read every Range as we do: one that is not understood there, or
 * not applied for the sake of If-Range or for an end past the end, brings the whole base, unspliced. */
static bool is_read_alike(const struct task *task)
{
    struct str range = lc_header_get(&task->request->headers, S("range"));
    if (is_for_us(task, S("if-match"))) return false;
    if (!range.data) return true;
    if (!task->partial || !http_range_is_plain(range) || is_for_us(task, S("if-range"))) return false;
    return store_clamps_ranges(task->splice->app->store) || http_range_is_within(range, task->content.size);
}

/* Only a GET follows a redirect to where it leads: a signature is good for one method. */
static bool is_redirected(const struct task *task, const struct splice_plan *plan)
{
    bool base_only = plan->count == 1 && plan->part[0].kind == SPLICE_BASE;
    bool get = str_equal(task->request->method, S("GET"));
    return base_only && get && task->splice->app->redirect != APP_REDIRECT_NEVER && is_read_alike(task);
}

enum status content_answer(struct task *task, struct error *error)
{
    const struct content *content = &task->content;
    struct http_conditions conditions = conditions_of(task->request);
    int verdict = http_precondition(&conditions, &content->validators);
    if (verdict == 412) return respond_problem(task->call, task->response, 412, "precondition", "it is not the version that was asked for");
    if (verdict == 304) {
        task->response->status = 304;
        task->response->length = content->size; /* which keeps the connection, see lambda.h */
        add_common_headers(task, content->life);
        return STATUS_OK;
    }
    struct str header = lc_header_get(&task->request->headers, S("range"));
    enum http_range_kind kind = HTTP_RANGE_NONE;
    if (http_if_range(&conditions, &content->validators)) kind = http_range_parse(header, content->size, &task->range);
    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        respond_problem(task->call, task->response, 416, "range", "it has %llu bytes", (unsigned long long)content->size);
        add_header(task, S("Content-Range"), http_content_range_unsatisfied(task->io.arena, content->size));
        return STATUS_OK;
    }
    task->partial = kind == HTTP_RANGE_ONE;
    if (!task->partial) task->range = (struct http_range){0, content->size};
    struct apk_region region = content->filled ? content->region : (struct apk_region){0};
    struct splice_plan plan = splice_plan(region, task->range.offset, task->range.length);
    return is_redirected(task, &plan) ? redirect(task, error) : send_content(task, &plan, error);
}
