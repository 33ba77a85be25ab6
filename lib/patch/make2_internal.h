/* Making patches of format 2. Private to lib/patch. */
#ifndef PATCH_MAKE2_INTERNAL_H
#define PATCH_MAKE2_INTERNAL_H

#include "lib/patch/format2_internal.h"

/* --- which entries are inflated, and which are the same in both bases */

/* The same bytes in both inflated forms. */
struct anchor {
    uint64_t to, from, length;
};
struct pairing {
    struct entries from, to;
    struct anchor *anchors; /* sorted by `to`, without overlaps there */
    size_t anchor_count;
    struct patch_entry *report; /* of the entries of the target */
    uint64_t *starts;           /* where each of them begins in the inflated form */
    size_t report_count;
};
/* Bases whose entries cannot be read are paired as if they had none. */
enum status pair_entries(struct arena *, struct str from, struct str to, struct pairing *, struct error *);

/* The parameters with which zlib makes `deflated` out of what it inflates to. False: none of those that are tried, or it does not inflate
 * to exactly `inflated` bytes. */
bool deflater_find(struct str deflated, uint64_t inflated, struct deflater *);
bool deflater_inflates(struct str deflated, uint64_t inflated);

/* --- bytes that are found again */

struct index;
/* Of `old`, without what `anchors` have of it. Up to 200 MiB of memory. */
struct index *index_new(struct arena *, struct str old, const struct anchor *, size_t count);
/* The length of the longest match that was found for what `target` has at `at`; ties go to the one nearest to `expected`. */
uint64_t index_search(const struct index *, struct str target, uint64_t at, uint64_t expected, uint64_t *position);

/* --- a stream of a patch before it is packed, in a file of $TMPDIR. The first error stays, and tape_bytes reports it. */

struct tape;
enum status tape_new(struct arena *, struct tape **, struct error *);
void tape_add(struct tape *, const void *, size_t);
void tape_number(struct tape *, uint64_t);
enum status tape_bytes(struct arena *, struct tape *, struct str *, struct error *);

/* Puts commands that lead from `old` to `target` on all tapes but PACKED_ENTRIES. A match must be `advantage` bytes longer than what the
 * place before it gives, or the bytes are taken as differences. */
struct scan {
    struct str old, target;
    const struct index *index;
    unsigned advantage;
    struct progress *progress; /* may be NULL; counts bytes of `target` */
    const struct pairing *pairing;
    uint64_t *written; /* for each of the pairing's reported entries: bytes that are not copied unchanged */
};
void scan_put(const struct scan *, struct tape **);

/* Packs with the properties of LZMA2 that give the fewest bytes, or not at all. */
struct packed_bytes {
    struct packing packing;
    struct str bytes;
};
enum status pack(struct arena *, enum packed_stream, struct str unpacked, struct packed_bytes *, struct error *);

#endif
