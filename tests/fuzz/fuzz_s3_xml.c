/* S3's XML: what is reported lies within the document, decoding never grows it, and an answer is one thing only. */
#include <assert.h>

#include "lib/store/s3/xml_internal.h"

struct seen {
    struct str document;
    size_t count, bytes;
};

static bool note(void *context, const struct remote_entry *entry)
{
    struct seen *seen = context;
    seen->count++;
    seen->bytes += entry->key.length + entry->etag.length;
    assert(entry->size <= INT64_MAX);
    assert(seen->bytes <= seen->document.length);
    return seen->count < 100;
}

static bool within(struct str part, struct str whole)
{
    return part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length);
}

static void check_events(struct str document)
{
    struct xml xml = xml_of(document);
    size_t opened = 0, closed = 0, left = document.length;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return;
        if (event == XML_END) break;
        assert(xml.depth <= XML_DEPTH && xml.rest.length < left);
        left = xml.rest.length;
        opened += event == XML_OPEN;
        closed += event == XML_CLOSE;
        assert(opened - closed == xml.depth);
        assert(xml.name.length <= XML_NAME && within(xml.name, document));
        if (event == XML_LEAF) assert(within(xml.text, document) && str_find(xml.text, '<') == xml.text.length);
    }
    assert(opened == closed);
}

static void check_decoding(struct str text)
{
    char buffer[256];
    struct str decoded;
    if (!xml_decode(text, buffer, sizeof buffer, &decoded)) return;
    assert(decoded.data == buffer && decoded.length <= text.length);
    if (str_find(text, '&') == text.length) assert(str_equal(decoded, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {.document = str_make(data, size)};
    struct remote_page page;
    struct xml_error error = {0};
    char buffer[64];
    struct str text;
    check_events(seen.document);
    check_decoding(seen.document);
    bool is_list = s3_xml_list(seen.document, note, &seen, &page);
    if (is_list && page.truncated) assert(page.next.length > 0 && page.next.length <= size);
    bool is_error = xml_error(seen.document, &error);
    if (is_error) assert(within(error.code, seen.document) && within(error.region, seen.document));
    bool is_result = xml_result(seen.document, S("UploadId"), buffer, sizeof buffer, &text);
    if (is_result) assert(text.length <= sizeof buffer);
    assert(is_list + is_error + is_result <= 1);
    return 0;
}
