#include "lib/http/disposition.h"

#include "base/encode.h"

/* What nobody sees, or what makes others see something else: Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), with the
 * controls of writing direction among it; C1 controls; separators of lines and paragraphs; interlinear annotation. */
static bool is_invisible(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x80, 0x9f},     {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    return false;
}

/* Of UTF-8 that has been checked: `length` bytes, 1 to 4. */
static uint32_t code_point(const char *bytes, size_t length)
{
    unsigned char lead = (unsigned char)bytes[0];
    uint32_t code = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    return code;
}

/* UTF-8, all of it visible. */
static bool is_visible(struct str name)
{
    while (name.length > 0) {
        size_t length = str_utf8_sequence(name);
        if (length == 0 || is_invisible(code_point(name.data, length))) return false;
        name = str_from(name, length);
    }
    return true;
}

bool http_is_filename(struct str name, struct str suffix)
{
    if (name.length <= suffix.length || name.length > 180 || !str_ends(name, suffix)) return false;
    if (name.data[0] == '.' || name.data[0] == ' ') return false;
    for (size_t i = 0; i < name.length; i++)
        if (memchr("/\\:*?\"<>|%;", name.data[i], 11)) return false;
    return !str_has_control(name) && is_visible(name);
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
