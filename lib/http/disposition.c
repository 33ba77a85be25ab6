#include "lib/http/disposition.h"

#include "base/encode.h"

bool http_is_filename(struct str name, struct str suffix)
{
    if (name.length <= suffix.length || name.length > 180 || !str_ends(name, suffix)) return false;
    if (name.data[0] == '.' || name.data[0] == ' ') return false;
    for (size_t i = 0; i < name.length; i++)
        if (memchr("/\\:*?\"<>|%;", name.data[i], 11)) return false;
    return !str_has_control(name) && str_is_utf8(name);
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.length; i++)
        if ((unsigned char)s.data[i] > 0x7e) return false;
    return true;
}

struct str http_disposition(struct arena *arena, struct str name)
{
    if (is_ascii(name)) return arena_printf(arena, "attachment; filename=\"" STR_FMT "\"", STR_ARG(name));
    char *plain = arena_cstr(arena, name);
    for (size_t i = 0; i < name.length; i++)
        if ((unsigned char)plain[i] > 0x7e) plain[i] = '_';
    struct str encoded = percent_encode(arena, name, false);
    return arena_printf(arena, "attachment; filename=\"%s\"; filename*=UTF-8''" STR_FMT, plain, STR_ARG(encoded));
}
