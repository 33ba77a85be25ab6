#include "lc_json.h"

#include <stdio.h>

/* How a byte is written where it cannot stand for itself; NULL where it can. */
static const char *escape_of(unsigned char c, bool latin, char buffer[8])
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
    }
    if (c >= 0x20 && c != 0x7f && (c < 0x80 || !latin)) return NULL;
    snprintf(buffer, 8, "\\u%04x", c);
    return buffer;
}

void lc_json_string(struct buf *out, struct str text)
{
    char buffer[8];
    bool latin = !str_is_utf8(text);
    size_t plain = 0;
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.length; i++) {
        const char *escape = escape_of((unsigned char)text.data[i], latin, buffer);
        if (!escape) continue;
        buf_add(out, str_make(text.data + plain, i - plain));
        buf_add(out, str_of(escape));
        plain = i + 1;
    }
    buf_add(out, str_from(text, plain));
    buf_add_byte(out, '"');
}

size_t lc_json_string_length(struct str text)
{
    char buffer[8];
    size_t length = 2;
    for (size_t i = 0; i < text.length; i++) {
        const char *escape = escape_of((unsigned char)text.data[i], false, buffer);
        length += escape ? strlen(escape) : 1;
    }
    return length;
}

struct str lc_json_error(struct arena *arena, struct str type, struct str message)
{
    struct buf out = buf_in(arena, 16384);
    buf_add(&out, S("{\"errorMessage\":"));
    lc_json_string(&out, str_first(message, 1024));
    buf_add(&out, S(",\"errorType\":"));
    lc_json_string(&out, str_first(type, 128));
    buf_add(&out, S(",\"stackTrace\":[]}"));
    return buf_str(&out);
}

struct str lc_error_type(struct arena *arena, enum status status)
{
    struct buf out = buf_in(arena, 64);
    struct str words = str_of(status_name(status));
    buf_add(&out, S("Function."));
    while (words.data) {
        struct str word = str_cut(&words, ' ');
        buf_add_byte(&out, (char)(word.data[0] - 'a' + 'A'));
        buf_add(&out, str_from(word, 1));
    }
    return buf_str(&out);
}
