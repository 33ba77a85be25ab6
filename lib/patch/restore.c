#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "lib/patch/side_internal.h"

/* zstd's own frame header (RFC 8878, 3.1.1.1) takes so many bytes at most. */
enum { INPUT_SIZE = 128 << 10, ZSTD_HEAD_MOST = 18 };

struct restoring {
    struct stream diff;
    struct str from;
    uint64_t left;     /* of the new base */
    size_t frame_left; /* of what the frame restores */
    bool in_frame;
    ZSTD_DCtx *zstd;
    ZSTD_inBuffer input;
    char buffer[INPUT_SIZE];
};

/* --- what comes in */

static size_t waiting(const struct restoring *restoring)
{
    return restoring->input.size - restoring->input.pos;
}

/* Sees to it that `count` bytes are waiting, or all there are. */
static enum status fill_input(struct restoring *restoring, size_t count, struct error *error)
{
    ZSTD_inBuffer *input = &restoring->input;
    memmove(restoring->buffer, restoring->buffer + input->pos, waiting(restoring));
    *input = (ZSTD_inBuffer){restoring->buffer, waiting(restoring), 0};
    while (input->size < count) {
        ssize_t got = stream_read(restoring->diff, restoring->buffer + input->size, INPUT_SIZE - input->size, error);
        if (got < 0) return error->status;
        if (got == 0) break;
        input->size += (size_t)got;
    }
    return STATUS_OK;
}

static enum status need_input(struct restoring *restoring, size_t count, struct error *error)
{
    if (waiting(restoring) >= count) return STATUS_OK;
    TRY(fill_input(restoring, count, error));
    ENSURE(waiting(restoring) >= count, error, STATUS_CORRUPT, "the patch is truncated");
    return STATUS_OK;
}

/* --- frames */

static enum status read_frame_head(struct restoring *restoring, struct frame *frame, struct error *error)
{
    TRY(need_input(restoring, PATCH_FRAME_HEAD_SIZE, error));
    const char *at = restoring->buffer + restoring->input.pos;
    *frame = (struct frame){bytes_get64(at), bytes_get64(at + 8), bytes_get32(at + 16)};
    restoring->input.pos += PATCH_FRAME_HEAD_SIZE;
    bool inside = frame->offset <= restoring->from.length && frame->length <= restoring->from.length - frame->offset;
    ENSURE(inside, error, STATUS_CORRUPT, "the patch refers to what lies beyond the old package");
    bool fits = frame->restored > 0 && frame->restored <= PATCH_SEGMENT && frame->restored <= restoring->left;
    ENSURE(fits, error, STATUS_CORRUPT, "the patch is damaged: a part of it would restore %u bytes", frame->restored);
    return STATUS_OK;
}

/* zstd takes as much memory as its frame's header says: it must say what ours does. zstd would also read frames from before RFC 8878. */
static enum status check_zstd_head(struct restoring *restoring, const struct frame *frame, struct error *error)
{
    TRY(fill_input(restoring, ZSTD_HEAD_MOST, error));
    bool is_frame = waiting(restoring) >= sizeof(uint32_t) && bytes_get32(restoring->buffer) == ZSTD_MAGICNUMBER;
    unsigned long long size = is_frame ? ZSTD_getFrameContentSize(restoring->buffer, waiting(restoring)) : ZSTD_CONTENTSIZE_ERROR;
    ENSURE(size == frame->restored, error, STATUS_CORRUPT,
           "the patch is damaged: a part of it does not restore the %u bytes that it should", frame->restored);
    return STATUS_OK;
}

/* 2^31 bytes; 2^30 on a machine of 32 bits. */
static int window_log_max(void)
{
    return ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound;
}

static enum status begin_frame(struct restoring *restoring, struct error *error)
{
    struct frame frame;
    ZSTD_DCtx *zstd = restoring->zstd;
    if (!zstd) zstd = restoring->zstd = ZSTD_createDCtx();
    ENSURE(zstd, error, STATUS_INTERNAL, "zstd could not start: there is not enough memory");
    TRY(read_frame_head(restoring, &frame, error));
    TRY(check_zstd_head(restoring, &frame, error));
    bool ready = !ZSTD_isError(ZSTD_DCtx_reset(zstd, ZSTD_reset_session_and_parameters)) &&
                 !ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, window_log_max())) &&
                 !ZSTD_isError(ZSTD_DCtx_refPrefix(zstd, restoring->from.data + frame.offset, (size_t)frame.length));
    ENSURE(ready, error, STATUS_INTERNAL, "zstd could not start");
    restoring->frame_left = frame.restored;
    restoring->in_frame = true;
    return STATUS_OK;
}

/* What is wrong with this machine is no word against the patch. */
static enum status check(size_t result, struct error *error)
{
    ENSURE(ZSTD_getErrorCode(result) != ZSTD_error_memory_allocation, error, STATUS_INTERNAL, "there is not enough memory for the patch");
    ENSURE(!ZSTD_isError(result), error, STATUS_CORRUPT, "the patch is damaged: %s", ZSTD_getErrorName(result));
    return STATUS_OK;
}

/* One step: may bring no bytes yet. No room is left for more bytes than the frame has. */
static enum status decompress(struct restoring *restoring, ZSTD_outBuffer *out, struct error *error)
{
    if (waiting(restoring) == 0) TRY(fill_input(restoring, 1, error));
    bool ended = waiting(restoring) == 0;
    if (out->size > restoring->frame_left) out->size = restoring->frame_left;
    size_t result = ZSTD_decompressStream(restoring->zstd, out, &restoring->input);
    TRY(check(result, error));
    ENSURE(!ended || result == 0 || out->pos > 0, error, STATUS_CORRUPT, "the patch is truncated");
    restoring->frame_left -= out->pos;
    restoring->left -= out->pos;
    restoring->in_frame = result > 0;
    ENSURE(restoring->in_frame || restoring->frame_left == 0, error, STATUS_CORRUPT, "the patch is damaged: a part of it ends early");
    return STATUS_OK;
}

static enum status finish(struct restoring *restoring, struct error *error)
{
    TRY(fill_input(restoring, 1, error));
    ENSURE(waiting(restoring) == 0, error, STATUS_CORRUPT, "the patch is damaged: there are bytes behind its end");
    return STATUS_OK;
}

static ssize_t restore_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct restoring *restoring = context;
    ZSTD_outBuffer out = {buffer, capacity, 0};
    while (out.pos == 0 && (restoring->in_frame || restoring->left > 0)) {
        out.size = capacity;
        if ((restoring->in_frame ? decompress(restoring, &out, error) : begin_frame(restoring, error)) != STATUS_OK) return -1;
    }
    if (out.pos == 0 && finish(restoring, error) != STATUS_OK) return -1;
    return (ssize_t)out.pos;
}

static void restore_close(void *context)
{
    struct restoring *restoring = context;
    ZSTD_freeDCtx(restoring->zstd);
}

struct stream restore_stream(struct arena *arena, struct stream diff, struct str from, uint64_t size)
{
    struct restoring *restoring = arena_new_of(arena, struct restoring);
    *restoring = (struct restoring){.diff = diff, .from = from, .left = size};
    return (struct stream){.read = restore_read, .close = restore_close, .context = restoring};
}
