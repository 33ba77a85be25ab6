#include "lib/token/reference.h"

#include "lib/token/key.h"

static bool has_scheme(struct str reference)
{
    for (size_t i = 0; i < reference.length; i++) {
        char c = reference.data[i];
        if (c == ':') return i > 0;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) return false;
    }
    return false;
}

static bool is_web(struct str url)
{
    return str_equal_nocase(str_first(url, 7), S("http://")) || str_equal_nocase(str_first(url, 8), S("https://"));
}

/* RFC 3986 §5.2.4: "." and ".." go, each with the slash behind it. `path` begins with '/'. */
static struct str remove_dots(struct arena *arena, struct str path)
{
    char *out = arena_buffer(arena, path.length + 1);
    size_t used = 0;
    for (struct str rest = str_from(path, 1); rest.data;) {
        struct str segment = str_cut(&rest, '/');
        bool one = str_equal(segment, S(".")), two = str_equal(segment, S(".."));
        if (two)
            while (used > 0 && out[--used] != '/') continue;
        if (!one && !two) {
            out[used++] = '/';
            memcpy(out + used, segment.data, segment.length);
            used += segment.length;
        }
        if ((one || two) && !rest.data) out[used++] = '/';
    }
    if (used == 0) out[used++] = '/';
    return str_make(out, used);
}

static struct str until(struct str text, const char *stops)
{
    size_t end = 0;
    while (end < text.length && !strchr(stops, text.data[end])) end++;
    return str_first(text, end);
}

static struct str merge(struct arena *arena, struct str base_path, struct str path)
{
    struct str folder = str_first(base_path, str_find_last(base_path, '/') + 1);
    if (base_path.length == 0) folder = S("/");
    return arena_printf(arena, STR_FMT STR_FMT, STR_ARG(folder), STR_ARG(path));
}

/* Scheme and host mean the same in any case. */
static struct str lower(struct arena *arena, struct str text)
{
    char *out = arena_buffer(arena, text.length + 1);
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return str_make(out, text.length);
}

bool token_resolve(struct arena *arena, struct str base, struct str reference, struct str *url)
{
    size_t scheme = str_find(base, ':');
    struct str front = str_first(base, scheme + 3), base_host = until(str_from(base, front.length), "/?#");
    struct str base_path = until(str_from(base, front.length + base_host.length), "?#");
    if (!is_web(base) || reference.length == 0 || reference.data[0] == '#' || reference.length > TOKEN_URL_MAXIMUM) return false;
    bool absolute = has_scheme(reference), with_host = str_starts(reference, S("//"));
    if (absolute && !is_web(reference)) return false;
    struct str rest = reference, host = base_host;
    if (absolute) {
        front = str_first(reference, str_find(reference, ':') + 3);
        rest = str_from(reference, front.length);
    }
    if (with_host) rest = str_from(reference, 2);
    if (absolute || with_host) {
        host = until(rest, "/?#");
        rest = str_from(rest, host.length);
    }
    struct str path = until(rest, "?#"), tail = str_from(rest, path.length);
    bool own = absolute || with_host;
    if (!own && path.length == 0) path = base_path; /* "?q" */
    if (!own && path.length > 0 && path.data[0] != '/') path = merge(arena, base_path, path);
    path = path.length > 0 ? remove_dots(arena, path) : S("/");
    *url = arena_join(arena, lower(arena, front), lower(arena, host), path, tail);
    return host.length > 0 && url->length <= TOKEN_URL_MAXIMUM;
}
