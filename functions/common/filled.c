#include "functions/common/filled.h"

#include <openssl/evp.h>

#include "base/encode.h"

/* A hash of the base's digest and the region's bytes as filled. */
static struct str hash_etag(struct arena *arena, struct str sha256, struct str region)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    EVP_DigestUpdate(hash, sha256.data, sha256.length);
    EVP_DigestUpdate(hash, region.data, region.length);
    EVP_DigestFinal_ex(hash, digest, &length);
    EVP_MD_CTX_free(hash);
    struct str text = base64url_encode(arena, str_make(digest, 24));
    return arena_printf(arena, "\"" STR_FMT "\"", STR_ARG(text));
}

enum status filled_make(struct arena *arena, const struct package *package, const struct channels *channels, const struct apk_info *info,
                        struct filled *filled, struct error *error)
{
    size_t length = (size_t)package->region.length;
    char *bytes = arena_buffer(arena, length);
    TRY(apk_fill((struct apk_filling){package->schemes, bytes, length}, channels->formats, info, error));
    filled->bytes = str_make(bytes, length);
    filled->etag = hash_etag(arena, package->sha256, filled->bytes);
    return STATUS_OK;
}
