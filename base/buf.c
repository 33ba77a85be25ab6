#include "base/buf.h"

#include <stdio.h>

static size_t grown(const struct buf *buf, size_t needed)
{
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < needed) capacity = capacity > buf->limit / 2 ? buf->limit : capacity * 2;
    return capacity < buf->limit ? capacity : buf->limit;
}

char *buf_room(struct buf *buf, size_t size)
{
    if (buf->overflow || size > buf->limit - buf->length) {
        buf->overflow = true;
        return NULL;
    }
    if (!buf->data || size > buf->capacity - buf->length) {
        size_t capacity = grown(buf, buf->length + size);
        char *data = arena_buffer(buf->arena, capacity);
        if (buf->data) memcpy(data, buf->data, buf->length);
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->length;
}

void buf_add(struct buf *buf, struct str s)
{
    if (s.length == 0) return;
    char *room = buf_room(buf, s.length);
    if (!room) return;
    memcpy(room, s.data, s.length);
    buf->length += s.length;
}

void buf_add_byte(struct buf *buf, char byte)
{
    buf_add(buf, (struct str){&byte, 1});
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[U64_DIGITS];
    buf_add(buf, str_of_u64(digits, value));
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    char brief[256]; /* nearly all that is printed: it leaves no copy in the arena */
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(brief, sizeof brief, format, arguments);
    bool whole = length >= 0 && (size_t)length < sizeof brief;
    buf_add(buf, whole ? str_make(brief, (size_t)length) : arena_vprintf(buf->arena, format, again));
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}
