/* Packages in files of their own, and patches between them. */
#ifndef TESTS_PATCH_SAMPLE_H
#define TESTS_PATCH_SAMPLE_H

#include "tests/unit/apk_sample.h"

#include "lib/patch/patch.h"

static const char *const patch_v1_names[] = {"classes.dex", "META-INF/CERT.SF", "META-INF/CERT.RSA", NULL};
static const struct sample_pair patch_v2_signature[] = {{APK_ID_V2, {"signature", 9}, 0}};

struct patch_options {
    unsigned schemes;   /* APK_V1 or APK_V2 */
    uint64_t size;      /* of what comes before the signature, about */
    uint64_t region;    /* bytes */
    uint64_t seed;      /* of the content: a run of numbers every 4096 bytes */
    struct str content; /* put at 1000 */
};

/* A file without a name. */
static inline int patch_file(struct arena *arena, struct str bytes)
{
    int fd = memfd_create("sample", MFD_CLOEXEC);
    assert_true(fd >= 0);
    arena_defer_close(arena, fd);
    assert_int_equal(write(fd, bytes.data, bytes.length), bytes.length);
    return fd;
}

/* A base package. */
static inline struct str patch_base(struct arena *arena, struct patch_options options)
{
    struct error error = {0};
    struct sample_options made = {.block = options.size};
    if (options.schemes == APK_V1) made.names = patch_v1_names;
    if (options.schemes != APK_V1) made.pairs = patch_v2_signature, made.pair_count = 1;
    struct sample *sample = sample_new(arena, made);
    if (options.content.length > 0) sample_put(sample, 1000, options.content);
    struct sample_result *result = sample_prepare(arena, &sample->source, options.region);
    char *bytes = arena_buffer(arena, result->source.size);
    if (apk_prepared_read(&result->prepared, result->from, (struct apk_region){0, result->source.size}, bytes, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (uint64_t at = 2000, state = options.seed; at + 8 < sample->block; at += 512)
        bytes_put64(bytes + at, sample_random(&state, UINT32_MAX));
    return str_make(bytes, result->source.size);
}

static inline struct patch_package patch_package_of(struct arena *arena, struct str bytes)
{
    struct patch_package package;
    struct error error = {0};
    if (patch_open(arena, patch_file(arena, bytes), NULL, &package, &error) != STATUS_OK) fail_msg("%s", error.text);
    return package;
}

static inline struct str patch_read_all(struct arena *arena, struct stream stream)
{
    struct error error = {0};
    struct str all;
    if (stream_read_all(stream, arena, 64 << 20, &all, &error) != STATUS_OK) fail_msg("%s", error.text);
    stream_close(&stream);
    return all;
}

static inline struct str patch_between(struct arena *arena, struct str from, struct str to)
{
    struct patch_package *packages = arena_array(arena, 2, sizeof *packages);
    packages[0] = patch_package_of(arena, from);
    packages[1] = patch_package_of(arena, to);
    return patch_read_all(arena, patch_make(arena, &packages[0], &packages[1], NULL));
}

/* `pakhus patch --region`, but for the files. */
static inline enum status patch_applied_with(struct arena *arena, struct str old, struct str diff, struct str region, struct str *new,
                                             struct error *error)
{
    struct patch_header *header = arena_new_of(arena, struct patch_header);
    struct stream stream = stream_of(arena, diff), package;
    TRY(patch_read(arena, stream, header, error));
    TRY(patch_apply(arena, header, stream, &(struct patch_target){.installed = patch_file(arena, old), .region = region}, &package, error));
    enum status status = stream_read_all(package, arena, 64 << 20, new, error);
    stream_close(&package);
    return status;
}

static inline enum status patch_applied(struct arena *arena, struct str old, struct str diff, struct str *new, struct error *error)
{
    return patch_applied_with(arena, old, diff, (struct str){NULL, 0}, new, error);
}

#endif
