/* The types that every module shares, and that lambda-c's users see too: no functions, no macros. What one does with them is in the headers
 * named beside them. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena; /* arena.h: memory and other resources that end together */

/* str.h: a counted string, which never owns its bytes and need not end in NUL. */
struct str {
    const char *data;
    size_t length;
};

/* error.h */
enum status {
    STATUS_OK,
    STATUS_NOT_FOUND,
    STATUS_NOT_MODIFIED, /* the caller's copy is still right */
    STATUS_PRECONDITION, /* exists already, or is not the version that was asked for */
    STATUS_DENIED,       /* credentials are wrong, missing or too weak */
    STATUS_THROTTLED,
    STATUS_TIMEOUT,
    STATUS_CORRUPT,     /* bytes that are not what their digest, length or format says */
    STATUS_UNAVAILABLE, /* the other side is down or out of order */
    STATUS_INVALID,     /* what we were given is wrong; trying again does not help */
    STATUS_TOO_LARGE,
    STATUS_UNSUPPORTED,
    STATUS_WOULD_BLOCK, /* needs I/O, which this caller forbids: call again where one may wait */
    STATUS_INTERNAL
};

struct error {
    enum status status;
    char text[480];
};

/* buf.h: a buffer that grows in an arena up to a hard limit. */
struct buf {
    struct arena *arena;
    char *data;
    size_t length, capacity;
    size_t limit;  /* bytes; never exceeded */
    bool overflow; /* something did not fit, or was no text for JSON; length says what did */
};

/* clock.h: a reading of the monotonic clock, in milliseconds. */
struct deadline {
    int64_t at;
};

/* log.h */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NONE };

/* What a line of the log belongs to: a request, and the trace that the request is part of. Either may be empty. */
struct log {
    struct str request_id, trace_id;
};

/* io.h: a stream is pulled: its reader asks for bytes when it can use them, so that memory stays bounded however large the object.
 * `read` returns the count of bytes (1 to capacity), 0 at the end, or -1 after setting *error. `close` is called once, by whoever
 * owns the stream at the time, also after an error; it may be NULL. */
struct stream {
    ssize_t (*read)(void *context, void *buffer, size_t capacity, struct error *error);
    void (*close)(void *context);
    void *context;
};

#endif
