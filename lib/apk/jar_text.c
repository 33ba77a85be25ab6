#include "lib/apk/jar_text_internal.h"

#include <stdlib.h>

struct parser {
    struct str rest;
    char *out; /* where the next attribute is written: no further than as many bytes as were read, and one */
};

/* --- lines */

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* The next line, without what ends it. */
static struct str take_line(struct str *rest)
{
    size_t length = 0;
    while (length < rest->length && !is_line_end(rest->data[length])) length++;
    struct str line = str_first(*rest, length);
    bool is_pair = length + 1 < rest->length && rest->data[length] == '\r' && rest->data[length + 1] == '\n';
    size_t taken = length == rest->length ? length : length + (is_pair ? 2 : 1);
    *rest = str_make(rest->data + taken, rest->length - taken);
    return line;
}

static void skip_empty_lines(struct str *rest)
{
    while (rest->length > 0 && is_line_end(rest->data[0])) *rest = str_make(rest->data + 1, rest->length - 1);
}

static void add_line(struct parser *parser, struct str line, bool continues)
{
    if (continues) parser->out--, line = str_from(line, 1);
    memcpy(parser->out, line.data, line.length);
    parser->out += line.length;
    *parser->out++ = '\n';
}

/* --- attributes */

/* "name: value"; a line without a colon and a space is a name alone. */
static struct str cut_attribute(struct str line, struct str *value)
{
    size_t at = 0;
    while (at + 1 < line.length && !(line.data[at] == ':' && line.data[at + 1] == ' ')) at++;
    if (at + 1 >= line.length) at = line.length;
    *value = str_from(line, at + 2);
    return str_first(line, at);
}

struct str apk_jar_attribute(const struct apk_jar_section *section, struct str name)
{
    for (struct str rest = section->attributes; rest.length > 0;) {
        struct str value, line = str_cut(&rest, '\n');
        if (str_equal_nocase(cut_attribute(line, &value), name)) return value;
    }
    return (struct str){NULL, 0};
}

/* --- sections */

static bool take_section(struct parser *parser, struct apk_jar_section *section)
{
    skip_empty_lines(&parser->rest);
    const char *start = parser->rest.data, *attributes = parser->out;
    if (parser->rest.length == 0) return false;
    while (parser->rest.length > 0) {
        struct str line = take_line(&parser->rest);
        if (line.length == 0) break;
        add_line(parser, line, line.data[0] == ' ' && parser->out > attributes);
    }
    *section = (struct apk_jar_section){.raw = str_make(start, (size_t)(parser->rest.data - start)),
                                        .attributes = str_make(attributes, (size_t)(parser->out - attributes))};
    return true;
}

static bool take_name(struct apk_jar_section *section)
{
    struct str rest = section->attributes, value, name = cut_attribute(str_cut(&rest, '\n'), &value);
    section->name = value;
    return str_equal_nocase(name, S("Name"));
}

static enum status take_sections(struct arena *arena, struct parser *parser, struct apk_jar_text *text, struct error *error)
{
    size_t capacity = 0;
    for (struct apk_jar_section section; take_section(parser, &section);) {
        ENSURE(text->count < APK_JAR_SECTIONS_MAX, error, STATUS_CORRUPT, "it has more than %d sections", APK_JAR_SECTIONS_MAX);
        ENSURE(take_name(&section), error, STATUS_CORRUPT, "its section %zu has no name", text->count + 1);
        text->sections = arena_grow(arena, text->sections, text->count, &capacity, sizeof *text->sections);
        text->sections[text->count++] = section;
    }
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct apk_jar_section *)a)->name, ((const struct apk_jar_section *)b)->name);
}

enum status apk_jar_text_parse(struct arena *arena, struct str text, struct apk_jar_text *out, struct error *error)
{
    struct apk_jar_text parsed = {.count = 0};
    struct parser parser = {.rest = text, .out = arena_buffer(arena, text.length + 1)};
    if (!take_section(&parser, &parsed.main)) parsed.main = (struct apk_jar_section){.raw = text};
    TRY(take_sections(arena, &parser, &parsed, error));
    if (parsed.count > 0) qsort(parsed.sections, parsed.count, sizeof *parsed.sections, by_name);
    for (size_t i = 1; i < parsed.count; i++)
        ENSURE(!str_equal(parsed.sections[i - 1].name, parsed.sections[i].name), error, STATUS_CORRUPT, "it has two sections for " STR_FMT,
               STR_ARG(str_first(parsed.sections[i].name, 100)));
    *out = parsed;
    return STATUS_OK;
}

const struct apk_jar_section *apk_jar_section_of(const struct apk_jar_text *text, struct str name)
{
    const struct apk_jar_section wanted = {.name = name};
    if (text->count == 0) return NULL;
    return bsearch(&wanted, text->sections, text->count, sizeof wanted, by_name);
}
