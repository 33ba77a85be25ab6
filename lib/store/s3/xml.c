#include "lib/store/s3/xml_internal.h"

#include "base/clock.h"

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
    return length > 0 && length <= S3_XML_NAME;
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
    skip_blanks(rest); /* sent to keep the connection while parts are joined */
    if (!str_starts(*rest, S("<?"))) return true;
    *rest = str_from(*rest, 2);
    if (!take_name(rest, &name) || !str_equal(name, S("xml")) || !skip_attributes(rest) || !str_starts(*rest, S("?>"))) return false;
    *rest = str_from(*rest, 2);
    skip_blanks(rest);
    return true;
}

struct s3_xml s3_xml_of(struct str document)
{
    return (struct s3_xml){.rest = document};
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

static enum s3_xml_event leave(struct s3_xml *xml)
{
    if (xml->depth == 0) return S3_XML_BAD;
    struct str name = xml->open[--xml->depth];
    if (!take_closing(&xml->rest, name)) return S3_XML_BAD;
    xml->name = local_name(name);
    return S3_XML_CLOSE;
}

/* Behind "<": an element, which is a leaf where the next tag closes it. */
static enum s3_xml_event enter(struct s3_xml *xml)
{
    struct str name;
    if (xml->depth == 0 && xml->begun) return S3_XML_BAD; /* one root */
    if (!take_name(&xml->rest, &name) || !skip_attributes(&xml->rest)) return S3_XML_BAD;
    xml->begun = true;
    xml->name = local_name(name);
    xml->text = S("");
    if (str_starts(xml->rest, S("/>"))) {
        xml->rest = str_from(xml->rest, 2);
        return S3_XML_LEAF;
    }
    if (!str_starts(xml->rest, S(">"))) return S3_XML_BAD;
    xml->rest = str_from(xml->rest, 1);
    size_t next = str_find(xml->rest, '<');
    struct str behind = str_from(xml->rest, next + 1);
    if (str_starts(behind, S("/"))) {
        xml->text = str_first(xml->rest, next);
        xml->rest = str_from(behind, 1);
        return take_closing(&xml->rest, name) ? S3_XML_LEAF : S3_XML_BAD;
    }
    if (xml->depth == S3_XML_DEPTH) return S3_XML_BAD;
    xml->open[xml->depth++] = name;
    return S3_XML_OPEN;
}

enum s3_xml_event s3_xml_next(struct s3_xml *xml)
{
    if (!xml->begun && !skip_declaration(&xml->rest)) return S3_XML_BAD;
    skip_blanks(&xml->rest);
    if (xml->rest.length == 0) return xml->begun && xml->depth == 0 ? S3_XML_END : S3_XML_BAD;
    if (xml->rest.data[0] != '<') return S3_XML_BAD; /* text beside elements */
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

bool s3_xml_decode(struct str text, char *buffer, size_t capacity, struct str *decoded)
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

bool s3_xml_enter(struct s3_xml *xml)
{
    return s3_xml_next(xml) == S3_XML_OPEN && !str_equal(xml->name, S("Error"));
}

bool s3_xml_error(struct str document, struct s3_xml_error *out)
{
    struct s3_xml xml = s3_xml_of(document);
    if (s3_xml_next(&xml) != S3_XML_OPEN || !str_equal(xml.name, S("Error"))) return false;
    for (;;) {
        enum s3_xml_event event = s3_xml_next(&xml);
        if (event == S3_XML_BAD) return false;
        if (event == S3_XML_END) return true;
        if (event != S3_XML_LEAF || xml.depth != 1) continue;
        if (str_equal(xml.name, S("Code"))) out->code = xml.text;
        if (str_equal(xml.name, S("Region"))) out->region = xml.text;
        bool is_message = str_equal(xml.name, S("Message"));
        if (is_message && !s3_xml_decode(xml.text, out->buffer, sizeof out->buffer, &out->message)) out->message = S("");
    }
}

/* As form encoding has it: '+' is a space. A key with a space is none of ours; it must not look like one. */
static bool decode_key(struct str text, char *buffer, struct str *key)
{
    size_t used = 0;
    uint64_t byte;
    for (size_t i = 0; i < text.length; i++) {
        buffer[used] = text.data[i] == '+' ? ' ' : text.data[i];
        if (text.data[i] == '%') {
            if (i + 2 >= text.length || !str_hex_to_u64(str_make(text.data + i + 1, 2), &byte)) return false;
            buffer[used] = (char)byte;
            i += 2;
        }
        used++;
    }
    *key = str_make(buffer, used);
    return true;
}

/* The leaves of one <Contents>, as written. */
struct contents {
    struct str key, etag, size, modified;
};

static bool read_entry(const struct contents *raw, bool is_encoded, bool (*each)(void *, const struct s3_xml_entry *), void *context,
                       bool *stopped)
{
    char key[S3_XML_TEXT], decoded[S3_XML_TEXT], etag[S3_XML_NAME * 4];
    struct s3_xml_entry entry;
    if (!s3_xml_decode(raw->key, key, sizeof key, &entry.key)) return false;
    if (is_encoded && !decode_key(entry.key, decoded, &entry.key)) return false;
    if (!s3_xml_decode(raw->etag, etag, sizeof etag, &entry.etag)) return false;
    if (!str_to_u64(raw->size, &entry.size) || entry.size > INT64_MAX) return false;
    if (!clock_parse_time(raw->modified, &entry.modified)) return false;
    *stopped = !each(context, &entry);
    return true;
}

static void note_leaf(const struct s3_xml *xml, struct contents *contents)
{
    if (str_equal(xml->name, S("Key"))) contents->key = xml->text;
    if (str_equal(xml->name, S("ETag"))) contents->etag = xml->text;
    if (str_equal(xml->name, S("Size"))) contents->size = xml->text;
    if (str_equal(xml->name, S("LastModified"))) contents->modified = xml->text;
}

/* What is said about the page stands before or behind its keys, so it is read first. */
static bool read_page(struct str document, struct s3_xml_page *page, bool *is_encoded)
{
    struct s3_xml xml = s3_xml_of(document);
    bool known = false;
    *page = (struct s3_xml_page){0};
    *is_encoded = false;
    if (!s3_xml_enter(&xml)) return false;
    for (;;) {
        enum s3_xml_event event = s3_xml_next(&xml);
        if (event == S3_XML_BAD) return false;
        if (event == S3_XML_END) return known && (!page->truncated || page->next.length > 0);
        if (event != S3_XML_LEAF || xml.depth != 1) continue;
        if (str_equal(xml.name, S("EncodingType"))) *is_encoded = str_equal(xml.text, S("url"));
        if (str_equal(xml.name, S("IsTruncated"))) {
            known = true;
            page->truncated = str_equal(xml.text, S("true"));
        }
        if (!str_equal(xml.name, S("NextContinuationToken"))) continue;
        if (!s3_xml_decode(xml.text, page->next_buffer, sizeof page->next_buffer, &page->next)) return false;
    }
}

bool s3_xml_list(struct str document, bool (*each)(void *context, const struct s3_xml_entry *), void *context, struct s3_xml_page *page)
{
    bool is_encoded, stopped = false;
    struct contents contents = {0};
    if (!read_page(document, page, &is_encoded)) return false;
    struct s3_xml xml = s3_xml_of(document);
    for (;;) {
        enum s3_xml_event event = s3_xml_next(&xml);
        bool is_contents = str_equal(xml.name, S("Contents"));
        if (event == S3_XML_END) return true;
        if (event == S3_XML_OPEN && is_contents) contents = (struct contents){0};
        if (event == S3_XML_LEAF && xml.depth == 2) note_leaf(&xml, &contents);
        if (event != S3_XML_CLOSE || !is_contents) continue;
        if (!read_entry(&contents, is_encoded, each, context, &stopped)) return false;
        if (stopped) return true;
    }
}

bool s3_xml_result(struct str document, struct str name, char *buffer, size_t capacity, struct str *text)
{
    struct s3_xml xml = s3_xml_of(document);
    bool found = false;
    if (!s3_xml_enter(&xml)) return false;
    for (;;) {
        enum s3_xml_event event = s3_xml_next(&xml);
        if (event == S3_XML_BAD) return false;
        if (event == S3_XML_END) return found;
        if (event == S3_XML_LEAF && xml.depth == 1 && str_equal(xml.name, name)) found = s3_xml_decode(xml.text, buffer, capacity, text);
    }
}
