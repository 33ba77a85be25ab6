/* Patches: whatever the bytes, reading them ends well, and nothing is made of them but what their header says. What is made of any two
 * packages leads from one to the other. What is carried from region to region is all of it or nothing.
 *
 * The first byte says what the others are: 0 a header; 1 what follows one of format 1, behind two bytes that say how much it makes; 2 two
 * packages; 3 a region; 4 as 1, of format 2; 5 as 2, in the smaller format. */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/fuzz/patch_old.h"

enum { REGION = OLD_REGION, PACKAGE_MOST = 16384, REGION_MOST = 8192 };

/* --- headers */

static void put_checksum(char *header)
{
    bytes_put32(header + 12, 0);
    bytes_put32(header + 12, (uint32_t)crc32(0, (const unsigned char *)header, PATCH_HEADER_SIZE));
}

static void check_header(struct arena *arena, struct str bytes)
{
    struct patch_header header;
    struct error error;
    char *copy = arena_cstr(arena, bytes);
    if (bytes.length == PATCH_HEADER_SIZE) put_checksum(copy);
    if (patch_header_parse(arena, str_make(copy, bytes.length), &header, &error) != STATUS_OK) return;
    assert(header.from.region.length > 0 && header.from.region.offset + header.from.region.length <= header.from.size);
    assert(header.to.size <= UINT32_MAX && header.to.region.offset + header.to.region.length <= header.to.size);
    assert(str_equal(patch_header_format(arena, &header), str_make(copy, bytes.length)));
}

/* --- frames */

static int old_package(char old[OLD_SIZE])
{
    int fd = memfd_create("old", MFD_CLOEXEC);
    patch_old(old);
    assert(write(fd, old, OLD_SIZE) == OLD_SIZE);
    return fd;
}

static void check_body(struct arena *arena, struct str bytes, enum patch_format format)
{
    char old[OLD_SIZE];
    struct str made;
    struct error error;
    struct stream package;
    if (bytes.length < 2) return;
    int fd = old_package(old);
    size_t size = REGION + (size_t)bytes_get16(bytes.data);
    struct patch_header header = {patch_old_side(arena, str_make(old, OLD_SIZE)), patch_old_side(arena, str_make(old, OLD_SIZE)), format};
    header.to.size = size;
    arena_defer_close(arena, fd);
    assert(patch_apply(arena, &header, stream_of(arena, str_from(bytes, 2)), &(struct patch_target){.installed = fd}, &package, &error) ==
           STATUS_OK);
    enum status status = stream_read_all(package, arena, size, &made, &error);
    assert(status == STATUS_CORRUPT || (status == STATUS_OK && str_equal(made, str_make(old, OLD_SIZE))));
    stream_close(&package);
}

static void check_frames(struct arena *arena, struct str bytes)
{
    check_body(arena, bytes, PATCH_FORMAT_1);
}

static void check_streams(struct arena *arena, struct str bytes)
{
    check_body(arena, bytes, PATCH_FORMAT_2);
}

/* --- patches made */

static struct str blank(struct arena *arena, struct str bytes)
{
    struct error error;
    char *copy = arena_cstr(arena, bytes);
    apk_fill((struct apk_filling){APK_V2, copy, REGION}, 0, NULL, &error);
    return str_make(copy, bytes.length);
}

static void check_packages(struct arena *arena, struct str bytes)
{
    struct error error;
    struct str half = str_first(bytes, bytes.length / 2), rest = str_from(bytes, bytes.length / 2), diff;
    if (half.length < REGION || bytes.length > PACKAGE_MOST) return;
    half = blank(arena, half);
    rest = blank(arena, rest);
    struct patch_package from = {.base = half, .side = patch_old_side(arena, half)},
                         to = {.base = rest, .side = patch_old_side(arena, rest)};
    struct stream made = patch_make(arena, &from, &to, NULL);
    assert(stream_read_all(made, arena, 2 * PACKAGE_MOST, &diff, &error) == STATUS_OK);
    stream_close(&made);
    assert(patch_check(arena, stream_of(arena, diff), &from, &to, NULL, &error) == STATUS_OK);
}

static void check_smallest(struct arena *arena, struct str bytes)
{
    struct error error;
    struct patch_made made;
    struct str half = str_first(bytes, bytes.length / 2), rest = str_from(bytes, bytes.length / 2);
    if (half.length < REGION || bytes.length > PACKAGE_MOST) return;
    half = blank(arena, half);
    rest = blank(arena, rest);
    struct patch_package from = {.base = half, .side = patch_old_side(arena, half)},
                         to = {.base = rest, .side = patch_old_side(arena, rest)};
    assert(patch_make_smallest(arena, &from, &to, NULL, &made, &error) == STATUS_OK);
    assert(patch_check(arena, stream_of(arena, made.bytes), &from, &to, NULL, &error) == STATUS_OK);
}

/* --- regions */

static void check_region(struct arena *arena, struct str bytes)
{
    static const unsigned schemes[] = {APK_V1, APK_V2};
    struct error error;
    if (bytes.length > REGION_MOST) return;
    char *out = arena_buffer(arena, REGION_MOST);
    for (int from = 0; from < 2; from++) {
        enum status status = apk_carry(arena, schemes[from], bytes, (struct apk_filling){schemes[from], out, bytes.length}, &error);
        assert(status != STATUS_OK || memcmp(out, bytes.data, bytes.length) == 0);
        for (int to = 0; to < 2; to++)
            if (apk_carry(arena, schemes[from], bytes, (struct apk_filling){schemes[to], out, REGION_MOST}, &error) == STATUS_OK)
                assert(status == STATUS_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct arena *, struct str) = {check_header, check_frames,  check_packages,
                                                                 check_region, check_streams, check_smallest};
    if (size == 0 || data[0] >= sizeof checks / sizeof *checks) return 0;
    struct arena *arena = arena_new();
    checks[data[0]](arena, str_make(data + 1, size - 1));
    arena_free(arena);
    return 0;
}
