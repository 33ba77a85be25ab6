/* Patches: from one version's base package to another's, byte for byte (spec/placement.md, Readings). What is installed differs from its
 * base in the region only; so a patch is made base to base, and one serves every channel. FORMAT.md draws the bytes.
 *
 * Made and applied a segment at a time, with the whole old package as zstd's prefix (`zstd --patch-from`): memory is bounded by the
 * segment, whatever the packages' size, and the packages are mapped, not read. */
#ifndef PATCH_PATCH_H
#define PATCH_PATCH_H

#include "base/io.h"
#include "lib/apk/apk.h"
#include "lib/transfer/progress.h"

enum {
    PATCH_HEADER_SIZE = 128,
    PATCH_FRAME_HEAD_SIZE = 20,
    PATCH_SEGMENT = 256 << 20, /* bytes of the new package in one frame, at most */
};
enum patch_format { PATCH_FORMAT_1 = 1, PATCH_FORMAT_2 = 2 };

/* A base package, as a patch knows it. */
struct patch_side {
    uint64_t size;     /* below 4 GiB, as APKs are */
    struct str sha256; /* hexadecimal */
    unsigned schemes;
    struct apk_region region; /* never empty */
};
struct patch_header {
    struct patch_side from, to;
    enum patch_format format;
};

/* PATCH_HEADER_SIZE bytes. STATUS_UNSUPPORTED: of another version; STATUS_CORRUPT: no patch, or damaged. */
enum status patch_header_parse(struct arena *, struct str bytes, struct patch_header *, struct error *);
struct str patch_header_format(struct arena *, const struct patch_header *);

/* A package in memory, with its region blanked: its base. */
struct patch_package {
    struct str base;
    struct str filled; /* what stood in the region */
    struct patch_side side;
};

/* A base or a channel package, from a regular file (map_file). STATUS_INVALID where it has no region. `progress` may be NULL. */
enum status patch_open(struct arena *, int fd, struct progress *, struct patch_package *, struct error *);

/* The patch as a stream. Takes some 20 MB of `to` a second and up to 450 MiB of memory, less where the packages are small. The packages
 * outlive the stream. `progress` (may be NULL) counts bytes of `to`. The stream must be closed. */
struct stream patch_make(struct arena *, const struct patch_package *from, const struct patch_package *to, struct progress *);

/* What became of an entry of the new package in a patch of format 2. */
enum patch_entry_state {
    PATCH_ENTRY_UNCHANGED, /* the old package has the same bytes under the same name */
    PATCH_ENTRY_MOVED,     /* the same bytes under another name */
    PATCH_ENTRY_PATCHED,   /* other bytes under the same name */
    PATCH_ENTRY_NEW        /* no entry of this name */
};
struct patch_entry {
    struct str name;
    enum patch_entry_state state;
    uint64_t length;  /* of what is compared: inflated where it is inflated */
    uint64_t written; /* bytes of it that the patch writes, before they are packed: differences that are not 0, and literals */
    bool as_it_is;    /* deflated, but zlib does not reproduce it: it is compared without being inflated */
};
struct patch_made {
    enum patch_format format;
    struct str bytes;            /* in the arena */
    uint64_t sizes[2];           /* of the patch in format 1 and in format 2; 0: that format was not made */
    struct patch_entry *entries; /* in the order in which they lie in the new package; NULL where its entries cannot be read */
    size_t entry_count;
};
/* Of format 2. Takes up to 450 MiB of memory, and files in $TMPDIR up to three times as large as both packages with their changed entries
 * inflated. `progress` (may be NULL) counts as patch_make. */
enum status patch_make_format2(struct arena *, const struct patch_package *from, const struct patch_package *to, struct progress *,
                               struct patch_made *, struct error *);
/* The smaller of the patches of both formats, otherwise as the one above. Format 1 is made too unless format 2 is a small part of the
 * package. */
enum status patch_make_smallest(struct arena *, const struct patch_package *from, const struct patch_package *to, struct progress *,
                                struct patch_made *, struct error *);

/* Reads a patch between these two to its end, and compares what it makes with `to`: STATUS_CORRUPT where it is anything else. */
enum status patch_check(struct arena *, struct stream diff, const struct patch_package *from, const struct patch_package *to,
                        struct progress *, struct error *);

/* Reads the header from the beginning of a patch; errors as patch_header_parse. */
enum status patch_read(struct arena *, struct stream diff, struct patch_header *, struct error *);
/* What a patch is applied to, and how. */
struct patch_target {
    int installed;      /* open for reading */
    struct str region;  /* of another channel's package of the new version, for a device that changes its channel; empty: the installed
                           file's channel info moves along (apk_carry) */
    const char *folder; /* for files of format 2, as spool_stream_in; NULL: $TMPDIR */
    struct progress *progress; /* may be NULL; its total is set */
};
/* The new package as a stream: its base, checked at the end (STATUS_CORRUPT: nothing of it may be used), with its region filled. `diff`
 * stands behind its header, and is not closed. STATUS_INVALID: the installed file's base is not the one the patch leads from, `region` is
 * not a region of the new version, or the installed file's info does not fit. Takes up to 300 MiB of memory for format 1, 20 MiB for format
 * 2. The header outlives the stream, which must be closed. */
enum status patch_apply(struct arena *, const struct patch_header *, struct stream diff, const struct patch_target *, struct stream *,
                        struct error *);

#endif
