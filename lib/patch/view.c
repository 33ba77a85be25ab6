#include <zlib.h>

#include "base/map.h"
#include "lib/patch/format2_internal.h"
#include "lib/transfer/spool.h"

struct piece {
    uint64_t start; /* in the inflated form */
    const char *bytes;
};
struct view {
    struct piece *pieces; /* the last one is the end */
    size_t count, current;
};

/* --- inflating entries into one file */

struct inflating {
    struct str base;
    const struct entries *entries;
    size_t next;   /* entry */
    uint64_t left; /* of the entry's inflated bytes */
    bool active;
    z_stream zlib;
};

static enum status begin_entry(struct inflating *inflating, struct error *error)
{
    const struct entry *entry = &inflating->entries->of[inflating->next];
    ENSURE(inflateReset(&inflating->zlib) == Z_OK, error, STATUS_INTERNAL, "zlib could not start");
    inflating->zlib.next_in = (unsigned char *)(uintptr_t)(inflating->base.data + entry->offset);
    inflating->zlib.avail_in = (uInt)entry->deflated;
    inflating->left = entry->inflated;
    inflating->active = true;
    return STATUS_OK;
}

/* One byte of room beyond what the entry should hold shows whether it holds more. */
static enum status inflate_some(struct inflating *inflating, char *buffer, size_t capacity, size_t *made, struct error *error)
{
    z_stream *zlib = &inflating->zlib;
    unsigned char beyond;
    bool room = inflating->left > 0;
    size_t most = room && inflating->left < capacity ? (size_t)inflating->left : capacity;
    zlib->next_out = room ? (unsigned char *)buffer : &beyond;
    zlib->avail_out = room ? (uInt)most : 1;
    int ret = inflate(zlib, Z_NO_FLUSH);
    *made = room ? most - zlib->avail_out : 0;
    inflating->left -= *made;
    if (ret == Z_STREAM_END) inflating->active = false, inflating->next++;
    bool over = !room && zlib->avail_out == 0;
    bool right = ret == Z_STREAM_END ? !over && zlib->avail_in == 0 && inflating->left == 0 : ret == Z_OK && *made > 0;
    ENSURE(right, error, STATUS_CORRUPT, "the patch is damaged: an entry of the old package does not inflate as it says");
    return STATUS_OK;
}

static ssize_t inflate_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct inflating *inflating = context;
    size_t made = 0;
    while (made == 0 && inflating->next < inflating->entries->count) {
        if (!inflating->active && begin_entry(inflating, error) != STATUS_OK) return -1;
        if (inflate_some(inflating, buffer, capacity < UINT32_MAX ? capacity : UINT32_MAX, &made, error) != STATUS_OK) return -1;
    }
    return (ssize_t)made;
}

static void end_inflater(void *zlib)
{
    inflateEnd(zlib);
}

static enum status spool_entries(struct arena *arena, struct inflating *inflating, const char *folder, struct map *map, struct error *error)
{
    int fd;
    *map = (struct map){NULL, 0};
    if (inflating->entries->count == 0) return STATUS_OK;
    arena_defer(arena, end_inflater, &inflating->zlib); /* ending it twice does no harm */
    ENSURE(inflateInit2(&inflating->zlib, -MAX_WBITS) == Z_OK, error, STATUS_INTERNAL, "zlib could not start");
    enum status status = spool_stream_in(arena, folder, (struct stream){.read = inflate_read, .context = inflating}, &fd, error);
    inflateEnd(&inflating->zlib);
    TRY(status);
    return map_file(arena, fd, map, error);
}

/* --- pieces */

static void add_piece(struct view *view, uint64_t *at, const char *bytes, uint64_t length)
{
    if (length == 0) return;
    view->pieces[view->count++] = (struct piece){*at, bytes};
    *at += length;
}

enum status view_open(struct arena *arena, struct str base, const struct entries *entries, const char *folder, struct view **out,
                      struct error *error)
{
    struct inflating *inflating = arena_new_of(arena, struct inflating);
    struct map map;
    struct view *view = arena_new_of(arena, struct view);
    uint64_t at = 0, copied = 0, spooled = 0;
    *inflating = (struct inflating){.base = base, .entries = entries};
    TRY(spool_entries(arena, inflating, folder, &map, error));
    view->pieces = arena_array(arena, 2 * entries->count + 2, sizeof *view->pieces);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->of[i];
        add_piece(view, &at, base.data + copied, entry->offset - copied);
        if (entry->inflated > 0) add_piece(view, &at, map.bytes + spooled, entry->inflated);
        spooled += entry->inflated;
        copied = entry->offset + entry->deflated;
    }
    add_piece(view, &at, base.data + copied, base.length - copied);
    view->pieces[view->count] = (struct piece){at, NULL};
    *out = view;
    return STATUS_OK;
}

uint64_t view_size(const struct view *view)
{
    return view->pieces[view->count].start;
}

static size_t piece_of(const struct view *view, uint64_t offset)
{
    size_t low = 0, high = view->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (view->pieces[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct str view_at(struct view *view, uint64_t offset, uint64_t length)
{
    const struct piece *piece = &view->pieces[view->current];
    if (offset < piece->start || offset >= piece[1].start) {
        view->current = piece_of(view, offset);
        piece = &view->pieces[view->current];
    }
    uint64_t left = piece[1].start - offset;
    return str_make(piece->bytes + (offset - piece->start), (size_t)(length < left ? length : left));
}
