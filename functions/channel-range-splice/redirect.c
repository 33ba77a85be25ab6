#include "functions/channel-range-splice/redirect.h"

#include "base/encode.h"

/* How long a redirect's signature is good, at least (store_presign), and what caches leave unused of it. */
enum { PRESIGN_LIFE = 30 * CLOCK_MINUTE, PRESIGN_MARGIN = 60 };

/* --- who gets one */

/* If-Range and If-Match go along with a redirect, and the store compares them with the base's own ETag: only a condition that names that
 * one may be left to it. */
static bool is_for_us(const struct task *task, struct str name)
{
    struct str value = lc_header_list(task->io.arena, &task->request->headers, name);
    bool holds_there = task->splice->app->redirect == APP_REDIRECT_PRESIGNED && str_equal(value, task->content.etag);
    return value.data && !holds_there;
}

/* A client sends its Range to where it is redirected, and stores do not read every Range as we do. A store that does not understand the
 * range, or does not apply it because of If-Range or an end past the object's end, sends the whole base without a channel. */
static bool is_read_alike(const struct task *task, struct str range)
{
    if (is_for_us(task, S("if-match"))) return false;
    if (!range.data) return true;
    if (!task->partial || !http_range_is_plain(range) || is_for_us(task, S("if-range"))) return false;
    const struct store_abilities *can = store_abilities(task->splice->app->store);
    if (!can->reads_suffixes && str_starts(range, S("bytes=-"))) return false;
    return can->clamps_ranges || http_range_is_within(range, task->content.size);
}

/* A small range is a client that looks for the size, or whether ranges are served: it learns no other address (S8b). */
static bool is_probe(const struct task *task, struct str range)
{
    return task->partial && http_range_asked(range, task->range) <= task->splice->app->probe_max;
}

/* Whether the target gives nobody wrong bytes, whatever range it is asked for: it has no channel's region, or is bound to one range. */
static bool is_harmless(const struct task *task)
{
    const struct app *app = task->splice->app;
    return !task->content.filled || (app->redirect == APP_REDIRECT_PRESIGNED && store_abilities(app->store)->binds_ranges);
}

static bool is_for_followers(const struct task *task)
{
    enum app_redirected redirected = task->splice->app->redirected;
    return redirected == APP_REDIRECTED_FOLLOWERS || (redirected == APP_REDIRECTED_WHERE_HARMLESS && !is_harmless(task));
}

/* Somebody who asks us again for each range, and follows each redirect for that range alone (S8c). */
static bool is_follower(const struct task *task)
{
    const struct app *app = task->splice->app;
    if (str_equal(lc_header_get(&task->request->headers, S("pakhus-follow")), S("1"))) return true;
    return client_is_in(&app->followers, client_address(&app->proxies, task->io.arena, task->request));
}

bool redirect_applies(const struct task *task, struct str range)
{
    if (task->splice->app->redirect == APP_REDIRECT_NEVER) return false;
    if (!str_equal(task->request->method, S("GET"))) return false; /* a signature is good for one method */
    if (is_probe(task, range) || !is_read_alike(task, range)) return false;
    return !is_for_followers(task) || is_follower(task);
}

/* --- where it leads */

/* The URL, and for how many seconds caches may use it. */
static enum status locate(struct task *task, struct str range, struct str *url, int64_t *life, struct error *error)
{
    struct app *app = task->splice->app;
    struct str key = task->content.key;
    int64_t valid_until;
    *life = task->content.life;
    if (app->redirect == APP_REDIRECT_PUBLIC) {
        *url = arena_join(task->io.arena, app->redirect_url, percent_encode(task->io.arena, key, true));
        return STATUS_OK;
    }
    struct str bound = task->content.filled ? range : (struct str){NULL, 0};
    TRY(store_presign_range(app->store, task->io, key, bound, PRESIGN_LIFE, url, &valid_until, error));
    int64_t left = (valid_until - clock_real()) / CLOCK_SECOND - PRESIGN_MARGIN;
    if (left < *life) *life = left > 0 ? left : 0;
    return STATUS_OK;
}

/* Caches of devices must not use a redirect again where it is good for one range only; caches of CDNs do, which ask for each slice. */
static struct str cache_control(const struct task *task, int64_t life)
{
    char digits[U64_DIGITS];
    struct str before = task->content.filled ? S("public, max-age=0, s-maxage=") : S("public, max-age=");
    return arena_join(task->io.arena, before, str_of_u64(digits, (uint64_t)life));
}

/* The follower needs the base's own ETag to be sure that no other object's bytes get in (If-Match). */
enum status redirect_answer(struct task *task, struct str range, struct error *error)
{
    static const struct str varies = {"Range, If-Range, If-Match, If-None-Match", 40};
    struct arena *arena = task->io.arena;
    struct lc_headers *headers = &task->response->headers;
    struct str url;
    int64_t life;
    TRY(locate(task, range, &url, &life, error));
    task->response->status = 302;
    lc_header_add(arena, headers, S("Location"), url);
    lc_header_add(arena, headers, S("Pakhus-Base-ETag"), task->content.etag);
    lc_header_add(arena, headers, S("Vary"), is_for_followers(task) ? arena_join(arena, varies, S(", Pakhus-Follow")) : varies);
    content_add_validators(task);
    lc_header_add(arena, headers, S("Cache-Control"), cache_control(task, life));
    return STATUS_OK;
}
