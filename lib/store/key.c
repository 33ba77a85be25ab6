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

enum status store_check_key(struct str key, struct error *error)
{
    ENSURE(store_is_key(key), error, STATUS_INVALID, "'" STR_FMT "' is not a key: segments of A-Z a-z 0-9 . _ - + = @ , joined by '/'",
           STR_ARG(str_first(key, 128)));
    return STATUS_OK;
}

/* What a store's keys stand behind: "/prefix/" or "/directory/". */
static bool cut_root(struct str root, struct str path, struct str *key)
{
    while (str_ends(root, S("/"))) root.length--;
    *key = str_from(path, root.length + 1);
    return str_starts(path, root) && path.length > root.length && path.data[root.length] == '/';
}

enum status store_locate(const char *store_url, struct str address, struct str *key, struct error *error)
{
    struct url store, object;
    TRY(url_parse(str_of(store_url), &store, error));
    TRY(url_parse(address, &object, error));
    bool same = str_equal(store.scheme, object.scheme) && str_equal(store.authority, object.authority) && !object.has_query;
    ENSURE(same && cut_root(store.path, object.path, key), error, STATUS_INVALID, "'" STR_FMT "' is not in the store",
           STR_ARG(str_first(address, 256)));
    return store_check_key(*key, error);
}
