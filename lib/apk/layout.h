/* How an APK lies in its file, as far as channels need it: ZIP's end, the APK Signing Block, the reserved region. Types alone: what reads
 * them is in apk.h. Sources: APPNOTE.TXT 4.3.16, Android's "APK Signature Scheme v2/v3".
 *
 *     | ZIP entries … | APK Signing Block | central directory | end of central directory + comment |
 *                     ^ block             ^ directory         ^ end                                 ^ size
 *
 *     block:  u64 size | pairs … | u64 size | "APK Sig Block 42"      both sizes count from behind the first
 *     pair:   u64 length | u32 id | value                             length counts id and value */
#ifndef APK_LAYOUT_H
#define APK_LAYOUT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Reads exactly `length` bytes at `offset`; both lie within `size`. */
struct apk_source {
    enum status (*read)(void *context, uint64_t offset, void *buffer, size_t length, struct error *);
    void *context;
    uint64_t size;
};

enum apk_scheme { APK_V1 = 1, APK_V2 = 2, APK_V3 = 4, APK_V31 = 8 };
/* Then the region is the ZIP comment; with any later scheme it is in the signing block. */
static inline bool apk_v1_only(unsigned schemes)
{
    return schemes == APK_V1;
}

/* Ids of pairs. Those that carry a channel are the formats' own (format.h). */
#define APK_ID_V2             UINT32_C(0x7109871a)
#define APK_ID_V3             UINT32_C(0xf05368c0)
#define APK_ID_V31            UINT32_C(0x1b93ad61)
#define APK_ID_VERITY_PADDING UINT32_C(0x42726577)
#define APK_ID_STAMP_V1       UINT32_C(0x2b09189e)
#define APK_ID_STAMP_V2       UINT32_C(0x6dff800d)
#define APK_ID_DEPENDENCIES   UINT32_C(0x504b4453)
#define APK_ID_REGION         UINT32_C(0x706b6872) /* ours: an unfilled region, and the filler of a filled one */

/* The reserved bytes. length 0: none. */
struct apk_region {
    uint64_t offset, length;
};

struct apk_pair {
    uint32_t id;
    uint64_t offset;  /* of its length field, in the file */
    struct str value; /* in the arena */
};

struct apk {
    const struct apk_source *source; /* outlives this */
    uint64_t size;
    uint64_t block, block_size; /* whole block, both size fields and magic included; block_size 0: none */
    uint64_t directory, directory_size, entries;
    uint64_t end;       /* of the EOCD record */
    struct str comment; /* its comment */
    struct apk_pair *pairs;
    size_t pair_count;
    unsigned schemes; /* what signatures are present, not whether they verify */
    /* v1: a comment that is all zeros, or as apk_fill fills it; v2 and later: the block's last pairs, where they are what apk_fill writes
     * and whole pages. */
    struct apk_region region;
};

#endif
