#include "lib/patch/alone/pakhus_patch.h"

#include <errno.h>
#include <jansson.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/version.h"
#include "lib/patch/patch.h"

enum { CHUNK = 256 << 10 };

struct job {
    struct progress progress; /* the first member: report() finds the job by it */
    const struct pakhus_patch *order;
    struct arena *arena;
    uint64_t read; /* of the patch */
    bool writing, stopped;
    struct patch_header header;
    struct stream package;
    struct error error;
    jmp_buf no_memory;
};

/* --- the patch as a stream */

static ssize_t patch_fd_read(void *context, void *buffer, size_t capacity, struct error *error)
{
    struct job *job = context;
    ssize_t count;
    do count = pread(job->order->patch_fd, buffer, capacity, (off_t)job->read);
    while (count < 0 && errno == EINTR);
    if (count < 0) return error_errno(error, errno, "reading the patch"), error->status = STATUS_UNAVAILABLE, -1;
    job->read += (uint64_t)count;
    return count;
}

static struct stream patch_of(struct job *job)
{
    return (struct stream){.read = patch_fd_read, .context = job};
}

/* --- the new package */

/* Stock zlib has made the same bytes since 1.2.12; others, which call themselves "1.3.0.1-motley" or "1.3.1.zlib-ng", do not (FORMAT.md).
 */
static enum status check_zlib(const struct patch_header *header, struct error *error)
{
    static const char *const stock[] = {"1.2.12", "1.2.13", "1.3", "1.3.1"};
    if (header->format == PATCH_FORMAT_1) return STATUS_OK;
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++)
        if (strcmp(zlibVersion(), stock[i]) == 0) return STATUS_OK;
    return error_set(error, STATUS_UNSUPPORTED, "this program has zlib %s inside; patches of format 2 need stock zlib 1.2.12 to 1.3.1",
                     zlibVersion());
}

static bool is_same(const struct stat *a, int fd)
{
    struct stat b;
    return fstat(fd, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

static enum status begin_output(struct job *job, struct error *error)
{
    const struct pakhus_patch *order = job->order;
    struct stat stat;
    if (fstat(order->new_fd, &stat) != 0) return error_errno(error, errno, "the new package");
    ENSURE(S_ISREG(stat.st_mode), error, STATUS_UNAVAILABLE, "the new package is not a regular file");
    bool apart = !is_same(&stat, order->old_fd) && !is_same(&stat, order->patch_fd);
    ENSURE(apart, error, STATUS_UNAVAILABLE, "the new package would be written over what it is made of");
    job->writing = true;
    if (ftruncate(order->new_fd, 0) != 0) return error_errno(error, errno, "the new package");
    return STATUS_OK;
}

static enum status write_package(struct job *job, struct error *error)
{
    char *chunk = arena_buffer(job->arena, CHUNK);
    uint64_t at = 0;
    ssize_t count;
    while ((count = stream_read(job->package, chunk, CHUNK, error)) > 0) {
        ENSURE(!job->stopped, error, STATUS_WOULD_BLOCK, "stopped");
        if (io_write_at(job->order->new_fd, at, str_make(chunk, (size_t)count), error) != STATUS_OK)
            return error_context(error, "the new package"), error->status = STATUS_UNAVAILABLE;
        at += (uint64_t)count;
    }
    if (count < 0) return error->status;
    if (fsync(job->order->new_fd) != 0) return error_errno(error, errno, "the new package"), error->status = STATUS_UNAVAILABLE;
    return STATUS_OK;
}

static void report(struct progress *progress)
{
    struct job *job = (struct job *)progress;
    if (job->order->progress(job->order->context, progress->done, progress->total) != 0) job->stopped = true;
}

static enum status apply(struct job *job, struct error *error)
{
    const struct pakhus_patch *order = job->order;
    struct patch_target target = {.installed = order->old_fd, .folder = order->spool_folder};
    if (order->region_length > 0) target.region = str_make(order->region, order->region_length);
    if (order->progress) job->progress.report = report, target.progress = &job->progress;
    TRY(begin_output(job, error));
    TRY(patch_read(job->arena, patch_of(job), &job->header, error));
    TRY(check_zlib(&job->header, error));
    TRY(patch_apply(job->arena, &job->header, patch_of(job), &target, &job->package, error));
    return write_package(job, error);
}

/* --- what the caller sees */

static void leave(void *context)
{
    struct job *job = context;
    longjmp(job->no_memory, 1);
}

/* The job is not this function's own, so that its members are what they were when memory ran out. */
static enum status guarded(struct job *job, enum status (*step)(struct job *, struct error *))
{
    job->arena = arena_new_with_exit(leave, job);
    bool failed = !job->arena || setjmp(job->no_memory) != 0;
    return failed ? error_set(&job->error, STATUS_UNAVAILABLE, "there is not enough memory") : step(job, &job->error);
}

static enum pakhus_patch_status status_of(enum status status)
{
    switch (status) {
    case STATUS_OK: return PAKHUS_PATCH_OK;
    case STATUS_WOULD_BLOCK: return PAKHUS_PATCH_STOPPED;
    case STATUS_INVALID:
    case STATUS_TOO_LARGE: return PAKHUS_PATCH_NOT_APPLICABLE;
    case STATUS_CORRUPT: return PAKHUS_PATCH_DAMAGED;
    case STATUS_UNSUPPORTED: return PAKHUS_PATCH_UNSUPPORTED;
    default: return PAKHUS_PATCH_SYSTEM;
    }
}

static enum pakhus_patch_status finish(struct job *job, enum status status, char *message)
{
    _Static_assert(sizeof job->error.text == PAKHUS_PATCH_MESSAGE_MAX, "the header says how long messages are");
    stream_close(&job->package);
    arena_free(job->arena);
    if (status != STATUS_OK && job->writing && ftruncate(job->order->new_fd, 0) != 0) job->writing = false;
    if (message) memcpy(message, status == STATUS_OK ? "" : job->error.text, status == STATUS_OK ? 1 : strlen(job->error.text) + 1);
    return status_of(status);
}

enum pakhus_patch_status pakhus_patch_apply(const struct pakhus_patch *order, char *message)
{
    struct job job = {.order = order};
    return finish(&job, guarded(&job, apply), message);
}

static enum status read_header(struct job *job, struct error *error)
{
    return patch_read(job->arena, patch_of(job), &job->header, error);
}

static void put_digest(char out[65], struct str hexadecimal)
{
    memcpy(out, hexadecimal.data, hexadecimal.length);
    out[hexadecimal.length] = 0;
}

enum pakhus_patch_status pakhus_patch_read(int patch_fd, struct pakhus_patch_info *info, char *message)
{
    const struct pakhus_patch order = {.patch_fd = patch_fd};
    struct job job = {.order = &order};
    enum status status = guarded(&job, read_header);
    const struct patch_side *from = &job.header.from, *to = &job.header.to;
    if (status == STATUS_OK) {
        *info = (struct pakhus_patch_info){.format = job.header.format,
                                           .old_size = from->size,
                                           .new_size = to->size,
                                           .region_offset = to->region.offset,
                                           .region_length = to->region.length};
        put_digest(info->old_sha256, from->sha256);
        put_digest(info->new_sha256, to->sha256);
    }
    return finish(&job, status, message);
}

const char *pakhus_patch_version(char text[128])
{
    snprintf(text, 128, PAKHUS_VERSION " (zlib %s, zstd %s, liblzma %s, jansson %s)", zlibVersion(), ZSTD_versionString(),
             lzma_version_string(), jansson_version_str());
    return text;
}
