/* A summary of all edges, or all LANs: `edges/summary/<n>`, a row of generations (generation.h). Who starts reads it in one request, and
 * then those objects alone whose ETag is another one. The objects are what counts: a summary that is old, or lost, costs time only.
 *
 *     zstd frame with a checksum:   summary 1\n
 *                                   <name>\t<hash of the ETag, 16 hex digits>\t<JSON>\n     for each object */
#include <stdlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "lib/edges/registry_load_internal.h"
#include "lib/store/generation.h"

enum { LEVEL = 3, TEXT_LIMIT = 1 << 30 };

static const struct str HEAD = {"summary 1", 9};

const void *items_find(const struct kind *kind, const struct items *items, struct str id)
{
    size_t low = 0, high = items->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(kind->id(items->at + middle * kind->size), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const char *found = items->at + low * kind->size;
    if (low == items->count || !str_equal(kind->id(found), id)) return NULL;
    bool twice = low + 1 < items->count && str_equal(kind->id(found + kind->size), id);
    return twice ? NULL : found;
}

/* --- reading */

struct summary {
    const struct kind *kind;
    struct arena *arena, *scratch;
    struct content content;
};

static enum status unpack(struct arena *arena, struct str key, struct str frame, struct str *text, struct error *error)
{
    unsigned long long size = ZSTD_getFrameContentSize(frame.data, frame.length);
    ENSURE(size <= TEXT_LIMIT, error, STATUS_CORRUPT, STR_FMT ": this is no summary", STR_ARG(key));
    char *bytes = arena_buffer(arena, (size_t)size);
    size_t got = ZSTD_decompress(bytes, (size_t)size, frame.data, frame.length);
    ENSURE(!ZSTD_isError(got) && got == size, error, STATUS_CORRUPT, STR_FMT ": this summary is damaged", STR_ARG(key));
    *text = str_make(bytes, got);
    return STATUS_OK;
}

/* What can't be parsed any more is read from its object. */
static void take_line(struct summary *summary, struct str line)
{
    struct error ignored;
    const struct kind *kind = summary->kind;
    struct registry_source source = {.name = str_cut(&line, '\t')};
    void *item = arena_alloc(summary->scratch, kind->size), *out = summary->content.items.at + summary->content.items.count * kind->size;
    if (!str_hex_to_u64(str_cut(&line, '\t'), &source.etag) || kind->parse(summary->scratch, line, item, &ignored) != STATUS_OK) return;
    if (!str_equal(kind->id(item), source.name)) return;
    kind->copy(summary->arena, summary->content.items.count > 0 ? (const char *)out - kind->size : NULL, item, out);
    source.name = kind->id(out);
    summary->content.items.count++;
    summary->content.sources.at[summary->content.sources.count++] = source;
}

static void take_lines(struct summary *summary, struct str text)
{
    size_t most = 0;
    for (size_t i = 0; i < text.length; i++) most += text.data[i] == '\n';
    summary->content.sources.at = arena_array(summary->arena, most, sizeof *summary->content.sources.at);
    summary->content.items.at = arena_array(summary->arena, most, summary->kind->size);
    while (text.length > 0) {
        take_line(summary, str_cut(&text, '\n'));
        arena_reset(summary->scratch);
    }
    if (summary->content.items.count == 0) return;
    qsort(summary->content.items.at, summary->content.items.count, summary->kind->size, summary->kind->order);
    qsort(summary->content.sources.at, summary->content.sources.count, sizeof *summary->content.sources.at, registry_by_key);
}

static enum status parse(struct summary *summary, struct str key, struct str frame, struct error *error)
{
    struct arena *whole = arena_new();
    struct str text;
    enum status status = unpack(whole, key, frame, &text, error);
    if (status == STATUS_OK && str_equal(str_cut(&text, '\n'), HEAD))
        take_lines(summary, text);
    else if (status == STATUS_OK)
        status = error_set(error, STATUS_CORRUPT, STR_FMT ": this summary is of another version", STR_ARG(key));
    arena_free(whole);
    return status;
}

enum status summary_parse(const struct kind *kind, struct arena *arena, const struct store_object *object, struct content *content,
                          struct error *error)
{
    struct summary summary = {.kind = kind, .arena = arena, .scratch = arena_new()};
    enum status status = parse(&summary, object->key, object->body, error);
    arena_free(summary.scratch);
    *content = summary.content;
    return status;
}

/* --- writing */

static enum status pack(struct arena *arena, struct str text, struct str *frame, struct error *error)
{
    size_t room = ZSTD_compressBound(text.length);
    char *bytes = arena_buffer(arena, room);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ENSURE(zstd, error, STATUS_INTERNAL, "zstd can't be set up");
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(zstd, bytes, room, text.data, text.length);
    ZSTD_freeCCtx(zstd);
    ENSURE(!ZSTD_isError(size), error, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(size));
    *frame = str_make(bytes, size);
    return STATUS_OK;
}

static struct str write_lines(struct arena *arena, const struct kind *kind, const struct content *content)
{
    struct arena *scratch = arena_new();
    struct buf out = buf_in(arena, TEXT_LIMIT);
    buf_printf(&out, STR_FMT "\n", STR_ARG(HEAD));
    for (size_t i = 0; i < content->sources.count; i++) {
        const struct registry_source *source = &content->sources.at[i];
        const void *item = source->text.data || source->is_gone ? NULL : items_find(kind, &content->items, source->name);
        if (item)
            buf_printf(&out, STR_FMT "\t%016llx\t" STR_FMT "\n", STR_ARG(source->name), (unsigned long long)source->etag,
                       STR_ARG(str_trim(kind->format(scratch, item))));
        arena_reset(scratch);
    }
    arena_free(scratch);
    return buf_str(&out);
}

static enum status replace(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    (void)arena;
    (void)newest;
    (void)error;
    *body = *(const struct str *)context;
    return STATUS_OK;
}

enum status summary_keep(const struct kind *kind, struct store *store, struct io io, const struct content *content, struct error *error)
{
    struct generation row;
    struct str frame;
    io.arena = arena_new();
    enum status status = pack(io.arena, write_lines(io.arena, kind, content), &frame, error);
    if (status == STATUS_OK)
        status = generation_update((struct generations){store, io, str_of(kind->summary)}, replace, &frame, &row, error);
    arena_free(io.arena);
    return status;
}
