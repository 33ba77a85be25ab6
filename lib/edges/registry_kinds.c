/* Edges and LANs as objects in the store. */
#include "base/hash.h"
#include "lib/edges/registry_load_internal.h"

static enum status parse_edge(struct arena *arena, struct str text, void *item, struct error *error)
{
    return edge_parse(arena, text, item, error);
}

static void copy_edge(struct arena *arena, const void *like, const void *from, void *out)
{
    edge_copy(arena, like, from, out);
}

static struct str id_of_edge(const void *item)
{
    return ((const struct edge *)item)->id;
}

static enum status parse_lan(struct arena *arena, struct str text, void *item, struct error *error)
{
    return lan_entry_parse(arena, text, item, error);
}

static void copy_lan(struct arena *arena, const void *like, const void *from, void *out)
{
    lan_entry_copy(arena, like, from, out);
}

static struct str id_of_lan(const void *item)
{
    return ((const struct lan_entry *)item)->code;
}

static struct str format_edge(struct arena *arena, const void *item)
{
    return edge_format(arena, item);
}

static struct str format_lan(struct arena *arena, const void *item)
{
    return lan_entry_format(arena, item);
}

const struct kind registry_edge_kind = {"edges/",    "edges/summary/", sizeof(struct edge), parse_edge,
                                        format_edge, copy_edge,        id_of_edge,          registry_by_edge_id};
const struct kind registry_lan_kind = {"lans/",  "lans/summary/", sizeof(struct lan_entry), parse_lan, format_lan,
                                       copy_lan, id_of_lan,       registry_by_code};

uint64_t registry_hash_etag(struct str etag)
{
    return hash64(HASH64, etag);
}

static unsigned char byte_of(struct str name, size_t at)
{
    size_t behind = at - name.length;
    if (at < name.length) return (unsigned char)name.data[at];
    return behind < SUFFIX.length ? (unsigned char)SUFFIX.data[behind] : 0;
}

/* As their keys are listed: "a-b.json" before "a.json". */
int registry_by_key(const void *a, const void *b)
{
    struct str one = ((const struct registry_source *)a)->name, other = ((const struct registry_source *)b)->name;
    size_t shorter = one.length < other.length ? one.length : other.length;
    int order = shorter > 0 ? memcmp(one.data, other.data, shorter) : 0;
    for (size_t at = shorter; order == 0 && at < shorter + SUFFIX.length; at++) order = byte_of(one, at) - byte_of(other, at);
    return order ? order : (one.length > other.length) - (one.length < other.length);
}
