/* What functions that use nothing but lambda-c take from base: see lambda.h. */
#include <stdarg.h>

#include "base/base.h"
#include "lambda-c/lambda.h"

const char *lc_version(void)
{
    return LC_VERSION;
}

void *lc_alloc(struct arena *arena, size_t size)
{
    return arena_alloc(arena, size);
}

struct str lc_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct str text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void lc_defer(struct arena *arena, void (*function)(void *context), void *context)
{
    arena_defer(arena, function, context);
}

void lc_print(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

enum status lc_fail(struct error *error, enum status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_vset(error, status, format, arguments);
    va_end(arguments);
    return status;
}

void lc_log(const struct lc_call *call, enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_vwrite(call ? call->log : (struct log){0}, level, format, arguments);
    va_end(arguments);
}

int64_t lc_time_left(const struct lc_call *call)
{
    return deadline_left(call->deadline);
}
