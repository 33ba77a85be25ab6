#include <zstd.h>

#include "base/bytes.h"
#include "lib/patch/side_internal.h"

/* How much of the old package a frame can refer to: zstd indexes no more than 3.5 GiB, prefix and content together. */
enum { STEP = 256 << 10, SMALL = 64 << 20, LEVEL = 12, LEVEL_SMALL = 19, WINDOW_LOG_LEAST = 10, WINDOW_LOG_MOST = 31 };
static const uint64_t REACH = UINT64_C(1) << 31;

struct making {
    const struct patch_package *from, *to;
    struct progress *progress;
    ZSTD_CCtx *zstd;
    struct str head; /* of the patch, or of a frame: goes out first */
    char frame_head[PATCH_FRAME_HEAD_SIZE];
    uint64_t position, end; /* in `to`; end: of the frame */
    bool in_frame;
};

/* The part of the old package around where the new one is now: all of it, up to REACH. */
static struct frame frame_at(const struct making *making)
{
    uint64_t from = making->from->side.size, to = making->to->side.size, left = to - making->position;
    struct frame frame = {.length = from < REACH ? from : REACH, .restored = left < PATCH_SEGMENT ? (uint32_t)left : PATCH_SEGMENT};
    double middle = ((double)making->position + (double)frame.restored / 2) * (double)from / (double)to;
    uint64_t half = frame.length / 2, start = middle > (double)half ? (uint64_t)middle - half : 0, last = from - frame.length;
    frame.offset = start < last ? start : last;
    return frame;
}

static int window_log(uint64_t bytes)
{
    int log = WINDOW_LOG_LEAST;
    while (log < WINDOW_LOG_MOST && UINT64_C(1) << log < bytes) log++;
    return log;
}

/* The level above 12 takes minutes to index a large prefix, and then finds hardly more. */
static int level_of(const struct frame *frame)
{
    return frame->length <= SMALL && frame->restored <= SMALL ? LEVEL_SMALL : LEVEL;
}

static enum status check(size_t result, struct error *error)
{
    ENSURE(!ZSTD_isError(result), error, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(result));
    return STATUS_OK;
}

static enum status begin_frame(struct making *making, struct error *error)
{
    ZSTD_CCtx *zstd = making->zstd;
    struct frame frame = frame_at(making);
    TRY(check(ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters), error));
    TRY(check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level_of(&frame)), error));
    TRY(check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log(frame.length + frame.restored)), error));
    TRY(check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_enableLongDistanceMatching, 1), error));
    TRY(check(ZSTD_CCtx_setPledgedSrcSize(zstd, frame.restored), error));
    TRY(check(ZSTD_CCtx_refPrefix(zstd, making->from->base.data + frame.offset, (size_t)frame.length), error));
    bytes_put64(making->frame_head, frame.offset);
    bytes_put64(making->frame_head + 8, frame.length);
    bytes_put32(making->frame_head + 16, frame.restored);
    making->head = str_make(making->frame_head, sizeof making->frame_head);
    making->end = making->position + frame.restored;
    making->in_frame = true;
    return STATUS_OK;
}

/* One step: may bring no bytes yet. */
static enum status compress(struct making *making, ZSTD_outBuffer *out, struct error *error)
{
    uint64_t left = making->end - making->position;
    bool last = left <= STEP;
    ZSTD_inBuffer in = {making->to->base.data + making->position, last ? (size_t)left : STEP, 0};
    size_t result = ZSTD_compressStream2(making->zstd, out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    TRY(check(result, error));
    making->position += in.pos;
    if (making->progress) progress_add(making->progress, in.pos);
    making->in_frame = !last || result > 0;
    return STATUS_OK;
}

static ssize_t take_head(struct making *making, void *buffer, size_t capacity)
{
    struct str head = str_first(making->head, capacity);
    memcpy(buffer, head.data, head.length);
    making->head = str_from(making->head, head.length);
    return (ssize_t)head.length;
}

static ssize_t make_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct making *making = context;
    ZSTD_outBuffer out = {buffer, capacity, 0};
    while (out.pos == 0) {
        if (making->head.length > 0) return take_head(making, buffer, capacity);
        if (!making->in_frame && making->position == making->to->side.size) return 0;
        if ((making->in_frame ? compress(making, &out, error) : begin_frame(making, error)) != STATUS_OK) return -1;
    }
    return (ssize_t)out.pos;
}

static void make_close(void *context)
{
    struct making *making = context;
    ZSTD_freeCCtx(making->zstd);
}

struct stream patch_make(struct arena *arena, const struct patch_package *from, const struct patch_package *to, struct progress *progress)
{
    const struct patch_header header = {from->side, to->side, PATCH_FORMAT_1};
    struct making *making = arena_new_of(arena, struct making);
    *making = (struct making){.from = from, .to = to, .progress = progress, .zstd = ZSTD_createCCtx()};
    making->head = patch_header_format(arena, &header);
    return (struct stream){.read = make_read, .close = make_close, .context = making};
}
