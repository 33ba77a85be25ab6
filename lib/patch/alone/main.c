/* pakhus-patch: `pakhus patch` for devices, made of libpakhus-patch.a alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pakhus_patch.h"

static const char usage[] = "usage: pakhus-patch OLD.apk X.diff NEW.apk [REGION]\n"
                            "       pakhus-patch --version\n\n"
                            "Makes NEW.apk out of the installed package and a patch. NEW.apk must not exist. REGION is a file with the\n"
                            "channel region of another channel's package of the new version. Files go to $TMPDIR, or /tmp.\n"
                            "Exit status: 0 done, 1 failed, 2 usage; 3 the patch does not fit: load the whole package.\n";

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0) fprintf(stderr, "pakhus-patch: %s: %s\n", path, strerror(errno));
    return fd;
}

/* A region has 1 MiB at most. False: said why. */
static int read_region(const char *path, char *region, size_t *length)
{
    int fd = open_file(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, region, *length);
    if (fd >= 0 && count < 0) fprintf(stderr, "pakhus-patch: %s: %s\n", path, strerror(errno));
    if (fd >= 0) close(fd);
    *length = count < 0 ? 0 : (size_t)count;
    return count > 0;
}

static int apply(char **files, const void *region, size_t region_length)
{
    char message[PAKHUS_PATCH_MESSAGE_MAX] = "";
    struct pakhus_patch patch = {.region = region, .region_length = region_length};
    patch.old_fd = open_file(files[0], O_RDONLY);
    patch.patch_fd = open_file(files[1], O_RDONLY);
    if (patch.old_fd < 0 || patch.patch_fd < 0) return 1;
    patch.new_fd = open_file(files[2], O_WRONLY | O_CREAT | O_EXCL);
    if (patch.new_fd < 0) return 1;
    enum pakhus_patch_status status = pakhus_patch_apply(&patch, message);
    if (status == PAKHUS_PATCH_OK) return 0;
    fprintf(stderr, "pakhus-patch: %s\n", message);
    unlink(files[2]);
    return status == PAKHUS_PATCH_NOT_APPLICABLE || status == PAKHUS_PATCH_UNSUPPORTED ? 3 : 1;
}

int main(int count, char **words)
{
    static char region[1 << 20];
    size_t length = sizeof region;
    char version[128];
    if (count == 2 && strcmp(words[1], "--version") == 0) return printf("pakhus-patch %s\n", pakhus_patch_version(version)) < 0;
    if (count == 4) return apply(words + 1, NULL, 0);
    if (count != 5) return fputs(usage, stderr), 2;
    return read_region(words[4], region, &length) ? apply(words + 1, region, length) : 1;
}
