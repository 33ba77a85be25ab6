#include <inttypes.h>
#include <zlib.h>

#include "base/bytes.h"
#include "lib/apk/zip_internal.h"

/* Local header (APPNOTE 4.3.7): "PK" 03 04 …, 26: length of the name, 28: of the extra field, 30: both, then the data. */
enum { LOCAL_MAGIC = 0x04034b50, LOCAL_SIZE = 30, METHOD_STORED = 0, METHOD_DEFLATED = 8, FLAG_ENCRYPTED = 1 };

/* The first `length` bytes of the entry's data, as stored. */
static enum status read_compressed(struct arena *arena, const struct apk_zip_entry *entry, size_t length, struct str *out,
                                   struct error *error)
{
    unsigned char local[LOCAL_SIZE];
    ENSURE(!(entry->flags & FLAG_ENCRYPTED), error, STATUS_UNSUPPORTED, "the ZIP entry at %" PRIu64 " is encrypted", entry->header);
    TRY(apk_source_read(entry->apk->source, entry->header, local, sizeof local, error));
    ENSURE(bytes_get32(local) == LOCAL_MAGIC, error, STATUS_CORRUPT, "there is no ZIP entry at %" PRIu64, entry->header);
    uint64_t data = entry->header + LOCAL_SIZE + bytes_get16(local + 26) + bytes_get16(local + 28);
    ENSURE(data + entry->compressed <= entry->apk->block, error, STATUS_CORRUPT,
           "the ZIP entry at %" PRIu64 " overruns the entries' end at %" PRIu64, entry->header, entry->apk->block);
    char *bytes = arena_buffer(arena, length);
    TRY(apk_source_read(entry->apk->source, data, bytes, length, error));
    *out = str_make(bytes, length);
    return STATUS_OK;
}

static void end_inflate(void *context)
{
    inflateEnd(context);
}

struct inflated {
    struct str bytes;
    int result; /* what zlib says of it */
};

/* Inflates at most `capacity` bytes. */
static enum status inflate_some(struct arena *arena, struct str compressed, size_t capacity, struct inflated *out, struct error *error)
{
    z_stream *stream = arena_new_of(arena, z_stream);
    ENSURE(inflateInit2(stream, -MAX_WBITS) == Z_OK, error, STATUS_INTERNAL, "zlib could not start");
    arena_defer(arena, end_inflate, stream);
    unsigned char *bytes = arena_buffer(arena, capacity);
    stream->next_in = (z_const Bytef *)(uintptr_t)compressed.data;
    stream->avail_in = (uInt)compressed.length;
    stream->next_out = bytes;
    stream->avail_out = (uInt)capacity;
    out->result = inflate(stream, Z_FINISH);
    out->bytes = str_make(bytes, stream->total_out);
    return STATUS_OK;
}

static enum status inflate_all(struct arena *arena, struct str compressed, size_t length, struct str *out, struct error *error)
{
    struct inflated whole;
    /* One byte more than expected, so that an entry that is longer than it says is noticed. */
    TRY(inflate_some(arena, compressed, length + 1, &whole, error));
    ENSURE(whole.result == Z_STREAM_END && whole.bytes.length == length, error, STATUS_CORRUPT,
           "a ZIP entry does not inflate to the %zu bytes that its header says", length);
    *out = whole.bytes;
    return STATUS_OK;
}

enum status apk_zip_extract(struct arena *arena, const struct apk_zip_entry *entry, size_t limit, struct str *out, struct error *error)
{
    ENSURE(entry->compressed <= limit && entry->uncompressed <= limit, error, STATUS_TOO_LARGE,
           "the ZIP entry at %" PRIu64 " has %" PRIu32 " bytes, more than the %zu that are read", entry->header, entry->uncompressed,
           limit);
    struct str compressed;
    TRY(read_compressed(arena, entry, entry->compressed, &compressed, error));
    if (entry->method == METHOD_DEFLATED) return inflate_all(arena, compressed, entry->uncompressed, out, error);
    ENSURE(entry->method == METHOD_STORED && entry->compressed == entry->uncompressed, error, STATUS_CORRUPT,
           "the ZIP entry at %" PRIu64 " is neither stored nor deflated", entry->header);
    *out = compressed;
    return STATUS_OK;
}

enum status apk_zip_extract_head(struct arena *arena, const struct apk_zip_entry *entry, size_t length, struct str *out,
                                 struct error *error)
{
    struct str compressed;
    struct inflated head;
    size_t enough = length + length / 64 + 1024; /* deflate makes no text longer by more than a few bytes in 64 KiB */
    TRY(read_compressed(arena, entry, entry->compressed < enough ? entry->compressed : enough, &compressed, error));
    head.bytes = str_first(compressed, length);
    if (entry->method == METHOD_DEFLATED) TRY(inflate_some(arena, compressed, length, &head, error));
    *out = head.bytes;
    return STATUS_OK;
}
