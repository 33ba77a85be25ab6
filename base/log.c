#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

enum { TEXT_MAX = 4096, STAMP_MAX = 32, JSON_MAX = 6 * TEXT_MAX + 4096 /* a byte takes six at most: \u0001 */ };

static _Atomic int least_level = LOG_INFO;
static _Atomic bool as_json;
static const char *const names[] = {"debug", "info", "warn", "error", "none"};

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

bool log_level_parse(struct str name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_NONE; i++) {
        if (!str_equal(name, str_of(names[i]))) continue;
        *level = (enum log_level)i;
        return true;
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

void log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

bool log_is_json(void)
{
    return atomic_load_explicit(&as_json, memory_order_relaxed);
}

static void send_line(const char *line, size_t length)
{
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nowhere left to complain */
}

/* Lines are stamped by the real clock, whatever `--now` says. */
static struct str put_stamp(char text[STAMP_MAX])
{
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t used = strftime(text, STAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    used += (size_t)snprintf(text + used, STAMP_MAX - used, ".%03ldZ", t.tv_nsec / 1000000);
    return str_make(text, used);
}

/* --- JSON */

void log_open_json(struct json_writer *json, struct log log, enum log_level level)
{
    static const char *const capitals[] = {"DEBUG", "INFO", "WARN", "ERROR", "NONE"};
    char stamp[STAMP_MAX];
    json_open_object(json, NULL);
    json_put_text(json, "timestamp", put_stamp(stamp));
    json_put_word(json, "level", capitals[level]);
    if (log.request_id.length > 0) json_put_lossy(json, "requestId", str_first(log.request_id, LOG_ID_MAX));
    if (log.trace_id.length > 0) json_put_lossy(json, "traceId", str_first(log.trace_id, LOG_ID_MAX));
}

/* Without an arena: the buffer has all the room that it may take. */
static void write_json(struct log log, enum log_level level, struct str text)
{
    char line[JSON_MAX];
    struct buf out = {.data = line, .capacity = sizeof line, .limit = sizeof line};
    struct json_writer json = json_writer(&out);
    log_open_json(&json, log, level);
    json_put_lossy(&json, "message", text);
    json_close(&json);
    buf_add_byte(&out, '\n');
    send_line(out.data, out.length);
}

/* --- text */

static size_t put_id(char *line, size_t size, const char *name, struct str id)
{
    if (id.length == 0) return 0;
    return (size_t)snprintf(line, size, "%s=" STR_FMT " ", name, STR_ARG(str_first(id, LOG_ID_MAX)));
}

static size_t put_prefix(char *line, size_t size, struct log log, enum log_level level)
{
    char stamp[STAMP_MAX];
    size_t used = (size_t)snprintf(line, size, STR_FMT " %s ", STR_ARG(put_stamp(stamp)), names[level]);
    used += put_id(line + used, size - used, "request", log.request_id);
    return used + put_id(line + used, size - used, "trace", log.trace_id);
}

void log_vwrite(struct log log, enum log_level level, const char *format, va_list arguments)
{
    if (!log_enabled(level)) return;
    char line[TEXT_MAX];
    bool json = log_is_json();
    size_t used = json ? 0 : put_prefix(line, sizeof line - 1, log, level);
    int wanted = vsnprintf(line + used, sizeof line - 1 - used, format, arguments);
    size_t room = sizeof line - 2 - used;
    used += wanted < 0 ? 0 : (size_t)wanted < room ? (size_t)wanted : room;
    if (json) return write_json(log, level, str_make(line, used));
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    line[used++] = '\n';
    send_line(line, used);
}

void log_write(struct log log, enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_vwrite(log, level, format, arguments);
    va_end(arguments);
}
