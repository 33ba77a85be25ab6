/* Pakhus patches for devices: what an app's updater links. Makes the new version of a package out of the installed one and a patch of
 * format 1 or 2 (lib/patch/FORMAT.md), byte for byte. The library is libpakhus-patch.a; it needs the C library alone. C99 and C++.
 *
 * It opens no file but nameless ones in the spool folder and /dev/urandom, and prints nothing. A call leaves nothing behind for the next
 * one. It makes no threads, and may be called from several threads at once. It does not end the process when memory runs out.
 *
 * Memory: format 2 takes at most 20 MiB for packages of any size (stack: 64 KiB). Format 1 takes as much as one part of the new package
 * has, which is the new package up to 256 MiB: a device with little memory loads the package as a whole where the patch is of format 1
 * (pakhus_patch_read). The installed package and the spool are mapped on top of that: these pages are the system's to
 * take back, but need address space. Where a 32-bit process has too little of it, the call fails with PAKHUS_PATCH_SYSTEM.
 * Disk: the new package, and in the spool folder the patch and what changed entries of the old package inflate to.
 *
 * If the process is killed, begin again from the start: the output is written again. The spool goes with the process; at most an empty file
 * pakhus-XXXXXX is left behind. */
#ifndef PAKHUS_PATCH_H
#define PAKHUS_PATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What became of it, by what an updater does next. */
enum pakhus_patch_status {
    PAKHUS_PATCH_OK = 0,
    PAKHUS_PATCH_STOPPED,        /* `progress` said so */
    PAKHUS_PATCH_NOT_APPLICABLE, /* the installed package is not the one that the patch leads from, or its channel info cannot be carried
                                    over, or `region` is no region of the new package: load the new package as a whole */
    PAKHUS_PATCH_DAMAGED,        /* load the patch again, once; then the whole package */
    PAKHUS_PATCH_UNSUPPORTED,    /* a format that is newer than this library, or a zlib that does not make the same bytes: load the package
                                    as a whole */
    PAKHUS_PATCH_SYSTEM          /* the disk is full, a file cannot be read, there is not enough memory, …: later it may work */
};

enum { PAKHUS_PATCH_MESSAGE_MAX = 480 }; /* bytes of a message, its NUL included */

/* Descriptors stay open, and the patch is read from its beginning whatever its position is. */
struct pakhus_patch {
    int old_fd;   /* the installed package: a regular file, open for reading. Nobody may make it shorter meanwhile: that ends the process */
    int patch_fd; /* the patch: a regular file, open for reading */
    int new_fd;   /* the new package: a regular file, open for writing; not one of the two above. What is in it is replaced. It is
                     synchronised with the disk before PAKHUS_PATCH_OK, and empty after anything else */
    const char *spool_folder; /* for nameless files: on Android Context.getCacheDir(). NULL: $TMPDIR, or /tmp */
    /* For a device that changes its channel: the bytes that the wanted channel's package of the new version has in its region
     * (`region` in the answer of /query; its place is in pakhus_patch_info too). region_length 0: the installed channel info moves along.
     */
    const void *region;
    size_t region_length;
    /* May be NULL. Called every few hundred kilobytes with bytes done of `total`, from the thread that called. What it returns is looked at
     * at the next piece of the output: anything but 0 stops. */
    int (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* `message` (PAKHUS_PATCH_MESSAGE_MAX bytes; may be NULL) is English, for a log; empty after PAKHUS_PATCH_OK. */
enum pakhus_patch_status pakhus_patch_apply(const struct pakhus_patch *, char *message);

/* What stands in a patch's header. */
struct pakhus_patch_info {
    unsigned format;
    uint64_t old_size, new_size;           /* bytes */
    char old_sha256[65], new_sha256[65];   /* of the base packages, with blank regions; hexadecimal */
    uint64_t region_offset, region_length; /* of the new package */
};
enum pakhus_patch_status pakhus_patch_read(int patch_fd, struct pakhus_patch_info *, char *message);

/* The release of Pakhus, and the libraries inside: "0.2.0 (zlib 1.3.1, zstd 1.5.7, liblzma 5.8.1, jansson 2.14)". */
const char *pakhus_patch_version(char text[128]);

#ifdef __cplusplus
}
#endif

#endif
