/* What RFC 9112 has a server refuse in a request's head, because two readers could disagree on where the request ends or what it says.
 *
 * libmicrohttpd 1.0 refuses most of it. 0.9 does not, but it leaves the head where it was received, and puts NUL bytes where it found
 * separators:
 *
 *     GET /a?b HTTP/1.1\r\n Host: x\r\n Accept:  y\r\n \r\n
 *     GET0/a?b0HTTP/1.10 0  Host0 x0 0  Accept0  y0 0  0 0
 *
 * (NULs in front of a bare LF look like CR LF. The lines end at the same places.) So a head is sound where each part stands directly behind
 * the one before. A bare CR or LF (2.2), a NUL, a line that continues another (5.2) or that libmicrohttpd left out makes a gap. */
#ifndef LC_FRAMING_H
#define LC_FRAMING_H

#include "base/base.h"
#include "lambda-c/lambda.h"

struct lc_head {
    const char *start; /* NULL: the library has checked it */
    const char *at;    /* where the next part must be */
    bool sound;
};

/* The request line; all three are strings in the head. `target_length` is from before the library put NUL bytes into the target. */
void lc_head_begin(struct lc_head *, const char *method, const char *target, size_t target_length, const char *version);
void lc_head_field(struct lc_head *, struct str name, struct str value); /* each, in their order */
bool lc_head_ends_at(struct lc_head *, size_t length);                   /* true: it is sound, and has that many bytes */

/* No blank, no control byte; of a path or an absolute URL. */
bool lc_target_is_sound(struct str target);

/* How the request ends, by its fields: false where that is not clear (6.1, 6.3), and without exactly one valid Host (3.2).
 * HTTP/1.0 need not have a Host, and has no transfer codings. */
struct lc_framing {
    bool chunked;
    uint64_t length; /* 0 where there is none */
};
bool lc_framing_read(const struct lc_headers *, struct str version, struct lc_framing *);

#endif
