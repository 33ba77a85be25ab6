#include <zlib.h>

#include "lib/patch/make2_internal.h"

/* Entry by entry what an inflater makes is deflated and compared with the entry, piece by piece: a wrong level is noticed early. */
struct trial {
    struct str deflated;
    size_t compared;
    uint64_t inflated;
    z_stream inflater, deflater;
    unsigned char chunk[DEFLATE_CHUNK], out[DEFLATE_CHUNK];
};

/* Fills the chunk, or less at the end. False where the entry is not deflated, or has another size than it should. */
static bool inflate_chunk(struct trial *trial, size_t *length, bool *ended)
{
    int ret = Z_OK;
    trial->inflater.next_out = trial->chunk;
    trial->inflater.avail_out = DEFLATE_CHUNK;
    while (ret == Z_OK && trial->inflater.avail_out > 0) ret = inflate(&trial->inflater, Z_NO_FLUSH);
    *length = DEFLATE_CHUNK - trial->inflater.avail_out;
    *ended = ret == Z_STREAM_END;
    if (*length > trial->inflated || (ret != Z_OK && !*ended)) return false;
    trial->inflated -= *length;
    return !*ended || (trial->inflated == 0 && trial->inflater.avail_in == 0);
}

static bool deflate_chunk(struct trial *trial, size_t length, bool last)
{
    z_stream *zlib = &trial->deflater;
    zlib->next_in = trial->chunk;
    zlib->avail_in = (uInt)length;
    do {
        zlib->next_out = trial->out;
        zlib->avail_out = DEFLATE_CHUNK;
        int ret = deflate(zlib, last ? Z_FINISH : Z_NO_FLUSH);
        size_t made = DEFLATE_CHUNK - zlib->avail_out;
        if (ret == Z_STREAM_ERROR || made > trial->deflated.length - trial->compared) return false;
        if (memcmp(trial->deflated.data + trial->compared, trial->out, made) != 0) return false;
        trial->compared += made;
    } while (zlib->avail_out == 0);
    return true;
}

/* The last chunk is given together with the end, as it will be when the patch is applied. */
static bool compare_all(struct trial *trial)
{
    size_t length;
    bool ended = false, last = false;
    while (!last) {
        if (!inflate_chunk(trial, &length, &ended)) return false;
        last = trial->inflated == 0;
        if (!deflate_chunk(trial, length, last)) return false;
    }
    return (ended || (inflate_chunk(trial, &length, &ended) && ended)) && trial->compared == trial->deflated.length;
}

static void begin(struct trial *trial, struct str deflated, uint64_t inflated)
{
    trial->deflated = deflated;
    trial->inflated = inflated;
    trial->compared = 0;
    inflateReset(&trial->inflater);
    trial->inflater.next_in = (unsigned char *)(uintptr_t)deflated.data;
    trial->inflater.avail_in = (uInt)deflated.length;
}

static bool reproduces(struct trial *trial, struct str deflated, uint64_t inflated, const struct deflater *deflater)
{
    begin(trial, deflated, inflated);
    trial->deflater = (z_stream){0};
    if (deflateInit2(&trial->deflater, deflater->level, Z_DEFLATED, -MAX_WBITS, deflater->memory, deflater->strategy) != Z_OK) return false;
    bool same = compare_all(trial);
    deflateEnd(&trial->deflater);
    return same;
}

/* Levels in the order in which build tools use them. */
static bool find_level(struct trial *trial, struct str deflated, uint64_t inflated, struct deflater *deflater)
{
    static const int levels[] = {9, 6, 1, 8, 7, 5, 4, 3, 2};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        deflater->level = levels[i];
        if (reproduces(trial, deflated, inflated, deflater)) return true;
    }
    return false;
}

static bool find_parameters(struct trial *trial, struct str deflated, uint64_t inflated, struct deflater *deflater)
{
    static const struct deflater kinds[] = {{.memory = 8, .strategy = Z_DEFAULT_STRATEGY},
                                            {.memory = 9, .strategy = Z_DEFAULT_STRATEGY},
                                            {.memory = 8, .strategy = Z_FILTERED},
                                            {.memory = 8, .strategy = Z_HUFFMAN_ONLY},
                                            {.memory = 8, .strategy = Z_RLE},
                                            {.memory = 8, .strategy = Z_FIXED}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        *deflater = kinds[i];
        if (find_level(trial, deflated, inflated, deflater)) return true;
    }
    return false;
}

bool deflater_find(struct str deflated, uint64_t inflated, struct deflater *deflater)
{
    struct arena *arena = arena_new();
    struct trial *trial = arena_new_of(arena, struct trial);
    bool found = inflateInit2(&trial->inflater, -MAX_WBITS) == Z_OK && find_parameters(trial, deflated, inflated, deflater);
    inflateEnd(&trial->inflater);
    arena_free(arena);
    return found;
}

bool deflater_inflates(struct str deflated, uint64_t inflated)
{
    struct arena *arena = arena_new();
    struct trial *trial = arena_new_of(arena, struct trial);
    size_t length;
    bool ended = false, right = inflateInit2(&trial->inflater, -MAX_WBITS) == Z_OK;
    if (right) begin(trial, deflated, inflated);
    while (right && !ended) right = inflate_chunk(trial, &length, &ended);
    inflateEnd(&trial->inflater);
    arena_free(arena);
    return right;
}
