#include "lib/http/date.h"
#include "lib/store/azure/azure_internal.h"

enum { ETAG_LONGEST = 128, IN_BLOB = 3, IN_PROPERTIES = 4 };

void azure_ask_for_page(struct remote_request *request, struct arena *arena, const struct remote_question *question)
{
    remote_add_argument(request, S("restype"), S("container"));
    remote_add_argument(request, S("comp"), S("list"));
    remote_add_argument(request, S("maxresults"), arena_printf(arena, "%zu", question->count));
    remote_add_argument(request, S("prefix"), question->prefix);
    if (!str_empty(question->next)) remote_add_argument(request, S("marker"), question->next);
}

/* The leaves of one <Blob>, as written. */
struct blob {
    struct str name, etag, size, modified;
};

static void note_leaf(const struct xml *xml, struct blob *blob)
{
    if (xml->depth == IN_BLOB && str_equal(xml->name, S("Name"))) blob->name = xml->text;
    if (xml->depth != IN_PROPERTIES) return;
    if (str_equal(xml->name, S("Etag"))) blob->etag = xml->text;
    if (str_equal(xml->name, S("Content-Length"))) blob->size = xml->text;
    if (str_equal(xml->name, S("Last-Modified"))) blob->modified = xml->text;
}

/* In headers ETags have quotes, and in lists they have none. */
static bool read_etag(struct str text, char buffer[ETAG_LONGEST], struct str *etag)
{
    struct str bare;
    if (!xml_decode(text, buffer + 1, ETAG_LONGEST - 2, &bare)) return false;
    *etag = bare;
    if (str_starts(bare, S("\""))) return true;
    buffer[0] = buffer[bare.length + 1] = '"';
    *etag = str_make(buffer, bare.length + 2);
    return true;
}

static bool read_blob(const struct blob *raw, bool (*each)(void *, const struct remote_entry *), void *context, bool *stopped)
{
    char name[XML_TEXT], etag[ETAG_LONGEST];
    struct remote_entry entry;
    if (!xml_decode(raw->name, name, sizeof name, &entry.key) || !read_etag(raw->etag, etag, &entry.etag)) return false;
    if (!str_to_u64(raw->size, &entry.size) || entry.size > INT64_MAX || !http_date_parse(raw->modified, &entry.modified)) return false;
    *stopped = !each(context, &entry);
    return true;
}

static bool read_marker(const struct xml *xml, struct remote_page *page)
{
    if (!xml_decode(xml->text, page->next_buffer, sizeof page->next_buffer, &page->next)) return false;
    page->truncated = page->next.length > 0;
    return true;
}

bool azure_read_page(struct str document, bool (*each)(void *context, const struct remote_entry *), void *context, struct remote_page *page)
{
    struct xml xml = xml_of(document);
    struct blob blob = {0};
    bool stopped = false, has_marker = false; /* every page has one, be it empty */
    *page = (struct remote_page){0};
    if (!xml_enter(&xml)) return false;
    while (!stopped) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return false;
        if (event == XML_END) return has_marker;
        if (event == XML_OPEN && xml.depth == IN_BLOB) blob = (struct blob){0};
        if (event == XML_LEAF) note_leaf(&xml, &blob);
        if (event == XML_LEAF && xml.depth == 1 && str_equal(xml.name, S("NextMarker"))) {
            has_marker = true;
            if (!read_marker(&xml, page)) return false;
        }
        bool is_blob = event == XML_CLOSE && xml.depth == IN_BLOB - 1 && str_equal(xml.name, S("Blob"));
        if (is_blob && !read_blob(&blob, each, context, &stopped)) return false;
    }
    return true;
}
