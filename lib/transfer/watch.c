#include "lib/transfer/watch.h"

#include <openssl/evp.h>

#include "base/encode.h"

struct watch {
    struct stream inner;
    struct progress *progress;
    EVP_MD_CTX *digest;
};

static void free_digest(void *context)
{
    EVP_MD_CTX_free(context);
}

struct watch *watch_new(struct arena *arena, struct stream inner, struct progress *progress)
{
    struct watch *watch = arena_new_of(arena, struct watch);
    *watch = (struct watch){.inner = inner, .progress = progress, .digest = EVP_MD_CTX_new()};
    arena_defer(arena, free_digest, watch->digest);
    EVP_DigestInit_ex(watch->digest, EVP_sha256(), NULL);
    return watch;
}

static ssize_t watched_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct watch *watch = context;
    ssize_t count = stream_read(watch->inner, buffer, capacity, error);
    if (count <= 0) return count;
    EVP_DigestUpdate(watch->digest, buffer, (size_t)count);
    if (watch->progress) progress_add(watch->progress, (uint64_t)count);
    return count;
}

static void watched_close(void *context)
{
    struct watch *watch = context;
    stream_close(&watch->inner);
}

struct stream watch_stream(struct watch *watch)
{
    return (struct stream){.read = watched_read, .close = watched_close, .context = watch};
}

struct str watch_sha256(struct watch *watch, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(watch->digest, digest, &length);
    return hex_encode(arena, str_make(digest, length));
}
