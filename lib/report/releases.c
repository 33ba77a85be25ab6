#include "lib/catalog/release.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/report/report_internal.h"
#include "lib/store/many.h"

enum { APPS_MOST = 200, LIST_BYTES = 128 << 10 };

struct app {
    struct str name;
    uint64_t versions, bytes; /* bases that are published */
    bool has_release;
    struct str release, damage; /* its document; or why it can't be read */
};

struct apps {
    struct collecting *at;
    struct app *items; /* by name, from what is published; then those that have a release only */
    size_t count, capacity;
    pthread_mutex_t lock; /* of the arena, while releases are read */
};

static struct app *add_app(struct apps *apps, struct str name)
{
    apps->items = arena_grow(apps->at->io.arena, apps->items, apps->count, &apps->capacity, sizeof *apps->items);
    apps->items[apps->count] = (struct app){.name = arena_copy(apps->at->io.arena, name)};
    return &apps->items[apps->count++];
}

static int by_name(const void *left, const void *right)
{
    return str_compare(((const struct app *)left)->name, ((const struct app *)right)->name);
}

static void sort(struct apps *apps)
{
    if (apps->count > 0) qsort(apps->items, apps->count, sizeof *apps->items, by_name);
}

/* Packages of one app follow each other. */
static void note_published(struct apps *apps)
{
    const struct report_packages *packages = &apps->at->packages;
    for (size_t i = 0; i < packages->count; i++) {
        struct str version = packages->items[i].name, name = str_cut(&version, '/');
        if (str_find_str(version, S("..")) < version.length) continue; /* a patch */
        struct app *last = apps->count > 0 ? &apps->items[apps->count - 1] : NULL;
        struct app *app = last && str_equal(last->name, name) ? last : add_app(apps, name);
        app->versions++;
        app->bytes += packages->items[i].size;
    }
}

struct releasing {
    struct apps *apps;
    size_t published; /* of apps: they are sorted */
};

/* releases/<app>/<n>, in the order of the keys. */
static bool note_release(void *context, const struct store_object *object)
{
    struct releasing *releasing = context;
    struct apps *apps = releasing->apps;
    struct str rest = str_from(object->key, S("releases/").length), name = str_cut(&rest, '/');
    const struct app sought = {.name = name};
    if (!rest.data || !str_is_id(name)) return true;
    struct app *app = releasing->published > 0 ? bsearch(&sought, apps->items, releasing->published, sizeof sought, by_name) : NULL;
    bool is_last = apps->count > releasing->published && str_equal(apps->items[apps->count - 1].name, name);
    if (!app) app = is_last ? &apps->items[apps->count - 1] : add_app(apps, name);
    app->has_release = true;
    return true;
}

/* One that is damaged says so, and hides no other. */
static enum status read_release(void *context, struct io io, size_t number, struct error *error)
{
    struct apps *apps = context;
    struct app *app = &apps->items[number];
    struct release release;
    if (!app->has_release) return STATUS_OK;
    enum status status = release_load((struct catalog){apps->at->question->store, io, app->name}, 0, &release, error);
    if (status != STATUS_OK && status != STATUS_CORRUPT) return status;
    struct str release_json = status == STATUS_OK ? str_trim(release_format(io.arena, &release)) : (struct str){NULL, 0};
    pthread_mutex_lock(&apps->lock);
    if (status == STATUS_OK) app->release = arena_copy(apps->at->io.arena, release_json);
    if (status != STATUS_OK) app->damage = arena_copy(apps->at->io.arena, str_of(error->text));
    pthread_mutex_unlock(&apps->lock);
    return STATUS_OK;
}

static enum status read_releases(struct apps *apps, size_t count, struct error *error)
{
    const struct store_many many = {.count = count, .each = read_release, .context = apps};
    pthread_mutex_init(&apps->lock, NULL);
    enum status status = store_many(&many, apps->at->io, error);
    pthread_mutex_destroy(&apps->lock);
    return status;
}

static void put_app(struct json_writer *json, const struct app *app)
{
    json_open_object(json, NULL);
    json_put_text(json, "app", app->name);
    json_put_number(json, "versions", app->versions);
    json_put_number(json, "bytes", app->bytes);
    if (app->release.length > 0) json_put_raw(json, "release", app->release);
    if (app->damage.length > 0) json_put_lossy(json, "damaged", app->damage);
    json_close(json);
}

enum status report_put_releases(struct collecting *at, struct error *error)
{
    struct apps apps = {.at = at};
    note_published(&apps);
    struct releasing releasing = {&apps, apps.count};
    TRY(store_list(at->question->store, at->io, S("releases/"), 0, note_release, &releasing, error));
    sort(&apps);
    size_t shown = apps.count < APPS_MOST ? apps.count : APPS_MOST;
    TRY(read_releases(&apps, shown, error));
    json_open_object(&at->json, "apps");
    json_put_number(&at->json, "count", apps.count);
    struct report_list list = report_list_open(at, "shown", APPS_MOST, LIST_BYTES);
    for (size_t i = 0; i < shown && report_list_takes_one(&list); i++) put_app(&at->json, &apps.items[i]);
    json_close(&at->json);
    json_close(&at->json);
    return STATUS_OK;
}
