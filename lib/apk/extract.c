#include <inttypes.h>
#include <zlib.h>

#include "base/bytes.h"
#include "lib/apk/zip.h"

/* Local header (APPNOTE 4.3.7): "PK" 03 04 …, 26: length of the name, 28: of the extra field, 30: both, then the data. */
enum { LOCAL_MAGIC = 0x04034b50, LOCAL_SIZE = 30, METHOD_STORED = 0, METHOD_DEFLATED = 8, FLAG_ENCRYPTED = 1 };

static enum status read_compressed(struct arena *arena, const struct apk_source *source, const struct apk *apk,
                                   const struct apk_zip_entry *entry, struct str *out, struct error *error)
{
    unsigned char local[LOCAL_SIZE];
    TRY(apk_source_read(source, entry->header, local, sizeof local, error));
    ENSURE(bytes_get32(local) == LOCAL_MAGIC, error, STATUS_CORRUPT, "there is no ZIP entry at %" PRIu64, entry->header);
    uint64_t data = entry->header + LOCAL_SIZE + bytes_get16(local + 26) + bytes_get16(local + 28);
    ENSURE(data + entry->compressed <= apk->block, error, STATUS_CORRUPT,
           "the ZIP entry at %" PRIu64 " overruns the entries' end at %" PRIu64, entry->header, apk->block);
    char *bytes = arena_buffer(arena, entry->compressed);
    TRY(apk_source_read(source, data, bytes, entry->compressed, error));
    *out = str_make(bytes, entry->compressed);
    return STATUS_OK;
}

static void end_inflate(void *context)
{
    inflateEnd(context);
}

static enum status inflated(struct arena *arena, struct str compressed, size_t length, struct str *out, struct error *error)
{
    z_stream *stream = arena_new_of(arena, z_stream);
    ENSURE(inflateInit2(stream, -MAX_WBITS) == Z_OK, error, STATUS_INTERNAL, "zlib could not start");
    arena_defer(arena, end_inflate, stream);
    /* One byte more than expected, so that an entry that is longer than it says is noticed. */
    unsigned char *bytes = arena_buffer(arena, length + 1);
    stream->next_in = (z_const Bytef *)(uintptr_t)compressed.data;
    stream->avail_in = (uInt)compressed.length;
    stream->next_out = bytes;
    stream->avail_out = (uInt)(length + 1);
    ENSURE(inflate(stream, Z_FINISH) == Z_STREAM_END && stream->total_out == length, error, STATUS_CORRUPT,
           "a ZIP entry does not inflate to the %zu bytes that its header says", length);
    *out = str_make(bytes, length);
    return STATUS_OK;
}

enum status apk_zip_extract(struct arena *arena, const struct apk_source *source, const struct apk *apk, const struct apk_zip_entry *entry,
                            size_t limit, struct str *out, struct error *error)
{
    ENSURE(!(entry->flags & FLAG_ENCRYPTED), error, STATUS_UNSUPPORTED, "the ZIP entry at %" PRIu64 " is encrypted", entry->header);
    ENSURE(entry->compressed <= limit && entry->uncompressed <= limit, error, STATUS_TOO_LARGE,
           "the ZIP entry at %" PRIu64 " has %" PRIu32 " bytes, more than the %zu that are read", entry->header, entry->uncompressed,
           limit);
    struct str compressed;
    TRY(read_compressed(arena, source, apk, entry, &compressed, error));
    if (entry->method == METHOD_DEFLATED) return inflated(arena, compressed, entry->uncompressed, out, error);
    ENSURE(entry->method == METHOD_STORED && entry->compressed == entry->uncompressed, error, STATUS_CORRUPT,
           "the ZIP entry at %" PRIu64 " is neither stored nor deflated", entry->header);
    *out = compressed;
    return STATUS_OK;
}
