#include "lib/apk/contents_internal.h"

#include <openssl/evp.h>

#include "base/bytes.h"
#include "lib/apk/zip_internal.h"

enum { CHUNK = 1 << 20 };

struct hashing {
    struct arena *arena;
    const EVP_MD *kind; /* NULL: not wanted */
    EVP_MD_CTX *chunk, *all;
};

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static EVP_MD_CTX *new_context(struct arena *arena)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    arena_defer(arena, free_context, context);
    return context;
}

static uint32_t chunks_in(uint64_t length)
{
    return (uint32_t)((length + CHUNK - 1) / CHUNK);
}

static void start_with(EVP_MD_CTX *context, const EVP_MD *kind, char mark, uint32_t number)
{
    char head[5] = {mark};
    bytes_put32(head + 1, number);
    EVP_DigestInit_ex(context, kind, NULL);
    EVP_DigestUpdate(context, head, sizeof head);
}

static void start(struct arena *arena, const EVP_MD *kind, uint32_t chunks, struct hashing *hashing)
{
    *hashing = (struct hashing){.arena = arena, .kind = kind, .chunk = new_context(arena), .all = new_context(arena)};
    start_with(hashing->all, kind, 0x5a, chunks);
}

static void add_chunk(EVP_MD_CTX *all, const struct hashing *hashing, struct str bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    start_with(hashing->chunk, hashing->kind, (char)0xa5, (uint32_t)bytes.length);
    EVP_DigestUpdate(hashing->chunk, bytes.data, bytes.length);
    EVP_DigestFinal_ex(hashing->chunk, digest, &length);
    EVP_DigestUpdate(all, digest, length);
}

static enum status add_section(struct hashing hashing[APK_HASH_COUNT], const struct apk *apk, struct apk_region section, char *buffer,
                               struct error *error)
{
    for (uint64_t done = 0; done < section.length; done += CHUNK) {
        size_t length = section.length - done < CHUNK ? (size_t)(section.length - done) : CHUNK;
        TRY(apk_source_read(apk->source, section.offset + done, buffer, length, error));
        for (int i = 0; i < APK_HASH_COUNT; i++)
            if (hashing[i].kind) add_chunk(hashing[i].all, &hashing[i], str_make(buffer, length));
    }
    return STATUS_OK;
}

/* With the end record, which is the last chunk. */
static struct str finish(const struct hashing *hashing, struct str end)
{
    char *digest = arena_buffer(hashing->arena, EVP_MAX_MD_SIZE);
    unsigned length = 0;
    EVP_MD_CTX *all = new_context(hashing->arena);
    EVP_MD_CTX_copy_ex(all, hashing->all);
    add_chunk(all, hashing, end);
    EVP_DigestFinal_ex(all, (unsigned char *)digest, &length);
    return str_make(digest, length);
}

enum status apk_contents_digest(struct arena *arena, const struct apk *apk, const bool wanted[APK_HASH_COUNT],
                                struct apk_contents digests[APK_HASH_COUNT], struct error *error)
{
    const EVP_MD *kinds[APK_HASH_COUNT] = {EVP_sha256(), EVP_sha512()};
    struct hashing hashing[APK_HASH_COUNT] = {0};
    uint32_t chunks = chunks_in(apk->block) + chunks_in(apk->directory_size) + 1;
    char *buffer = arena_buffer(arena, CHUNK);
    size_t length = APK_ZIP_END_SIZE + apk->comment.length;
    for (int i = 0; i < APK_HASH_COUNT; i++)
        if (wanted[i]) start(arena, kinds[i], chunks, &hashing[i]);
    TRY(add_section(hashing, apk, (struct apk_region){0, apk->block}, buffer, error));
    TRY(add_section(hashing, apk, (struct apk_region){apk->directory, apk->directory_size}, buffer, error));
    TRY(apk_source_read(apk->source, apk->end, buffer, length, error));
    bytes_put32(buffer + 16, (uint32_t)apk->block);
    for (int i = 0; i < APK_HASH_COUNT; i++)
        if (wanted[i]) digests[i].whole = finish(&hashing[i], str_make(buffer, length));
    bytes_put16(buffer + 20, 0);
    for (int i = 0; i < APK_HASH_COUNT; i++)
        if (wanted[i]) digests[i].no_comment = finish(&hashing[i], str_make(buffer, APK_ZIP_END_SIZE));
    return STATUS_OK;
}
