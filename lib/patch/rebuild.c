#include <zlib.h>

#include "base/map.h"
#include "lib/patch/format2_internal.h"
#include "lib/transfer/spool.h"

enum { DIFFERENCES = 16384 };

struct rebuild {
    struct arena *arena;
    struct stream diff;
    struct str from; /* the old base */
    const struct patch_header *header;
    const char *folder;
    struct plan plan;
    struct view *old;
    uint64_t old_at;                 /* in the old base's inflated form */
    uint64_t copy_left, insert_left; /* of the command */
    uint64_t plain_left, zero_left;  /* of the run: differences that the stream holds, then zeros */
    uint64_t made;                   /* of the new base */
    uint64_t size;
    size_t next; /* entry of the new base */
    bool in_entry, finished;
    uint64_t entry_left; /* bytes of the entry that zlib has not had */
    z_stream zlib;
    char chunk[DEFLATE_CHUNK];
    unsigned char differences[DIFFERENCES];
};

/* --- the new base's inflated form */

static enum status next_command(struct rebuild *rebuild, struct error *error)
{
    uint64_t seek, size = view_size(rebuild->old);
    struct packed **streams = rebuild->plan.streams;
    TRY(packed_number(streams[PACKED_SEEKS], &seek, error));
    TRY(packed_number(streams[PACKED_COPIES], &rebuild->copy_left, error));
    TRY(packed_number(streams[PACKED_INSERTS], &rebuild->insert_left, error));
    uint64_t distance = seek >> 1, limit = seek & 1 ? rebuild->old_at : size - rebuild->old_at;
    bool inside = seek & 1 ? distance < limit : distance <= limit; /* back by distance + 1 */
    ENSURE(inside, error, STATUS_CORRUPT, "the patch is damaged: it refers to bytes outside the old package");
    rebuild->old_at = seek & 1 ? rebuild->old_at - distance - 1 : rebuild->old_at + distance;
    ENSURE(rebuild->copy_left <= size - rebuild->old_at, error, STATUS_CORRUPT,
           "the patch is damaged: it refers to bytes beyond the old package");
    ENSURE(rebuild->copy_left > 0 || rebuild->insert_left > 0, error, STATUS_CORRUPT, "the patch is damaged: a command makes nothing");
    return STATUS_OK;
}

static enum status next_run(struct rebuild *rebuild, struct error *error)
{
    TRY(packed_number(rebuild->plan.streams[PACKED_RUNS], &rebuild->plain_left, error));
    TRY(packed_number(rebuild->plan.streams[PACKED_RUNS], &rebuild->zero_left, error));
    ENSURE(rebuild->plain_left > 0 || rebuild->zero_left > 0, error, STATUS_CORRUPT, "the patch is damaged: a run is empty");
    return STATUS_OK;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Some bytes of the command's copy, up to `length`. */
static enum status copy(struct rebuild *rebuild, char *out, size_t length, size_t *took, struct error *error)
{
    if (rebuild->plain_left == 0 && rebuild->zero_left == 0) TRY(next_run(rebuild, error));
    bool plain = rebuild->plain_left > 0;
    uint64_t run = plain ? least(rebuild->plain_left, DIFFERENCES) : rebuild->zero_left;
    struct str old = view_at(rebuild->old, rebuild->old_at, least(least(run, rebuild->copy_left), length));
    memcpy(out, old.data, old.length);
    if (plain) {
        TRY(packed_read(rebuild->plan.streams[PACKED_DIFFERENCES], rebuild->differences, old.length, error));
        for (size_t i = 0; i < old.length; i++) out[i] = (char)(out[i] + rebuild->differences[i]);
    }
    *(plain ? &rebuild->plain_left : &rebuild->zero_left) -= old.length;
    rebuild->copy_left -= old.length;
    rebuild->old_at += old.length;
    *took = old.length;
    return STATUS_OK;
}

/* Exactly `length` bytes of the inflated form. */
static enum status produce(struct rebuild *rebuild, char *out, size_t length, struct error *error)
{
    for (size_t took; length > 0; out += took, length -= took) {
        if (rebuild->copy_left == 0 && rebuild->insert_left == 0) TRY(next_command(rebuild, error));
        if (rebuild->copy_left > 0) {
            TRY(copy(rebuild, out, length, &took, error));
            continue;
        }
        took = (size_t)least(rebuild->insert_left, length);
        TRY(packed_read(rebuild->plan.streams[PACKED_LITERALS], out, took, error));
        rebuild->insert_left -= took;
    }
    return STATUS_OK;
}

/* --- the new base */

static const struct entry *entry_of(const struct rebuild *rebuild)
{
    return rebuild->next < rebuild->plan.to.count ? &rebuild->plan.to.of[rebuild->next] : NULL;
}

static enum status begin_entry(struct rebuild *rebuild, const struct entry *entry, struct error *error)
{
    const struct deflater *deflater = &entry->deflater;
    rebuild->zlib = (z_stream){0};
    int ret = deflateInit2(&rebuild->zlib, deflater->level, Z_DEFLATED, -MAX_WBITS, deflater->memory, deflater->strategy);
    ENSURE(ret == Z_OK, error, STATUS_INTERNAL, "zlib could not start: %d", ret);
    rebuild->entry_left = entry->inflated;
    rebuild->in_entry = true;
    return STATUS_OK;
}

static enum status feed_entry(struct rebuild *rebuild, struct error *error)
{
    size_t length = (size_t)least(rebuild->entry_left, sizeof rebuild->chunk);
    TRY(produce(rebuild, rebuild->chunk, length, error));
    rebuild->zlib.next_in = (unsigned char *)rebuild->chunk;
    rebuild->zlib.avail_in = (uInt)length;
    rebuild->entry_left -= length;
    return STATUS_OK;
}

/* Some bytes of the deflated entry; at its end its size must be right. */
static enum status deflate_some(struct rebuild *rebuild, char *out, size_t capacity, size_t *took, struct error *error)
{
    const struct entry *entry = entry_of(rebuild);
    z_stream *zlib = &rebuild->zlib;
    if (zlib->avail_in == 0 && rebuild->entry_left > 0) TRY(feed_entry(rebuild, error));
    uint64_t room = entry->offset + entry->deflated - rebuild->made;
    unsigned char beyond;
    *took = (size_t)least(room, capacity);
    zlib->next_out = room > 0 ? (unsigned char *)out : &beyond;
    zlib->avail_out = room > 0 ? (uInt)*took : 1;
    int ret = deflate(zlib, rebuild->entry_left == 0 ? Z_FINISH : Z_NO_FLUSH);
    *took = room > 0 ? *took - zlib->avail_out : 0;
    bool over = room == 0 && zlib->avail_out == 0;
    bool ended = ret == Z_STREAM_END && *took == room && !over;
    bool goes_on = ret != Z_STREAM_END && ret != Z_STREAM_ERROR && !over;
    ENSURE(ended || goes_on, error, STATUS_CORRUPT,
           "the patch is damaged, or was made for another zlib than %s: an entry deflates to another size than %llu bytes", zlibVersion(),
           (unsigned long long)entry->deflated);
    if (ended) {
        deflateEnd(zlib);
        rebuild->in_entry = false;
        rebuild->next++;
    }
    return STATUS_OK;
}

static enum status step(struct rebuild *rebuild, char *out, size_t capacity, size_t *took, struct error *error)
{
    const struct entry *entry = entry_of(rebuild);
    *took = 0;
    if (rebuild->in_entry) return deflate_some(rebuild, out, capacity, took, error);
    uint64_t end = entry ? entry->offset : rebuild->size;
    if (rebuild->made == end) return begin_entry(rebuild, entry, error);
    *took = (size_t)least(end - rebuild->made, capacity);
    return produce(rebuild, out, *took, error);
}

static enum status finish(struct rebuild *rebuild, struct error *error)
{
    bool ended =
        !rebuild->in_entry && rebuild->copy_left == 0 && rebuild->insert_left == 0 && rebuild->plain_left == 0 && rebuild->zero_left == 0;
    ENSURE(ended, error, STATUS_CORRUPT, "the patch is damaged: its last command makes too much");
    for (size_t i = PACKED_COPIES; i < PACKED_STREAMS; i++) TRY(packed_finish(rebuild->plan.streams[i], error));
    rebuild->finished = true;
    return STATUS_OK;
}

static enum status begin(struct rebuild *rebuild, struct error *error)
{
    struct map map;
    int fd;
    TRY(spool_stream_in(rebuild->arena, rebuild->folder, rebuild->diff, &fd, error));
    TRY(map_file(rebuild->arena, fd, &map, error));
    TRY(plan_read(rebuild->arena, str_make(map.bytes, map.length), rebuild->header, &rebuild->plan, error));
    TRY(view_open(rebuild->arena, rebuild->from, &rebuild->plan.from, rebuild->folder, &rebuild->old, error));
    rebuild->size = rebuild->header->to.size;
    return STATUS_OK;
}

static ssize_t rebuild_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct rebuild *rebuild = context;
    size_t took = 0, most = (size_t)least(capacity, 1 << 20);
    if (!rebuild->old && begin(rebuild, error) != STATUS_OK) return -1;
    while (took == 0 && (rebuild->made < rebuild->size || rebuild->in_entry)) {
        if (step(rebuild, buffer, most, &took, error) != STATUS_OK) return -1;
        rebuild->made += took;
    }
    if (took == 0 && !rebuild->finished && finish(rebuild, error) != STATUS_OK) return -1;
    return (ssize_t)took;
}

static void rebuild_close(void *context)
{
    struct rebuild *rebuild = context;
    if (rebuild->in_entry) deflateEnd(&rebuild->zlib);
    rebuild->in_entry = false;
}

struct stream rebuild_stream(struct arena *arena, struct stream diff, struct str from, const struct patch_header *header,
                             const char *folder)
{
    struct rebuild *rebuild = arena_new_of(arena, struct rebuild);
    rebuild->arena = arena;
    rebuild->diff = diff;
    rebuild->from = from;
    rebuild->header = header;
    rebuild->folder = folder;
    return (struct stream){.read = rebuild_read, .close = rebuild_close, .context = rebuild};
}
