/* Debian's libzstd.a also decodes the formats of zstd 0.5 to 0.7, which no patch has and restore.c refuses: a quarter of the applier. These
 * stand in the place of those decoders, and are never called. They are weak, so that a libzstd.a which needs other ones has its own. */
#include <stddef.h>
#include <zstd_errors.h>

#define FAILS(name)                                                                                                                        \
    __attribute__((weak)) size_t name(void);                                                                                               \
    size_t name(void)                                                                                                                      \
    {                                                                                                                                      \
        return (size_t)-ZSTD_error_version_unsupported;                                                                                    \
    }
#define MAKES_NOTHING(name)                                                                                                                \
    __attribute__((weak)) void *name(void);                                                                                                \
    void *name(void)                                                                                                                       \
    {                                                                                                                                      \
        return NULL;                                                                                                                       \
    }
#define DECODER(version)                                                                                                                   \
    MAKES_NOTHING(ZBUFFv0##version##_createDCtx)                                                                                           \
    FAILS(ZBUFFv0##version##_freeDCtx)                                                                                                     \
    FAILS(ZBUFFv0##version##_decompressContinue)                                                                                           \
    FAILS(ZBUFFv0##version##_decompressInitDictionary)                                                                                     \
    MAKES_NOTHING(ZSTDv0##version##_createDCtx)                                                                                            \
    FAILS(ZSTDv0##version##_freeDCtx)                                                                                                      \
    FAILS(ZSTDv0##version##_decompress_usingDict)                                                                                          \
    FAILS(ZSTDv0##version##_findFrameSizeInfoLegacy)                                                                                       \
    FAILS(ZSTDv0##version##_getFrameParams)

DECODER(5)
DECODER(6)
DECODER(7)

/* Debian's jansson, which is no position-independent code, looks whether a file that it reads is stdin. No file is read here. This name is
 * local in the archive, which can so be a part of a shared library. */
extern void *stdin;
void *stdin;
