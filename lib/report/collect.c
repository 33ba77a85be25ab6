#include "lib/catalog/release.h"
#include "lib/report/report_internal.h"

enum { APPS_MOST = 200 };

/* --- releases */

struct apps {
    struct arena *arena;
    struct str names[APPS_MOST];
    size_t kept, count;
    struct str last;
};

/* releases/<app>/<n>, in the order of the keys. */
static bool note_app(void *context, const struct store_object *object)
{
    struct apps *apps = context;
    struct str rest = str_from(object->key, S("releases/").length), app = str_cut(&rest, '/');
    if (!rest.data || !str_is_id(app) || str_equal(app, apps->last)) return true;
    apps->last = arena_copy(apps->arena, app);
    apps->count++;
    if (apps->kept < APPS_MOST) apps->names[apps->kept++] = apps->last;
    return true;
}

/* One that is damaged says so, and hides no other. */
static enum status put_release(struct collecting *at, struct str app, struct error *error)
{
    struct release release;
    enum status status = release_load((struct catalog){at->question->store, at->io, app}, 0, &release, error);
    if (status != STATUS_OK && status != STATUS_CORRUPT) return status;
    if (status == STATUS_OK) return json_put_raw(&at->json, NULL, str_trim(release_format(at->io.arena, &release))), STATUS_OK;
    json_open_object(&at->json, NULL);
    json_put_text(&at->json, "app", app);
    json_put_lossy(&at->json, "damaged", str_of(error->text));
    json_close(&at->json);
    return STATUS_OK;
}

static enum status put_releases(struct collecting *at, struct error *error)
{
    struct apps apps = {.arena = at->io.arena};
    TRY(store_list(at->question->store, at->io, S("releases/"), 0, note_app, &apps, error));
    json_open_object(&at->json, "releases");
    json_put_number(&at->json, "count", apps.count);
    json_open_array(&at->json, "shown");
    for (size_t i = 0; i < apps.kept; i++) TRY(put_release(at, apps.names[i], error));
    json_close(&at->json);
    json_close(&at->json);
    return STATUS_OK;
}

/* --- all of it */

static enum status put_parts(struct collecting *at, struct error *error)
{
    static enum status (*const parts[])(struct collecting *, struct error *) = {put_releases, report_put_edges, report_put_demand,
                                                                                report_put_decisions};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        TRY(parts[i](at, error));
        arena_reset(at->io.arena);
    }
    return STATUS_OK;
}

enum status report_collect(const struct report_question *question, struct str *json, struct error *error)
{
    struct buf out = buf_in(question->io.arena, REPORT_JSON_LIMIT);
    struct collecting at = {.question = question, .io = question->io, .json = json_writer(&out)};
    TRY(registry_load(question->store, question->io, &at.registry, error));
    at.io.arena = arena_new();
    json_open_object(&at.json, NULL);
    json_put_text(&at.json, "made", clock_format_time(question->io.arena, question->now));
    enum status status = put_parts(&at, error);
    arena_free(at.io.arena);
    TRY(status);
    json_close(&at.json);
    buf_add_byte(&out, '\n');
    ENSURE(!out.overflow, error, STATUS_TOO_LARGE, "the report has more than %d bytes, or text in it that is not UTF-8", REPORT_JSON_LIMIT);
    *json = buf_str(&out);
    return STATUS_OK;
}
