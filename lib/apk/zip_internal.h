/* ZIP's end and its entries, read through an apk_source in bounded memory. Private to lib/apk. Source: APPNOTE.TXT 4.3. */
#ifndef APK_ZIP_INTERNAL_H
#define APK_ZIP_INTERNAL_H

#include "lib/apk/zip.h"

enum { APK_ZIP_END_SIZE = 22, APK_ZIP_COMMENT_MAX = 65535 };

/* Reads bytes of the source; STATUS_CORRUPT where it does not have them. */
enum status apk_source_read(const struct apk_source *, uint64_t offset, void *buffer, size_t length, struct error *);

/* Finds the end record whose comment reaches exactly the file's end, and fills size, end, comment, directory, directory_size and entries.
 * Checks them against each other. */
enum status apk_zip_find_end(struct arena *, struct apk *, struct error *);

/* The bytes of one entry, stored or deflated, at most `limit` of them. */
enum status apk_zip_extract(struct arena *, const struct apk_zip_entry *, size_t limit, struct str *out, struct error *);
/* The first `length` bytes of one entry, or all where it has fewer; of a damaged one, the bytes before the damage. */
enum status apk_zip_extract_head(struct arena *, const struct apk_zip_entry *, size_t length, struct str *out, struct error *);

/* Entries one after the other, in memory of a few hundred KiB, whatever their sizes. */
struct apk_zip_reader;
struct apk_zip_reader *apk_zip_reader_new(struct arena *, const struct apk *);
/* Calls `sink` with the entry's bytes, in order: exactly `uncompressed` of them, or STATUS_CORRUPT. Its local header must say what the
 * directory says. As on devices, any method but "stored" counts as deflated, and its CRC is not checked. */
typedef void apk_zip_sink(void *context, struct str bytes);
enum status apk_zip_read(struct apk_zip_reader *, const struct apk_zip_entry *, apk_zip_sink *, void *context, struct error *);

#endif
