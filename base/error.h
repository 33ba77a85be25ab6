/* One error type for every room. A function that can fail returns `enum status`, STATUS_OK being 0, and where
 * words help it takes a `struct error *` as its last argument (never NULL) and fills it on failure only.
 * The text says what is wrong and, where one can know, what to do; it names no secret. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

#include "base/str.h"

/* Fills *error and returns `status`: `return error_set(error, STATUS_INVALID, "…")`. Control bytes become '?'. */
enum status error_set(struct error *, enum status, const char *format, ...) __attribute__((format(printf, 3, 4)));
enum status error_vset(struct error *, enum status, const char *format, va_list) __attribute__((format(printf, 3, 0)));
/* Puts "context: " before the text, so that the reader learns where it came from. Returns the status. */
enum status error_context(struct error *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The errno of a failed system call as a status, with strerror in the text. */
enum status error_errno(struct error *, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The static analyser looks at one file at a time: it is told here that these never return STATUS_OK. */
#if defined(__clang_analyzer__) && !defined(BASE_ERROR_C)
#define error_set(...)     (error_set(__VA_ARGS__), STATUS_INTERNAL)
#define error_context(...) (error_context(__VA_ARGS__), STATUS_INTERNAL)
#define error_errno(...)   (error_errno(__VA_ARGS__), STATUS_INTERNAL)
#endif

const char *status_name(enum status); /* "not found" and the like, for logs */

/* Guarded steps that read from top to bottom. */
#define TRY(expression)                                                                                                                    \
    do {                                                                                                                                   \
        enum status try_status_ = (expression);                                                                                            \
        if (try_status_ != STATUS_OK) return try_status_;                                                                                  \
    } while (0)
#define ENSURE(condition, error, status, ...)                                                                                              \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            error_set((error), (status), __VA_ARGS__);                                                                                     \
            return (status);                                                                                                               \
        }                                                                                                                                  \
    } while (0)

#endif
