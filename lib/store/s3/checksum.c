#include "lib/store/s3/checksum_internal.h"

#include <openssl/sha.h>
#include <zlib.h>

#include "base/encode.h"

enum { MD5_TEXT = 2 * STORE_MD5 };

static bool is_sha256(struct arena *arena, struct str expected, struct str body)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)body.data, body.length, digest);
    return str_equal(base64_encode(arena, str_make(digest, sizeof digest)), expected);
}

static bool is_crc32(struct arena *arena, struct str expected, struct str body)
{
    uLong crc = crc32_z(0, (const unsigned char *)body.data, body.length);
    const unsigned char bytes[] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16), (unsigned char)(crc >> 8), (unsigned char)crc};
    return str_equal(base64_encode(arena, str_make(bytes, sizeof bytes)), expected);
}

/* `"d41d8cd98f00b204e9800998ecf8427e"`; the ETag of parts has "-2" behind it. */
static bool parse_md5_etag(struct arena *arena, const struct wire_answer *answer, struct str *digest)
{
    struct str etag = wire_header(answer, S("etag"));
    struct str encryption = wire_header(answer, S("x-amz-server-side-encryption"));
    bool is_own_key = !str_empty(wire_header(answer, S("x-amz-server-side-encryption-customer-algorithm")));
    if (is_own_key || (!str_empty(encryption) && !str_equal(encryption, S("AES256")))) return false;
    if (etag.length != MD5_TEXT + 2 || !str_starts(etag, S("\"")) || !str_ends(etag, S("\""))) return false;
    return hex_decode(arena, str_make(etag.data + 1, MD5_TEXT), digest);
}

/* A checksum of checksums has "-2" behind it, and its type is COMPOSITE. */
static bool covers_whole(struct str checksum, const struct wire_answer *answer)
{
    if (str_empty(checksum) || str_find(checksum, '-') < checksum.length) return false;
    return !str_equal(wire_header(answer, S("x-amz-checksum-type")), S("COMPOSITE"));
}

bool s3_sha256_of(struct arena *arena, const struct wire_answer *answer, unsigned char sha256[SHA256_DIGEST_LENGTH])
{
    struct str checksum = wire_header(answer, S("x-amz-checksum-sha256")), bytes;
    if (!covers_whole(checksum, answer)) return false;
    if (!base64_decode(arena, checksum, &bytes) || bytes.length != SHA256_DIGEST_LENGTH) return false;
    memcpy(sha256, bytes.data, SHA256_DIGEST_LENGTH);
    return true;
}

static bool is_intact(struct arena *arena, const struct wire_answer *answer, struct str body)
{
    struct str sha256 = wire_header(answer, S("x-amz-checksum-sha256")), crc = wire_header(answer, S("x-amz-checksum-crc32"));
    struct str expected;
    unsigned char digest[STORE_MD5];
    if (covers_whole(sha256, answer)) return is_sha256(arena, sha256, body);
    if (covers_whole(crc, answer)) return is_crc32(arena, crc, body);
    if (!parse_md5_etag(arena, answer, &expected) || !store_md5(body, digest)) return true;
    return memcmp(expected.data, digest, sizeof digest) == 0;
}

enum status s3_check_digest(const struct wire_answer *answer, struct str body, struct error *error)
{
    struct arena *arena = arena_new();
    bool intact = is_intact(arena, answer, body);
    arena_free(arena);
    ENSURE(intact, error, STATUS_CORRUPT, "the bytes are not those that the store's digest is of");
    return STATUS_OK;
}
