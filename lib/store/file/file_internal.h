/* A directory as a store. An object is a file that is written apart and then renamed or linked into place, so that readers
 * and other processes see whole objects only:
 *
 *     /var/pakhus/                    the root
 *         ~new/1234-89abcdef…         being written; '~' is no byte of keys, so no key is ever here and no listing shows it
 *         channels/APP1/9999…         objects */
#ifndef STORE_FILE_INTERNAL
#define STORE_FILE_INTERNAL

#include <sys/stat.h>

#include "lib/store/store_internal.h"

struct file_store {
    struct store store;
    const char *root;
    atomic_bool swept; /* drafts of writers that are gone were removed */
};

/* Directories are walked segment by segment and no link is followed, so that no key leads out of the root.
 * Opens the one that holds the last segment of `key`, and copies that segment into `name`, which holds STORE_KEY_LENGTH + 1 bytes.
 * The descriptor is the caller's; -1 with errno. */
int file_open_parent(const struct file_store *, struct str key, bool create, char *name);

/* What the store says of a file; the ETag, of FILE_ETAG bytes with its NUL, is written into `etag`. */
enum { FILE_ETAG = 64 };
struct store_object file_describe(struct str key, const struct stat *, char *etag);

/* A file that is open for reading, and the part of it that is wanted. */
struct file_opened {
    int fd; /* the caller's */
    uint64_t offset, length;
};
/* An object whose version and range are as `get` has them. */
enum status file_open_object(const struct store_call *, const struct store_get *, struct file_opened *, struct store_object *,
                             struct error *);

/* read.c, write.c and list.c: file.c puts them into its table. */
enum status file_get(const struct store_call *, const struct store_get *, struct store_object *, struct error *);
enum status file_head(const struct store_call *, struct store_object *, struct error *);
enum status file_stream(const struct store_call *, const struct store_get *, struct stream *, struct store_object *, struct error *);
enum status file_check(struct store *, struct error *);
enum status file_put(const struct store_call *, struct str body, const struct store_put *, struct store_object *, struct error *);
enum status file_upload(const struct store_call *, const struct store_source *, const struct store_put *, struct store_object *,
                        struct error *);
enum status file_compose(const struct store_call *, const struct store_pieces *, const struct store_put *, struct store_object *,
                         struct error *);
enum status file_remove(const struct store_call *, struct error *);
uint64_t file_folder_mark(struct store *, struct str folder);
enum status file_list(const struct store_call *, size_t limit, store_list_fn *each, void *context, struct error *);

#endif
