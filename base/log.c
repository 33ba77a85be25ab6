#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int least_level = LOG_INFO;
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

/* Lines are stamped by the real clock, whatever `--now` says. */
static size_t put_prefix(char *line, size_t size, struct log log, enum log_level level)
{
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    used += (size_t)snprintf(line + used, size - used, ".%03ldZ %s ", t.tv_nsec / 1000000, names[level]);
    if (log.request_id.length == 0) return used;
    struct str id = str_first(log.request_id, 128);
    return used + (size_t)snprintf(line + used, size - used, "request=" STR_FMT " ", STR_ARG(id));
}

void log_write(struct log log, enum log_level level, const char *format, ...)
{
    if (!log_enabled(level)) return;
    char line[4096];
    size_t used = put_prefix(line, sizeof line - 1, log, level);
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line + used, sizeof line - 1 - used, format, arguments);
    va_end(arguments);
    size_t room = sizeof line - 2 - used;
    used += wanted < 0 ? 0 : (size_t)wanted < room ? (size_t)wanted : room;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* nowhere left to complain */
}
