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

void buf_printf(struct buf *buf, const char *format, ...)
{
    char brief[256]; /* nearly all that is printed: it leaves no copy in the arena */
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(brief, sizeof brief, format, arguments);
    bool whole = length >= 0 && (size_t)length < sizeof brief;
    buf_add(buf, whole ? str_make(brief, (size_t)length) : arena_vprintf(buf->arena, format, again));
    va_end(again);
    va_end(arguments);
}

/* One UTF-8 sequence; an empty one stands for a byte that is none. */
static void add_json_character(struct buf *out, struct str sequence)
{
    unsigned char c = sequence.length > 0 ? (unsigned char)sequence.data[0] : 0;
    if (sequence.length == 0)
        buf_add(out, S("\xef\xbf\xbd"));
    else if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
        buf_printf(out, "\\u%04x", c);
    else
        buf_add(out, sequence);
}

/* Bytes at the start of s that stand for themselves, as nearly all do: they are copied together. */
static size_t plain_json(struct str s)
{
    size_t i = 0;
    while (i < s.length && s.data[i] >= 0x20 && s.data[i] < 0x7f && s.data[i] != '"' && s.data[i] != '\\') i++;
    return i;
}

void buf_add_json_lossy(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    while (s.length > 0) {
        size_t plain = plain_json(s);
        buf_add(out, str_first(s, plain));
        s = str_from(s, plain);
        if (s.length == 0) break;
        size_t length = str_utf8_sequence(s);
        add_json_character(out, str_first(s, length));
        s = str_from(s, length ? length : 1);
    }
    buf_add_byte(out, '"');
}

void buf_add_json(struct buf *out, struct str s)
{
    if (str_is_utf8(s))
        buf_add_json_lossy(out, s);
    else
        out->overflow = true;
}
