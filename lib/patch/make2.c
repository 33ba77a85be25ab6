#include "base/map.h"
#include "lib/patch/make2_internal.h"
#include "lib/transfer/spool.h"

/* Streams that are packed, and how. */
struct candidate {
    struct packed_bytes streams[PACKED_STREAMS];
    uint64_t size, *written;
};

/* --- inflated forms in memory */

struct flattening {
    struct view *view;
    uint64_t at;
};

static ssize_t flatten_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    (void)error;
    struct flattening *flattening = context;
    uint64_t left = view_size(flattening->view) - flattening->at;
    if (left == 0) return 0;
    struct str bytes = view_at(flattening->view, flattening->at, left < capacity ? left : capacity);
    memcpy(buffer, bytes.data, bytes.length);
    flattening->at += bytes.length;
    return (ssize_t)bytes.length;
}

static enum status inflate_base(struct arena *arena, struct str base, const struct entries *entries, struct str *form, struct error *error)
{
    struct flattening flattening = {0};
    struct map map;
    int fd;
    *form = base;
    if (entries->count == 0) return STATUS_OK;
    TRY(view_open(arena, base, entries, NULL, &flattening.view, error));
    TRY(spool_stream(arena, (struct stream){.read = flatten_read, .context = &flattening}, &fd, error));
    TRY(map_file(arena, fd, &map, error));
    *form = str_make(map.bytes, map.length);
    return STATUS_OK;
}

/* --- streams */

enum { MEMORY_USUAL = 8, MEMORY_MASK = 15, MEMORY_SHIFT = 4, STRATEGY_SHIFT = 8 };

static uint64_t deflater_number(const struct deflater *deflater)
{
    unsigned memory = ((unsigned)deflater->memory - MEMORY_USUAL) & MEMORY_MASK;
    return (unsigned)deflater->level | memory << MEMORY_SHIFT | (unsigned)deflater->strategy << STRATEGY_SHIFT;
}

static void put_entries(struct tape *tape, const struct entries *entries)
{
    uint64_t end = 0;
    tape_number(tape, entries->count);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->of[i];
        tape_number(tape, entry->offset - end);
        tape_number(tape, entry->deflated);
        tape_number(tape, entry->inflated);
        if (entries->deflaters) tape_number(tape, deflater_number(&entry->deflater));
        end = entry->offset + entry->deflated;
    }
}

static enum status pack_all(struct arena *arena, struct tape **tapes, struct candidate *candidate, struct error *error)
{
    candidate->size = 0;
    for (size_t i = 0; i < PACKED_STREAMS; i++) {
        struct str bytes;
        TRY(tape_bytes(arena, tapes[i], &bytes, error));
        TRY(pack(arena, (enum packed_stream)i, bytes, &candidate->streams[i], error));
        candidate->size += candidate->streams[i].packing.packed;
    }
    return STATUS_OK;
}

static enum status make_candidate(struct arena *arena, struct scan *scan, struct candidate *candidate, struct error *error)
{
    const struct pairing *pairing = scan->pairing;
    struct tape *tapes[PACKED_STREAMS];
    for (size_t i = 0; i < PACKED_STREAMS; i++) TRY(tape_new(arena, &tapes[i], error));
    put_entries(tapes[PACKED_ENTRIES], &pairing->from);
    put_entries(tapes[PACKED_ENTRIES], &pairing->to);
    scan->written = candidate->written = arena_array(arena, pairing->report_count, sizeof *scan->written);
    scan_put(scan, tapes);
    return pack_all(arena, tapes, candidate, error);
}

/* Where little has changed, a few bytes more for each command are worth it, and trying both costs little. */
static enum status make_best(struct arena *arena, struct scan *scan, struct candidate *best, struct error *error)
{
    enum { ADVANTAGE = 6, ADVANTAGE_FEW = 12, FEW = 2 << 20 };
    struct candidate other;
    uint64_t compared = scan->target.length;
    for (size_t i = 0; i < scan->pairing->anchor_count; i++) compared -= scan->pairing->anchors[i].length;
    scan->advantage = ADVANTAGE;
    TRY(make_candidate(arena, scan, best, error));
    if (compared > FEW) return STATUS_OK;
    scan->advantage = ADVANTAGE_FEW;
    scan->progress = NULL;
    TRY(make_candidate(arena, scan, &other, error));
    if (other.size < best->size) *best = other;
    return STATUS_OK;
}

/* --- the patch */

enum { LC_COUNT = 9, LP_COUNT = 5 };

static size_t put_packing(char *at, const struct packing *packing)
{
    size_t length = number_put(at, packing->unpacked);
    length += number_put(at + length, packing->packed);
    if (packing->packed == packing->unpacked) return length;
    at[length++] = (char)((packing->pb * LP_COUNT + packing->lp) * LC_COUNT + packing->lc);
    at[length++] = (char)packing->dictionary;
    return length;
}

static enum status assemble(struct arena *arena, const struct patch_header *header, const struct candidate *candidate, struct str *bytes,
                            struct error *error)
{
    char directory[PACKED_DIRECTORY_MAX];
    size_t length = 0;
    struct tape *tape;
    TRY(tape_new(arena, &tape, error));
    for (size_t i = 0; i < PACKED_STREAMS; i++) length += put_packing(directory + length, &candidate->streams[i].packing);
    tape_add(tape, patch_header_format(arena, header).data, PATCH_HEADER_SIZE);
    tape_add(tape, directory, length);
    for (size_t i = 0; i < PACKED_STREAMS; i++) tape_add(tape, candidate->streams[i].bytes.data, candidate->streams[i].bytes.length);
    return tape_bytes(arena, tape, bytes, error);
}

/* `scan` has the bases; the index takes most of the memory, and goes before anything else is made. */
static enum status compare(struct arena *arena, struct scan *scan, struct candidate *candidate, struct error *error)
{
    const struct pairing *pairing = scan->pairing;
    struct arena *own = arena_new();
    scan->index = index_new(own, scan->old, pairing->anchors, pairing->anchor_count);
    enum status status = make_best(arena, scan, candidate, error);
    arena_free(own);
    return status;
}

static enum status make_from(struct arena *arena, const struct patch_header *header, struct scan *scan, struct patch_made *made,
                             struct error *error)
{
    struct pairing *pairing = arena_new_of(arena, struct pairing);
    struct candidate candidate;
    scan->pairing = pairing;
    TRY(pair_entries(arena, scan->old, scan->target, pairing, error));
    TRY(inflate_base(arena, scan->old, &pairing->from, &scan->old, error));
    TRY(inflate_base(arena, scan->target, &pairing->to, &scan->target, error));
    TRY(compare(arena, scan, &candidate, error));
    TRY(assemble(arena, header, &candidate, &made->bytes, error));
    for (size_t i = 0; i < pairing->report_count; i++) pairing->report[i].written = candidate.written[i];
    made->entries = pairing->report;
    made->entry_count = pairing->report_count;
    return STATUS_OK;
}

enum status patch_make_format2(struct arena *arena, const struct patch_package *from, const struct patch_package *to,
                               struct progress *progress, struct patch_made *made, struct error *error)
{
    const struct patch_header header = {from->side, to->side, PATCH_FORMAT_2};
    struct scan scan = {.old = from->base, .target = to->base, .progress = progress};
    *made = (struct patch_made){.format = PATCH_FORMAT_2};
    TRY(make_from(arena, &header, &scan, made, error));
    made->sizes[1] = made->bytes.length;
    return STATUS_OK;
}

static enum status make_format1(struct arena *arena, const struct patch_package *from, const struct patch_package *to, struct str *bytes,
                                struct error *error)
{
    struct map map;
    int fd;
    struct stream stream = patch_make(arena, from, to, NULL);
    enum status status = spool_stream(arena, stream, &fd, error);
    stream_close(&stream);
    TRY(status);
    TRY(map_file(arena, fd, &map, error));
    *bytes = str_make(map.bytes, map.length);
    return STATUS_OK;
}

enum status patch_make_smallest(struct arena *arena, const struct patch_package *from, const struct patch_package *to,
                                struct progress *progress, struct patch_made *made, struct error *error)
{
    enum { SMALL_PART = 2, SMALL_PACKAGE = 1 << 20 };
    struct str other;
    TRY(patch_make_format2(arena, from, to, progress, made, error));
    if (made->bytes.length < to->side.size / SMALL_PART && to->side.size > SMALL_PACKAGE) return STATUS_OK;
    TRY(make_format1(arena, from, to, &other, error));
    made->sizes[0] = other.length;
    if (other.length >= made->bytes.length) return STATUS_OK;
    made->format = PATCH_FORMAT_1;
    made->bytes = other;
    return STATUS_OK;
}
