/* The APK Signing Block as bytes: read into pairs, and pairs written. Private to lib/apk. Source: Android, "APK Signature Scheme v2", "APK
 * Signing Block". */
#ifndef APK_SIGNING_BLOCK_INTERNAL_H
#define APK_SIGNING_BLOCK_INTERNAL_H

#include "lib/apk/layout.h"

enum {
    APK_BLOCK_HEAD = 8,       /* the first size field */
    APK_BLOCK_FOOT = 24,      /* the second, and the magic */
    APK_BLOCK_MAX = 64 << 20, /* whole block */
    APK_PAIR_HEAD = 12,       /* length and id: also the smallest pair */
    APK_PAIRS_MAX = 4096,
    APK_BLOCK_ALIGNMENT = 4096, /* a page, as fs-verity has them */
};

/* Fills block, block_size, pairs and pair_count from what stands before apk->directory. No block: block is the directory's offset,
 * block_size 0. */
enum status apk_block_read(struct arena *, struct apk *, struct error *);

/* Each writes at `at` and returns what is behind. */
char *apk_block_put_head(char *at, uint64_t block_size);
char *apk_block_put_foot(char *at, uint64_t block_size);
char *apk_pair_put_head(char *at, uint32_t id, size_t length); /* `length` bytes in all, at least APK_PAIR_HEAD */
char *apk_pair_put(char *at, uint32_t id, struct str value);
char *apk_pair_put_zeros(char *at, uint32_t id, size_t length); /* likewise */

/* The value of the last pair with this id, as the readers in the field see it, who put pairs in a map; data NULL where there is none. */
struct str apk_pair_find(const struct apk *, uint32_t id);

#endif
