#include "lib/transfer/sha256.h"

#include <openssl/evp.h>

#include "base/encode.h"

struct sha256 {
    EVP_MD_CTX *context;
};

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

struct sha256 *sha256_new(struct arena *arena)
{
    struct sha256 *sha256 = arena_new_of(arena, struct sha256);
    sha256->context = EVP_MD_CTX_new();
    arena_defer(arena, free_context, sha256->context);
    EVP_DigestInit_ex(sha256->context, EVP_sha256(), NULL);
    return sha256;
}

void sha256_add(struct sha256 *sha256, const void *bytes, size_t length)
{
    EVP_DigestUpdate(sha256->context, bytes, length);
}

struct str sha256_end(struct sha256 *sha256, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(sha256->context, digest, &length);
    return hex_encode(arena, str_make(digest, length));
}
