#include <zlib.h>

#include "base/bytes.h"
#include "base/encode.h"
#include "lib/apk/prepare.h"
#include "lib/patch/patch.h"

/* Little-endian:
 *
 *      0   8  89 "PKD" 0D 0A 1A 0A   as PNG's: a copy that was taken for text is noticed
 *      8   4  format, 1 or 2
 *     12   4  CRC-32 of the header, with zeros here
 *     16  56  from
 *     72  56  to
 *
 * a side:
 *
 *      0   8  size
 *      8   8  offset of the region
 *     16   4  its length
 *     20   4  schemes: 1 v1, 2 v2, 4 v3, 8 v3.1; exactly 1: the region is the ZIP comment, else in the signing block
 *     24  32  SHA-256 */
enum { CRC_AT = 12, FROM_AT = 16, TO_AT = 72, DIGEST_SIZE = 32, SCHEMES_KNOWN = APK_V1 | APK_V2 | APK_V3 | APK_V31 };

static const char magic[8] = {'\x89', 'P', 'K', 'D', '\r', '\n', '\x1a', '\n'};

static uint32_t checksum(const char *header)
{
    static const unsigned char zeros[4];
    uLong crc = crc32(0, (const unsigned char *)header, CRC_AT);
    crc = crc32(crc, zeros, sizeof zeros);
    return (uint32_t)crc32(crc, (const unsigned char *)header + FROM_AT, PATCH_HEADER_SIZE - FROM_AT);
}

/* --- writing */

static void put_side(struct arena *arena, char *at, const struct patch_side *side)
{
    struct str digest = {0};
    hex_decode(arena, side->sha256, &digest);
    bytes_put64(at, side->size);
    bytes_put64(at + 8, side->region.offset);
    bytes_put32(at + 16, (uint32_t)side->region.length);
    bytes_put32(at + 20, side->schemes);
    memcpy(at + 24, digest.data, DIGEST_SIZE);
}

struct str patch_header_format(struct arena *arena, const struct patch_header *header)
{
    char *out = arena_alloc(arena, PATCH_HEADER_SIZE);
    memcpy(out, magic, sizeof magic);
    bytes_put32(out + 8, header->format);
    put_side(arena, out + FROM_AT, &header->from);
    put_side(arena, out + TO_AT, &header->to);
    bytes_put32(out + CRC_AT, checksum(out));
    return str_make(out, PATCH_HEADER_SIZE);
}

/* --- reading */

static enum status get_side(struct arena *arena, const char *at, const char *which, struct patch_side *side, struct error *error)
{
    side->size = bytes_get64(at);
    side->region = (struct apk_region){bytes_get64(at + 8), bytes_get32(at + 16)};
    side->schemes = bytes_get32(at + 20);
    side->sha256 = hex_encode(arena, str_make(at + 24, DIGEST_SIZE));
    ENSURE(side->size <= UINT32_MAX, error, STATUS_CORRUPT, "the patch's %s package would have 4 GiB or more", which);
    ENSURE(side->schemes > 0 && (side->schemes & ~(unsigned)SCHEMES_KNOWN) == 0, error, STATUS_CORRUPT,
           "the patch's %s package is signed in no way that is known", which);
    const struct apk_region *region = &side->region;
    bool inside = region->length > 0 && region->length <= APK_REGION_MAX && region->offset <= side->size &&
                  region->length <= side->size - region->offset;
    ENSURE(inside, error, STATUS_CORRUPT, "the patch's %s package has its region out of bounds", which);
    return STATUS_OK;
}

enum status patch_header_parse(struct arena *arena, struct str bytes, struct patch_header *out, struct error *error)
{
    struct patch_header header;
    ENSURE(bytes.length == PATCH_HEADER_SIZE && memcmp(bytes.data, magic, sizeof magic) == 0, error, STATUS_CORRUPT, "this is no patch");
    uint32_t format = bytes_get32(bytes.data + 8);
    ENSURE(format == PATCH_FORMAT_1 || format == PATCH_FORMAT_2, error, STATUS_UNSUPPORTED, "unsupported patch format version %u", format);
    header.format = (enum patch_format)format;
    ENSURE(bytes_get32(bytes.data + CRC_AT) == checksum(bytes.data), error, STATUS_CORRUPT, "the patch's header is damaged");
    TRY(get_side(arena, bytes.data + FROM_AT, "old", &header.from, error));
    TRY(get_side(arena, bytes.data + TO_AT, "new", &header.to, error));
    *out = header;
    return STATUS_OK;
}
