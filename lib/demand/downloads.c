#include "lib/demand/downloads.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/random.h"
#include "lib/demand/access_line_internal.h"
#include "lib/demand/sample_index_internal.h"
#include "lib/edges/name.h"
#include "lib/edges/path.h"

enum { LINE_MOST = 16 << 10, READ_SIZE = 64 << 10, DIRECTORY_MOST = 1024 };
enum { SLICES_GAP = 10 * CLOCK_MINUTE, RECENT_SETS = 1 << 14, RECENT_WAYS = 4 };

/* The end of a path: `/packages/APP1/2.0.apk`, or a file's name. */
struct path_end {
    struct str text;
    uint32_t package;
};

/* Who downloaded what, and when the last slice of it. */
struct recent {
    uint64_t hash;
    int64_t time;
};

struct downloads {
    struct arena *scratch; /* of a line */
    const struct registry *registry;
    struct sample_index *index;
    double share;
    struct path_end *ends; /* by text */
    size_t end_count;
    struct package_name *names; /* by package's number */
    struct recent *recent;      /* RECENT_SETS of RECENT_WAYS */
    /* Whose the directory of the last file was: most lines have the same. */
    char directory_bytes[DIRECTORY_MOST];
    struct str directory;
    const struct edge *directory_edge;
    size_t directory_edges;
    struct download_counts counts;
};

/* --- which paths packages have */

static int by_text(const void *a, const void *b)
{
    return str_compare(((const struct path_end *)a)->text, ((const struct path_end *)b)->text);
}

static void add_ends(struct downloads *downloads, struct arena *arena, struct str package, uint32_t number)
{
    static const struct edge splicing = {.splices = true};
    struct package_name *name = &downloads->names[number];
    struct error ignored;
    if (package_name_parse(package, name, &ignored) != STATUS_OK) return;
    downloads->ends[downloads->end_count++] = (struct path_end){edge_path(arena, &splicing, name), number};
    downloads->ends[downloads->end_count++] = (struct path_end){package_name_file(arena, name), number};
}

static void free_scratch(void *scratch)
{
    arena_free(scratch);
}

struct downloads *downloads_new(struct arena *arena, const struct registry *registry, const struct sample_set *set, int64_t horizon)
{
    struct downloads *downloads = arena_new_of(arena, struct downloads);
    size_t count;
    *downloads = (struct downloads){.scratch = arena_new(), .registry = registry, .share = set->share};
    arena_defer(arena, free_scratch, downloads->scratch);
    downloads->index = sample_index_new(arena, registry, set, horizon);
    downloads->recent = arena_array(arena, (size_t)RECENT_SETS * RECENT_WAYS, sizeof *downloads->recent);
    const struct str *packages = sample_index_packages(downloads->index, &count);
    downloads->names = arena_array(arena, count, sizeof *downloads->names);
    downloads->ends = arena_array(arena, 2 * count, sizeof *downloads->ends);
    for (size_t i = 0; i < count; i++) add_ends(downloads, arena, packages[i], (uint32_t)i);
    if (downloads->end_count > 0) qsort(downloads->ends, downloads->end_count, sizeof *downloads->ends, by_text);
    return downloads;
}

struct download_counts downloads_counts(const struct downloads *downloads)
{
    return downloads->counts;
}

/* --- what a line is about */

/* Of a target as it was sent: decoded, without a query, and without a host where a proxy was asked. Empty: it makes no sense. */
static struct str path_of(struct downloads *downloads, struct str target)
{
    struct str path = target;
    size_t authority = str_find_str(path, S("://"));
    if (!str_starts(path, S("/")) && authority < path.length) {
        path = str_from(path, authority + 3);
        path = str_from(path, str_find(path, '/'));
    }
    path = str_cut(&path, '?');
    return percent_decode(downloads->scratch, path, &path) ? path : (struct str){NULL, 0};
}

static const struct path_end *find_end(const struct downloads *downloads, struct str text)
{
    const struct path_end wanted = {.text = text};
    return downloads->end_count > 0 ? bsearch(&wanted, downloads->ends, downloads->end_count, sizeof wanted, by_text) : NULL;
}

/* A store's key of a base is packages/APP1/2.0/base-0123….apk, of version 0.1 packages/APP1/2.0/base.apk. */
static bool is_base(struct str path)
{
    struct str file = str_from(path, str_find_last(path, '/') + 1);
    return str_equal(file, S("base.apk")) || (str_starts(file, S("base-")) && str_ends(file, S(".apk")));
}

/* Behind a prefix of a CDN's or a bucket, each of which may be called anything. */
static const struct path_end *find_published(struct downloads *downloads, struct str path, bool of_store)
{
    if (of_store && is_base(path)) path = arena_join(downloads->scratch, str_first(path, str_find_last(path, '/')), S(".apk"));
    for (size_t slash; (slash = str_find(path, '/')) < path.length; path = str_from(path, slash + 1)) {
        struct str end = str_from(path, slash);
        const struct path_end *found =
            str_starts(end, S("/packages/")) || str_starts(end, S("/patches/")) ? find_end(downloads, end) : NULL;
        if (found) return found;
    }
    return NULL;
}

/* How many edges have the file's path, and one of them. */
static size_t edges_of(struct downloads *downloads, struct str path, struct str directory, const struct package_name *name)
{
    const struct registry *registry = downloads->registry;
    if (downloads->directory.data && str_equal(directory, downloads->directory)) return downloads->directory_edges;
    if (directory.length > DIRECTORY_MOST) return 0;
    memcpy(downloads->directory_bytes, directory.data, directory.length);
    downloads->directory = str_make(downloads->directory_bytes, directory.length);
    downloads->directory_edges = 0;
    for (size_t i = 0; i < registry->edge_count; i++) {
        if (!str_equal(edge_path(downloads->scratch, &registry->edges[i], name), path)) continue;
        downloads->directory_edge = &registry->edges[i];
        downloads->directory_edges++;
    }
    return downloads->directory_edges;
}

struct found {
    uint32_t package;
    const struct edge *edge; /* whose log it is; NULL: not known, or no edge's */
};

/* On an edge a package is where devices are sent to. */
static bool find_on_edge(const struct downloads *downloads, struct str path, const struct edge *edge, struct found *found)
{
    struct str file = str_from(path, str_find_last(path, '/') + 1);
    const struct path_end *end = find_end(downloads, edge->splices ? path : file);
    if (!end || !str_equal(edge_path(downloads->scratch, edge, &downloads->names[end->package]), path)) return false;
    *found = (struct found){end->package, edge};
    return true;
}

static bool find_package(struct downloads *downloads, const struct access_line *line, const struct edge *edge, struct found *found)
{
    struct str path = path_of(downloads, line->target);
    if (edge) return find_on_edge(downloads, path, edge, found);
    const struct path_end *end = find_published(downloads, path, line->of_store);
    if (end) return *found = (struct found){.package = end->package}, true;
    size_t slash = str_find_last(path, '/');
    end = find_end(downloads, str_from(path, slash + 1));
    size_t edges = end ? edges_of(downloads, path, str_first(path, slash), &downloads->names[end->package]) : 0;
    if (edges == 0) return false;
    *found = (struct found){end->package, edges == 1 ? downloads->directory_edge : NULL};
    return true;
}

/* --- slices */

static uint64_t hash_of(const struct access_line *line, const struct found *found)
{
    uint64_t hash = hash64(hash64(HASH64, line->client), line->sender);
    hash = hash64(hash, str_make(&found->package, sizeof found->package));
    return hash64(hash, found->edge ? found->edge->id : S(""));
}

/* Of a set the one who is meant, or the one who was seen first. */
static struct recent *recent_of(struct downloads *downloads, uint64_t hash)
{
    struct recent *set = &downloads->recent[(hash ^ hash >> 32) % RECENT_SETS * RECENT_WAYS], *oldest = set;
    for (struct recent *way = set; way < set + RECENT_WAYS; way++) {
        if (way->hash == hash) return way;
        if (way->time < oldest->time) oldest = way;
    }
    return oldest;
}

static bool is_slice(struct downloads *downloads, const struct access_line *line, uint64_t hash)
{
    struct recent *recent = recent_of(downloads, hash);
    bool goes_on = line->status == 206 && recent->hash == hash && llabs(line->time - recent->time) <= SLICES_GAP;
    *recent = (struct recent){hash, line->time};
    return goes_on;
}

/* Of so many queries as are sampled only so many downloads are of a sampled one. */
static bool is_looked_at(const struct downloads *downloads, const struct access_line *line, uint64_t hash)
{
    uint64_t random = hash64(hash, str_make(&line->time, sizeof line->time));
    return random_fraction(&random) < downloads->share;
}

/* --- whose it is */

static const struct network *network_around(const struct network *networks, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (network_contains(&networks[i], address)) return &networks[i];
    return NULL;
}

/* NULL: none, or several. */
static const struct edge *edge_seen_with(const struct registry *registry, const struct address *address)
{
    const struct edge *found = NULL;
    for (size_t i = 0; i < registry->edge_count; i++) {
        const struct edge *edge = &registry->edges[i];
        if (!network_around(edge->egress, edge->egress_count, address)) continue;
        if (found) return NULL;
        found = edge;
    }
    return found;
}

static struct download download_of(struct downloads *downloads, const struct access_line *line, const struct found *found)
{
    struct download download = {.package = found->package, .time = line->time};
    const struct edge *edge = found->edge;
    if (!edge) {
        if (line->has_address) download.edge = edge_seen_with(downloads->registry, &line->address);
        return download;
    }
    const struct network *network = line->has_address ? network_around(edge->networks, edge->network_count, &line->address) : NULL;
    if (network)
        download.lan = lan_format(downloads->scratch, edge_identity(downloads->scratch, edge), network);
    else if (!line->has_address || edge->lan_count > edge->network_count)
        download.edge = edge;
    return download;
}

/* --- lines */

static bool is_download(const struct access_line *line)
{
    return str_equal(line->method, S("GET")) && (line->status == 200 || line->status == 206) && line->bytes > 0;
}

void downloads_line(struct downloads *downloads, struct str text, const struct edge *edge)
{
    struct access_line line;
    struct found found;
    downloads->counts.lines++;
    if (!access_line_parse(str_trim(text), &line)) {
        downloads->counts.nonsense++;
        return;
    }
    arena_reset(downloads->scratch);
    if (!is_download(&line) || !find_package(downloads, &line, edge, &found)) return;
    uint64_t hash = hash_of(&line, &found);
    if (is_slice(downloads, &line, hash)) return;
    downloads->counts.downloads++;
    if (!is_looked_at(downloads, &line, hash)) return;
    const struct download download = download_of(downloads, &line, &found);
    downloads->counts.matched += sample_index_take(downloads->index, &download);
}

/* What is read and not yet a whole line. */
struct lines {
    char bytes[READ_SIZE];
    size_t length;
    bool passing; /* over the rest of a line that is too long */
};

static void take_line(struct downloads *downloads, struct lines *lines, struct str line, const struct edge *edge)
{
    bool passing = lines->passing;
    lines->passing = false;
    if (passing || line.length == 0) return;
    if (line.length <= LINE_MOST) return downloads_line(downloads, line, edge);
    downloads->counts.lines++;
    downloads->counts.nonsense++;
}

static void take_lines(struct downloads *downloads, struct lines *lines, const struct edge *edge)
{
    struct str rest = str_make(lines->bytes, lines->length);
    for (size_t end; (end = str_find(rest, '\n')) < rest.length; rest = str_from(rest, end + 1))
        take_line(downloads, lines, str_first(rest, end), edge);
    if (rest.length == READ_SIZE) {
        take_line(downloads, lines, rest, edge);
        lines->passing = true;
        rest.length = 0;
    }
    memmove(lines->bytes, rest.data, rest.length);
    lines->length = rest.length;
}

enum status downloads_read(struct downloads *downloads, struct stream stream, const struct edge *edge, struct error *error)
{
    struct lines lines = {.length = 0};
    for (;;) {
        ssize_t count = stream_read(stream, lines.bytes + lines.length, sizeof lines.bytes - lines.length, error);
        if (count < 0) return error->status;
        if (count == 0) break;
        lines.length += (size_t)count;
        take_lines(downloads, &lines, edge);
    }
    take_line(downloads, &lines, str_make(lines.bytes, lines.length), edge); /* the last one may have no end */
    return STATUS_OK;
}
