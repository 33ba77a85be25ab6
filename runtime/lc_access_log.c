#include "lc_access_log.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

enum { METHOD_MAX = 32, PATH_MAX_SHOWN = 1024, JSON_MAX = 16384 /* every byte may take six, and the path stands there twice */ };

/* Filled by hand: printf and gmtime would cost more than a redirect does. A line that is too long loses its end. */
struct line {
    size_t used;
    char text[2048];
};

static void add(struct line *line, struct str s)
{
    size_t room = sizeof line->text - 1 - line->used, length = s.length < room ? s.length : room;
    char *to = line->text + line->used;
    for (size_t i = 0; i < length; i++) to[i] = s.data[i] > 0x20 && s.data[i] < 0x7f ? s.data[i] : '?';
    line->used += length;
}

static void add_word(struct line *line, struct str name, struct str value)
{
    line->text[line->used++] = ' ';
    add(line, name);
    add(line, value);
}

static void add_number(struct line *line, uint64_t value, size_t least_digits)
{
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0 || sizeof digits - at < least_digits);
    add(line, str_make(digits + at, sizeof digits - at));
}

/* The date changes once a second at most. */
static void add_time(struct line *line)
{
    static _Thread_local time_t second = -1;
    static _Thread_local char text[sizeof "2026-11-22T10:00:00"];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second && gmtime_r(&now.tv_sec, &tm)) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        second = now.tv_sec;
    }
    add(line, str_make(text, sizeof text - 1));
    add(line, S("."));
    add_number(line, (uint64_t)(now.tv_nsec / 1000000), 3);
    add(line, S("Z"));
}

/* --- lines that wait for others. A pipe takes PIPE_BUF bytes as one piece, so that lines of other threads never come in between. */

static _Thread_local struct {
    bool wanted;
    size_t used;
    char text[PIPE_BUF];
} batch;

static void write_out(const char *text, size_t length)
{
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written; /* nowhere left to complain */
}

void lc_access_log_batch(void)
{
    batch.wanted = true;
}

void lc_access_log_flush(void)
{
    if (batch.used > 0) write_out(batch.text, batch.used);
    batch.used = 0;
}

static void send_line(const char *line, size_t length)
{
    if (length > sizeof batch.text - batch.used) lc_access_log_flush();
    if (!batch.wanted || length > sizeof batch.text) return write_out(line, length);
    memcpy(batch.text + batch.used, line, length);
    batch.used += length;
}

static void put_message(struct buf *out, const struct lc_access *access)
{
    buf_add(out, str_first(access->method, METHOD_MAX));
    buf_add_byte(out, ' ');
    buf_add(out, str_first(access->path, PATH_MAX_SHOWN));
    buf_printf(out, " %d", access->status);
}

static void write_json(const struct lc_access *access)
{
    char line[JSON_MAX], text[METHOD_MAX + PATH_MAX_SHOWN + 16];
    struct buf out = {.data = line, .capacity = sizeof line, .limit = sizeof line};
    struct buf message = {.data = text, .capacity = sizeof text, .limit = sizeof text};
    struct json_writer json = json_writer(&out);
    put_message(&message, access);
    log_open_json(&json, access->log, LOG_INFO);
    json_put_lossy(&json, "message", buf_str(&message));
    json_put_lossy(&json, "method", str_first(access->method, METHOD_MAX));
    json_put_lossy(&json, "path", str_first(access->path, PATH_MAX_SHOWN));
    json_put_number(&json, "status", (uint64_t)access->status);
    json_put_number(&json, "bytes", access->bytes);
    json_put_fixed(&json, "ms", (double)access->microseconds / 1000, 3);
    if (access->aborted) json_put_bool(&json, "aborted", true);
    json_close(&json);
    buf_add_byte(&out, '\n');
    send_line(out.data, out.length);
}

void lc_access_log(const struct lc_access *access)
{
    if (!log_enabled(LOG_INFO)) return;
    if (log_is_json()) return write_json(access);
    struct line line = {.used = 0};
    add_time(&line);
    add_word(&line, S("info"), S(""));
    add_word(&line, S("request="), str_first(access->log.request_id, LOG_ID_MAX));
    if (access->log.trace_id.length > 0) add_word(&line, S("trace="), str_first(access->log.trace_id, LOG_ID_MAX));
    add_word(&line, S("method="), str_first(access->method, METHOD_MAX));
    add_word(&line, S("path="), str_first(access->path, PATH_MAX_SHOWN));
    add_word(&line, S("status="), S(""));
    add_number(&line, (uint64_t)access->status, 3);
    add_word(&line, S("bytes="), S(""));
    add_number(&line, access->bytes, 1);
    add_word(&line, S("ms="), S(""));
    add_number(&line, (uint64_t)access->microseconds / 1000, 1);
    add(&line, S("."));
    add_number(&line, (uint64_t)access->microseconds % 1000, 3);
    if (access->aborted) add_word(&line, S("aborted"), S(""));
    line.text[line.used++] = '\n';
    send_line(line.text, line.used);
}

int64_t lc_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
