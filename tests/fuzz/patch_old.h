/* The package that fuzzers of patches lead from: an unfilled region of its smallest size, and numbers. */
#ifndef TESTS_FUZZ_PATCH_OLD_H
#define TESTS_FUZZ_PATCH_OLD_H

#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/patch/patch.h"
#include "lib/transfer/watch.h"

enum { OLD_SIZE = 4096, OLD_REGION = 12 };

static inline void patch_old(char old[OLD_SIZE])
{
    struct error error;
    apk_fill((struct apk_filling){APK_V2, old, OLD_REGION}, 0, NULL, &error);
    for (uint32_t i = OLD_REGION / 4; i < OLD_SIZE / 4; i++) bytes_put32(old + (size_t)4 * i, i * UINT32_C(2654435761));
}

static inline struct patch_side patch_old_side(struct arena *arena, struct str bytes)
{
    struct error error;
    struct watch *watch = watch_new(arena, stream_of(arena, bytes), NULL);
    stream_drain(watch_stream(watch), &error);
    return (struct patch_side){.size = bytes.length, .sha256 = watch_sha256(watch, arena), .schemes = APK_V2, .region = {0, OLD_REGION}};
}

#endif
