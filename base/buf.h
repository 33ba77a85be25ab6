/* A buffer that grows in an arena up to a hard limit. Overflow is sticky: write all, then ask once.
 *
 *     struct buf out = buf_in(arena, 64 * 1024);
 *     buf_add(&out, S("a="));
 *     buf_printf(&out, "%d", 1);
 *     if (out.overflow) … */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/arena.h"
#include "base/str.h"

static inline struct buf buf_in(struct arena *arena, size_t limit)
{
    return (struct buf){.arena = arena, .limit = limit};
}

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->length};
}

void buf_add(struct buf *, struct str);
void buf_add_byte(struct buf *, char);
void buf_add_u64(struct buf *, uint64_t); /* in decimal */
void buf_printf(struct buf *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *, const char *format, va_list) __attribute__((format(printf, 2, 0)));
/* Room for `size` more bytes to be written by the caller, who then adds to `length`; NULL past the limit. */
char *buf_room(struct buf *, size_t size);

#endif
