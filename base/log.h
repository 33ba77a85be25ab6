/* Log lines on stderr, one write(2) each. Nothing secret is ever passed in.
 *
 *     text   2026-11-22T10:00:00.123Z warn request=… trace=… text         at most 4 KiB, control bytes as '?'
 *     JSON   {"timestamp":"2026-11-22T10:00:00.123Z","level":"WARN","requestId":"…","traceId":"…","message":"text"}
 *
 * The second is what AWS Lambda filters and CloudWatch reads by field ("JSON structured logs"). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "base/str.h"

enum { LOG_ID_MAX = 128 }; /* bytes of an id that are written */

void log_set_level(enum log_level least); /* LOG_INFO at first */
bool log_level_parse(struct str, enum log_level *);
bool log_enabled(enum log_level);
void log_set_json(bool); /* text at first */
bool log_is_json(void);
void log_write(struct log, enum log_level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_vwrite(struct log, enum log_level, const char *format, va_list) __attribute__((format(printf, 3, 0)));

#define log_debug(log, ...) log_write((log), LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)  log_write((log), LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...)  log_write((log), LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) log_write((log), LOG_ERROR, __VA_ARGS__)

/* For a JSON line with more fields than a message: opens its object and writes the fields that every line has. The caller puts its own,
 * closes the object, ends the line with LF, and writes it to stderr. */
struct json_writer;
void log_open_json(struct json_writer *, struct log, enum log_level);

#endif
