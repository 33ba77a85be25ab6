#include <lzma.h>

#include "base/bytes.h"
#include "lib/patch/format2_internal.h"

enum { BUFFER = 16384 };

struct packed {
    lzma_stream lzma;
    bool stored;
    uint64_t left; /* unpacked bytes that the directory still promises */
    size_t at, have;
    unsigned char buffer[BUFFER];
};

size_t number_put(char *at, uint64_t value)
{
    size_t length = 0;
    for (; value >= 128; value >>= 7) at[length++] = (char)(value | 128);
    at[length++] = (char)value;
    return length;
}

unsigned packed_dictionary_max(enum packed_stream stream)
{
    return stream < PACKED_DIFFERENCES ? PACKED_DICTIONARY_NUMBERS : PACKED_DICTIONARY_MAX;
}

static void end(void *context)
{
    lzma_end(context);
}

static enum status start(struct arena *arena, const struct packing *packing, struct packed *packed, struct error *error)
{
    lzma_options_lzma options = {.dict_size = UINT32_C(1) << packing->dictionary, .lc = packing->lc, .lp = packing->lp, .pb = packing->pb};
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    arena_defer(arena, end, &packed->lzma);
    lzma_ret ret = lzma_raw_decoder(&packed->lzma, filters);
    ENSURE(ret == LZMA_OK, error, STATUS_INTERNAL, "liblzma could not start (%d)", (int)ret);
    return STATUS_OK;
}

enum status packed_open(struct arena *arena, const struct packing *packing, struct str bytes, struct packed **out, struct error *error)
{
    struct packed *packed = arena_new_of(arena, struct packed);
    packed->left = packing->unpacked;
    packed->stored = packing->packed == packing->unpacked;
    packed->lzma = (lzma_stream)LZMA_STREAM_INIT;
    if (!packed->stored) TRY(start(arena, packing, packed, error));
    packed->lzma.next_in = (const unsigned char *)bytes.data;
    packed->lzma.avail_in = bytes.length;
    *out = packed;
    return STATUS_OK;
}

uint64_t packed_left(const struct packed *packed)
{
    return packed->left;
}

static enum status unpack(struct packed *packed, struct error *error)
{
    packed->lzma.next_out = packed->buffer;
    packed->lzma.avail_out = BUFFER;
    lzma_ret ret = lzma_code(&packed->lzma, LZMA_RUN);
    packed->at = 0;
    packed->have = BUFFER - packed->lzma.avail_out;
    ENSURE(ret != LZMA_MEM_ERROR, error, STATUS_INTERNAL, "there is not enough memory for the patch");
    bool right = (ret == LZMA_OK || ret == LZMA_STREAM_END) && packed->have > 0;
    ENSURE(right, error, STATUS_CORRUPT, "the patch is damaged: one of its LZMA2 streams ends early or cannot be read");
    return STATUS_OK;
}

/* Some of the bytes that are wanted, at least one. */
static enum status read_some(struct packed *packed, char *out, size_t length, size_t *took, struct error *error)
{
    if (packed->stored) {
        *took = length;
        memcpy(out, packed->lzma.next_in, length);
        packed->lzma.next_in += length;
        packed->lzma.avail_in -= length;
        return STATUS_OK;
    }
    if (packed->at == packed->have) TRY(unpack(packed, error));
    size_t waiting = packed->have - packed->at;
    *took = length < waiting ? length : waiting;
    memcpy(out, packed->buffer + packed->at, *took);
    packed->at += *took;
    return STATUS_OK;
}

enum status packed_read(struct packed *packed, void *buffer, size_t length, struct error *error)
{
    char *out = buffer;
    ENSURE(length <= packed->left, error, STATUS_CORRUPT, "the patch is damaged: one of its streams is too short");
    packed->left -= length;
    for (size_t took; length > 0; out += took, length -= took) TRY(read_some(packed, out, length, &took, error));
    return STATUS_OK;
}

enum status packed_number(struct packed *packed, uint64_t *value, struct error *error)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 7 * NUMBER_SIZE_MAX; shift += 7) {
        unsigned char byte;
        TRY(packed_read(packed, &byte, 1, error));
        number |= (uint64_t)(byte & 127) << shift;
        *value = number;
        if (byte < 128) return STATUS_OK;
    }
    return error_set(error, STATUS_CORRUPT, "the patch is damaged: a number in it has more than 9 bytes");
}

/* LZMA2 says its end with a byte of its own. */
enum status packed_finish(struct packed *packed, struct error *error)
{
    unsigned char more;
    bool ended = packed->left == 0 && packed->at == packed->have;
    if (ended && !packed->stored) {
        packed->lzma.next_out = &more;
        packed->lzma.avail_out = 1;
        ended = lzma_code(&packed->lzma, LZMA_RUN) == LZMA_STREAM_END && packed->lzma.avail_out == 1;
    }
    ENSURE(ended && packed->lzma.avail_in == 0, error, STATUS_CORRUPT, "the patch is damaged: one of its streams is too long");
    return STATUS_OK;
}
