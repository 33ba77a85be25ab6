#include "lib/store/s3/resume_internal.h"

#include "lib/store/s3/checksum_internal.h"
#include "lib/store/xml_internal.h"

/* Last-Modified is cut to seconds, and the clocks of a store's nodes may differ a little. */
enum { CLOCKS_DIFFER = 2 * CLOCK_SECOND };
enum { ID_LONGEST = 2048, ETAG_LONGEST = 128, PAGES = S3_PARTS / 1000 };

static void note_leaf(const struct xml *xml, const struct s3_resume_names *names, struct str texts[S3_RESUME_LEAVES])
{
    for (int i = 0; i < S3_RESUME_LEAVES; i++)
        if (str_equal(xml->name, names->leaves[i])) texts[i] = xml->text;
}

bool s3_resume_read(struct str document, const struct s3_resume_names *names, s3_resume_each_fn *each, void *context)
{
    struct xml xml = xml_of(document);
    struct str texts[S3_RESUME_LEAVES] = {0};
    if (!xml_enter(&xml)) return false;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD) return false;
        if (event == XML_END) return true;
        if (event == XML_OPEN && xml.depth == 2) memset(texts, 0, sizeof texts);
        if (event == XML_LEAF && xml.depth == 2) note_leaf(&xml, names, texts);
        if (event == XML_CLOSE && xml.depth == 1 && str_equal(xml.name, names->element)) each(context, texts);
    }
}

struct search {
    struct arena *arena;
    struct str key; /* with the store's prefix */
    struct str id;
    int64_t began;
};

/* Uploads of one key come in the order in which they began: the last one stands. */
static void note_upload(void *context, const struct str texts[S3_RESUME_LEAVES])
{
    struct search *search = context;
    char *name = arena_buffer(search->arena, ID_LONGEST), *text = arena_buffer(search->arena, ID_LONGEST);
    struct str decoded;
    if (!xml_decode(texts[0], name, ID_LONGEST, &decoded) || !str_equal(decoded, search->key)) return;
    if (!xml_decode(texts[1], text, ID_LONGEST, &decoded) || str_empty(decoded)) return;
    search->id = decoded;
    if (!clock_parse_time(texts[2], &search->began)) search->began = 0;
}

static void find_upload(struct s3_upload *upload, struct io io)
{
    static const struct s3_resume_names names = {{"Upload", 6}, {{"Key", 3}, {"UploadId", 8}, {"Initiated", 9}}};
    struct s3 *s3 = upload->s3;
    struct search search = {.arena = io.arena, .key = arena_join(io.arena, s3->remote.store.prefix, upload->key)};
    struct remote_request request = {.method = "GET", .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    struct error ignored;
    remote_add_argument(&request, S("uploads"), S(""));
    remote_add_argument(&request, S("prefix"), search.key);
    if (remote_call(&s3->remote, io, &request, &answer, &ignored) != STATUS_OK) return;
    s3_resume_read(buf_str(&answer.body), &names, note_upload, &search);
    upload->id = search.id;
    upload->began = search.began;
}

static void note_part(void *context, const struct str texts[S3_RESUME_LEAVES])
{
    struct s3_upload *upload = context;
    char *buffer = arena_buffer(upload->io.arena, ETAG_LONGEST);
    struct str etag;
    uint64_t number, size;
    if (!str_to_u64(texts[0], &number) || number < 1 || number > S3_PARTS) return;
    upload->last_known = (unsigned)number;
    if (!xml_decode(texts[1], buffer, ETAG_LONGEST, &etag)) return;
    upload->known[number - 1] = (struct s3_known){etag, str_to_u64(texts[2], &size) ? size : 0};
}

/* A page of a thousand parts; false where it was the last. */
static bool read_parts(struct s3_upload *upload, struct io io)
{
    static const struct s3_resume_names names = {{"Part", 4}, {{"PartNumber", 10}, {"ETag", 4}, {"Size", 4}}};
    char buffer[8];
    struct remote_request request = {.method = "GET", .key = upload->key, .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    struct error ignored;
    struct str more;
    unsigned before = upload->last_known;
    remote_add_argument(&request, S("uploadId"), upload->id);
    if (before > 0) remote_add_argument(&request, S("part-number-marker"), arena_printf(io.arena, "%u", before));
    if (remote_call(&upload->s3->remote, io, &request, &answer, &ignored) != STATUS_OK) return false;
    struct str body = buf_str(&answer.body);
    s3_resume_read(body, &names, note_part, upload);
    bool truncated = xml_result(body, S("IsTruncated"), buffer, sizeof buffer, &more) && str_equal(more, S("true"));
    return truncated && upload->last_known > before;
}

void s3_resume(struct s3_upload *upload, struct io io)
{
    find_upload(upload, io);
    if (str_empty(upload->id)) return;
    upload->known = arena_array(upload->io.arena, S3_PARTS, sizeof *upload->known);
    for (int page = 0; page < PAGES && read_parts(upload, io); page++) continue;
}

static bool has_copy(struct s3_lane *lane)
{
    const struct s3_upload *upload = lane->upload;
    const struct s3_known *known = &upload->known[lane->number - 1];
    bool later = upload->began > CLOCKS_DIFFER && upload->began - CLOCKS_DIFFER > upload->changed;
    if (!later || str_empty(known->etag) || known->size != lane->length) return false;
    lane->etag = known->etag;
    return true;
}

bool s3_resume_has(struct s3_lane *lane)
{
    const struct s3_upload *upload = lane->upload;
    if (!upload->known) return false;
    if (lane->is_copy) return has_copy(lane);
    struct str known = s3_bare_etag(upload->known[lane->number - 1].etag);
    struct str md5 = store_hex_md5(lane->arena, str_make(lane->buffer, lane->length));
    if (str_empty(md5) || !str_equal_nocase(known, md5)) return false;
    lane->etag = arena_join(lane->arena, S("\""), md5, S("\""));
    return true;
}
