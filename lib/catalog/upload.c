#include "lib/catalog/upload.h"

#include "base/json.h"
#include "lib/catalog/newest.h"
#include "lib/catalog/stored_apk_internal.h"

enum { REPORT_MAX = 16384, PIECES = sizeof((struct apk_prepared *)0)->pieces / sizeof(struct apk_piece) };

static const struct str folder = {"uploads/", 8}, ending = {".apk", 4};

bool upload_parse_key(struct str key, struct str *app, struct str *version)
{
    if (!str_starts(key, folder) || !str_ends(key, ending)) return false;
    struct str rest = str_from(key, folder.length), first = str_cut(&rest, '/');
    if (!rest.data) return false;
    *app = first;
    *version = str_first(rest, rest.length - ending.length);
    return str_is_id(*app) && str_is_version(*version);
}

static const struct str bundle_endings[] = {{".aab", 4}, {".apks", 5}, {".xapk", 5}, {".apkm", 5}};

static bool ends_nocase(struct str text, struct str end)
{
    return text.length >= end.length && str_equal_nocase(str_from(text, text.length - end.length), end);
}

static bool is_bundle(struct str key)
{
    for (size_t i = 0; i < sizeof bundle_endings / sizeof *bundle_endings; i++)
        if (ends_nocase(key, bundle_endings[i])) return true;
    return false;
}

bool upload_is_misnamed(struct str key)
{
    struct str app, version;
    return str_starts(key, folder) && (ends_nocase(key, ending) || is_bundle(key)) && !upload_parse_key(key, &app, &version);
}

/* --- the report */

struct upload {
    struct store *store;
    struct io io;
    int64_t span; /* ms that each step may take */
    struct str app, version;
    struct store_object object; /* as it stood when this began */
};

static struct io io_of_step(const struct upload *upload)
{
    return (struct io){.arena = upload->io.arena, .deadline = deadline_in(upload->span)};
}

static const struct str report_ending = {".report.json", 12};

static struct str report_key(const struct upload *upload)
{
    return arena_join(upload->io.arena, folder, upload->app, S("/"), upload->version, report_ending);
}

static const char started_problem[] = "preparing has begun, and not ended";
static const char started_advice[] = "nothing, while the function is at work; if this is still here when its time is over, it was stopped: "
                                     "give it more time and memory, and put the package again";
static const char again_advice[] = "the platform tries again by itself, a few times; after that put the package again, or invoke the "
                                   "function with {\"pakhus\":\"prepare-upload\",\"app\":…,\"version\":…}";

/* What can be done about a failure. */
static struct str advice_of(const struct upload *upload, enum status status)
{
    if (!package_is_version(upload->version)) return S("put the package under another version");
    switch (status) {
    case STATUS_PRECONDITION: return S("put the package under another version; `pakhus unpublish` takes out what must not stay");
    case STATUS_DENIED: return S("correct the function's credentials or its policy, and put the package again");
    case STATUS_THROTTLED:
    case STATUS_TIMEOUT:
    case STATUS_UNAVAILABLE:
    case STATUS_INTERNAL: return str_of(again_advice);
    default:
        return arena_join(upload->io.arena, S("mend what the problem names, and put the package to "), upload->object.key, S(" again"));
    }
}

/* `failure` NULL: it is begun. */
static enum status put_report(const struct upload *upload, const struct error *failure, struct error *error)
{
    struct arena *arena = upload->io.arena;
    struct buf out = buf_in(arena, REPORT_MAX);
    struct json_writer json = json_writer(&out);
    const struct store_put put = {.content_type = "application/json"};
    json_open_object(&json, NULL);
    json_put_word(&json, "state", failure ? "failed" : "started");
    json_put_text(&json, "app", upload->app);
    json_put_text(&json, "version", upload->version);
    json_put_text(&json, "key", upload->object.key);
    json_put_lossy(&json, "etag", upload->object.etag);
    json_put_number(&json, "size", upload->object.size);
    json_put_text(&json, "time", clock_format_time(arena, clock_now()));
    json_put_lossy(&json, "problem", str_of(failure ? failure->text : started_problem));
    json_put_lossy(&json, "advice", failure ? advice_of(upload, failure->status) : str_of(started_advice));
    json_close(&json);
    buf_add_byte(&out, '\n');
    return store_put(upload->store, io_of_step(upload), report_key(upload), buf_str(&out), &put, NULL, error);
}

enum status upload_refuse(struct store *store, struct io io, struct str key, struct str object, struct error *error)
{
    struct buf out = buf_in(io.arena, REPORT_MAX);
    struct json_writer json = json_writer(&out);
    const struct store_put put = {.content_type = "application/json"};
    struct error why;
    if (is_bundle(key))
        error_set(
            error, STATUS_INVALID,
            "an App Bundle or a set of APKs is not an APK, which devices install: make one with `bundletool build-apks --mode=universal`");
    else
        error_set(
            error, STATUS_INVALID,
            "the name is not uploads/<app>/<version>.apk: an app is 1 to 128 letters, digits, '.', '_' or '-', a version also '+', neither "
            "begins with a dot, and .apk is in lower case");
    json_open_object(&json, NULL);
    json_put_word(&json, "state", "failed");
    json_put_lossy(&json, "key", str_first(object, 2048));
    json_put_text(&json, "time", clock_format_time(io.arena, clock_now()));
    json_put_lossy(&json, "problem", str_of(error->text));
    json_put_word(&json, "advice", "put the APK under such a name, as uploads/GAME/1.2.3+45.apk");
    json_close(&json);
    buf_add_byte(&out, '\n');
    if (store_put(store, io, arena_join(io.arena, key, report_ending), buf_str(&out), &put, NULL, &why) != STATUS_OK)
        error_context(error, "no report could be left (%s)", why.text), error->status = why.status;
    return error->status;
}

/* --- the package */

static enum status find(struct upload *upload, struct store_object *object, struct error *error)
{
    struct str key = arena_join(upload->io.arena, folder, upload->app, S("/"), upload->version, ending);
    enum status status = store_head(upload->store, io_of_step(upload), key, object, error);
    if (status == STATUS_NOT_FOUND) return error_set(error, status, STR_FMT " is not there", STR_ARG(key));
    return status;
}

static enum status prepare(const struct upload *upload, struct publish_plan *plan, struct error *error)
{
    const struct apk_source source = stored_apk(upload->store, io_of_step(upload), &upload->object);
    const struct apk_prepared *prepared = &plan->prepared;
    struct store_piece pieces[PIECES];
    const struct publish_options options = {.app = upload->app, .version = upload->version, .region = APK_REGION_DEFAULT};
    TRY(publish_plan(upload->io.arena, &source, &options, plan, error));
    TRY(publish_check(upload->store, io_of_step(upload), plan, error));
    for (int i = 0; i < prepared->count; i++) {
        const struct apk_piece *piece = &prepared->pieces[i];
        pieces[i] = (struct store_piece){.bytes = str_make(piece->bytes, (size_t)piece->length)};
        if (piece->bytes) continue;
        pieces[i] = (struct store_piece){
            .key = upload->object.key, .offset = piece->offset, .length = piece->length, .if_match = upload->object.etag};
    }
    const struct package_pieces all = {.items = pieces, .count = (size_t)prepared->count};
    TRY(package_compose(upload->store, io_of_step(upload), &all, &plan->package, error));
    return newest_refresh((struct catalog){upload->store, io_of_step(upload), upload->app}, upload->version, error);
}

/* The upload that failed may be another one by now. */
static enum status report(struct upload *upload, struct error *error)
{
    struct error why;
    struct store_object now;
    enum status status = find(upload, &now, &why);
    bool is_gone = status == STATUS_NOT_FOUND || (status == STATUS_OK && !str_equal(now.etag, upload->object.etag));
    ENSURE(!is_gone, error, STATUS_NOT_FOUND, STR_FMT " was replaced or removed while it was prepared", STR_ARG(upload->object.key));
    if (put_report(upload, error, &why) != STATUS_OK) error_context(error, "no report could be left (%s)", why.text);
    return error->status;
}

enum status upload_publish(struct catalog catalog, struct str version, struct publish_plan *plan, struct error *error)
{
    struct upload upload = {
        .store = catalog.store, .io = catalog.io, .span = deadline_left(catalog.io.deadline), .app = catalog.app, .version = version};
    TRY(find(&upload, &upload.object, error));
    TRY(put_report(&upload, NULL, error));
    if (prepare(&upload, plan, error) != STATUS_OK) return report(&upload, error);
    return store_remove(catalog.store, io_of_step(&upload), report_key(&upload), error);
}
