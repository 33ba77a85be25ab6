/* The applier for devices, as an app's updater calls it: whatever the patch, the call ends well. What it makes is what the patch's header
 * says, to the last byte; after anything else the output is empty and there are words.
 *
 * The first byte says what the others are: 0 a patch; 1 and 2 what follows the header of one of that format, which leads from the old
 * package to itself; 3 as 2, behind 12 bytes for the region. */
#include <assert.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/patch/alone/pakhus_patch.h"
#include "tests/fuzz/patch_old.h"

enum { PATCH_MOST = 1 << 20 };

static int file_of(const void *bytes, size_t length)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert(write(fd, bytes, length) == (ssize_t)length);
    return fd;
}

static off_t size_of(int fd)
{
    struct stat stat;
    assert(fstat(fd, &stat) == 0);
    return stat.st_size;
}

static void check_header(int patch_fd)
{
    struct pakhus_patch_info info;
    char message[PAKHUS_PATCH_MESSAGE_MAX];
    if (pakhus_patch_read(patch_fd, &info, message) != PAKHUS_PATCH_OK) {
        assert(message[0] != 0);
        return;
    }
    assert((info.format == 1 || info.format == 2) && info.region_length > 0 && info.region_offset + info.region_length <= info.new_size);
    assert(strlen(info.old_sha256) == 64 && strlen(info.new_sha256) == 64);
}

/* Nothing else than the old package has its digest; the channel region alone may have been filled. */
static void check_made(int new_fd, const char *old)
{
    char made[OLD_SIZE];
    assert(size_of(new_fd) == OLD_SIZE && pread(new_fd, made, OLD_SIZE, 0) == OLD_SIZE);
    assert(memcmp(made + OLD_REGION, old + OLD_REGION, OLD_SIZE - OLD_REGION) == 0);
}

static void check_patch(struct str patch, struct str region)
{
    char old[OLD_SIZE], message[PAKHUS_PATCH_MESSAGE_MAX];
    patch_old(old);
    struct pakhus_patch order = {.old_fd = file_of(old, OLD_SIZE),
                                 .patch_fd = file_of(patch.data, patch.length),
                                 .new_fd = file_of("what was there", 14),
                                 .region = region.data,
                                 .region_length = region.length};
    check_header(order.patch_fd);
    enum pakhus_patch_status status = pakhus_patch_apply(&order, message);
    if (status == PAKHUS_PATCH_OK)
        check_made(order.new_fd, old);
    else
        assert(size_of(order.new_fd) == 0 && message[0] != 0);
    assert(status != PAKHUS_PATCH_SYSTEM && status != PAKHUS_PATCH_STOPPED);
    assert((status == PAKHUS_PATCH_OK) == (message[0] == 0));
    close(order.old_fd);
    close(order.patch_fd);
    close(order.new_fd);
}

static struct str behind_a_header(struct arena *arena, struct str body, enum patch_format format)
{
    char old[OLD_SIZE];
    patch_old(old);
    const struct patch_side side = patch_old_side(arena, str_make(old, OLD_SIZE));
    return arena_join(arena, patch_header_format(arena, &(struct patch_header){side, side, format}), body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { WHOLE, BODY_1, BODY_2, BODY_2_AND_REGION };
    if (size == 0 || size > PATCH_MOST || data[0] > BODY_2_AND_REGION) return 0;
    struct arena *arena = arena_new();
    struct str rest = str_make((const char *)data + 1, size - 1), region = {NULL, 0};
    if (data[0] == BODY_2_AND_REGION) {
        region = str_first(rest, OLD_REGION);
        rest = str_from(rest, region.length);
    }
    check_patch(data[0] == WHOLE ? rest : behind_a_header(arena, rest, data[0] == BODY_1 ? PATCH_FORMAT_1 : PATCH_FORMAT_2), region);
    arena_free(arena);
    return 0;
}
