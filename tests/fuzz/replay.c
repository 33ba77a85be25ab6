/* Stands in for libFuzzer where there is none: feeds each file of the given folders to the target, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_read(const char *path, uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(bytes, 1, size, file) : 0;
    if (!file || count != size) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
}

/* The target gets a piece of exactly the file's size, so that a sanitizer sees what is read behind its end. */
static void feed(const char *path, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes) abort();
    must_read(path, bytes, size);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static int feed_folder(struct arena *arena, const char *folder)
{
    int count = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat status;
        const char *path = arena_printf(arena, "%s/%s", folder, entry->d_name).data;
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) continue;
        feed(path, (size_t)status.st_size);
        count++;
    }
    if (entries) closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    int count = 0;
    for (int i = 1; i < argc; i++) count += feed_folder(arena, argv[i]);
    arena_free(arena);
    printf("%d inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
