#include "lib/apk/format.h"

#include "lib/apk/info.h"

#define ROW(bit, row, name)  &apk_format_##row,
#define NAME(bit, row, name) name,
const struct apk_format *const apk_formats[APK_FORMAT_COUNT] = {APK_FORMATS(ROW)};
static const char *const names[APK_FORMAT_COUNT] = {APK_FORMATS(NAME)};

/* --- names */

const char *apk_format_name(size_t index)
{
    return names[index];
}

static unsigned find_name(struct str name)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (str_equal(name, str_of(names[i]))) return 1U << i;
    return 0;
}

enum status apk_formats_parse(struct str list, unsigned *formats, struct error *error)
{
    unsigned set = 0;
    for (struct str rest = list; rest.data;) {
        struct str name = str_trim(str_cut(&rest, ','));
        unsigned format = find_name(name);
        ENSURE(format, error, STATUS_INVALID, "'" STR_FMT "' is not a channel format: %s", STR_ARG(name),
               apk_formats_text(APK_FORMATS_ALL, "or").text);
        set |= format;
    }
    *formats = set;
    return STATUS_OK;
}

static void add(struct apk_formats_text *out, const char *word)
{
    strncat(out->text, word, sizeof out->text - 1 - strlen(out->text));
}

struct apk_formats_text apk_formats_text(unsigned formats, const char *last)
{
    struct apk_formats_text out = {""};
    unsigned rest = formats & APK_FORMATS_ALL;
    for (size_t i = 0; rest; i++, rest >>= 1) {
        if (!(rest & 1)) continue;
        if (*out.text) add(&out, rest > 1 ? ", " : " ");
        if (*out.text && rest == 1) add(&out, last), add(&out, " ");
        add(&out, names[i]);
    }
    return out;
}

/* --- places */

enum apk_place apk_format_place(unsigned schemes)
{
    return apk_v1_only(schemes) ? APK_IN_COMMENT : APK_IN_BLOCK;
}

unsigned apk_formats_in(enum apk_place place)
{
    unsigned set = 0;
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (apk_formats[i]->forms[place].write) set |= 1U << i;
    return set;
}

static unsigned lowest(unsigned set)
{
    return set & (~set + 1);
}

enum status apk_formats_choose(enum apk_place place, unsigned formats, unsigned *chosen, struct error *error)
{
    unsigned all = apk_formats_in(place), set = formats & all;
    bool one = place == APK_IN_COMMENT;
    ENSURE(set || one || !formats, error, STATUS_INVALID, "the format %s is for v1 packages only: choose %s too",
           apk_formats_text(formats, "or").text, apk_formats_text(all, "or").text);
    ENSURE(!one || set == lowest(set), error, STATUS_INVALID, "a v1 package carries one channel format: choose one of %s",
           apk_formats_text(all, "and").text);
    *chosen = set ? set : lowest(all);
    return STATUS_OK;
}

/* --- values */

const struct apk_format *apk_format_of_pair(uint32_t id)
{
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++)
        if (apk_formats[i]->forms[APK_IN_BLOCK].write && apk_formats[i]->forms[APK_IN_BLOCK].id == id) return apk_formats[i];
    return NULL;
}

/* As Java's String.trim: all up to U+0020 goes. */
static struct str trimmed(struct str text)
{
    while (text.length > 0 && (unsigned char)text.data[text.length - 1] <= ' ') text.length--;
    while (text.length > 0 && (unsigned char)text.data[0] <= ' ') text = str_from(text, 1);
    return text;
}

struct str apk_format_seen(const struct apk_format *format, enum apk_place place, struct str value)
{
    const struct apk_form *form = &format->forms[place];
    struct str text = form->read ? form->read(value) : (struct str){NULL, 0};
    if (format->trims) text = trimmed(text);
    bool right = format->info ? apk_info_is_object(text) : str_is_utf8(text);
    return right ? text : (struct str){NULL, 0};
}

void apk_format_write_text(char *out, size_t length, struct str text)
{
    if (text.length > 0) memcpy(out, text.data, text.length);
    memset(out + text.length, ' ', length - text.length);
}

struct str apk_format_read_text(struct str value)
{
    return value;
}
