/* Format 2, as making and applying share it: FORMAT.md draws the bytes. Private to lib/patch.
 *
 * The inflated form of a base is the base with some deflated entries replaced by what they inflate to. A patch of format 2 leads from one
 * inflated form to the other. */
#ifndef PATCH_FORMAT2_INTERNAL_H
#define PATCH_FORMAT2_INTERNAL_H

#include "lib/patch/side_internal.h"

/* The streams of a patch, in the order in which they follow its directory. */
enum packed_stream {
    PACKED_ENTRIES,
    PACKED_COPIES,
    PACKED_INSERTS,
    PACKED_SEEKS,
    PACKED_RUNS,
    PACKED_DIFFERENCES,
    PACKED_LITERALS,
    PACKED_STREAMS
};

enum {
    PACKED_DIRECTORY_MAX = PACKED_STREAMS * 20, /* two numbers of 9 bytes and two bytes for each stream */
    PACKED_DICTIONARY_MIN = 12,                 /* log2 of the sizes of LZMA2's dictionary */
    PACKED_DICTIONARY_MAX = 22,                 /* of differences and literals; */
    PACKED_DICTIONARY_NUMBERS = 18,             /* of the other streams */
    ENTRIES_MAX = 65536,
    DEFLATE_CHUNK = 65536, /* an entry is given to zlib in pieces of this size, so that its output never depends on the caller */
};
static const uint64_t PACKED_SIZE_MAX = UINT64_C(1) << 36;
static const uint64_t INFLATED_FORM_MAX = UINT64_C(1) << 36;

struct packing {
    uint64_t unpacked, packed; /* equal: stored as it is */
    unsigned lc, lp, pb, dictionary;
};

/* zlib's parameters; windowBits is always 15. */
struct deflater {
    int level, memory, strategy;
};
struct entry {
    uint64_t offset, deflated; /* in the base */
    uint64_t inflated;
    struct deflater deflater; /* of the new base's entries only */
};
/* Sorted, without overlaps. */
struct entries {
    struct entry *of;
    size_t count;
    bool deflaters; /* whether they have deflaters: those of the new base */
};

/* The size of the inflated form; the entries lie within the base. */
uint64_t entries_inflated_size(const struct entries *, uint64_t base_size);

unsigned packed_dictionary_max(enum packed_stream);

/* A number as one: 7 bits a byte, lowest first; a set high bit says that another byte follows. 9 bytes at most. */
size_t number_put(char *at, uint64_t value);
enum { NUMBER_SIZE_MAX = 9 };
static const uint64_t NUMBER_MAX = (UINT64_C(1) << 63) - 1;

/* --- reading */

/* A stream of the patch, unpacked as it is read. All fail with STATUS_CORRUPT. */
struct packed;
enum status packed_open(struct arena *, const struct packing *, struct str bytes, struct packed **, struct error *);
enum status packed_read(struct packed *, void *buffer, size_t length, struct error *);
enum status packed_number(struct packed *, uint64_t *, struct error *);
uint64_t packed_left(const struct packed *);
/* That nothing is left. */
enum status packed_finish(struct packed *, struct error *);

/* What stands behind a patch's header: its streams and the entries of both bases. */
struct plan {
    struct packed *streams[PACKED_STREAMS];
    struct entries from, to;
};
enum status plan_read(struct arena *, struct str bytes, const struct patch_header *, struct plan *, struct error *);

/* A base in its inflated form, piece by piece. The inflated entries are in a file in `folder` (spool_stream_in). */
struct view;
enum status view_open(struct arena *, struct str base, const struct entries *, const char *folder, struct view **, struct error *);
uint64_t view_size(const struct view *);
/* The bytes at `offset`, which lies within the size: up to `length` of them, at least one. */
struct str view_at(struct view *, uint64_t offset, uint64_t length);

/* The new base out of the old one and what follows the header of a patch of format 2. It is read in several places at once, so it goes into
 * a file in `folder` (spool_stream_in) at the first read. Memory does not depend on the size of the packages. Must be closed; does not
 * close `diff`. */
struct stream rebuild_stream(struct arena *, struct stream diff, struct str from, const struct patch_header *, const char *folder);

#endif
