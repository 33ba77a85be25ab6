#include "lib/transfer/part.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/encode.h"

static enum status failed(struct error *error, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT) return error_set(error, STATUS_TOO_LARGE, "%s: the disk is full", path);
    if (errno == EFBIG) return error_set(error, STATUS_TOO_LARGE, "%s: no file may be so large here (ulimit -f)", path);
    return error_errno(error, errno, "%s", path);
}

/* What stands there may be another's: a link would have us write where it leads. */
static enum status open_part(struct part *part, struct error *error)
{
    struct stat there;
    part->fd = open(part->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    ENSURE(part->fd >= 0 || errno != ELOOP, error, STATUS_INVALID, "%s is a symbolic link, and is not followed: take it away", part->part);
    if (part->fd < 0) return failed(error, part->part);
    arena_defer_close(part->arena, part->fd);
    if (fstat(part->fd, &there) != 0) return failed(error, part->part);
    ENSURE(S_ISREG(there.st_mode), error, STATUS_INVALID, "%s is no regular file: take it away", part->part);
    return STATUS_OK;
}

static void free_digest(void *context)
{
    EVP_MD_CTX_free(context);
}

static void *new_digest(struct arena *arena)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    arena_defer(arena, free_digest, digest);
    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    return digest;
}

static struct str end_digest(struct arena *arena, void *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(digest, bytes, &length);
    return hex_encode(arena, str_make(bytes, length));
}

/* Digests what the file has, up to `length`; *offset: how far it came. */
static enum status digest_file(struct arena *arena, int fd, uint64_t length, void *digest, uint64_t *offset, struct error *error)
{
    static const size_t chunk = 1 << 20;
    char *bytes = arena_buffer(arena, chunk);
    for (*offset = 0; *offset < length;) {
        size_t wanted = length - *offset < chunk ? (size_t)(length - *offset) : chunk;
        ssize_t count = pread(fd, bytes, wanted, (off_t)*offset);
        if (count < 0) return error_errno(error, errno, "reading what has come");
        if (count == 0) break;
        EVP_DigestUpdate(digest, bytes, (size_t)count);
        *offset += (uint64_t)count;
    }
    return STATUS_OK;
}

enum status part_remember(struct part *part, struct error *error)
{
    return resume_save(part->arena, part->state, &part->resume, error);
}

static void show(struct part *part)
{
    if (part->progress) part->progress->done = part->progress->before = part->offset;
}

enum status part_begin_again(struct part *part, uint64_t size, struct str sha256, struct error *error)
{
    if (ftruncate(part->fd, 0) != 0) return failed(error, part->part);
    EVP_DigestInit_ex(part->digest, EVP_sha256(), NULL);
    part->offset = 0;
    part->resume = (struct resume){.size = size, .sha256 = sha256};
    show(part);
    return part_remember(part, error);
}

static enum status check_room(const struct part *part, struct error *error)
{
    struct statvfs room;
    uint64_t missing = part->resume.size > part->offset ? part->resume.size - part->offset : 0;
    if (fstatvfs(part->fd, &room) != 0) return STATUS_OK; /* writing will tell */
    uint64_t left = (uint64_t)room.f_bavail * room.f_frsize;
    ENSURE(missing <= left, error, STATUS_TOO_LARGE, "%s: %llu more bytes are needed, and the disk has room for %llu", part->path,
           (unsigned long long)missing, (unsigned long long)left);
    return STATUS_OK;
}

static enum status take_up(struct part *part, uint64_t size, struct str sha256, struct error *error)
{
    struct stat there;
    if (fstat(part->fd, &there) != 0) return failed(error, part->part);
    bool same = resume_load(part->arena, part->state, &part->resume) && str_equal(part->resume.sha256, sha256) &&
                (size == 0 || part->resume.size == 0 || part->resume.size == size) &&
                (part->resume.size == 0 || (uint64_t)there.st_size <= part->resume.size);
    if (!same) return part_begin_again(part, size, sha256, error);
    if (part->resume.size == 0) part->resume.size = size;
    TRY(digest_file(part->arena, part->fd, (uint64_t)there.st_size, part->digest, &part->offset, error));
    show(part);
    return STATUS_OK;
}

enum status part_open(struct arena *arena, const char *path, const struct part_options *options, struct part **out, struct error *error)
{
    struct part *part = arena_new_of(arena, struct part);
    *part = (struct part){.arena = arena, .path = path, .progress = options->progress};
    part->part = arena_printf(arena, "%s.part", path).data;
    part->state = arena_printf(arena, "%s.part.json", path).data;
    TRY(open_part(part, error));
    ENSURE(flock(part->fd, LOCK_EX | LOCK_NB) == 0, error, STATUS_PRECONDITION, "%s: another process is loading it", part->part);
    part->digest = new_digest(arena);
    TRY(take_up(part, options->size, options->sha256, error));
    TRY(check_room(part, error));
    *out = part;
    return STATUS_OK;
}

enum status part_append(struct part *part, struct str bytes, struct error *error)
{
    while (bytes.length > 0) {
        ssize_t count = pwrite(part->fd, bytes.data, bytes.length, (off_t)part->offset);
        if (count <= 0) return failed(error, part->part);
        EVP_DigestUpdate(part->digest, bytes.data, (size_t)count);
        part->offset += (uint64_t)count;
        if (part->progress) progress_add(part->progress, (uint64_t)count);
        bytes = str_from(bytes, (size_t)count);
    }
    return STATUS_OK;
}

struct str part_sha256(struct part *part)
{
    return end_digest(part->arena, part->digest);
}

/* The rename is durable when its directory is. */
static void sync_directory(struct arena *arena, const char *path)
{
    int fd = open(dirname(arena_cstr(arena, str_of(path))), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

enum status part_finish(struct part *part, struct error *error)
{
    if (fsync(part->fd) != 0) return failed(error, part->part);
    if (rename(part->part, part->path) != 0) return failed(error, part->path);
    sync_directory(part->arena, part->path);
    unlink(part->state);
    return STATUS_OK;
}

struct str part_file_sha256(struct arena *arena, const char *path)
{
    struct error error;
    uint64_t length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return (struct str){NULL, 0};
    arena_defer_close(arena, fd);
    void *digest = new_digest(arena);
    if (digest_file(arena, fd, UINT64_MAX, digest, &length, &error) != STATUS_OK) return (struct str){NULL, 0};
    return end_digest(arena, digest);
}
