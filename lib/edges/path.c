#include "lib/edges/path.h"

void edge_package(const struct edge *edge, struct package_name *name)
{
    if (edge->splices) name->channel = (struct str){NULL, 0};
}

struct str edge_key(struct arena *arena, const struct package_name *name)
{
    return package_name_file(arena, name);
}

struct str edge_path(struct arena *arena, const struct edge *edge, const struct package_name *name)
{
    bool is_patch = name->from.length > 0;
    if (edge->splices)
        return arena_join(arena, is_patch ? S("/patches/") : S("/packages/"), package_name_format(arena, name),
                          is_patch ? S(".diff") : S(".apk"));
    struct str directory = edge->directory;
    while (str_ends(directory, S("/"))) directory.length--;
    bool rooted = str_empty(directory) || str_starts(directory, S("/"));
    return arena_join(arena, rooted ? S("") : S("/"), directory, S("/"), edge_key(arena, name));
}
