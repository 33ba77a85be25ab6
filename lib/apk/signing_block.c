#include "lib/apk/signing_block_internal.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "lib/apk/zip_internal.h"

static const char magic[] = "APK Sig Block 42";

static enum status check_size(const struct apk *apk, uint64_t size, struct error *error)
{
    ENSURE(size >= APK_BLOCK_FOOT && size <= apk->directory - APK_BLOCK_HEAD, error, STATUS_CORRUPT,
           "the APK Signing Block's size, %" PRIu64 ", does not fit before the central directory at %" PRIu64, size, apk->directory);
    ENSURE(size <= APK_BLOCK_MAX - APK_BLOCK_HEAD, error, STATUS_UNSUPPORTED,
           "the APK Signing Block has %" PRIu64 " bytes, more than the %d that are read", size + APK_BLOCK_HEAD, APK_BLOCK_MAX);
    return STATUS_OK;
}

/* `rest` begins with a pair. */
static enum status check_pair(struct str rest, uint64_t offset, struct error *error)
{
    ENSURE(rest.length >= APK_PAIR_HEAD, error, STATUS_CORRUPT, "%zu stray bytes at %" PRIu64 ", behind the APK Signing Block's last pair",
           rest.length, offset);
    uint64_t length = bytes_get64(rest.data);
    ENSURE(length >= 4, error, STATUS_CORRUPT,
           "the pair at %" PRIu64 " in the APK Signing Block has a length of %" PRIu64 ", too small for its id", offset, length);
    ENSURE(length <= rest.length - 8, error, STATUS_CORRUPT,
           "the pair at %" PRIu64 " in the APK Signing Block overruns it: its length is %" PRIu64 ", and %zu bytes follow", offset, length,
           rest.length - 8);
    return STATUS_OK;
}

static size_t pair_size(struct str rest)
{
    return 8 + (size_t)bytes_get64(rest.data);
}

static enum status check_pairs(struct str pairs, struct apk *apk, struct error *error)
{
    uint64_t offset = apk->block + APK_BLOCK_HEAD;
    for (struct str rest = pairs; rest.length > 0; rest = str_from(rest, pair_size(rest))) {
        TRY(check_pair(rest, offset + (pairs.length - rest.length), error));
        ENSURE(apk->pair_count < APK_PAIRS_MAX, error, STATUS_UNSUPPORTED, "the APK Signing Block has more than %d pairs", APK_PAIRS_MAX);
        apk->pair_count++;
    }
    return STATUS_OK;
}

static void list_pairs(struct arena *arena, struct str pairs, struct apk *apk)
{
    uint64_t offset = apk->block + APK_BLOCK_HEAD;
    struct str rest = pairs;
    apk->pairs = arena_array(arena, apk->pair_count, sizeof *apk->pairs);
    for (size_t i = 0; i < apk->pair_count; i++) {
        struct str value = str_first(str_from(rest, APK_PAIR_HEAD), pair_size(rest) - APK_PAIR_HEAD);
        apk->pairs[i] = (struct apk_pair){bytes_get32(rest.data + 8), offset + (pairs.length - rest.length), value};
        rest = str_from(rest, pair_size(rest));
    }
}

enum status apk_block_read(struct arena *arena, struct apk *apk, struct error *error)
{
    char foot[APK_BLOCK_FOOT];
    apk->block = apk->directory;
    if (apk->directory < APK_BLOCK_HEAD + APK_BLOCK_FOOT) return STATUS_OK;
    TRY(apk_source_read(apk->source, apk->directory - APK_BLOCK_FOOT, foot, sizeof foot, error));
    if (memcmp(foot + 8, magic, sizeof magic - 1) != 0) return STATUS_OK;
    uint64_t size = bytes_get64(foot);
    TRY(check_size(apk, size, error));
    apk->block_size = APK_BLOCK_HEAD + size;
    apk->block = apk->directory - apk->block_size;
    size_t length = (size_t)size - APK_BLOCK_FOOT;
    char *bytes = arena_buffer(arena, APK_BLOCK_HEAD + length);
    TRY(apk_source_read(apk->source, apk->block, bytes, APK_BLOCK_HEAD + length, error));
    ENSURE(bytes_get64(bytes) == size, error, STATUS_CORRUPT, "the APK Signing Block's two size fields differ: %" PRIu64 " and %" PRIu64,
           bytes_get64(bytes), size);
    struct str pairs = str_make(bytes + APK_BLOCK_HEAD, length);
    TRY(check_pairs(pairs, apk, error));
    list_pairs(arena, pairs, apk);
    return STATUS_OK;
}

char *apk_block_put_head(char *at, uint64_t block_size)
{
    bytes_put64(at, block_size - APK_BLOCK_HEAD);
    return at + APK_BLOCK_HEAD;
}

char *apk_block_put_foot(char *at, uint64_t block_size)
{
    bytes_put64(at, block_size - APK_BLOCK_HEAD);
    memcpy(at + 8, magic, sizeof magic - 1);
    return at + APK_BLOCK_FOOT;
}

char *apk_pair_put_head(char *at, uint32_t id, size_t length)
{
    bytes_put64(at, length - 8);
    bytes_put32(at + 8, id);
    return at + APK_PAIR_HEAD;
}

char *apk_pair_put(char *at, uint32_t id, struct str value)
{
    char *to = apk_pair_put_head(at, id, APK_PAIR_HEAD + value.length);
    if (value.length > 0) memcpy(to, value.data, value.length);
    return to + value.length;
}

char *apk_pair_put_zeros(char *at, uint32_t id, size_t length)
{
    memset(apk_pair_put_head(at, id, length), 0, length - APK_PAIR_HEAD);
    return at + length;
}

struct str apk_pair_find(const struct apk *apk, uint32_t id)
{
    for (size_t i = apk->pair_count; i-- > 0;)
        if (apk->pairs[i].id == id) return apk->pairs[i].value;
    return (struct str){NULL, 0};
}
