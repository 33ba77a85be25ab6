/* What an APK is made of, as far as channels need it: ZIP's end, the APK Signing Block, the reserved region. Sources: APPNOTE.TXT 4.3.16,
 * Android's "APK Signature Scheme v2/v3".
 *
 *     | ZIP entries … | APK Signing Block | central directory | end of central directory + comment |
 *                     ^ block             ^ directory         ^ end                                 ^ size
 *
 *     block:  u64 size | pairs … | u64 size | "APK Sig Block 42"      both sizes count from behind the first
 *     pair:   u64 length | u32 id | value                             length counts id and value
 *
 * Nothing here knows of files or stores: bytes are read through apk_source. */
#ifndef APK_APK_H
#define APK_APK_H

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
struct str apk_schemes_name(struct arena *, unsigned schemes); /* "v1+v2+v3" */
bool apk_schemes_parse(struct str, unsigned *schemes);
/* Then the region is the ZIP comment; with any later scheme it is in the signing block. */
static inline bool apk_v1_only(unsigned schemes)
{
    return schemes == APK_V1;
}

#define APK_ID_V2             UINT32_C(0x7109871a)
#define APK_ID_V3             UINT32_C(0xf05368c0)
#define APK_ID_V31            UINT32_C(0x1b93ad61)
#define APK_ID_VERITY_PADDING UINT32_C(0x42726577)
#define APK_ID_STAMP_V1       UINT32_C(0x2b09189e)
#define APK_ID_STAMP_V2       UINT32_C(0x6dff800d)
#define APK_ID_DEPENDENCIES   UINT32_C(0x504b4453)
#define APK_ID_WALLE          UINT32_C(0x71777777)
#define APK_ID_VASDOLLY       UINT32_C(0x881155ff)
#define APK_ID_PACKER_NG      UINT32_C(0x7a786b21)
#define APK_ID_REGION         UINT32_C(0x706b6872) /* ours: an unfilled region, and the filler of a filled one */
const char *apk_id_name(uint32_t id);              /* "v2 signature", …; NULL where unknown */

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

/* Reads and checks the structure. Clear errors (STATUS_CORRUPT, STATUS_UNSUPPORTED for ZIP64) for: no EOCD, truncation, a comment that lies
 * about its length, size fields that differ, pairs that overrun or leave 1–11 bytes, a directory outside the file, entries counted wrongly.
 * Signing blocks up to 64 MiB. Every number is range-checked. */
enum status apk_examine(struct arena *, const struct apk_source *, struct apk *, struct error *);

/* From AndroidManifest.xml (binary XML, stored or deflated). Best effort: STATUS_NOT_FOUND where there is none, STATUS_CORRUPT where it
 * can't be read. */
struct apk_manifest {
    struct str package, version_name;
    struct str split;      /* which part of an app it is; empty: the base */
    bool split_required;   /* the base needs such parts beside it */
    uint64_t version_code; /* versionCodeMajor << 32 | versionCode; 0 where there is neither */
    bool has_version_code;
    uint32_t min_sdk;        /* 0: not known */
    uint32_t target_sdk;     /* minSdkVersion where there is no targetSdkVersion; 0: not known */
    uint32_t target_sandbox; /* targetSandboxVersion; 0: there is none, which counts as 1 */
};
enum status apk_manifest(struct arena *, const struct apk_source *, const struct apk *, struct apk_manifest *, struct error *);

#endif
