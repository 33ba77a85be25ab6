#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int file_descriptor(const struct apk_source *source)
{
    return (int)(intptr_t)source->context;
}

static enum status read_file(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    int fd = (int)(intptr_t)context;
    for (size_t used = 0; used < length;) {
        ssize_t count = pread(fd, (char *)buffer + used, length - used, (off_t)(offset + used));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_errno(error, errno, "reading");
        ENSURE(count > 0, error, STATUS_CORRUPT, "the file became shorter while it was read");
        used += (size_t)count;
    }
    return STATUS_OK;
}

enum status file_source(struct arena *arena, const char *path, struct apk_source *source, struct error *error)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_errno(error, errno, "%s", path);
    arena_defer_close(arena, fd);
    if (fstat(fd, &stat) != 0) return error_errno(error, errno, "%s", path);
    ENSURE(S_ISREG(stat.st_mode), error, STATUS_INVALID, "%s: not a regular file", path);
    *source = (struct apk_source){.read = read_file, .context = (void *)(intptr_t)fd, .size = (uint64_t)stat.st_size};
    return STATUS_OK;
}

static enum status read_watched(void *context, uint64_t offset, void *buffer, size_t length, struct error *error)
{
    struct file_reading *reading = context;
    TRY(reading->inner.read(reading->inner.context, offset, buffer, length, error));
    progress_add(&reading->progress, length);
    return STATUS_OK;
}

struct apk_source file_reading_start(struct file_reading *reading, const char *label, const struct apk_source *source)
{
    *reading = (struct file_reading){.inner = *source, .progress = progress_start(label, source->size)};
    return (struct apk_source){.read = read_watched, .context = reading, .size = source->size};
}

void file_warn_of_idsig(const char *path)
{
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.idsig", path);
    if (length < 0 || (size_t)length >= sizeof beside || access(beside, F_OK) != 0) return;
    fprintf(stderr,
            "warning: %s is a v4 signature of exactly this file: it matches neither the base nor any channel package; don't ship it\n",
            beside);
}

void file_tell_notes(const struct apk_prepared *prepared)
{
    for (int i = 0; i < prepared->note_count; i++) fprintf(stderr, "note: " STR_FMT "\n", STR_ARG(prepared->notes[i]));
}
