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

static enum status parse(struct arena *arena, const struct generation *row, struct str *version, struct error *error)
{
    struct config config;
    TRY(config_open(arena, row->body, "newest", &config, error));
    TRY(config_version(&config, "version", CONFIG_OPTIONAL, version, error));
    return config_end(&config, error);
}

enum status newest_load(struct catalog catalog, struct str *version, struct error *error)
{
    struct generation row;
    struct error ignored;
    *version = (struct str){NULL, 0};
    TRY(generation_newest(row_of(catalog), 0, &row, error));
    bool known = row.number > 0 && parse(catalog.io.arena, &row, version, &ignored) == STATUS_OK && version->length > 0;
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
    struct str named;        /* by it; empty: none */
    struct str best;
    uint64_t code;
    int64_t published;
    size_t read; /* records */
    bool conflict;
};

/* A version may be unpublished meanwhile; a damaged one is not offered. */
static enum status look_at(struct search *search, struct str version, struct error *error)
{
    struct package package;
    enum status status = package_load(search->catalog, version, &package, error);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) return STATUS_OK;
    TRY(status);
    search->read++;
    bool same_code = package.version_code == search->code;
    bool newer = same_code ? package.published > search->published : package.version_code > search->code;
    if (search->best.length > 0 && !newer) return STATUS_OK;
    search->best = package.version;
    search->code = package.version_code;
    search->published = package.published;
    return STATUS_OK;
}

static bool is_listed(const struct records *records, struct str version)
{
    for (size_t i = 0; i < records->count; i++)
        if (str_equal(records->at[i].version, version)) return true;
    return false;
}

static enum status search_newest(struct search *search, struct error *error)
{
    struct catalog *catalog = &search->catalog;
    const int64_t span = deadline_left(catalog->io.deadline);
    struct str folder = arena_join(catalog->io.arena, S("packages/"), catalog->app, S("/"));
    struct records records = {.arena = catalog->io.arena, .prefix_length = folder.length};
    struct error ignored;
    TRY(generation_newest(row_of(*catalog), 0, &search->known, error));
    if (search->known.number > 0 && parse(catalog->io.arena, &search->known, &search->named, &ignored) != STATUS_OK)
        search->named.length = 0;
    TRY(store_list(catalog->store, catalog->io, folder, 0, note, &records, error));
    bool counts = search->named.length > 0 && is_listed(&records, search->named);
    for (size_t i = 0; i < records.count; i++) {
        const struct record *record = &records.at[i];
        bool is_old = counts && record->modified < search->known.modified - OVERLAP && !str_equal(record->version, search->named);
        catalog->io = io_anew(catalog->io, span);
        if (!is_old) TRY(look_at(search, record->version, error));
    }
    return STATUS_OK;
}

static enum status write_found(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    struct search *search = context;
    struct buf out = buf_in(arena, 1024);
    struct json_writer json = json_writer(&out);
    bool same = str_equal(search->best, search->named) && search->read <= READ_MOST;
    search->conflict = newest->number != search->known.number;
    if (search->conflict || same) return error_set(error, STATUS_NOT_MODIFIED, "no change, or another writer was faster");
    json_open_object(&json, NULL);
    json_put_text_if_any(&json, "version", search->best);
    json_close(&json);
    buf_add_byte(&out, '\n');
    *body = buf_str(&out);
    return STATUS_OK;
}

enum status newest_refresh(struct catalog catalog, struct error *error)
{
    const int64_t span = deadline_left(catalog.io.deadline);
    struct search search;
    struct generation row;
    do {
        catalog.io = io_anew(catalog.io, span);
        search = (struct search){.catalog = catalog};
        TRY(search_newest(&search, error));
        catalog.io = io_anew(catalog.io, span);
        TRY(generation_update(row_of(catalog), write_found, &search, &row, error));
    } while (search.conflict);
    return STATUS_OK;
}
