#include "lc_settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static const char *lookup(const char *prefix, const char *name)
{
    char variable[128];
    snprintf(variable, sizeof variable, "%s_%s", prefix, name);
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static const char *setting(const char *prefix, const char *name)
{
    const char *own = prefix ? lookup(prefix, name) : NULL;
    return own ? own : lookup("LC", name);
}

static enum status read_threads(const char *prefix, int *threads, struct error *error)
{
    struct str text = str_of(setting(prefix, "THREADS"));
    uint64_t number = 16;
    bool valid = text.length == 0 || (str_to_u64(text, &number) && number >= 1 && number <= 1024);
    ENSURE(valid, error, STATUS_INVALID, "the setting THREADS is '" STR_FMT "', not a number from 1 to 1024", STR_ARG(text));
    *threads = (int)number;
    return STATUS_OK;
}

/* What the function's configuration on AWS says ("Application log level", "Log format"); empty elsewhere. */
static void follow_platform(void)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"TRACE", LOG_DEBUG}, {"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO},
                  {"WARN", LOG_WARN},   {"ERROR", LOG_ERROR}, {"FATAL", LOG_ERROR}};
    struct str level = str_of(getenv("AWS_LAMBDA_LOG_LEVEL"));
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (str_equal_nocase(level, str_of(levels[i].name))) log_set_level(levels[i].level);
    log_set_json(str_equal_nocase(str_of(getenv("AWS_LAMBDA_LOG_FORMAT")), S("JSON")));
}

static enum status read_log_level(const char *prefix, struct error *error)
{
    struct str text = str_of(setting(prefix, "LOG"));
    enum log_level level;
    follow_platform();
    if (text.length == 0) return STATUS_OK;
    ENSURE(log_level_parse(text, &level), error, STATUS_INVALID, "the setting LOG is '" STR_FMT "', none of debug, info, warn, error, none",
           STR_ARG(text));
    log_set_level(level);
    return STATUS_OK;
}

static enum status read_clock(const char *prefix, struct error *error)
{
    const char *file = setting(prefix, "CLOCK");
    if (!file) return STATUS_OK;
    return clock_follow(file, error) == STATUS_OK ? STATUS_OK : error_context(error, "the setting CLOCK");
}

static enum status read_response_mode(const char *prefix, bool *streaming, struct error *error)
{
    struct str text = str_of(setting(prefix, "RESPONSE_MODE"));
    *streaming = str_equal(text, S("streaming"));
    ENSURE(*streaming || text.length == 0 || str_equal(text, S("buffered")), error, STATUS_INVALID,
           "the setting RESPONSE_MODE is '" STR_FMT "', neither buffered nor streaming", STR_ARG(text));
    return STATUS_OK;
}

static enum status read_metrics(const char *prefix, bool *emf, struct error *error)
{
    struct str text = str_of(setting(prefix, "METRICS"));
    *emf = str_equal(text, S("emf"));
    ENSURE(*emf || text.length == 0, error, STATUS_INVALID, "the setting METRICS is '" STR_FMT "', not emf", STR_ARG(text));
    return STATUS_OK;
}

enum status lc_settings_read(const char *prefix, struct lc_settings *settings, struct error *error)
{
    const char *listen = setting(prefix, "LISTEN");
    *settings = (struct lc_settings){
        .listen = listen ? listen : LC_LISTEN_DEFAULT,
        .admin = setting(prefix, "ADMIN"),
        .admin_secret = str_of(setting(prefix, "ADMIN_SECRET")),
    };
    TRY(read_log_level(prefix, error));
    TRY(read_clock(prefix, error));
    TRY(read_metrics(prefix, &settings->emf, error));
    TRY(read_threads(prefix, &settings->threads, error));
    return read_response_mode(prefix, &settings->streaming, error);
}
