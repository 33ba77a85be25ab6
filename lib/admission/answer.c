#include "lib/admission/answer.h"

#include "base/json.h"
#include "base/url.h"
#include "lib/config/config.h"

enum { ANSWER_LIMIT = 128 << 10, URLS_MAXIMUM = 64 };
static const uint64_t RETRY_MOST = UINT64_C(1) << 40; /* seconds */

static void add_texts(struct buf *out, const char *name, const struct str *items, size_t count)
{
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_add_byte(out, ',');
        json_quote(out, items[i]);
    }
    buf_add_byte(out, ']');
}

static void add_number_or_null(struct buf *out, const char *name, uint64_t number)
{
    buf_printf(out, ",\"%s\":", name);
    if (number == 0)
        buf_add(out, S("null"));
    else
        buf_add_u64(out, number);
}

static void add_text_or_null(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.length == 0)
        buf_add(out, S("null"));
    else
        json_quote(out, text);
}

struct str admission_answer_json(struct arena *arena, const struct admission_profile *profile, const struct admission_answer *answer)
{
    struct buf out = buf_in(arena, ANSWER_LIMIT);
    struct str start = answer->start_at == ADMISSION_NEVER ? (struct str){NULL, 0} : clock_format_time(arena, answer->start_at);
    buf_printf(&out, "{\"admit\":%s,\"probability\":%.9g,\"threshold\":%.9g,\"level\":\"%s\",\"source\":\"%s\"",
               answer->admit ? "true" : "false", answer->probability, answer->threshold, admission_level_name(answer->level),
               admission_source_name(answer->source));
    add_number_or_null(&out, "speed_limit", answer->speed_limit);
    add_text_or_null(&out, "start_at", start);
    buf_printf(&out, ",\"retry_after\":%lld", (long long)answer->retry_after);
    if (answer->asked_since != ADMISSION_NEVER) add_text_or_null(&out, "asked_since", clock_format_time(arena, answer->asked_since));
    add_texts(&out, "urls", profile->urls, profile->url_count);
    add_number_or_null(&out, "size", profile->size);
    add_text_or_null(&out, "sha256", profile->sha256);
    if (profile->ask_count > 0) add_texts(&out, "ask", profile->ask, profile->ask_count);
    buf_add(&out, S("}\n"));
    return buf_str(&out);
}

/* --- as the client reads it */

static enum status read_urls(struct config *config, struct admission_told *told, struct error *error)
{
    struct config array;
    struct url url;
    TRY(config_array(config, "urls", CONFIG_REQUIRED, &array, &told->url_count, error));
    if (told->url_count > URLS_MAXIMUM) return config_refuse(config, "urls", error, "more than %d", URLS_MAXIMUM);
    told->urls = arena_array(config->arena, told->url_count, sizeof *told->urls);
    for (size_t i = 0; i < told->url_count; i++) {
        TRY(config_item_text(&array, i, &told->urls[i], error));
        TRY(url_parse(told->urls[i], &url, error));
        if (!url_is_web(&url)) return config_refuse(config, "urls", error, "number %zu is not of http or https", i);
    }
    return STATUS_OK;
}

/* Fields that are not known here are no fault: the server may be newer. */
enum status admission_told_parse(struct arena *arena, struct str json, struct admission_told *out, struct error *error)
{
    struct admission_told told = {.start_at = ADMISSION_NEVER, .asked_since = ADMISSION_NEVER};
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
    TRY(read_urls(&config, &told, error));
    told.retry_after = (int64_t)retry_after;
    *out = told;
    return STATUS_OK;
}
