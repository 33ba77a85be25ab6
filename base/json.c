#include "base/json.h"

#include <math.h>
#include <stdio.h>

enum { DOUBLE_TEXT = 400 }; /* the longest double has 309 digits before the point; at most 17 behind it are asked for */

/* --- strings */

/* One UTF-8 sequence; an empty one stands for a byte that is none. */
static void add_character(struct buf *out, struct str sequence)
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
static size_t plain_bytes(struct str s)
{
    size_t i = 0;
    while (i < s.length && s.data[i] >= 0x20 && s.data[i] < 0x7f && s.data[i] != '"' && s.data[i] != '\\') i++;
    return i;
}

void json_quote_lossy(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    while (s.length > 0) {
        size_t plain = plain_bytes(s);
        buf_add(out, str_first(s, plain));
        s = str_from(s, plain);
        if (s.length == 0) break;
        size_t length = str_utf8_sequence(s);
        add_character(out, str_first(s, length));
        s = str_from(s, length ? length : 1);
    }
    buf_add_byte(out, '"');
}

void json_quote(struct buf *out, struct str s)
{
    if (str_is_utf8(s))
        json_quote_lossy(out, s);
    else
        out->overflow = true;
}

/* --- structure */

static void begin_value(struct json_writer *json, const char *name)
{
    if (!json->named && (json->filled & 1)) buf_add_byte(json->out, ',');
    if (json->new_line) buf_add_byte(json->out, '\n');
    if (name) {
        buf_add_byte(json->out, '"');
        buf_add(json->out, str_of(name));
        buf_add(json->out, S("\":"));
    }
    json->filled |= 1;
    json->new_line = json->named = false;
}

void json_new_line(struct json_writer *json)
{
    json->new_line = true;
}

void json_name(struct json_writer *json, struct str name)
{
    begin_value(json, NULL);
    json_quote(json->out, name);
    buf_add_byte(json->out, ':');
    json->named = true;
}

static void open_bracket(struct json_writer *json, const char *name, bool is_object)
{
    begin_value(json, name);
    if (json->depth == JSON_DEPTH_MAX) json->out->overflow = true;
    buf_add_byte(json->out, is_object ? '{' : '[');
    json->depth++;
    json->objects = json->objects << 1 | is_object;
    json->filled <<= 1;
}

void json_open_object(struct json_writer *json, const char *name)
{
    open_bracket(json, name, true);
}

void json_open_array(struct json_writer *json, const char *name)
{
    open_bracket(json, name, false);
}

void json_close(struct json_writer *json)
{
    if (json->new_line) buf_add_byte(json->out, '\n');
    buf_add_byte(json->out, json->objects & 1 ? '}' : ']');
    json->depth--;
    json->objects >>= 1;
    json->filled = json->filled >> 1 | 1; /* what was closed stands in what is open now */
    json->new_line = false;
}

/* --- values */

void json_put_text(struct json_writer *json, const char *name, struct str text)
{
    begin_value(json, name);
    json_quote(json->out, text);
}

void json_put_lossy(struct json_writer *json, const char *name, struct str text)
{
    begin_value(json, name);
    json_quote_lossy(json->out, text);
}

void json_put_text_if_any(struct json_writer *json, const char *name, struct str text)
{
    if (text.length > 0) json_put_text(json, name, text);
}

void json_put_text_or_null(struct json_writer *json, const char *name, struct str text)
{
    if (text.length > 0)
        json_put_text(json, name, text);
    else
        json_put_null(json, name);
}

void json_put_word(struct json_writer *json, const char *name, const char *word)
{
    json_put_text(json, name, str_of(word));
}

void json_put_number(struct json_writer *json, const char *name, uint64_t number)
{
    begin_value(json, name);
    buf_add_u64(json->out, number);
}

void json_put_signed(struct json_writer *json, const char *name, int64_t number)
{
    begin_value(json, name);
    buf_printf(json->out, "%lld", (long long)number);
}

static void put_double(struct json_writer *json, const char *name, double number, struct str text)
{
    begin_value(json, name);
    if (!isfinite(number)) json->out->overflow = true;
    buf_add(json->out, text);
}

void json_put_real(struct json_writer *json, const char *name, double number, int digits)
{
    char text[DOUBLE_TEXT];
    int length = snprintf(text, sizeof text, "%.*g", digits, number);
    put_double(json, name, number, str_make(text, (size_t)length));
}

void json_put_fixed(struct json_writer *json, const char *name, double number, int decimals)
{
    char text[DOUBLE_TEXT];
    int length = snprintf(text, sizeof text, "%.*f", decimals, number);
    put_double(json, name, number, str_make(text, (size_t)length));
}

void json_put_bool(struct json_writer *json, const char *name, bool value)
{
    json_put_raw(json, name, value ? S("true") : S("false"));
}

void json_put_null(struct json_writer *json, const char *name)
{
    json_put_raw(json, name, S("null"));
}

void json_put_number_or_null(struct json_writer *json, const char *name, bool has_value, uint64_t number)
{
    if (has_value)
        json_put_number(json, name, number);
    else
        json_put_null(json, name);
}

void json_put_real_or_null(struct json_writer *json, const char *name, bool has_value, double number, int digits)
{
    if (has_value)
        json_put_real(json, name, number, digits);
    else
        json_put_null(json, name);
}

void json_put_raw(struct json_writer *json, const char *name, struct str value)
{
    begin_value(json, name);
    buf_add(json->out, value);
}
