#include "lib/catalog/release.h"

#include "base/json.h"
#include "lib/config/config.h"

static enum status parse_stage(struct config *array, size_t index, struct release *release, struct error *error)
{
    struct config stage;
    struct release_stage *out = &release->staged[release->staged_count++];
    TRY(config_item_object(array, index, &stage, error));
    TRY(config_version(&stage, "version", CONFIG_REQUIRED, &out->version, error));
    TRY(config_number(&stage, "share", CONFIG_REQUIRED, 0, 1, &out->share, error));
    return config_end(&stage, error);
}

static enum status release_parse(struct arena *arena, struct str json, struct release *out, struct error *error)
{
    struct release release = {0};
    struct config config, array;
    size_t count;
    TRY(config_open(arena, json, "release", &config, error));
    TRY(config_id(&config, "app", CONFIG_REQUIRED, &release.app, error));
    TRY(config_version(&config, "current", CONFIG_OPTIONAL, &release.current, error));
    TRY(config_array(&config, "staged", CONFIG_OPTIONAL, &array, &count, error));
    if (count > RELEASE_STAGED_MAX) return config_refuse(&config, "staged", error, "more than %d versions", RELEASE_STAGED_MAX);
    for (size_t i = 0; i < count; i++) TRY(parse_stage(&array, i, &release, error));
    TRY(config_end(&config, error));
    *out = release;
    return STATUS_OK;
}

struct str release_format(struct arena *arena, const struct release *release)
{
    struct buf out = buf_in(arena, 16384);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_text(&json, "app", release->app);
    json_put_text_if_any(&json, "current", release->current);
    json_open_array(&json, "staged");
    for (size_t i = 0; i < release->staged_count; i++) {
        json_open_object(&json, NULL);
        json_put_text(&json, "version", release->staged[i].version);
        json_put_real(&json, "share", release->staged[i].share, 6);
        json_close(&json);
    }
    json_close(&json);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

static struct generations generations_of(struct catalog catalog)
{
    struct str prefix = arena_printf(catalog.io.arena, "releases/" STR_FMT "/", STR_ARG(catalog.app));
    return (struct generations){catalog.store, catalog.io, prefix};
}

static enum status parse_row(struct arena *arena, struct str app, const struct generation *row, struct release *release,
                             struct error *error)
{
    *release = (struct release){.app = app};
    if (row->number > 0 && release_parse(arena, row->body, release, error) != STATUS_OK) {
        error_context(error, STR_FMT, STR_ARG(row->key));
        return error->status = STATUS_CORRUPT;
    }
    release->generation = row->number;
    return STATUS_OK;
}

enum status release_load(struct catalog catalog, uint64_t known, struct release *release, struct error *error)
{
    struct generation row;
    TRY(generation_newest(generations_of(catalog), known, &row, error));
    return parse_row(catalog.io.arena, catalog.app, &row, release, error);
}

static void drop_stage(struct release *release, struct str version)
{
    size_t kept = 0;
    for (size_t i = 0; i < release->staged_count; i++)
        if (!str_equal(release->staged[i].version, version)) release->staged[kept++] = release->staged[i];
    release->staged_count = kept;
}

static enum status stage(struct release *release, struct str version, double share, struct error *error)
{
    double sum = share;
    size_t before = release->staged_count;
    drop_stage(release, version);
    ENSURE(!str_equal(release->current, version), error, STATUS_INVALID,
           STR_FMT
           " is the current version, which all devices get: it has no share; to roll back, release the older version (`pakhus release "
           "APP OLDER`)",
           STR_ARG(version));
    if (share <= 0 && release->staged_count == before)
        return error_set(error, STATUS_NOT_FOUND, STR_FMT " is not staged: there is no roll-out to end", STR_ARG(version));
    if (share <= 0) return STATUS_OK;
    ENSURE(release->staged_count < RELEASE_STAGED_MAX, error, STATUS_INVALID, "%d versions are staged already", RELEASE_STAGED_MAX);
    for (size_t i = 0; i < release->staged_count; i++) sum += release->staged[i].share;
    ENSURE(sum <= 1.000001, error, STATUS_INVALID, "the staged shares would add up to %.4g %%", sum * 100);
    release->staged[release->staged_count++] = (struct release_stage){version, share};
    return STATUS_OK;
}

struct change {
    struct str app, version;
    double share;
};

static enum status change_row(void *context, struct arena *arena, const struct generation *row, struct str *body, struct error *error)
{
    struct change *change = context;
    struct release release;
    TRY(parse_row(arena, change->app, row, &release, error));
    if (change->share >= 1) {
        release.current = change->version;
        release.staged_count = 0;
    } else {
        TRY(stage(&release, change->version, change->share, error));
    }
    *body = release_format(arena, &release);
    return STATUS_OK;
}

enum status release_set(struct catalog catalog, struct str version, double share, struct release *result, struct error *error)
{
    struct change change = {.app = catalog.app, .version = version, .share = share};
    struct generation row;
    TRY(generation_update(generations_of(catalog), change_row, &change, &row, error));
    return parse_row(catalog.io.arena, catalog.app, &row, result, error);
}
