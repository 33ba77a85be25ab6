/* Edges and LANs as a register keeps them: each in one piece of memory, and what is said again and again is shared. */
#include "lib/edges/registry_internal.h"

struct packing {
    char *at;
};

static size_t room_for(struct str text)
{
    return text.length + 1;
}

static void pack(struct packing *packing, struct str *text)
{
    char *at = packing->at;
    if (text->length > 0) memcpy(at, text->data, text->length);
    at[text->length] = 0;
    packing->at += room_for(*text);
    text->data = at;
}

/* `like`: of the one before, which lives as long. */
static size_t room_unless_like(struct str text, struct str like)
{
    return like.data && str_equal(text, like) ? 0 : room_for(text);
}

static void pack_unless_like(struct packing *packing, struct str *text, struct str like)
{
    if (like.data && str_equal(*text, like))
        *text = like;
    else
        pack(packing, text);
}

static void *pack_array(struct packing *packing, const void *items, size_t size)
{
    char *at = packing->at;
    if (size > 0) memcpy(at, items, size);
    packing->at += size;
    return at;
}

void edge_copy(struct arena *arena, const struct edge *like, const struct edge *from, struct edge *out)
{
    static const struct edge none;
    struct edge edge = *from;
    if (!like) like = &none;
    size_t lans = edge.lan_count * sizeof *edge.lans, networks = edge.network_count * sizeof *edge.networks;
    size_t egress = edge.egress_count * sizeof *edge.egress, room = lans + networks + egress;
    struct str *const own[] = {&edge.id, &edge.address, &edge.credentials};
    struct str *const shared[] = {&edge.directory, &edge.site, &edge.region, &edge.store};
    const struct str likes[] = {like->directory, like->site, like->region, like->store};
    for (size_t i = 0; i < edge.lan_count; i++) room += room_for(edge.lans[i]);
    if (edge.lan_count == 0) room += room_for(edge.home);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) room += room_for(*own[i]);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) room += room_unless_like(*shared[i], likes[i]);
    struct packing packing = {arena_buffer(arena, room)};
    edge.lans = pack_array(&packing, from->lans, lans);
    edge.networks = pack_array(&packing, from->networks, networks);
    edge.egress = pack_array(&packing, from->egress, egress);
    for (size_t i = 0; i < edge.lan_count; i++) pack(&packing, &edge.lans[i]);
    if (edge.lan_count == 0) pack(&packing, &edge.home);
    if (edge.lan_count > 0) edge.home = edge.lans[0];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) pack(&packing, own[i]);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) pack_unless_like(&packing, shared[i], likes[i]);
    *out = edge;
}

void lan_entry_copy(struct arena *arena, const struct lan_entry *like, const struct lan_entry *from, struct lan_entry *out)
{
    static const struct lan_entry none;
    struct lan_entry entry = *from;
    if (!like) like = &none;
    size_t room = room_for(entry.code) + room_for(entry.lan) + room_unless_like(entry.site, like->site) +
                  room_unless_like(entry.region, like->region);
    struct packing packing = {arena_buffer(arena, room)};
    pack(&packing, &entry.code);
    pack(&packing, &entry.lan);
    pack_unless_like(&packing, &entry.site, like->site);
    pack_unless_like(&packing, &entry.region, like->region);
    *out = entry;
}

struct parsing {
    struct arena *arena, *scratch;
    struct edge *edges;
    size_t count;
};

static enum status parse_line(struct parsing *parsing, struct str line, struct error *error)
{
    struct edge edge, *edges = parsing->edges;
    size_t count = parsing->count;
    if (line.length == 0) return STATUS_OK;
    TRY(edge_parse(parsing->scratch, line, &edge, error));
    edge_copy(parsing->arena, count > 0 ? &edges[count - 1] : NULL, &edge, &edges[count]);
    parsing->count++;
    return STATUS_OK;
}

enum status edges_parse(struct arena *arena, struct str lines, struct edge **edges, size_t *count, struct error *error)
{
    struct parsing parsing = {.arena = arena, .scratch = arena_new()};
    size_t most = 1, number = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < lines.length; i++) most += lines.data[i] == '\n';
    parsing.edges = arena_array(arena, most, sizeof **edges);
    while (lines.data && status == STATUS_OK) {
        number++;
        status = parse_line(&parsing, str_trim(str_cut(&lines, '\n')), error);
        arena_reset(parsing.scratch);
    }
    arena_free(parsing.scratch);
    *edges = parsing.edges;
    *count = parsing.count;
    return status == STATUS_OK ? status : error_context(error, "line %zu", number);
}
