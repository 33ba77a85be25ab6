#include "lib/store/file/file_internal.h"

#include "base/encode.h"

static enum status file_open(struct arena *arena, const struct url *url, struct store **store, struct error *error)
{
    struct str path;
    ENSURE(str_empty(url->authority) || str_equal(url->authority, S("localhost")), error, STATUS_INVALID,
           "file:// takes no host: write file:///directory");
    ENSURE(!url->has_query, error, STATUS_INVALID, "file:// takes no parameters");
    ENSURE(percent_decode(arena, url->path, &path) && !str_has_control(path), error, STATUS_INVALID,
           "the directory of file:// is malformed");
    while (path.length > 1 && str_ends(path, S("/"))) path.length--;
    ENSURE(str_starts(path, S("/")), error, STATUS_INVALID, "file:// takes a whole path: file:///directory");
    struct file_store *file = arena_new_of(arena, struct file_store);
    file->root = arena_cstr(arena, path);
    file->store.abilities = (struct store_abilities){.clamps_ranges = true, .reads_suffixes = true, .cheap_metadata = true, .copies = true};
    file->store.name = arena_printf(arena, "file://" STR_FMT, STR_ARG(path));
    file->store.asked = file->store.name;
    *store = &file->store;
    return STATUS_OK;
}

struct str store_url_of_directory(struct arena *arena, struct str directory)
{
    return arena_join(arena, S("file://"), percent_encode(arena, directory, true));
}

const struct store_backend store_backend_file = {
    .scheme = "file",
    .open = file_open,
    .get = file_get,
    .stream = file_stream,
    .head = file_head,
    .put = file_put,
    .upload = file_upload,
    .compose = file_compose,
    .remove = file_remove,
    .list = file_list,
    .folder_mark = file_folder_mark,
    .check = file_check,
};
