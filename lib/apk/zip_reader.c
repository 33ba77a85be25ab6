#include <inttypes.h>
#include <zlib.h>

#include "base/bytes.h"
#include "lib/apk/zip_internal.h"

/* Local header (APPNOTE 4.3.7):
 *
 *      0  4  "PK" 03 04          6  2  flags           14  4  CRC-32
 *     18  4  compressed size    22  4  uncompressed size
 *     26  2  length of the name 28  2  of the extra field
 *     30     name, extra field, data
 *
 * With FLAG_DESCRIPTOR the CRC and the sizes stand behind the data. */
enum { LOCAL_MAGIC = 0x04034b50, LOCAL_SIZE = 30, METHOD_STORED = 0, FLAG_DESCRIPTOR = 8, CHUNK = 128 * 1024 };

struct apk_zip_reader {
    const struct apk *apk;
    z_stream stream;
    char *input, *output; /* CHUNK bytes each */
};

/* What is left of an entry. */
struct reading {
    uint64_t at, end; /* in the file */
    uint64_t wanted;  /* bytes that are still to come out */
    apk_zip_sink *sink;
    void *context;
};

static void end_inflate(void *context)
{
    inflateEnd(context);
}

struct apk_zip_reader *apk_zip_reader_new(struct arena *arena, const struct apk *apk)
{
    struct apk_zip_reader *reader = arena_new_of(arena, struct apk_zip_reader);
    *reader = (struct apk_zip_reader){.apk = apk, .input = arena_buffer(arena, CHUNK), .output = arena_buffer(arena, CHUNK)};
    if (inflateInit2(&reader->stream, -MAX_WBITS) == Z_OK) arena_defer(arena, end_inflate, &reader->stream);
    return reader;
}

/* --- the local header */

static bool same_sizes(const char *local, const struct apk_zip_entry *entry)
{
    return bytes_get32(local + 14) == entry->crc && bytes_get32(local + 18) == entry->compressed &&
           bytes_get32(local + 22) == entry->uncompressed;
}

static bool same_header(const char *local, const struct apk_zip_entry *entry)
{
    unsigned flags = bytes_get16(local + 6);
    bool same_flag = !((flags ^ entry->flags) & FLAG_DESCRIPTOR);
    return bytes_get32(local) == LOCAL_MAGIC && same_flag && bytes_get16(local + 26) == entry->name.length &&
           str_equal(str_make(local + LOCAL_SIZE, entry->name.length), entry->name) &&
           (flags & FLAG_DESCRIPTOR || same_sizes(local, entry));
}

static enum status find_data(const struct apk_zip_reader *reader, const struct apk_zip_entry *entry, struct reading *reading,
                             struct error *error)
{
    size_t length = LOCAL_SIZE + entry->name.length; /* at most 64 KiB and a few bytes: less than a chunk */
    ENSURE(entry->header + length <= reader->apk->block, error, STATUS_CORRUPT, "it overruns the ZIP entries");
    TRY(apk_source_read(reader->apk->source, entry->header, reader->input, length, error));
    ENSURE(same_header(reader->input, entry), error, STATUS_CORRUPT, "its local header is not what the central directory says");
    reading->at = entry->header + length + bytes_get16(reader->input + 28);
    reading->end = reading->at + (entry->method == METHOD_STORED ? entry->uncompressed : entry->compressed);
    ENSURE(reading->end <= reader->apk->block, error, STATUS_CORRUPT, "it overruns the ZIP entries");
    return STATUS_OK;
}

/* --- the data */

static enum status next_input(const struct apk_zip_reader *reader, struct reading *reading, struct str *input, struct error *error)
{
    uint64_t left = reading->end - reading->at;
    *input = str_make(reader->input, (size_t)(left < CHUNK ? left : CHUNK));
    TRY(apk_source_read(reader->apk->source, reading->at, reader->input, input->length, error));
    reading->at += input->length;
    return STATUS_OK;
}

static enum status read_stored(const struct apk_zip_reader *reader, struct reading *reading, struct error *error)
{
    while (reading->at < reading->end) {
        struct str input;
        TRY(next_input(reader, reading, &input, error));
        reading->sink(reading->context, input);
    }
    return STATUS_OK;
}

/* *result is zlib's last. */
static enum status inflate_input(struct apk_zip_reader *reader, struct reading *reading, int *result, struct error *error)
{
    z_stream *stream = &reader->stream;
    do {
        stream->next_out = (unsigned char *)reader->output;
        stream->avail_out = CHUNK;
        *result = inflate(stream, Z_NO_FLUSH);
        size_t count = CHUNK - stream->avail_out;
        ENSURE(*result == Z_OK || *result == Z_STREAM_END || *result == Z_BUF_ERROR, error, STATUS_CORRUPT, "it does not inflate");
        ENSURE(count <= reading->wanted, error, STATUS_CORRUPT, "it inflates to more bytes than the central directory says");
        reading->sink(reading->context, str_make(reader->output, count));
        reading->wanted -= count;
    } while (*result == Z_OK && (stream->avail_in > 0 || stream->avail_out == 0));
    return STATUS_OK;
}

static enum status read_deflated(struct apk_zip_reader *reader, struct reading *reading, struct error *error)
{
    ENSURE(inflateReset(&reader->stream) == Z_OK, error, STATUS_INTERNAL, "zlib could not start");
    for (int result = Z_OK; reading->at < reading->end && result != Z_STREAM_END;) {
        struct str input;
        TRY(next_input(reader, reading, &input, error));
        reader->stream.next_in = (z_const Bytef *)(uintptr_t)input.data;
        reader->stream.avail_in = (uInt)input.length;
        TRY(inflate_input(reader, reading, &result, error));
    }
    ENSURE(reading->wanted == 0, error, STATUS_CORRUPT, "it inflates to fewer bytes than the central directory says");
    return STATUS_OK;
}

enum status apk_zip_read(struct apk_zip_reader *reader, const struct apk_zip_entry *entry, apk_zip_sink *sink, void *context,
                         struct error *error)
{
    struct reading reading = {.wanted = entry->uncompressed, .sink = sink, .context = context};
    TRY(find_data(reader, entry, &reading, error));
    return entry->method == METHOD_STORED ? read_stored(reader, &reading, error) : read_deflated(reader, &reading, error);
}
