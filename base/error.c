#define BASE_ERROR_C
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXT_SIZE = sizeof((struct error *)NULL)->text };

/* Puts `text` at `used`, as far as there is room, without its control bytes. Returns how much is used then. */
static size_t append(struct error *error, size_t used, const char *text)
{
    for (; *text && used < TEXT_SIZE - 1; text++) error->text[used++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    error->text[used] = 0;
    return used;
}

/* Formatted apart, since the arguments may point into the error's own text. */
enum status error_vset(struct error *error, enum status status, const char *format, va_list arguments)
{
    char text[TEXT_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    append(error, 0, text);
    error->status = status;
    return status;
}

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_vset(error, status, format, arguments);
    va_end(arguments);
    return status;
}

static void put_before(struct error *error, const char *format, va_list arguments)
{
    char before[TEXT_SIZE], after[TEXT_SIZE];
    memcpy(after, error->text, sizeof after);
    vsnprintf(before, sizeof before, format, arguments);
    size_t used = append(error, 0, before);
    used = append(error, used, ": ");
    append(error, used, after);
}

enum status error_context(struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_before(error, format, arguments);
    va_end(arguments);
    return error->status;
}

static enum status status_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR: return STATUS_NOT_FOUND;
    case EEXIST: return STATUS_PRECONDITION;
    case EACCES:
    case EPERM:
    case EROFS: return STATUS_DENIED;
    case ETIMEDOUT: return STATUS_TIMEOUT;
    case ENAMETOOLONG:
    case EINVAL:
    case EISDIR: return STATUS_INVALID;
    case EFBIG: return STATUS_TOO_LARGE;
    default: return STATUS_UNAVAILABLE;
    }
}

enum status error_errno(struct error *error, int number, const char *format, ...)
{
    char reason[128];
    error_set(error, status_of_errno(number), "%s", strerror_r(number, reason, sizeof reason));
    va_list arguments;
    va_start(arguments, format);
    put_before(error, format, arguments);
    va_end(arguments);
    return error->status;
}

const char *status_name(enum status status)
{
    static const char *const names[] = {
        [STATUS_OK] = "ok",
        [STATUS_NOT_FOUND] = "not found",
        [STATUS_NOT_MODIFIED] = "not modified",
        [STATUS_PRECONDITION] = "precondition failed",
        [STATUS_DENIED] = "denied",
        [STATUS_THROTTLED] = "throttled",
        [STATUS_TIMEOUT] = "timeout",
        [STATUS_CORRUPT] = "corrupt",
        [STATUS_UNAVAILABLE] = "unavailable",
        [STATUS_INVALID] = "invalid",
        [STATUS_TOO_LARGE] = "too large",
        [STATUS_UNSUPPORTED] = "unsupported",
        [STATUS_WOULD_BLOCK] = "would block",
        [STATUS_INTERNAL] = "internal error",
    };
    return names[status];
}
