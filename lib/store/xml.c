#include "lib/store/xml_internal.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct str *rest)
{
    while (rest->length > 0 && is_blank(rest->data[0])) *rest = str_from(*rest, 1);
}

static bool is_name_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':';
}

static bool take_name(struct str *rest, struct str *name)
{
    size_t length = 0;
    while (length < rest->length && is_name_byte(rest->data[length])) length++;
    *name = str_first(*rest, length);
    *rest = str_from(*rest, length);
    return length > 0 && length <= XML_NAME;
}

static struct str local_name(struct str name)
{
    size_t colon = str_find(name, ':');
    return colon < name.length ? str_from(name, colon + 1) : name;
}

/* name="value" or name='value', as often as they come: none of them is wanted. */
static bool skip_attributes(struct str *rest)
{
    struct str name;
    for (skip_blanks(rest); rest->length > 0 && is_name_byte(rest->data[0]); skip_blanks(rest)) {
        if (!take_name(rest, &name) || rest->length < 2 || rest->data[0] != '=') return false;
        char quote = rest->data[1];
        if (quote != '"' && quote != '\'') return false;
        *rest = str_from(*rest, 2);
        size_t end = str_find(*rest, quote);
        if (end == rest->length || str_find(str_first(*rest, end), '<') < end) return false;
        *rest = str_from(*rest, end + 1);
    }
    return true;
}

static bool skip_declaration(struct str *rest)
{
    struct str name;
    if (str_starts(*rest, S("\xef\xbb\xbf"))) *rest = str_from(*rest, 3); /* a byte order mark, as Azure has it */
    skip_blanks(rest);                                                    /* sent to keep the connection while parts are joined */
    if (!str_starts(*rest, S("<?"))) return true;
    *rest = str_from(*rest, 2);
    if (!take_name(rest, &name) || !str_equal(name, S("xml")) || !skip_attributes(rest) || !str_starts(*rest, S("?>"))) return false;
    *rest = str_from(*rest, 2);
    skip_blanks(rest);
    return true;
}

struct xml xml_of(struct str document)
{
    return (struct xml){.rest = document};
}

/* Behind "</". */
static bool take_closing(struct str *rest, struct str expected)
{
    struct str name;
    if (!take_name(rest, &name) || !str_equal(name, expected)) return false;
    skip_blanks(rest);
    if (!str_starts(*rest, S(">"))) return false;
    *rest = str_from(*rest, 1);
    return true;
}

static enum xml_event leave(struct xml *xml)
{
    if (xml->depth == 0) return XML_BAD;
    struct str name = xml->open[--xml->depth];
    if (!take_closing(&xml->rest, name)) return XML_BAD;
    xml->name = local_name(name);
    return XML_CLOSE;
}

/* Behind "<": an element, which is a leaf where the next tag closes it. */
static enum xml_event enter(struct xml *xml)
{
    struct str name;
    if (xml->depth == 0 && xml->begun) return XML_BAD; /* one root */
    if (!take_name(&xml->rest, &name) || !skip_attributes(&xml->rest)) return XML_BAD;
    xml->begun = true;
    xml->name = local_name(name);
    xml->text = S("");
    if (str_starts(xml->rest, S("/>"))) {
        xml->rest = str_from(xml->rest, 2);
        return XML_LEAF;
    }
    if (!str_starts(xml->rest, S(">"))) return XML_BAD;
    xml->rest = str_from(xml->rest, 1);
    size_t next = str_find(xml->rest, '<');
    struct str behind = str_from(xml->rest, next + 1);
    if (str_starts(behind, S("/"))) {
        xml->text = str_first(xml->rest, next);
        xml->rest = str_from(behind, 1);
        return take_closing(&xml->rest, name) ? XML_LEAF : XML_BAD;
    }
    if (xml->depth == XML_DEPTH) return XML_BAD;
    xml->open[xml->depth++] = name;
    return XML_OPEN;
}

enum xml_event xml_next(struct xml *xml)
{
    if (!xml->begun && !skip_declaration(&xml->rest)) return XML_BAD;
    skip_blanks(&xml->rest);
    if (xml->rest.length == 0) return xml->begun && xml->depth == 0 ? XML_END : XML_BAD;
    if (xml->rest.data[0] != '<') return XML_BAD; /* text beside elements */
    xml->rest = str_from(xml->rest, 1);
    if (!str_starts(xml->rest, S("/"))) return enter(xml);
    xml->rest = str_from(xml->rest, 1);
    return leave(xml);
}

/* Writes a code point as UTF-8; 0 where it is none. */
static size_t put_utf8(uint64_t c, char out[4])
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(first[length] | c);
    return length;
}

/* What stands between '&' and ';'. */
static size_t decode_entity(struct str name, char out[4])
{
    static const struct {
        struct str name;
        char byte;
    } entities[] = {{{"amp", 3}, '&'}, {{"lt", 2}, '<'}, {{"gt", 2}, '>'}, {{"quot", 4}, '"'}, {{"apos", 4}, '\''}};
    uint64_t code;
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (!str_equal(name, entities[i].name)) continue;
        out[0] = entities[i].byte;
        return 1;
    }
    if (str_starts(name, S("#x"))) return str_hex_to_u64(str_from(name, 2), &code) ? put_utf8(code, out) : 0;
    if (str_starts(name, S("#"))) return str_to_u64(str_from(name, 1), &code) ? put_utf8(code, out) : 0;
    return 0;
}

bool xml_decode(struct str text, char *buffer, size_t capacity, struct str *decoded)
{
    size_t used = 0;
    char entity[4];
    while (text.length > 0) {
        size_t plain = str_find(text, '&');
        if (plain > capacity - used) return false;
        memcpy(buffer + used, text.data, plain);
        used += plain;
        text = str_from(text, plain);
        if (text.length == 0) break;
        size_t end = str_find(text, ';'), length = 0;
        if (end < text.length) length = decode_entity(str_make(text.data + 1, end - 1), entity);
        if (length == 0 || length > capacity - used) return false;
        memcpy(buffer + used, entity, length);
        used += length;
        text = str_from(text, end + 1);
    }
    *decoded = str_make(buffer, used);
    return true;
}

bool xml_enter(struct xml *xml)
{
    return xml_next(xml) == XML_OPEN && !str_equal(xml->name, S("Error"));
}

bool xml_error(struct str document, struct xml_error *out)
{
    struct xml xml = xml_of(document);
    if (xml_next(&xml) != XML_OPEN || !str_equal(xml.name, S("Error"))) return false;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return false;
        if (event == XML_END) return true;
        if (event != XML_LEAF || xml.depth != 1) continue;
        if (str_equal(xml.name, S("Code"))) out->code = xml.text;
        if (str_equal(xml.name, S("Region"))) out->region = xml.text;
        bool is_message = str_equal(xml.name, S("Message"));
        if (is_message && !xml_decode(xml.text, out->buffer, sizeof out->buffer, &out->message)) out->message = S("");
    }
}

bool xml_result(struct str document, struct str name, char *buffer, size_t capacity, struct str *text)
{
    struct xml xml = xml_of(document);
    bool found = false;
    if (!xml_enter(&xml)) return false;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return false;
        if (event == XML_END) return found;
        if (event == XML_LEAF && xml.depth == 1 && str_equal(xml.name, name)) found = xml_decode(xml.text, buffer, capacity, text);
    }
}
