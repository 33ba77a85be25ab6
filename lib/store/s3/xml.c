#include "lib/store/s3/xml_internal.h"

#include "base/clock.h"

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

static bool read_entry(const struct contents *raw, bool is_encoded, bool (*each)(void *, const struct remote_entry *), void *context,
                       bool *stopped)
{
    char key[XML_TEXT], decoded[XML_TEXT], etag[XML_NAME * 4];
    struct remote_entry entry;
    if (!xml_decode(raw->key, key, sizeof key, &entry.key)) return false;
    if (is_encoded && !decode_key(entry.key, decoded, &entry.key)) return false;
    if (!xml_decode(raw->etag, etag, sizeof etag, &entry.etag)) return false;
    if (!str_to_u64(raw->size, &entry.size) || entry.size > INT64_MAX) return false;
    if (!clock_parse_time(raw->modified, &entry.modified)) return false;
    *stopped = !each(context, &entry);
    return true;
}

static void note_leaf(const struct xml *xml, struct contents *contents)
{
    if (str_equal(xml->name, S("Key"))) contents->key = xml->text;
    if (str_equal(xml->name, S("ETag"))) contents->etag = xml->text;
    if (str_equal(xml->name, S("Size"))) contents->size = xml->text;
    if (str_equal(xml->name, S("LastModified"))) contents->modified = xml->text;
}

/* What is said about the page stands before or behind its keys, so it is read first. */
static bool read_page(struct str document, struct remote_page *page, bool *is_encoded)
{
    struct xml xml = xml_of(document);
    bool known = false;
    *page = (struct remote_page){0};
    *is_encoded = false;
    if (!xml_enter(&xml)) return false;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return false;
        if (event == XML_END) return known && (!page->truncated || page->next.length > 0);
        if (event != XML_LEAF || xml.depth != 1) continue;
        if (str_equal(xml.name, S("EncodingType"))) *is_encoded = str_equal(xml.text, S("url"));
        if (str_equal(xml.name, S("IsTruncated"))) {
            known = true;
            page->truncated = str_equal(xml.text, S("true"));
        }
        if (!str_equal(xml.name, S("NextContinuationToken"))) continue;
        if (!xml_decode(xml.text, page->next_buffer, sizeof page->next_buffer, &page->next)) return false;
    }
}

bool s3_xml_list(struct str document, bool (*each)(void *context, const struct remote_entry *), void *context, struct remote_page *page)
{
    bool is_encoded, stopped = false;
    struct contents contents = {0};
    if (!read_page(document, page, &is_encoded)) return false;
    struct xml xml = xml_of(document);
    for (;;) {
        enum xml_event event = xml_next(&xml);
        bool is_contents = str_equal(xml.name, S("Contents"));
        if (event == XML_END) return true;
        if (event == XML_OPEN && is_contents) contents = (struct contents){0};
        if (event == XML_LEAF && xml.depth == 2) note_leaf(&xml, &contents);
        if (event != XML_CLOSE || !is_contents) continue;
        if (!read_entry(&contents, is_encoded, each, context, &stopped)) return false;
        if (stopped) return true;
    }
}
