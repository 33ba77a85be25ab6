#include "base/encode.h"

static const char lower_digits[] = "0123456789abcdef";
static const char upper_digits[] = "0123456789ABCDEF";

struct str hex_encode(struct arena *arena, struct str bytes)
{
    char *text = arena_buffer(arena, bytes.length * 2 + 1);
    for (size_t i = 0; i < bytes.length; i++) {
        text[2 * i] = lower_digits[(unsigned char)bytes.data[i] >> 4];
        text[2 * i + 1] = lower_digits[(unsigned char)bytes.data[i] & 15];
    }
    text[bytes.length * 2] = 0;
    return (struct str){text, bytes.length * 2};
}

static bool hex_pair(struct str text, size_t at, char *byte)
{
    uint64_t value;
    if (at + 2 > text.length || !str_hex_to_u64(str_make(text.data + at, 2), &value)) return false;
    *byte = (char)value;
    return true;
}

bool hex_decode(struct arena *arena, struct str text, struct str *bytes)
{
    if (text.length % 2 != 0) return false;
    char *out = arena_buffer(arena, text.length / 2 + 1);
    for (size_t i = 0; i < text.length / 2; i++)
        if (!hex_pair(text, 2 * i, &out[i])) return false;
    *bytes = (struct str){out, text.length / 2};
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode64_into(struct str bytes, const char *digits, bool pad, char *text)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t count = bytes.length - i < 3 ? bytes.length - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) group = group << 8 | (k < count ? (unsigned char)bytes.data[i + k] : 0U);
        for (size_t k = 0; k < 4; k++) {
            if (k <= count)
                text[used++] = digits[group >> (18 - 6 * k) & 63];
            else if (pad)
                text[used++] = '=';
        }
    }
    return used;
}

static struct str encode64(struct arena *arena, struct str bytes, const char *digits, bool pad)
{
    char *text = arena_buffer(arena, (bytes.length + 2) / 3 * 4 + 1);
    size_t used = encode64_into(bytes, digits, pad, text);
    text[used] = 0;
    return (struct str){text, used};
}

size_t base64_encode_to(struct str bytes, char *text)
{
    return encode64_into(bytes, alphabet, true, text);
}

struct str base64_encode(struct arena *arena, struct str bytes)
{
    return encode64(arena, bytes, alphabet, true);
}

struct str base64url_encode(struct arena *arena, struct str bytes)
{
    return encode64(arena, bytes, url_alphabet, false);
}

static int digit64(char c, bool url)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == (url ? '-' : '+')) return 62;
    return c == (url ? '_' : '/') ? 63 : -1;
}

/* Padding is all or nothing: "QQ==" and "QQ" are one byte, "QQ=" is nothing. */
static bool strip_padding(struct str *text)
{
    size_t pads = 0;
    while (pads < text->length && pads < 3 && text->data[text->length - 1 - pads] == '=') pads++;
    bool fits = pads == 0 || (pads <= 2 && text->length % 4 == 0);
    text->length -= pads;
    return fits && text->length % 4 != 1;
}

/* `text` without its padding; `out` has room for 3 bytes of every 4 digits, rounded up. */
static bool decode64_into(struct str text, bool url, char *out, size_t *length)
{
    size_t used = 0;
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = digit64(text.data[i], url);
        if (digit < 0) return false;
        group = (group << 6 | (uint32_t)digit) & 0xffff;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out[used++] = (char)(group >> bits & 0xff);
    }
    if ((group & ((1U << bits) - 1)) != 0) return false; /* two texts must not mean the same bytes */
    *length = used;
    return true;
}

static bool decode64(struct arena *arena, struct str text, bool url, struct str *bytes)
{
    if (!strip_padding(&text)) return false;
    char *out = arena_buffer(arena, text.length / 4 * 3 + 3);
    size_t length;
    if (!decode64_into(text, url, out, &length)) return false;
    *bytes = (struct str){out, length};
    return true;
}

bool base64url_decode_to(struct str text, void *buffer, size_t capacity, size_t *length)
{
    if (text.length % 4 == 1 || text.length / 4 * 3 + text.length % 4 * 3 / 4 > capacity) return false;
    return decode64_into(text, true, buffer, length);
}

bool base64_decode(struct arena *arena, struct str text, struct str *bytes)
{
    return decode64(arena, text, false, bytes);
}

bool base64url_decode(struct arena *arena, struct str text, struct str *bytes)
{
    return decode64(arena, text, true, bytes);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("-._~", c, 4) != NULL;
}

struct str percent_encode(struct arena *arena, struct str bytes, bool keep_slash)
{
    char *text = arena_buffer(arena, bytes.length * 3 + 1);
    size_t used = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        char c = bytes.data[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            text[used++] = c;
            continue;
        }
        text[used++] = '%';
        text[used++] = upper_digits[(unsigned char)c >> 4];
        text[used++] = upper_digits[(unsigned char)c & 15];
    }
    text[used] = 0;
    return (struct str){text, used};
}

bool percent_decode(struct arena *arena, struct str text, struct str *bytes)
{
    if (str_find(text, '%') == text.length) { /* nothing to decode, nothing to copy */
        *bytes = text;
        return true;
    }
    char *out = arena_buffer(arena, text.length + 1);
    size_t used = 0;
    for (size_t i = 0; i < text.length; i++) {
        out[used] = text.data[i];
        if (text.data[i] == '%') {
            if (!hex_pair(text, i + 1, &out[used])) return false;
            i += 2;
        }
        used++;
    }
    *bytes = (struct str){out, used};
    return true;
}
