#include "lib/catalog/newest.h"

#include "base/json.h"
#include "lib/catalog/package.h"
#include "lib/config/config.h"
#include "lib/store/generation.h"

enum {
    /* No writer takes so long between its listing and its document. So each record that it did not see is younger than this. */
    OVERLAP = 30 * CLOCK_MINUTE,
    /* So many records were read: the document is written again even if it says the same, as its age is what spares reading them. */
    READ_MOST = 16
};

static struct generations row_of(struct catalog catalog)
{
    return (struct generations){catalog.store, catalog.io, arena_join(catalog.io.arena, S("packages/"), catalog.app, S("/.newest/"))};
}

/* {"version":"2.0","sha256":"…"}, of its package; neither where no version is published. */
struct named {
    struct str version, sha256;
};

static enum status parse(struct arena *arena, const struct generation *row, struct named *named, struct error *error)
{
    struct config config;
    TRY(config_open(arena, row->body, "newest", &config, error));
    TRY(config_version(&config, "version", CONFIG_OPTIONAL, &named->version, error));
    TRY(config_sha256(&config, "sha256", CONFIG_OPTIONAL, &named->sha256, error));
    return config_end(&config, error);
}

enum status newest_load(struct catalog catalog, struct str *version, struct error *error)
{
    struct generation row;
    struct named named = {0};
    struct error ignored;
    TRY(generation_newest(row_of(catalog), 0, &row, error));
    bool known = row.number > 0 && parse(catalog.io.arena, &row, &named, &ignored) == STATUS_OK && named.version.length > 0;
    *version = named.version;
    ENSURE(known, error, STATUS_NOT_FOUND, "no document names the newest version of " STR_FMT, STR_ARG(catalog.app));
    return STATUS_OK;
}

/* --- looking for it */

struct records {
    struct arena *arena;
    size_t prefix_length;
    struct record {
        struct str version;
        int64_t modified;
    } * at;
    size_t count, capacity;
};

static bool note(void *context, const struct store_object *object)
{
    struct records *records = context;
    struct str rest = str_from(object->key, records->prefix_length), version = str_cut(&rest, '/');
    if (!str_equal(rest, S("package.json"))) return true;
    records->at = arena_grow(records->arena, records->at, records->count, &records->capacity, sizeof *records->at);
    records->at[records->count++] = (struct record){arena_copy(records->arena, version), object->modified};
    return true;
}

struct search {
    struct catalog catalog;
    struct generation known; /* the document */
    struct named named;      /* by it */
    bool named_is_there;     /* with that package */
    struct package best;     /* its version is empty: none yet */
    size_t read;             /* records */
    bool conflict;
};

/* A version may be unpublished meanwhile; a damaged one is not offered. */
static enum status look_at(struct search *search, struct str version, struct error *error)
{
    struct package package;
    const struct package *best = &search->best;
    if (version.length == 0) return STATUS_OK;
    enum status status = package_load(search->catalog, version, &package, error);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) return STATUS_OK;
    TRY(status);
    search->read++;
    if (str_equal(version, search->named.version) && str_equal(package.sha256, search->named.sha256)) search->named_is_there = true;
    bool same_code = package.version_code == best->version_code;
    bool newer = same_code ? package.published > best->published : package.version_code > best->version_code;
    if (best->version.length == 0 || newer) search->best = package;
    return STATUS_OK;
}

static enum status look_at_all(struct search *search, const struct records *records, int64_t span, struct error *error)
{
    const int64_t since = search->named_is_there ? search->known.modified - OVERLAP : INT64_MIN;
    for (size_t i = 0; i < records->count; i++) {
        search->catalog.io = io_anew(search->catalog.io, span);
        if (records->at[i].modified >= since) TRY(look_at(search, records->at[i].version, error));
    }
    return STATUS_OK;
}

/* What the document names is looked at first: where it is gone, was replaced or is damaged, another one may follow it that is as old. */
static enum status search_newest(struct search *search, struct str published, struct error *error)
{
    const struct catalog catalog = search->catalog;
    const int64_t span = deadline_left(catalog.io.deadline);
    struct str folder = arena_join(catalog.io.arena, S("packages/"), catalog.app, S("/"));
    struct records records = {.arena = catalog.io.arena, .prefix_length = folder.length};
    struct error ignored;
    TRY(generation_newest(row_of(catalog), 0, &search->known, error));
    bool known = search->known.number > 0 && parse(catalog.io.arena, &search->known, &search->named, &ignored) == STATUS_OK;
    if (!known) search->named = (struct named){0};
    TRY(store_list(catalog.store, catalog.io, folder, 0, note, &records, error));
    search->catalog.io = io_anew(catalog.io, span);
    TRY(look_at(search, search->named.version, error));
    TRY(look_at(search, published, error));
    return look_at_all(search, &records, span, error);
}

static enum status write_found(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    struct search *search = context;
    struct buf out = buf_in(arena, 1024);
    struct json_writer json = json_writer(&out);
    bool is_named = str_equal(search->best.version, search->named.version) && str_equal(search->best.sha256, search->named.sha256);
    bool same = is_named && search->read <= READ_MOST;
    search->conflict = newest->number != search->known.number;
    if (search->conflict || same) return error_set(error, STATUS_NOT_MODIFIED, "no change, or another writer was faster");
    json_open_object(&json, NULL);
    json_put_text_if_any(&json, "version", search->best.version);
    json_put_text_if_any(&json, "sha256", search->best.sha256);
    json_close(&json);
    buf_add_byte(&out, '\n');
    *body = buf_str(&out);
    return STATUS_OK;
}

enum status newest_refresh(struct catalog catalog, struct str published, struct error *error)
{
    const int64_t span = deadline_left(catalog.io.deadline);
    struct search search;
    struct generation row;
    do {
        catalog.io = io_anew(catalog.io, span);
        search = (struct search){.catalog = catalog};
        TRY(search_newest(&search, published, error));
        catalog.io = io_anew(catalog.io, span);
        TRY(generation_update(row_of(catalog), write_found, &search, &row, error));
    } while (search.conflict);
    return STATUS_OK;
}
