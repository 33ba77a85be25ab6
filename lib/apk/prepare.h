/* Makes a base package: the same APK with a region reserved (S1–S3). Pure: it says of which pieces the result is made, so that one plan
 * serves a file, a stream to the store, and a server-side copy. */
#ifndef APK_PREPARE_H
#define APK_PREPARE_H

#include "lib/apk/apk.h"
#include "lib/apk/format.h"

enum { APK_REGION_DEFAULT = 4096, APK_REGION_MAX = 1 << 20 };

/* A run of the source, or bytes of our own. */
struct apk_piece {
    uint64_t offset, length;
    const char *bytes; /* NULL: `length` bytes of the source at `offset` */
};

struct apk_prepared {
    struct apk_piece pieces[4];
    int count;
    uint64_t size;
    struct apk_region region;
    unsigned schemes;
    struct str notes[APK_FORMAT_COUNT + 1]; /* what a person should know: an old channel was taken out, a comment was dropped */
    int note_count;
};

/* `region`: bytes to reserve; v2 and later: a multiple of 4096; v1: at most 65535; else STATUS_INVALID. An APK that has a region of this
 * size already keeps its bytes (one piece where nothing changes), the region blanked to the unfilled form where it was filled.
 * A ZIP comment is the region of a v1 package; on a v2 or later one, whose signature covers it, it stays. STATUS_INVALID also for an
 * unsigned APK; STATUS_TOO_LARGE where the result would pass 4 GiB - 1. Does not look whether the signatures verify: apk_check does. */
enum status apk_prepare(struct arena *, const struct apk_source *, uint64_t region, struct apk_prepared *, struct error *);

/* Reads a run of the result; within its size. `source` is what was prepared. */
enum status apk_prepared_read(const struct apk_prepared *, const struct apk_source *, struct apk_region run, void *buffer, struct error *);

#endif
