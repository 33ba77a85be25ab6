#include <lzma.h>

#include "base/map.h"
#include "lib/patch/make2_internal.h"
#include "lib/transfer/spool.h"

/* Properties that are tried: (lc, lp, pb). Large streams are packed once, with the first ones; streams of a few bytes are stored. */
struct properties {
    unsigned lc, lp, pb;
};
enum { TRIED = 3, LARGE = 2 << 20, WORTH = 8, NICE_LENGTH = 273 };
static const struct properties of_numbers[TRIED] = {{2, 0, 0}, {0, 0, 0}, {1, 0, 2}};
static const struct properties of_differences[TRIED] = {{3, 0, 2}, {2, 0, 0}, {0, 0, 0}};
static const struct properties of_literals[TRIED] = {{0, 2, 2}, {1, 0, 2}, {0, 0, 0}};

struct packer {
    lzma_stream lzma;
    bool ended;
};

static ssize_t pack_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct packer *packer = context;
    if (packer->ended) return 0;
    packer->lzma.next_out = buffer;
    packer->lzma.avail_out = capacity;
    lzma_ret ret = lzma_code(&packer->lzma, LZMA_FINISH);
    if (ret != LZMA_OK && ret != LZMA_STREAM_END) return error_set(error, STATUS_INTERNAL, "liblzma failed (%d)", (int)ret), -1;
    packer->ended = ret == LZMA_STREAM_END;
    return (ssize_t)(capacity - packer->lzma.avail_out);
}

static enum status compress(struct arena *arena, struct str unpacked, struct packed_bytes *out, struct error *error)
{
    const struct packing *packing = &out->packing;
    lzma_options_lzma options = {.dict_size = UINT32_C(1) << packing->dictionary,
                                 .lc = packing->lc,
                                 .lp = packing->lp,
                                 .pb = packing->pb,
                                 .mode = LZMA_MODE_NORMAL,
                                 .nice_len = NICE_LENGTH,
                                 .mf = LZMA_MF_BT4};
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    struct packer packer = {.lzma = LZMA_STREAM_INIT};
    struct map map;
    int fd;
    ENSURE(lzma_raw_encoder(&packer.lzma, filters) == LZMA_OK, error, STATUS_INTERNAL, "liblzma could not start");
    packer.lzma.next_in = (const unsigned char *)unpacked.data;
    packer.lzma.avail_in = unpacked.length;
    enum status status = spool_stream(arena, (struct stream){.read = pack_read, .context = &packer}, &fd, error);
    lzma_end(&packer.lzma);
    TRY(status);
    TRY(map_file(arena, fd, &map, error));
    out->bytes = str_make(map.bytes, map.length);
    out->packing.packed = map.length;
    return STATUS_OK;
}

static const struct properties *properties_of(enum packed_stream stream)
{
    if (stream == PACKED_DIFFERENCES) return of_differences;
    return stream == PACKED_LITERALS ? of_literals : of_numbers;
}

static unsigned dictionary_of(enum packed_stream stream, uint64_t size)
{
    unsigned log = PACKED_DICTIONARY_MIN;
    while (log < packed_dictionary_max(stream) && UINT64_C(1) << log < size) log++;
    return log;
}

enum status pack(struct arena *arena, enum packed_stream stream, struct str unpacked, struct packed_bytes *out, struct error *error)
{
    const struct properties *properties = properties_of(stream);
    size_t tried = unpacked.length < WORTH ? 0 : unpacked.length > LARGE ? 1 : TRIED;
    *out = (struct packed_bytes){{.unpacked = unpacked.length, .packed = unpacked.length}, unpacked};
    for (size_t i = 0; i < tried; i++) {
        struct packed_bytes trial = {.packing = {.unpacked = unpacked.length,
                                                 .lc = properties[i].lc,
                                                 .lp = properties[i].lp,
                                                 .pb = properties[i].pb,
                                                 .dictionary = dictionary_of(stream, unpacked.length)}};
        TRY(compress(arena, unpacked, &trial, error));
        if (trial.packing.packed < out->packing.packed) *out = trial;
    }
    return STATUS_OK;
}
