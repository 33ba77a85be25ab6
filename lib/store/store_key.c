#include "lib/store/store_internal.h"

static bool is_key_byte(char c)
{
    bool alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return alphanumeric || c == '.' || c == '_' || c == '-' || c == '+' || c == '=' || c == '@' || c == ',';
}

static bool is_segment_start(struct str segment)
{
    for (size_t i = 0; i < segment.length; i++)
        if (!is_key_byte(segment.data[i])) return false;
    return true;
}

static bool is_segment(struct str segment)
{
    return segment.length > 0 && !str_equal(segment, S(".")) && !str_equal(segment, S("..")) && is_segment_start(segment);
}

bool store_is_prefix(struct str prefix)
{
    if (prefix.length > STORE_KEY_LENGTH) return false;
    size_t slash;
    while ((slash = str_find(prefix, '/')) < prefix.length) {
        if (!is_segment(str_first(prefix, slash))) return false;
        prefix = str_from(prefix, slash + 1);
    }
    return is_segment_start(prefix);
}

bool store_is_key(struct str key)
{
    if (!store_is_prefix(key)) return false;
    size_t slash = str_find_last(key, '/');
    return is_segment(slash < key.length ? str_from(key, slash + 1) : key);
}
