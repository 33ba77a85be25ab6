/* Log lines on stderr: `2026-11-22T10:00:00.123Z warn request=… text`. One write(2) a line, at most 4 KiB, control
 * bytes as '?'. Nothing secret is ever passed in. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NONE };

/* What stands in front of a line: the request it belongs to, or nothing. */
struct log {
    struct str request_id;
};

void log_set_level(enum log_level least); /* LOG_INFO at first */
bool log_level_parse(struct str, enum log_level *);
bool log_enabled(enum log_level);
void log_write(struct log, enum log_level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)

#endif
