/* Large objects, in blocks. Blocks belong to the name that they are sent to, not to an upload, and wait there until one puts a list of them
 * together; all others are gone then. So a block's ID says what it holds: two writers of the same bytes share their blocks, an upload that
 * was cut off is taken up by what is there, and no writer can put together another one's bytes. */
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/encode.h"
#include "lib/http/date.h"
#include "lib/store/azure/azure_internal.h"
#include "lib/store/pieces_internal.h"

enum {
    BLOCK = 8 * 1024 * 1024,
    BLOCKS = 50000,                  /* that Azure takes */
    ID_DIGITS = 36,                  /* of hexadecimal: the block's number, and the start of its SHA-256 */
    ID_NUMBER = 6,                   /* of which so many are the number */
    ID_LENGTH = ID_DIGITS / 3 * 4,   /* in base64 */
    ID_XML = ID_LENGTH + 2 * 10 + 1, /* <Latest>…</Latest> */
    CLEAN_UP_TIMEOUT = 10 * CLOCK_SECOND,
    IN_BLOCK = 3,
};

/* A block that the store has, by what its ID says. */
struct known {
    struct str id;
    uint64_t size;
};

struct upload {
    struct remote *remote;
    struct io io;
    struct str key, mark;
    const struct store_put *put;
    struct stream stream;
    int64_t span; /* ms that each request may take */
    struct remote_part part;
    unsigned count; /* of blocks */
    struct buf list;
    struct known *known; /* by number, from 1 on; NULL: nothing is known */
};

static struct io io_of_request(const struct upload *upload, struct arena *arena)
{
    return (struct io){.arena = arena, .deadline = deadline_in(upload->span)};
}

static struct store_call call_of(const struct upload *upload)
{
    return (struct store_call){&upload->remote->store, io_of_request(upload, upload->io.arena), upload->key};
}

/* --- blocks */

/* All IDs of an object must have one length. */
static struct str id_of(struct arena *arena, unsigned number, struct str bytes)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)bytes.data, bytes.length, digest);
    struct str hex = str_first(hex_encode(arena, str_make(digest, sizeof digest)), ID_DIGITS - ID_NUMBER);
    return base64_encode(arena, arena_printf(arena, "%06x" STR_FMT, number, STR_ARG(hex)));
}

static void note_block(struct upload *upload, struct str name, struct str size)
{
    char buffer[ID_LENGTH];
    struct arena *arena = upload->io.arena;
    struct str id, raw;
    uint64_t number, length;
    if (!xml_decode(name, buffer, sizeof buffer, &id) || id.length != ID_LENGTH || !base64_decode(arena, id, &raw)) return;
    if (!str_hex_to_u64(str_first(raw, ID_NUMBER), &number) || number < 1 || number > BLOCKS || !str_to_u64(size, &length)) return;
    upload->known[number] = (struct known){arena_copy(arena, id), length};
}

static void read_blocks(struct upload *upload, struct str document)
{
    struct xml xml = xml_of(document);
    struct str name = S(""), size = S("");
    if (!xml_enter(&xml)) return;
    for (;;) {
        enum xml_event event = xml_next(&xml);
        if (event == XML_BAD || event == XML_END) return;
        if (event == XML_LEAF && xml.depth == IN_BLOCK && str_equal(xml.name, S("Name"))) name = xml.text;
        if (event == XML_LEAF && xml.depth == IN_BLOCK && str_equal(xml.name, S("Size"))) size = xml.text;
        if (event == XML_CLOSE && str_equal(xml.name, S("Block"))) note_block(upload, name, size);
    }
}

/* What an upload that was cut off left. Whatever can't be read there is no reason to fail: then all is sent. */
static void look_for_blocks(struct upload *upload)
{
    struct remote_request request = {.method = "GET", .key = upload->key, .limit = REMOTE_XML_LIMIT};
    struct remote_answer answer;
    struct error ignored;
    remote_add_argument(&request, S("comp"), S("blocklist"));
    remote_add_argument(&request, S("blocklisttype"), S("uncommitted"));
    upload->known = arena_array(upload->io.arena, BLOCKS + 1, sizeof *upload->known);
    if (remote_call(upload->remote, io_of_request(upload, upload->io.arena), &request, &answer, &ignored) == STATUS_OK)
        read_blocks(upload, buf_str(&answer.body));
}

static bool is_there(const struct upload *upload, struct str id, size_t length)
{
    if (!upload->known) return false;
    const struct known *known = &upload->known[upload->count];
    return str_equal(known->id, id) && known->size == length;
}

/* The block that is in memory. */
static enum status send_block(struct upload *upload, struct error *error)
{
    struct str bytes = str_make(upload->part.buffer, upload->part.length);
    struct remote_request request = {.method = "PUT", .key = upload->key, .body = bytes};
    struct remote_answer answer;
    ENSURE(++upload->count <= BLOCKS, error, STATUS_TOO_LARGE, "more than %d blocks", BLOCKS);
    struct arena *arena = arena_new();
    struct str id = id_of(arena, upload->count, bytes), md5 = store_content_md5(arena, bytes);
    remote_add_header(&request, S("content-type"), S("application/octet-stream"));
    if (!str_empty(md5)) remote_add_header(&request, S("content-md5"), md5);
    remote_add_argument(&request, S("comp"), S("block"));
    remote_add_argument(&request, S("blockid"), id);
    buf_printf(&upload->list, "<Latest>" STR_FMT "</Latest>", STR_ARG(id));
    enum status status = STATUS_OK;
    if (!is_there(upload, id, bytes.length)) status = remote_call(upload->remote, io_of_request(upload, arena), &request, &answer, error);
    arena_free(arena);
    return status == STATUS_OK ? STATUS_OK : error_context(error, "block %u", upload->count);
}

static enum status send_blocks(struct upload *upload, struct error *error)
{
    struct remote_part *part = &upload->part;
    while (part->length > 0) {
        bool too_late = upload->put->end.at > 0 && deadline_left(upload->put->end) == 0;
        ENSURE(!too_late, error, STATUS_TIMEOUT, "there was no time to send all of it");
        TRY(send_block(upload, error));
        part->before += part->length;
        if (part->length < part->wanted) return STATUS_OK;
        TRY(remote_fill(upload->stream, part, error));
    }
    return STATUS_OK;
}

/* --- the whole */

/* After an answer that was lost: the mark tells whether the object that stands there is this upload's. */
static bool committed_before(struct upload *upload, struct store_object *object)
{
    struct remote_request request = {.method = "HEAD", .key = upload->key};
    struct remote_answer answer;
    struct error ignored;
    struct io io = {.arena = upload->io.arena, .deadline = deadline_in(CLEAN_UP_TIMEOUT)};
    if (remote_call(upload->remote, io, &request, &answer, &ignored) != STATUS_OK) return false;
    *object = remote_describe(upload->remote, io, upload->key, &answer.wire);
    return str_equal(wire_header(&answer.wire, S(AZURE_MARK)), upload->mark);
}

static enum status check_absent(struct upload *upload, struct error *error)
{
    struct store_object object;
    struct error ignored;
    if (upload->put->condition != STORE_IF_ABSENT) return STATUS_OK;
    const struct store_call call = call_of(upload);
    ENSURE(azure_head(&call, &object, &ignored) != STATUS_OK, error, STATUS_PRECONDITION, STR_FMT ": " STR_FMT ": exists already",
           STR_ARG(upload->remote->store.name), STR_ARG(upload->key));
    return STATUS_OK;
}

/* Another upload of the key ended first, and took our blocks away with it. */
static enum status overtaken(struct upload *upload, struct error *error)
{
    TRY(check_absent(upload, error));
    return error_set(error, STATUS_UNAVAILABLE, STR_FMT ": " STR_FMT ": another upload of it ended while this one was sent: try again",
                     STR_ARG(upload->remote->store.name), STR_ARG(upload->key));
}

static enum status commit(struct upload *upload, struct store_object *object, struct error *error)
{
    struct io io = io_of_request(upload, upload->io.arena);
    struct remote_request request = {.method = "PUT", .key = upload->key};
    struct remote_answer answer;
    buf_add(&upload->list, S("</BlockList>"));
    request.body = buf_str(&upload->list);
    const char *type = upload->put->content_type ? upload->put->content_type : "application/octet-stream";
    struct str md5 = store_content_md5(io.arena, request.body);
    remote_add_argument(&request, S("comp"), S("blocklist"));
    remote_add_header(&request, S("content-type"), S("application/xml"));
    if (!str_empty(md5)) remote_add_header(&request, S("content-md5"), md5);
    remote_add_header(&request, S("x-ms-blob-content-type"), str_of(type));
    remote_add_header(&request, upload->remote->service->mark, upload->mark);
    if (upload->put->condition == STORE_IF_ABSENT) remote_add_header(&request, S("if-none-match"), S("*"));
    enum status status = remote_call(upload->remote, io, &request, &answer, error);
    if (status != STATUS_OK && answer.ambiguous && committed_before(upload, object)) return STATUS_OK;
    if (status != STATUS_OK && str_equal(wire_header(&answer.wire, S("x-ms-error-code")), S("InvalidBlockList")))
        return overtaken(upload, error);
    if (status != STATUS_OK) return status;
    *object = remote_describe(upload->remote, io, upload->key, &answer.wire);
    object->size = upload->part.before;
    return STATUS_OK;
}

static enum status in_blocks(struct upload *upload, struct store_object *object, struct error *error)
{
    TRY(check_absent(upload, error));
    upload->mark = remote_new_mark(upload->io.arena);
    upload->list = buf_in(upload->io.arena, (size_t)BLOCKS * ID_XML);
    buf_add(&upload->list, S("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"));
    if (upload->put->resume) look_for_blocks(upload);
    TRY(send_blocks(upload, error));
    return commit(upload, object, error);
}

static enum status send_all(struct upload *upload, struct store_object *object, struct error *error)
{
    const struct remote_part *part = &upload->part;
    TRY(remote_fill(upload->stream, &upload->part, error));
    if (part->length == part->wanted) return in_blocks(upload, object, error);
    const struct store_call call = call_of(upload); /* with a deadline of its own: the source may have been slow to read */
    return remote_put(&call, str_make(part->buffer, part->length), upload->put, object, error);
}

enum status azure_upload(const struct store_call *call, const struct store_source *source, const struct store_put *put,
                         struct store_object *object, struct error *error)
{
    ENSURE(source->size == UINT64_MAX || source->size <= (uint64_t)BLOCKS * BLOCK, error, STATUS_TOO_LARGE,
           "%llu bytes: more than %d blocks", (unsigned long long)source->size, BLOCKS);
    struct upload upload = {
        .remote = (struct remote *)call->store,
        .io = call->io,
        .key = call->key,
        .put = put,
        .stream = source->stream,
        .span = deadline_left(call->io.deadline),
        .part = {.buffer = malloc(BLOCK), .wanted = BLOCK, .size = source->size},
    };
    if (!upload.part.buffer) abort();
    enum status status = send_all(&upload, object, error);
    free(upload.part.buffer);
    return status;
}

/* All of it is read and sent: that the service copies by itself could not be tried. */
enum status azure_compose(const struct store_call *call, const struct store_pieces *pieces, const struct store_put *put,
                          struct store_object *object, struct error *error)
{
    struct stream stream = pieces_stream(call->io, pieces);
    enum status status = azure_upload(call, &(struct store_source){stream, pieces->size}, put, object, error);
    stream_close(&stream);
    return status;
}
