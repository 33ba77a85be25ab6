#include "lc_headers.h"

struct str lc_header_get(const struct lc_headers *headers, struct str name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (str_equal_nocase(headers->items[i].name, name)) return headers->items[i].value;
    return (struct str){NULL, 0};
}

/* All at once, so that a thousand lines cost no more than their bytes. */
struct str lc_header_list(struct arena *arena, const struct lc_headers *headers, struct str name)
{
    struct str first = lc_header_get(headers, name);
    size_t count = 0, length = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!str_equal_nocase(headers->items[i].name, name)) continue;
        count++;
        length += headers->items[i].value.length + 2;
    }
    if (count < 2) return first;
    struct buf all = buf_in(arena, length);
    buf_room(&all, length);
    for (size_t i = 0; i < headers->count; i++) {
        if (!str_equal_nocase(headers->items[i].name, name)) continue;
        if (all.length > 0) buf_add(&all, S(", "));
        buf_add(&all, headers->items[i].value);
    }
    return buf_str(&all);
}

/* RFC 9110 section 5.6.2: visible ASCII without delimiters. Bit c of the row c / 32. */
static bool is_token(struct str s)
{
    static const uint32_t allowed[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (!(allowed[c / 32] >> (c % 32) & 1)) return false;
    }
    return s.length > 0;
}

/* Eight bytes at a time: whether all are 0x20 or above (by the borrow of a subtraction, as a number below 128 allows). */
static bool has_no_control(struct str s)
{
    const uint64_t ones = UINT64_MAX / 255;
    size_t i = 0;
    uint64_t word;
    for (; i + sizeof word <= s.length; i += sizeof word) {
        memcpy(&word, s.data + i, sizeof word);
        if ((word - ones * 0x20) & ~word & ones * 0x80) return false;
    }
    for (; i < s.length; i++)
        if ((unsigned char)s.data[i] < 0x20) return false;
    return true;
}

static bool is_value(struct str s)
{
    if (has_no_control(s)) return true;
    return str_find(s, '\r') == s.length && str_find(s, '\n') == s.length && str_find(s, 0) == s.length;
}

static void append(struct arena *arena, struct lc_headers *headers, struct lc_header header)
{
    if (headers->count == headers->capacity) {
        size_t capacity = headers->capacity ? headers->capacity * 2 : 16;
        struct lc_header *items = arena_array(arena, capacity, sizeof *items);
        if (headers->count > 0) memcpy(items, headers->items, headers->count * sizeof *items);
        headers->items = items;
        headers->capacity = capacity;
    }
    headers->items[headers->count++] = header;
}

void lc_header_add(struct arena *arena, struct lc_headers *headers, struct str name, struct str value)
{
    if (!is_token(name) || !is_value(value)) {
        log_warn((struct log){0}, "a header was dropped, since its name is no token or its value has a CR, LF or NUL: " STR_FMT,
                 STR_ARG(str_first(name, 64)));
        return;
    }
    append(arena, headers, (struct lc_header){name, value});
}

bool lc_header_receive(struct arena *arena, struct lc_headers *headers, struct str name, struct str value, bool from_fc)
{
    if (!is_token(name) || !is_value(value)) return false;
    if (from_fc || !str_equal_nocase(str_first(name, 5), S("x-fc-"))) append(arena, headers, (struct lc_header){name, value});
    return true;
}

static bool is_cookie(const struct lc_header *header)
{
    return str_equal_nocase(header->name, S("cookie"));
}

/* All at once, so that a thousand of them cost no more than their bytes. */
void lc_headers_join_cookies(struct arena *arena, struct lc_headers *headers)
{
    size_t count = 0, length = 0, kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!is_cookie(&headers->items[i])) continue;
        count++;
        length += headers->items[i].value.length + 2;
    }
    if (count < 2) return;
    struct buf all = buf_in(arena, length);
    struct lc_header *joined = NULL;
    buf_room(&all, length);
    for (size_t i = 0; i < headers->count; i++) {
        struct lc_header header = headers->items[i];
        bool cookie = is_cookie(&header);
        if (cookie && joined) buf_add(&all, S("; "));
        if (cookie) buf_add(&all, header.value);
        if (cookie && joined) continue;
        headers->items[kept] = header;
        if (cookie) joined = &headers->items[kept];
        kept++;
    }
    headers->count = kept;
    if (joined) joined->value = buf_str(&all);
}

bool lc_header_is_hosts(struct str name)
{
    static const struct str names[] = {
        {"content-length", 14}, {"date", 4}, {"connection", 10}, {"transfer-encoding", 17}, {"keep-alive", 10},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal_nocase(name, names[i])) return true;
    return false;
}
