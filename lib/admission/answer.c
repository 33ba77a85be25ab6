#include "lib/admission/answer.h"

#include "base/json.h"
#include "base/url.h"
#include "lib/config/config.h"

enum { ANSWER_LIMIT = 512 << 10, ADDRESSES_MAX = 128, DIGITS = 9 };
static const uint64_t RETRY_MOST = UINT64_C(1) << 40; /* seconds */

static void put_urls(struct json_writer *json, const struct admission_addresses *addresses)
{
    json_open_array(json, "urls");
    for (size_t i = 0; i < addresses->count; i++)
        if (!admission_is_edge(addresses->items[i].url)) json_put_text(json, NULL, addresses->items[i].url);
    json_close(json);
}

static void put_addresses(struct json_writer *json, const struct admission_addresses *addresses, struct str query)
{
    json_open_array(json, "addresses");
    for (size_t i = 0; i < addresses->count; i++) {
        json_open_object(json, NULL);
        json_put_word(json, "level", admission_level_name(addresses->items[i].level));
        json_put_text(json, "url", addresses->items[i].url);
        json_close(json);
    }
    json_close(json);
    json_put_text_if_any(json, "query", query);
}

struct str admission_answer_json(struct arena *arena, const struct admission_profile *profile, const struct admission_answer *answer)
{
    struct buf out = buf_in(arena, ANSWER_LIMIT);
    struct json_writer json = json_writer(&out);
    struct admission_addresses addresses = admission_profile_addresses(arena, profile, answer->level);
    json_open_object(&json, NULL);
    json_put_bool(&json, "admit", answer->admit);
    json_put_real(&json, "probability", answer->probability, DIGITS);
    json_put_real(&json, "threshold", answer->threshold, DIGITS);
    json_put_word(&json, "level", admission_level_name(answer->level));
    json_put_word(&json, "source", admission_source_name(answer->source));
    json_put_number_or_null(&json, "speed_limit", answer->speed_limit > 0, answer->speed_limit);
    json_put_text_or_null(&json, "start_at", answer->start_at == ADMISSION_NEVER ? S("") : clock_format_time(arena, answer->start_at));
    json_put_signed(&json, "retry_after", answer->retry_after);
    if (answer->asked_since != ADMISSION_NEVER) json_put_text(&json, "asked_since", clock_format_time(arena, answer->asked_since));
    put_urls(&json, &addresses);
    if (profile->has_sources) put_addresses(&json, &addresses, profile->query);
    json_put_number_or_null(&json, "size", profile->size > 0, profile->size);
    json_put_text_or_null(&json, "sha256", profile->sha256);
    if (profile->ask_count > 0) json_open_array(&json, "ask");
    for (size_t i = 0; i < profile->ask_count; i++) json_put_text(&json, NULL, profile->ask[i]);
    if (profile->ask_count > 0) json_close(&json);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

/* --- as the client reads it */

static bool is_address(struct str text)
{
    struct url url;
    struct error ignored;
    return admission_is_edge(text) || (url_parse(text, &url, &ignored) == STATUS_OK && url_is_web(&url));
}

static enum status read_level(struct config *config, enum config_presence presence, enum admission_level *level, struct error *error)
{
    int index = (int)*level;
    TRY(config_choice(config, "level", presence, admission_level_names, &index, error));
    *level = (enum admission_level)index;
    return STATUS_OK;
}

static enum status read_addresses(struct config *config, struct admission_told *told, struct error *error)
{
    struct config array, item;
    struct admission_addresses *list = &told->addresses;
    TRY(config_array(config, "addresses", CONFIG_REQUIRED, &array, &list->count, error));
    if (list->count > ADDRESSES_MAX) return config_refuse(config, "addresses", error, "more than %d", ADDRESSES_MAX);
    list->items = arena_array(config->arena, list->count, sizeof *list->items);
    for (size_t i = 0; i < list->count; i++) {
        TRY(config_item_object(&array, i, &item, error));
        TRY(read_level(&item, CONFIG_REQUIRED, &list->items[i].level, error));
        TRY(config_text(&item, "url", CONFIG_REQUIRED, &list->items[i].url, error));
        if (!is_address(list->items[i].url)) return config_refuse(&item, "url", error, "is not of http or https");
    }
    return STATUS_OK;
}

static enum status read_urls(struct config *config, struct admission_told *told, struct error *error)
{
    struct str *urls;
    struct admission_addresses *list = &told->addresses;
    TRY(config_texts(config, "urls", CONFIG_REQUIRED, ADDRESSES_MAX, &urls, &list->count, error));
    list->items = arena_array(config->arena, list->count, sizeof *list->items);
    for (size_t i = 0; i < list->count; i++) {
        list->items[i] = (struct admission_address){told->level, urls[i]};
        if (!is_address(urls[i])) return config_refuse(config, "urls", error, "number %zu is not of http or https", i);
    }
    return STATUS_OK;
}

static enum status read_sources(struct config *config, struct admission_told *told, struct error *error)
{
    TRY(read_level(config, CONFIG_OPTIONAL, &told->level, error));
    TRY(config_text(config, "query", CONFIG_OPTIONAL, &told->query, error));
    if (told->query.length > 0 && (admission_is_edge(told->query) || !is_address(told->query)))
        return config_refuse(config, "query", error, "is not of http or https");
    return json_object_get(config->object, "addresses") ? read_addresses(config, told, error) : read_urls(config, told, error);
}

/* Fields that are not known here are no fault: the server may be newer. */
enum status admission_told_parse(struct arena *arena, struct str json, struct admission_told *out, struct error *error)
{
    struct admission_told told = {.level = ADMISSION_HIGHEST, .start_at = ADMISSION_NEVER, .asked_since = ADMISSION_NEVER};
    struct config config;
    uint64_t retry_after = 0;
    TRY(config_open(arena, json, "answer", &config, error));
    TRY(config_flag(&config, "admit", CONFIG_REQUIRED, &told.admit, error));
    TRY(config_number(&config, "probability", CONFIG_REQUIRED, 0, 1, &told.probability, error));
    TRY(config_number(&config, "threshold", CONFIG_REQUIRED, 0, 1, &told.threshold, error));
    TRY(config_whole(&config, "speed_limit", CONFIG_OPTIONAL, 1, INT64_MAX, &told.speed_limit, error));
    TRY(config_time(&config, "start_at", CONFIG_OPTIONAL, &told.start_at, error));
    TRY(config_time(&config, "asked_since", CONFIG_OPTIONAL, &told.asked_since, error));
    TRY(config_whole(&config, "retry_after", CONFIG_REQUIRED, 1, RETRY_MOST, &retry_after, error));
    TRY(config_whole(&config, "size", CONFIG_OPTIONAL, 1, INT64_MAX, &told.size, error));
    TRY(config_text(&config, "sha256", CONFIG_OPTIONAL, &told.sha256, error));
    TRY(read_sources(&config, &told, error));
    told.retry_after = (int64_t)retry_after;
    *out = told;
    return STATUS_OK;
}

void admission_told_of(struct arena *arena, const struct admission_profile *profile, const struct admission_answer *answer,
                       struct admission_told *told)
{
    *told = (struct admission_told){
        .admit = answer->admit,
        .probability = answer->probability,
        .threshold = answer->threshold,
        .level = answer->level,
        .speed_limit = answer->speed_limit,
        .start_at = answer->start_at,
        .retry_after = answer->retry_after,
        .asked_since = answer->asked_since,
        .addresses = admission_profile_addresses(arena, profile, answer->level),
        .query = profile->query,
        .size = profile->size,
        .sha256 = profile->sha256,
    };
}
