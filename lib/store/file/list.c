#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "lib/store/file/file_internal.h"

enum { MARK_SETTLES = 100 }; /* ms: far above a file system's clock tick */

struct listing {
    store_list_fn *each;
    void *context;
    size_t left; /* 0: done */
    struct error *error;
};

/* "name" of a file, "name/" of a directory: sorted as they stand, their keys are in byte order ("a-b" before "a/b"). */
struct entries {
    struct str *at;
    size_t count, capacity;
};

static int by_bytes(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void entries_add(struct entries *entries, struct arena *arena, struct str name)
{
    entries->at = arena_grow(arena, entries->at, entries->count, &entries->capacity, sizeof *entries->at);
    entries->at[entries->count++] = name;
}

/* DT_DIR, DT_REG, or anything else for what is skipped. */
static unsigned char type_of(int directory, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type;
    if (fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

/* Returns 0, or errno. */
static int read_entries(DIR *directory, struct str start, struct arena *arena, struct entries *entries)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(directory))) {
        struct str name = str_of(entry->d_name);
        if (!store_is_key(name) || !str_starts(name, start)) continue;
        unsigned char type = type_of(dirfd(directory), entry);
        if (type == DT_REG) entries_add(entries, arena, arena_copy(arena, name));
        if (type == DT_DIR) entries_add(entries, arena, arena_printf(arena, STR_FMT "/", STR_ARG(name)));
    }
    return errno;
}

static enum status list_directory(struct listing *, int fd, struct str path, struct str start);

static enum status visit(struct listing *listing, int directory, struct str path, struct str name)
{
    char key[STORE_KEY_LENGTH + 1], etag[FILE_ETAG];
    struct stat st;
    if (path.length + name.length > STORE_KEY_LENGTH) return STATUS_OK;
    memcpy(key, path.data, path.length);
    memcpy(key + path.length, name.data, name.length);
    struct str whole = str_make(key, path.length + name.length);
    if (str_ends(name, S("/"))) {
        int fd = openat(directory, name.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) return list_directory(listing, fd, whole, S(""));
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return STATUS_OK; /* removed or replaced since */
        return error_errno(listing->error, errno, "listing '" STR_FMT "'", STR_ARG(whole));
    }
    if (fstatat(directory, name.data, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return STATUS_OK; /* removed since */
    struct store_object object = file_describe(whole, &st, etag);
    listing->left--;
    if (!listing->each(listing->context, &object)) listing->left = 0;
    return STATUS_OK;
}

/* Closes `fd`. `path` is the key of the directory with its '/', `start` how the names must begin. */
static enum status list_directory(struct listing *listing, int fd, struct str path, struct str start)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int number = errno;
        close(fd);
        return error_errno(listing->error, number, "listing '" STR_FMT "'", STR_ARG(path));
    }
    struct arena *arena = arena_new();
    struct entries entries = {0};
    int number = read_entries(directory, start, arena, &entries);
    enum status status = number == 0 ? STATUS_OK : error_errno(listing->error, number, "listing '" STR_FMT "'", STR_ARG(path));
    if (entries.count > 1) qsort(entries.at, entries.count, sizeof *entries.at, by_bytes);
    for (size_t i = 0; i < entries.count && listing->left > 0 && status == STATUS_OK; i++)
        status = visit(listing, dirfd(directory), path, entries.at[i]);
    arena_free(arena);
    closedir(directory);
    return status;
}

enum status file_list(const struct store_call *call, size_t limit, store_list_fn *each, void *context, struct error *error)
{
    char start[STORE_KEY_LENGTH + 1];
    struct listing listing = {each, context, limit, error};
    struct store *store = call->store;
    struct str prefix = call->key;
    store_count(&store->counters.requests, 1);
    int fd = file_open_parent((struct file_store *)store, prefix, false, start);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return STATUS_OK;
    if (fd < 0) return error_errno(error, errno, "listing " STR_FMT "/" STR_FMT, STR_ARG(store->name), STR_ARG(prefix));
    size_t slash = str_find_last(prefix, '/');
    struct str path = slash < prefix.length ? str_first(prefix, slash + 1) : S("");
    return list_directory(&listing, fd, path, str_of(start));
}

uint64_t file_folder_mark(struct store *store, struct str folder)
{
    char path[PATH_MAX];
    struct stat st;
    const char *root = ((struct file_store *)store)->root;
    int length = snprintf(path, sizeof path, "%s/" STR_FMT, root, STR_ARG(folder));
    if (length < 0 || (size_t)length >= sizeof path) return 0;
    if (stat(path, &st) != 0) return errno == ENOENT ? 1 : 0;
    int64_t changed = (int64_t)st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000000, age = clock_real() - changed;
    if (age < MARK_SETTLES) return 0;
    uint64_t file = hash64_number(hash64_number(HASH64, st.st_dev), st.st_ino);
    return hash64_number(hash64_number(file, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec) | 2;
}
