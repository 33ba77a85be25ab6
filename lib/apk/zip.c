#include "lib/apk/zip_internal.h"

#include <inttypes.h>

#include "base/bytes.h"

/* End of central directory record (APPNOTE 4.3.16):
 *
 *      0  4  "PK" 05 06
 *      4  2  number of this disk       6  2  disk on which the directory begins
 *      8  2  entries on this disk     10  2  entries in all
 *     12  4  size of the directory    16  4  its offset
 *     20  2  length of the comment    22     comment, to the file's end
 *
 * Entry of the central directory (4.3.12):
 *
 *      0  4  "PK" 01 02                8  2  flags            10  2  method
 *     16  4  CRC-32                   20  4  compressed size  24  4  uncompressed size
 *     28  2  length of the name       30  2  of the extra field   32  2  of the comment
 *     42  4  offset of the local header
 *     46     name, extra field, comment */
enum {
    END_MAGIC = 0x06054b50,
    ZIP64_LOCATOR_MAGIC = 0x07064b50,
    ZIP64_LOCATOR_SIZE = 20,
    ENTRY_MAGIC = 0x02014b50,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    WINDOW = 256 * 1024, /* more than the largest header with its name */
};

enum status apk_source_read(const struct apk_source *source, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    ENSURE(offset <= source->size && length <= source->size - offset, error, STATUS_CORRUPT,
           "%zu bytes at offset %" PRIu64 " reach beyond the end of the file at %" PRIu64, length, offset, source->size);
    return source->read(source->context, offset, buffer, length, error);
}

/* --- the end record */

/* Readers look from the end of the file backwards and take the first record whose comment reaches exactly the end, so that the same bytes
 * inside a comment mislead nobody. */
static enum status locate_end(struct str tail, size_t *at, struct error *error)
{
    size_t lied = SIZE_MAX; /* what follows the last record whose comment does not reach the end, or goes beyond it */
    for (size_t comment = 0; comment + APK_ZIP_END_SIZE <= tail.length; comment++) {
        *at = tail.length - comment - APK_ZIP_END_SIZE;
        if (bytes_get32(tail.data + *at) != END_MAGIC) continue;
        if (bytes_get16(tail.data + *at + 20) == comment) return STATUS_OK;
        if (lied == SIZE_MAX) lied = comment;
    }
    ENSURE(lied == SIZE_MAX, error, STATUS_CORRUPT, "the ZIP comment's length is wrong: the end record says %u bytes, and %zu follow",
           bytes_get16(tail.data + tail.length - lied - 2), lied);
    return error_set(error, STATUS_CORRUPT, "there is no ZIP end of central directory record: not an APK, or cut short");
}

static enum status refuse_zip64(const struct apk *apk, struct error *error)
{
    unsigned char magic[4] = {0};
    if (apk->end >= ZIP64_LOCATOR_SIZE) TRY(apk_source_read(apk->source, apk->end - ZIP64_LOCATOR_SIZE, magic, sizeof magic, error));
    bool sentinel = apk->directory == UINT32_MAX || apk->directory_size == UINT32_MAX;
    ENSURE(bytes_get32(magic) != ZIP64_LOCATOR_MAGIC && !sentinel, error, STATUS_UNSUPPORTED,
           "this is a ZIP64 file, which APK signing does not know");
    return STATUS_OK;
}

static enum status check_directory(const struct apk *apk, struct error *error)
{
    ENSURE(apk->directory <= apk->end, error, STATUS_CORRUPT,
           "the central directory's offset, %" PRIu64 ", is beyond its end record at %" PRIu64, apk->directory, apk->end);
    ENSURE(apk->directory_size == apk->end - apk->directory, error, STATUS_CORRUPT,
           "the central directory, %" PRIu64 " bytes at %" PRIu64 ", does not end where its end record begins, at %" PRIu64,
           apk->directory_size, apk->directory, apk->end);
    return STATUS_OK;
}

enum status apk_zip_find_end(struct arena *arena, struct apk *apk, struct error *error)
{
    const struct apk_source *source = apk->source;
    ENSURE(source->size <= UINT32_MAX, error, STATUS_UNSUPPORTED,
           "%" PRIu64 " bytes: a file over 4 GiB - 1 would be ZIP64, which APK signing does not know", source->size);
    ENSURE(source->size >= APK_ZIP_END_SIZE, error, STATUS_CORRUPT, "%" PRIu64 " bytes are too few for an APK", source->size);
    size_t length = APK_ZIP_END_SIZE + APK_ZIP_COMMENT_MAX, at = 0;
    if (length > source->size) length = (size_t)source->size;
    char *tail = arena_buffer(arena, length);
    TRY(apk_source_read(source, source->size - length, tail, length, error));
    TRY(locate_end(str_make(tail, length), &at, error));
    const char *record = tail + at;
    apk->size = source->size;
    apk->end = source->size - (length - at);
    apk->entries = bytes_get16(record + 10);
    apk->directory_size = bytes_get32(record + 12);
    apk->directory = bytes_get32(record + 16);
    apk->comment = str_make(record + APK_ZIP_END_SIZE, bytes_get16(record + 20));
    TRY(refuse_zip64(apk, error));
    bool one_file = bytes_get16(record + 4) == 0 && bytes_get16(record + 6) == 0 && bytes_get16(record + 8) == apk->entries;
    ENSURE(one_file, error, STATUS_UNSUPPORTED, "this is one part of a ZIP file in several");
    return check_directory(apk, error);
}

/* --- the central directory */

/* A moving window on the directory: `bytes` holds `length` bytes from `offset` on. */
struct window {
    const struct apk_source *source;
    uint64_t offset, end;
    size_t length;
    char *bytes;
};

static enum status window_at(struct window *window, uint64_t at, size_t need, const char **bytes, struct error *error)
{
    ENSURE(need <= window->end - at, error, STATUS_CORRUPT, "the central directory's entry at %" PRIu64 " overruns its end at %" PRIu64, at,
           window->end);
    if (at + need > window->offset + window->length) {
        window->offset = at;
        window->length = (size_t)(window->end - at < WINDOW ? window->end - at : WINDOW);
        TRY(apk_source_read(window->source, at, window->bytes, window->length, error));
    }
    *bytes = window->bytes + (at - window->offset);
    return STATUS_OK;
}

static enum status check_entry(const struct apk *apk, const struct apk_zip_entry *entry, struct error *error)
{
    struct str name = str_first(entry->name, 100);
    bool zip64 = entry->header == UINT32_MAX || entry->compressed == UINT32_MAX || entry->uncompressed == UINT32_MAX;
    ENSURE(!zip64, error, STATUS_UNSUPPORTED, "entry " STR_FMT " is ZIP64, which APK signing does not know", STR_ARG(name));
    ENSURE(entry->header + LOCAL_SIZE + entry->compressed <= apk->block, error, STATUS_CORRUPT,
           "entry " STR_FMT " of %" PRIu32 " bytes at %" PRIu64 " overruns the ZIP entries, which end at %" PRIu64, STR_ARG(name),
           entry->compressed, entry->header, apk->block);
    return STATUS_OK;
}

static enum status read_entry(struct window *window, uint64_t *at, struct apk_zip_entry *entry, struct error *error)
{
    const char *bytes;
    TRY(window_at(window, *at, ENTRY_SIZE, &bytes, error));
    ENSURE(bytes_get32(bytes) == ENTRY_MAGIC, error, STATUS_CORRUPT, "the central directory has no entry at %" PRIu64, *at);
    size_t name = bytes_get16(bytes + 28), rest = (size_t)bytes_get16(bytes + 30) + bytes_get16(bytes + 32);
    TRY(window_at(window, *at, ENTRY_SIZE + name + rest, &bytes, error));
    *entry = (struct apk_zip_entry){
        .name = str_make(bytes + ENTRY_SIZE, name),
        .flags = bytes_get16(bytes + 8),
        .method = bytes_get16(bytes + 10),
        .crc = bytes_get32(bytes + 16),
        .compressed = bytes_get32(bytes + 20),
        .uncompressed = bytes_get32(bytes + 24),
        .header = bytes_get32(bytes + 42),
    };
    *at += ENTRY_SIZE + name + rest;
    return STATUS_OK;
}

enum status apk_zip_walk(struct arena *arena, const struct apk *apk, apk_zip_visit *visit, void *context, struct error *error)
{
    uint64_t capacity = apk->directory_size < WINDOW ? apk->directory_size : WINDOW, count = 0;
    struct window window = {
        .source = apk->source, .offset = apk->directory, .end = apk->end, .bytes = arena_buffer(arena, (size_t)capacity)};
    for (uint64_t at = apk->directory; at < apk->end; count++) {
        struct apk_zip_entry entry;
        TRY(read_entry(&window, &at, &entry, error));
        entry.apk = apk;
        TRY(check_entry(apk, &entry, error));
        visit(context, &entry);
    }
    ENSURE(count == apk->entries, error, STATUS_CORRUPT, "the central directory has %" PRIu64 " entries, its end record says %" PRIu64,
           count, apk->entries);
    return STATUS_OK;
}
