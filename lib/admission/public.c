#include "lib/admission/public.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/url.h"
#include "lib/admission/profile_internal.h"

enum { LIST_MAX = 256, URLS_MAX = 64, PUBLIC_LIMIT = 16 << 20 };
static const uint64_t MOMENT_MAX = UINT64_C(253402300799999), AMOUNT_MAX = UINT64_C(1) << 53;

/* --- writing */

/* As few digits as give the same number again. */
static void put_exact(struct json_writer *json, const char *name, double number)
{
    int digits = 15;
    for (double same; digits < 17; digits++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%.*g", digits, number);
        if (str_to_double(str_make(text, (size_t)length), &same) && same == number) break;
    }
    json_put_real(json, name, number, digits);
}

static void put_texts(struct json_writer *json, const char *name, const struct str *items, size_t count)
{
    json_open_array(json, name);
    for (size_t i = 0; i < count; i++) json_put_text(json, NULL, items[i]);
    json_close(json);
}

static void put_when(struct json_writer *json, const struct admission_profile *profile)
{
    bool has_threshold = !profile->is_fresh && (profile->mode == ADMISSION_FIXED || profile->mode == ADMISSION_STEPS);
    json_put_word(json, "mode", admission_mode_name(profile->mode));
    json_put_signed(json, "release", profile->release);
    json_put_signed(json, "end", admission_profile_end(profile));
    json_put_signed(json, "deadline", profile->deadline);
    json_put_signed(json, "interval", profile->interval);
    if (has_threshold)
        put_exact(json, "threshold", profile->threshold);
    else
        json_put_null(json, "threshold");
    put_exact(json, "before", profile->before);
    put_exact(json, "after", profile->after);
}

static void put_day(struct json_writer *json, const struct admission_profile *profile)
{
    json_put_bool(json, "device_time", profile->is_device_time);
    json_open_array(json, "offsets");
    for (size_t i = 0; i < profile->zone.count; i++) {
        json_open_object(json, NULL);
        json_put_signed(json, "from", profile->zone.items[i].from);
        json_put_signed(json, "offset", profile->zone.items[i].offset);
        json_close(json);
    }
    json_close(json);
    json_open_array(json, "day");
    for (size_t i = 0; i < profile->pace.count; i++) {
        json_open_object(json, NULL);
        json_put_signed(json, "start", profile->pace.start[i]);
        put_exact(json, "slots", profile->slots.rate[i]);
        put_exact(json, "pace", profile->pace.rate[i]);
        json_close(json);
    }
    json_close(json);
}

static void put_bands(struct json_writer *json, const char *name, const struct admission_bands *bands)
{
    json_open_array(json, name);
    for (size_t i = 0; i < bands->count; i++) {
        json_open_object(json, NULL);
        json_put_signed(json, "from", bands->items[i].from);
        put_exact(json, "add", bands->items[i].add);
        json_close(json);
    }
    json_close(json);
}

static void put_account(struct json_writer *json, const struct admission_account *account)
{
    json_open_object(json, "account");
    put_exact(json, "initial_coefficient", account->initial_coefficient);
    put_exact(json, "cap", account->cap);
    put_exact(json, "cap_total", account->cap_total);
    json_put_number(json, "frequent", account->frequent);
    put_bands(json, "gap", &account->gap);
    put_bands(json, "credit", &account->credit);
    put_bands(json, "points", &account->points);
    json_open_object(json, "membership");
    for (size_t i = 0; i < account->membership_count; i++) {
        json_name(json, account->memberships[i].name);
        put_exact(json, NULL, account->memberships[i].add);
    }
    json_close(json);
    json_close(json);
}

static void put_levels(struct json_writer *json, const struct admission_levels *levels)
{
    json_open_object(json, "levels");
    json_put_signed(json, "lead", levels->lead);
    put_exact(json, "r1", levels->r1);
    put_exact(json, "r2", levels->r2);
    for (enum admission_level level = ADMISSION_LOWEST; level < ADMISSION_LEVELS; level++) {
        const struct admission_strategy *strategy = &levels->strategy[level];
        json_open_object(json, admission_level_name(level));
        json_put_word(json, "source", admission_source_name(strategy->source));
        json_put_number(json, "speed", strategy->speed);
        put_texts(json, "urls", strategy->urls.items, strategy->urls.count);
        json_close(json);
    }
    json_close(json);
}

struct str admission_public_json(struct arena *arena, const struct admission_profile *profile, uint64_t generation)
{
    struct buf out = buf_in(arena, PUBLIC_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_number(&json, "format", ADMISSION_PUBLIC_FORMAT);
    json_put_number(&json, "generation", generation);
    json_put_text(&json, "resource", profile->resource);
    put_when(&json, profile);
    put_day(&json, profile);
    put_account(&json, &profile->account);
    put_levels(&json, &profile->levels);
    json_open_object(&json, "audience");
    put_exact(&json, "share", profile->share);
    put_texts(&json, "regions", profile->regions, profile->region_count);
    json_close(&json);
    put_texts(&json, "ask", profile->ask, profile->ask_count);
    put_texts(&json, "urls", profile->urls.items, profile->urls.count);
    json_put_text_if_any(&json, "query", profile->query);
    if (profile->size > 0) json_put_number(&json, "size", profile->size);
    json_put_text_if_any(&json, "sha256", profile->sha256);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* --- reading */

static enum status read_ms(struct config *config, const char *name, uint64_t most, int64_t *out, struct error *error)
{
    uint64_t number = 0;
    TRY(config_whole(config, name, CONFIG_REQUIRED, 0, most, &number, error));
    *out = (int64_t)number;
    return STATUS_OK;
}

static enum status read_when(struct config *config, struct admission_profile *profile, struct error *error)
{
    int mode = 0;
    int64_t end;
    double threshold = -1;
    TRY(config_choice(config, "mode", CONFIG_REQUIRED, admission_mode_names, &mode, error));
    TRY(read_ms(config, "release", MOMENT_MAX, &profile->release, error));
    TRY(read_ms(config, "end", MOMENT_MAX, &end, error));
    TRY(read_ms(config, "deadline", MOMENT_MAX, &profile->deadline, error));
    TRY(read_ms(config, "interval", CLOCK_DAY, &profile->interval, error));
    TRY(config_number(config, "threshold", CONFIG_OPTIONAL, 0, 1, &threshold, error));
    TRY(config_number(config, "before", CONFIG_OPTIONAL, 0, 1, &profile->before, error));
    TRY(config_number(config, "after", CONFIG_OPTIONAL, 0, 1, &profile->after, error));
    if (profile->interval < CLOCK_SECOND) return config_refuse(config, "interval", error, "must be at least 1000");
    if (profile->deadline <= profile->release) return config_refuse(config, "deadline", error, "must be after the release");
    if (end < profile->release || end > profile->deadline) return config_refuse(config, "end", error, "must be from release to deadline");
    profile->mode = (enum admission_mode)mode;
    profile->lead = profile->deadline - end;
    profile->is_fresh = profile->mode == ADMISSION_RANDOM || (threshold < 0 && profile->mode == ADMISSION_STEPS);
    profile->threshold = threshold > 0 ? threshold : 0;
    return STATUS_OK;
}

static enum status read_offsets(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct config array, item;
    TRY(config_array(config, "offsets", CONFIG_REQUIRED, &array, &profile->zone.count, error));
    if (profile->zone.count < 1 || profile->zone.count > DAY_OFFSETS_MAX)
        return config_refuse(config, "offsets", error, "must be 1 to %d", DAY_OFFSETS_MAX);
    struct day_offset *items = arena_array(config->arena, profile->zone.count, sizeof *items);
    profile->zone.items = items;
    for (size_t i = 0; i < profile->zone.count; i++) {
        double offset = 0;
        TRY(config_item_object(&array, i, &item, error));
        TRY(read_ms(&item, "from", MOMENT_MAX, &items[i].from, error));
        TRY(config_number(&item, "offset", CONFIG_REQUIRED, -(double)CLOCK_DAY, CLOCK_DAY, &offset, error));
        if (i > 0 && items[i].from <= items[i - 1].from) return config_refuse(&item, "from", error, "must be after the one before");
        items[i].offset = (int64_t)offset;
    }
    return STATUS_OK;
}

static enum status read_step(struct config *array, size_t i, struct admission_profile *profile, struct error *error)
{
    struct config item;
    struct day *clock = &profile->clock;
    TRY(config_item_object(array, i, &item, error));
    TRY(read_ms(&item, "start", CLOCK_DAY - 1, &clock->start[i], error));
    TRY(config_number(&item, "slots", CONFIG_REQUIRED, 0, 1e6, &profile->slots.rate[i], error));
    TRY(config_number(&item, "pace", CONFIG_REQUIRED, 0, 1e6, &profile->pace.rate[i], error));
    if (i == 0 ? clock->start[0] != 0 : clock->start[i] <= clock->start[i - 1])
        return config_refuse(&item, "start", error, "the first one must be 0, and each above the one before");
    clock->rate[i] = 1;
    return STATUS_OK;
}

static enum status read_day(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct config array;
    size_t count;
    TRY(config_flag(config, "device_time", CONFIG_REQUIRED, &profile->is_device_time, error));
    TRY(read_offsets(config, profile, error));
    TRY(config_array(config, "day", CONFIG_REQUIRED, &array, &count, error));
    if (count < 1 || count > DAY_STEPS_MAXIMUM) return config_refuse(config, "day", error, "must be 1 to %d", DAY_STEPS_MAXIMUM);
    for (size_t i = 0; i < count; i++) TRY(read_step(&array, i, profile, error));
    profile->clock.count = count;
    day_finish(&profile->clock, &profile->clock);
    day_finish(&profile->slots, &profile->clock);
    day_finish(&profile->pace, &profile->clock);
    return STATUS_OK;
}

static enum status read_bands(struct config *config, const char *name, struct admission_bands *bands, struct error *error)
{
    struct config array, item;
    TRY(config_array(config, name, CONFIG_OPTIONAL, &array, &bands->count, error));
    if (bands->count > LIST_MAX) return config_refuse(config, name, error, "more than %d", LIST_MAX);
    bands->items = arena_array(config->arena, bands->count, sizeof *bands->items);
    for (size_t i = 0; i < bands->count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(read_ms(&item, "from", AMOUNT_MAX, &bands->items[i].from, error));
        TRY(config_number(&item, "add", CONFIG_REQUIRED, 0, 1, &bands->items[i].add, error));
    }
    return STATUS_OK;
}

static enum status read_memberships(struct config *config, struct admission_account *account, struct error *error)
{
    struct config table;
    const char *name;
    json_t *value;
    TRY(config_object(config, "membership", CONFIG_OPTIONAL, &table, error));
    if (json_object_size(table.object) > LIST_MAX) return config_refuse(config, "membership", error, "more than %d", LIST_MAX);
    account->memberships = arena_array(config->arena, json_object_size(table.object), sizeof *account->memberships);
    json_object_foreach(table.object, name, value)
    {
        struct admission_membership *membership = &account->memberships[account->membership_count++];
        membership->name = arena_copy(config->arena, str_of(name));
        TRY(config_number(&table, membership->name.data, CONFIG_REQUIRED, 0, 1, &membership->add, error));
    }
    return STATUS_OK;
}

static enum status read_account(struct config *config, struct admission_account *account, struct error *error)
{
    struct config child;
    TRY(config_object(config, "account", CONFIG_REQUIRED, &child, error));
    TRY(config_number(&child, "initial_coefficient", CONFIG_REQUIRED, 0, 1, &account->initial_coefficient, error));
    TRY(config_number(&child, "cap", CONFIG_REQUIRED, 0, 1, &account->cap, error));
    TRY(config_number(&child, "cap_total", CONFIG_REQUIRED, 0, 1, &account->cap_total, error));
    TRY(config_whole(&child, "frequent", CONFIG_OPTIONAL, 0, AMOUNT_MAX, &account->frequent, error));
    TRY(read_bands(&child, "gap", &account->gap, error));
    TRY(read_bands(&child, "credit", &account->credit, error));
    TRY(read_bands(&child, "points", &account->points, error));
    return read_memberships(&child, account, error);
}

static enum status read_strategy(struct config *levels, const char *name, struct admission_strategy *strategy, struct error *error)
{
    struct config child;
    int source = 0;
    TRY(config_object(levels, name, CONFIG_REQUIRED, &child, error));
    TRY(config_choice(&child, "source", CONFIG_REQUIRED, admission_source_names, &source, error));
    TRY(config_whole(&child, "speed", CONFIG_REQUIRED, 0, AMOUNT_MAX, &strategy->speed, error));
    strategy->source = (enum admission_source)source;
    return profile_parse_urls(&child, "urls", URLS_MAX, &strategy->urls, error);
}

static enum status read_levels(struct config *config, struct admission_levels *levels, struct error *error)
{
    struct config child;
    TRY(config_object(config, "levels", CONFIG_REQUIRED, &child, error));
    TRY(read_ms(&child, "lead", MOMENT_MAX, &levels->lead, error));
    TRY(config_number(&child, "r1", CONFIG_REQUIRED, 0, 1, &levels->r1, error));
    TRY(config_number(&child, "r2", CONFIG_REQUIRED, 0, levels->r1, &levels->r2, error));
    for (int level = 0; level < ADMISSION_LEVELS; level++)
        TRY(read_strategy(&child, admission_level_names[level], &levels->strategy[level], error));
    return STATUS_OK;
}

static enum status read_audience(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct config child;
    TRY(config_object(config, "audience", CONFIG_REQUIRED, &child, error));
    TRY(config_number(&child, "share", CONFIG_REQUIRED, 0, 1, &profile->share, error));
    TRY(config_texts(&child, "regions", CONFIG_OPTIONAL, LIST_MAX, &profile->regions, &profile->region_count, error));
    return config_texts(config, "ask", CONFIG_OPTIONAL, LIST_MAX, &profile->ask, &profile->ask_count, error);
}

static enum status read_resource(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct url url;
    TRY(config_id(config, "resource", CONFIG_REQUIRED, &profile->resource, error));
    TRY(profile_parse_urls(config, "urls", URLS_MAX, &profile->urls, error));
    TRY(config_text(config, "query", CONFIG_OPTIONAL, &profile->query, error));
    if (profile->query.length > 0 && (url_parse(profile->query, &url, error) != STATUS_OK || !url_is_web(&url)))
        return config_refuse(config, "query", error, "is not an http or https URL");
    TRY(config_whole(config, "size", CONFIG_OPTIONAL, 1, AMOUNT_MAX, &profile->size, error));
    return config_sha256(config, "sha256", CONFIG_OPTIONAL, &profile->sha256, error);
}

static enum status check_format(struct config *config, struct error *error)
{
    uint64_t format = 0;
    TRY(config_whole(config, "format", CONFIG_REQUIRED, 1, UINT32_MAX, &format, error));
    ENSURE(format <= ADMISSION_PUBLIC_FORMAT, error, STATUS_UNSUPPORTED, "profile.format: %llu is newer than this program reads (%d)",
           (unsigned long long)format, ADMISSION_PUBLIC_FORMAT);
    return STATUS_OK;
}

enum status admission_public_parse(struct arena *arena, struct str json, struct admission_profile *out, struct error *error)
{
    struct admission_profile *profile = arena_new_of(arena, struct admission_profile);
    struct config config;
    TRY(config_open(arena, json, "profile", &config, error));
    TRY(check_format(&config, error));
    TRY(read_resource(&config, profile, error));
    TRY(read_when(&config, profile, error));
    TRY(read_day(&config, profile, error));
    TRY(read_account(&config, &profile->account, error));
    TRY(read_levels(&config, &profile->levels, error));
    TRY(read_audience(&config, profile, error));
    *out = *profile;
    return STATUS_OK;
}
