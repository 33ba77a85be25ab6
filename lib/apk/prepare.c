#include "lib/apk/prepare.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "lib/apk/channel.h"
#include "lib/apk/region_internal.h"
#include "lib/apk/signing_block_internal.h"
#include "lib/apk/zip_internal.h"

/* --- pieces */

static void add_piece(struct apk_prepared *prepared, uint64_t offset, uint64_t length, const char *bytes)
{
    if (length == 0) return;
    prepared->pieces[prepared->count++] = (struct apk_piece){offset, length, bytes};
    prepared->size += length;
}

static void add_source(struct apk_prepared *prepared, uint64_t from, uint64_t to)
{
    add_piece(prepared, from, to - from, NULL);
}

static enum status read_piece(const struct apk_source *source, struct apk_piece piece, char *to, struct error *error)
{
    if (!piece.bytes) return apk_source_read(source, piece.offset, to, (size_t)piece.length, error);
    memcpy(to, piece.bytes, (size_t)piece.length);
    return STATUS_OK;
}

enum status apk_prepared_read(const struct apk_prepared *prepared, const struct apk_source *source, struct apk_region run, void *buffer,
                              struct error *error)
{
    char *to = buffer;
    uint64_t offset = run.offset, left = run.length;
    ENSURE(offset <= prepared->size && left <= prepared->size - offset, error, STATUS_INVALID,
           "%" PRIu64 " bytes at offset %" PRIu64 " reach beyond the base package's end at %" PRIu64, left, offset, prepared->size);
    for (int i = 0; i < prepared->count && left > 0; i++) {
        const struct apk_piece *piece = &prepared->pieces[i];
        if (offset < piece->length) {
            uint64_t length = piece->length - offset < left ? piece->length - offset : left;
            TRY(read_piece(source, (struct apk_piece){piece->offset + offset, length, piece->bytes ? piece->bytes + offset : NULL}, to,
                           error));
            to += length;
            left -= length;
            offset += length;
        }
        offset -= piece->length;
    }
    return STATUS_OK;
}

/* --- notes */

static void note(struct apk_prepared *prepared, struct str text)
{
    char *bytes = (char *)(uintptr_t)text.data; /* arena_printf's, so ours to write */
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f) bytes[i] = '?';
    prepared->notes[prepared->note_count++] = text;
}

enum { SHOWN_MAX = 200 };

/* At most so much of a long text, cut where a character begins. */
static struct str shown(struct str text)
{
    size_t length = SHOWN_MAX;
    if (text.length <= length) return text;
    while (length > 0 && ((unsigned char)text.data[length] & 0xc0) == 0x80) length--;
    return str_first(text, length);
}

/* Of what the reader would have seen. A damaged value is taken out too. */
static void note_channel(struct arena *arena, struct apk_prepared *prepared, const struct apk_format *format, struct str seen, bool damaged)
{
    struct str text = damaged ? S("it was damaged") : shown(seen);
    if (!str_empty(text)) note(prepared, arena_printf(arena, "the %s that it held was taken out: " STR_FMT, format->title, STR_ARG(text)));
}

static void note_channels(struct arena *arena, const struct apk *apk, struct apk_prepared *prepared)
{
    struct apk_channels channels;
    apk_read_channels(arena, apk, &channels);
    for (size_t i = 0; i < APK_FORMAT_COUNT; i++) {
        uint32_t id = apk_formats[i]->forms[APK_IN_BLOCK].id;
        bool has_pair = !apk_v1_only(apk->schemes) && apk_format_of_pair(id) && apk_pair_find(apk, id).data;
        note_channel(arena, prepared, apk_formats[i], channels.seen[i], has_pair && str_empty(channels.seen[i]));
    }
}

static void note_region(struct arena *arena, const struct apk *apk, struct apk_prepared *prepared)
{
    uint64_t had = apk->region.length, has = prepared->region.length;
    if (had > 0 && had != has) note(prepared, arena_printf(arena, "its region of %" PRIu64 " bytes gave way to one of %" PRIu64, had, has));
    if (had == 0 && apk_v1_only(apk->schemes) && !str_empty(apk->comment))
        note(prepared, arena_printf(arena, "its ZIP comment of %zu bytes was dropped", apk->comment.length));
}

/* --- v1: the comment */

static enum status check_size(const struct apk *apk, uint64_t directory, uint64_t size, struct error *error)
{
    ENSURE(size <= UINT32_MAX && directory < UINT32_MAX, error, STATUS_TOO_LARGE,
           "with the region the package would have %" PRIu64 " bytes (now %" PRIu64
           "): over 4 GiB - 1 it would be ZIP64, which APK signing does not know",
           size, apk->size);
    return STATUS_OK;
}

static enum status prepare_comment(struct arena *arena, const struct apk *apk, uint64_t region, struct apk_prepared *prepared,
                                   struct error *error)
{
    ENSURE(region > 0 && region <= APK_ZIP_COMMENT_MAX, error, STATUS_INVALID,
           "the region of a v1 package is its ZIP comment: 1 to %d bytes, not %" PRIu64, APK_ZIP_COMMENT_MAX, region);
    size_t length = APK_ZIP_END_SIZE + (size_t)region;
    TRY(check_size(apk, apk->directory, apk->end + length, error));
    char *end = arena_alloc(arena, length);
    TRY(apk_source_read(apk->source, apk->end, end, APK_ZIP_END_SIZE, error));
    bytes_put16(end + 20, (uint16_t)region);
    prepared->region = (struct apk_region){apk->end + APK_ZIP_END_SIZE, region};
    bool same = apk->comment.length == region && memcmp(apk->comment.data, end + APK_ZIP_END_SIZE, (size_t)region) == 0;
    add_source(prepared, 0, same ? apk->size : apk->end);
    if (!same) add_piece(prepared, 0, length, end);
    return STATUS_OK;
}

/* --- v2 and later: the signing block */

static bool is_kept(uint32_t id)
{
    return !apk_region_pair(id) && id != APK_ID_VERITY_PADDING;
}

static size_t kept_size(const struct apk *apk)
{
    size_t size = 0;
    for (size_t i = 0; i < apk->pair_count; i++)
        if (is_kept(apk->pairs[i].id)) size += APK_PAIR_HEAD + apk->pairs[i].value.length;
    return size;
}

static bool is_aligned(const struct apk *apk)
{
    bool whole_pages = apk->block_size % APK_BLOCK_ALIGNMENT == 0;
    return whole_pages || apk->schemes & (APK_V3 | APK_V31) || apk_pair_find(apk, APK_ID_VERITY_PADDING).data;
}

/* As apksigner pads: up to whole pages, and a page more where less than a pair would be left. */
static size_t padding_size(const struct apk *apk, size_t block_size)
{
    size_t over = block_size % APK_BLOCK_ALIGNMENT;
    if (!is_aligned(apk) || over == 0) return 0;
    size_t padding = APK_BLOCK_ALIGNMENT - over;
    return padding < APK_PAIR_HEAD ? padding + APK_BLOCK_ALIGNMENT : padding;
}

/* size | kept pairs | verity padding | region | size, magic */
static struct str make_block(struct arena *arena, const struct apk *apk, size_t region)
{
    size_t bare = APK_BLOCK_HEAD + kept_size(apk) + APK_BLOCK_FOOT, padding = padding_size(apk, bare), size = bare + padding + region;
    char *block = arena_buffer(arena, size), *at = apk_block_put_head(block, size);
    for (size_t i = 0; i < apk->pair_count; i++)
        if (is_kept(apk->pairs[i].id)) at = apk_pair_put(at, apk->pairs[i].id, apk->pairs[i].value);
    if (padding > 0) at = apk_pair_put_zeros(at, APK_ID_VERITY_PADDING, padding);
    at = apk_pair_put_zeros(at, APK_ID_REGION, region);
    apk_block_put_foot(at, size);
    return str_make(block, size);
}

static enum status same_block(struct arena *arena, const struct apk *apk, struct str block, bool *same, struct error *error)
{
    *same = false;
    if (apk->block_size != block.length) return STATUS_OK;
    char *old = arena_buffer(arena, block.length);
    TRY(apk_source_read(apk->source, apk->block, old, block.length, error));
    *same = memcmp(old, block.data, block.length) == 0;
    return STATUS_OK;
}

static enum status prepare_block(struct arena *arena, const struct apk *apk, uint64_t region, struct apk_prepared *prepared,
                                 struct error *error)
{
    bool same;
    ENSURE(region > 0 && region % APK_BLOCK_ALIGNMENT == 0 && region <= APK_REGION_MAX, error, STATUS_INVALID,
           "the region of a v2 or later package is a multiple of %d bytes, up to %d, not %" PRIu64, APK_BLOCK_ALIGNMENT, APK_REGION_MAX,
           region);
    struct str block = make_block(arena, apk, (size_t)region);
    uint64_t directory = apk->block + block.length;
    uint64_t end_size = APK_ZIP_END_SIZE + apk->comment.length; /* the signature covers the comment: it stays */
    TRY(check_size(apk, directory, directory + apk->directory_size + end_size, error));
    prepared->region = (struct apk_region){directory - APK_BLOCK_FOOT - region, region};
    TRY(same_block(arena, apk, block, &same, error));
    if (same) return add_source(prepared, 0, apk->size), STATUS_OK;
    char *end = arena_buffer(arena, (size_t)end_size);
    TRY(apk_source_read(apk->source, apk->end, end, (size_t)end_size, error));
    bytes_put32(end + 16, (uint32_t)directory);
    add_source(prepared, 0, apk->block);
    add_piece(prepared, 0, block.length, block.data);
    add_source(prepared, apk->directory, apk->end);
    add_piece(prepared, 0, end_size, end);
    return STATUS_OK;
}

/* --- */

enum status apk_prepare(struct arena *arena, const struct apk_source *source, uint64_t region, struct apk_prepared *out,
                        struct error *error)
{
    struct apk apk;
    TRY(apk_examine(arena, source, &apk, error));
    ENSURE(apk.schemes, error, STATUS_INVALID, "the package is not signed (neither v1, v2 nor v3): sign it first, then prepare it");
    struct apk_prepared prepared = {.schemes = apk.schemes};
    TRY((apk_v1_only(apk.schemes) ? prepare_comment : prepare_block)(arena, &apk, region, &prepared, error));
    note_channels(arena, &apk, &prepared);
    note_region(arena, &apk, &prepared);
    *out = prepared;
    return STATUS_OK;
}
