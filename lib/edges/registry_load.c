/* Reads the objects of edges and LANs, and again those that have changed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "lib/edges/registry_internal.h"
#include "lib/store/many.h"

enum { ENTRIES_MOST = 2000000, LISTED_PER_MS = 10, PAUSE_MOST = 10 * CLOCK_SECOND };

static const struct str SUFFIX = {".json", 5};

/* An object as it was read. */
struct registry_source {
    struct str name; /* of its key, between prefix and suffix: mostly the id of what it holds, whose bytes it shares then */
    uint64_t etag;   /* a hash of it */
    struct str text; /* where it holds nothing that is registered under its name; else its data is NULL */
    bool is_gone;    /* removed since it was listed */
};

/* The two kinds of objects. */
struct kind {
    const char *prefix;
    size_t size; /* bytes of an item */
    enum status (*parse)(struct arena *, struct str text, void *item, struct error *);
    void (*copy)(struct arena *, const void *like, const void *from, void *out); /* `like` may be NULL */
    struct str (*id)(const void *item);
    int (*order)(const void *, const void *);
};
struct items {
    char *at;
    size_t count;
};
struct loading {
    const struct kind *kind;
    struct store *store;
    struct io io;
    const struct registry_sources *known; /* NULL: nothing is known */
    struct items known_items;
    struct registry_sources listed; /* names in `scratch` at first */
    struct items items;
    struct arena *scratch;
    struct registry_source **unread; /* those whose objects are to be read */
    size_t unread_count;
    pthread_mutex_t lock; /* of items and io.arena, while objects are read */
};

/* --- kinds */

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

static const struct kind edge_kind = {"edges/", sizeof(struct edge), parse_edge, copy_edge, id_of_edge, registry_by_edge_id};
static const struct kind lan_kind = {"lans/", sizeof(struct lan_entry), parse_lan, copy_lan, id_of_lan, registry_by_code};

/* --- listing */

static uint64_t hash_of_etag(struct str etag)
{
    return hash64(HASH64, etag);
}

struct listing {
    struct loading *loading;
    size_t capacity;
};

static bool note_source(void *context, const struct store_object *object)
{
    struct listing *listing = context;
    struct loading *loading = listing->loading;
    struct registry_sources *listed = &loading->listed;
    struct str name = str_from(object->key, strlen(loading->kind->prefix));
    if (!str_ends(name, SUFFIX)) return true;
    name = arena_copy(loading->scratch, str_first(name, name.length - SUFFIX.length));
    listed->at = arena_grow(loading->scratch, listed->at, listed->count, &listing->capacity, sizeof *listed->at);
    listed->at[listed->count++] = (struct registry_source){.name = name, .etag = hash_of_etag(object->etag)};
    return listed->count < ENTRIES_MOST;
}

static unsigned char byte_of(struct str name, size_t at)
{
    size_t behind = at - name.length;
    if (at < name.length) return (unsigned char)name.data[at];
    return behind < SUFFIX.length ? (unsigned char)SUFFIX.data[behind] : 0;
}

/* As their keys are listed: "a-b.json" before "a.json". */
static int by_key(const void *a, const void *b)
{
    struct str one = ((const struct registry_source *)a)->name, other = ((const struct registry_source *)b)->name;
    size_t shorter = one.length < other.length ? one.length : other.length;
    int order = shorter > 0 ? memcmp(one.data, other.data, shorter) : 0;
    for (size_t at = shorter; order == 0 && at < shorter + SUFFIX.length; at++) order = byte_of(one, at) - byte_of(other, at);
    return order ? order : (one.length > other.length) - (one.length < other.length);
}

static const struct registry_source *find_known(const struct loading *loading, const struct registry_source *listed)
{
    const struct registry_sources *known = loading->known;
    const struct registry_source *same =
        known && known->count > 0 ? bsearch(listed, known->at, known->count, sizeof *listed, by_key) : NULL;
    return same && same->etag == listed->etag && !same->is_gone ? same : NULL;
}

static enum status list(struct loading *loading, bool *changed, struct error *error)
{
    struct listing listing = {loading, 0};
    struct registry_sources *listed = &loading->listed;
    TRY(store_list(loading->store, loading->io, str_of(loading->kind->prefix), 0, note_source, &listing, error));
    bool differs = !loading->known || loading->known->count != listed->count;
    for (size_t i = 0; i < listed->count && !differs; i++) differs = !find_known(loading, &listed->at[i]);
    *changed = *changed || differs;
    return STATUS_OK;
}

/* --- reading */

static const void *item_at(const struct loading *loading, const struct items *items, size_t number)
{
    return items->at + number * loading->kind->size;
}

/* What was read from the object of that name; NULL: it has another id, or two objects have that id. */
static const void *find_item(const struct loading *loading, struct str name)
{
    const struct items *items = &loading->known_items;
    size_t low = 0, high = items->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(loading->kind->id(item_at(loading, items, middle)), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < items->count && str_equal(loading->kind->id(item_at(loading, items, low)), name);
    bool twice = found && low + 1 < items->count && str_equal(loading->kind->id(item_at(loading, items, low + 1)), name);
    return found && !twice ? item_at(loading, items, low) : NULL;
}

static void take(struct loading *loading, struct registry_source *source, const void *item)
{
    struct items *items = &loading->items;
    size_t size = loading->kind->size;
    void *out = items->at + items->count * size;
    loading->kind->copy(loading->io.arena, items->count > 0 ? items->at + (items->count - 1) * size : NULL, item, out);
    items->count++;
    if (str_equal(loading->kind->id(out), source->name)) source->name = loading->kind->id(out);
}

/* What can't be read is told of, and passed over: one bad entry stops nobody. */
static void parse(struct loading *loading, struct arena *scratch, struct registry_source *source, struct str text)
{
    struct error why;
    struct str listed = source->name;
    void *item = arena_alloc(scratch, loading->kind->size);
    enum status status = loading->kind->parse(scratch, text, item, &why);
    if (status != STATUS_OK)
        log_warn((struct log){0}, "%s" STR_FMT STR_FMT " is skipped: %s", loading->kind->prefix, STR_ARG(source->name), STR_ARG(SUFFIX),
                 why.text);
    pthread_mutex_lock(&loading->lock);
    if (status == STATUS_OK) take(loading, source, item);
    if (source->name.data == listed.data) {
        source->name = arena_copy(loading->io.arena, listed);
        source->text = arena_copy(loading->io.arena, text);
    }
    pthread_mutex_unlock(&loading->lock);
}

static void note_gone(struct loading *loading, struct registry_source *source)
{
    pthread_mutex_lock(&loading->lock);
    source->name = arena_copy(loading->io.arena, source->name);
    source->is_gone = true;
    pthread_mutex_unlock(&loading->lock);
}

static enum status read_source(void *context, struct io io, size_t number, struct error *error)
{
    struct loading *loading = context;
    struct registry_source *source = loading->unread[number];
    struct store_object object;
    struct str key = arena_join(io.arena, str_of(loading->kind->prefix), source->name, SUFFIX);
    enum status status = store_get(loading->store, io, key, &(struct store_get){.limit = REGISTRY_ENTRY_LIMIT}, &object, error);
    if (status == STATUS_NOT_FOUND) return note_gone(loading, source), STATUS_OK;
    TRY(status);
    source->etag = hash_of_etag(object.etag);
    parse(loading, io.arena, source, object.body);
    return STATUS_OK;
}

/* What has not changed is taken as it is known. */
static void take_known(struct loading *loading, struct registry_source *source)
{
    const struct registry_source *same = find_known(loading, source);
    const void *item = same && !same->text.data ? find_item(loading, source->name) : NULL;
    if (item) {
        take(loading, source, item);
    } else if (same && same->text.data) {
        struct arena *scratch = arena_new();
        parse(loading, scratch, source, same->text);
        arena_free(scratch);
    } else {
        loading->unread[loading->unread_count++] = source;
    }
}

static enum status load_all(struct loading *loading, struct registry_sources *out, struct error *error)
{
    const struct registry_sources *listed = &loading->listed;
    struct arena *arena = loading->io.arena;
    *out = (struct registry_sources){arena_array(arena, listed->count, sizeof *out->at), listed->count};
    loading->items.at = arena_array(arena, listed->count, loading->kind->size);
    loading->unread = arena_array(loading->scratch, listed->count, sizeof(struct registry_source *));
    pthread_mutex_init(&loading->lock, NULL);
    for (size_t i = 0; i < listed->count; i++) {
        out->at[i] = listed->at[i];
        take_known(loading, &out->at[i]);
    }
    const struct store_many many = {.count = loading->unread_count, .each = read_source, .context = loading};
    enum status status = store_many(&many, loading->io, error);
    pthread_mutex_destroy(&loading->lock);
    if (loading->items.count > 0) qsort(loading->items.at, loading->items.count, loading->kind->size, loading->kind->order);
    return status;
}

/* --- whether a look is needed at all */

/* The marks of both folders as one, where both are known. */
struct registry_age {
    _Atomic uint64_t mark;
    _Atomic int64_t look_again; /* by clock_aging: what was overwritten in place shows in a listing only */
};

static uint64_t mark_of(struct store *store)
{
    const uint64_t marks[] = {store_folder_mark(store, str_of(edge_kind.prefix)), store_folder_mark(store, str_of(lan_kind.prefix))};
    return marks[0] && marks[1] ? hash64(HASH64, str_make(marks, sizeof marks)) : 0;
}

/* The larger the fleet, the longer until the next listing, which then takes a small share of the time. */
static void set_age(const struct registry *registry, uint64_t mark)
{
    int64_t pause = (int64_t)(registry->edge_sources.count + registry->lan_sources.count) / LISTED_PER_MS;
    atomic_store(&registry->age->mark, mark);
    atomic_store(&registry->age->look_again, clock_aging() + (pause < PAUSE_MOST ? pause : PAUSE_MOST));
}

static bool is_as_known(const struct registry *known, uint64_t mark)
{
    return mark && mark == atomic_load(&known->age->mark) && clock_aging() < atomic_load(&known->age->look_again);
}

static enum status not_modified(struct error *error)
{
    return error_set(error, STATUS_NOT_MODIFIED, "no edge and no LAN has changed");
}

/* STATUS_NOT_MODIFIED: nothing has changed. */
static enum status refresh(struct loading *edges, struct loading *lans, uint64_t mark, struct registry *out, struct error *error)
{
    struct arena *arena = edges->io.arena;
    struct registry registry = {0};
    bool changed = !edges->known;
    TRY(list(edges, &changed, error));
    TRY(list(lans, &changed, error));
    if (!changed) return not_modified(error);
    TRY(load_all(edges, &registry.edge_sources, error));
    TRY(load_all(lans, &registry.lan_sources, error));
    registry.edges = (struct edge *)(void *)edges->items.at;
    registry.edge_count = edges->items.count;
    registry.lans = (struct lan_entry *)(void *)lans->items.at;
    registry.lan_count = lans->items.count;
    registry.age = arena_new_of(arena, struct registry_age);
    set_age(&registry, mark);
    registry_complete(arena, &registry);
    *out = registry;
    return STATUS_OK;
}

static struct loading loading_of(const struct kind *kind, struct store *store, struct io io, struct arena *scratch)
{
    return (struct loading){.kind = kind, .store = store, .io = io, .scratch = scratch};
}

enum status registry_refresh(struct store *store, struct io io, const struct registry *known, struct registry *out, struct error *error)
{
    uint64_t mark = mark_of(store);
    if (known && is_as_known(known, mark)) return not_modified(error);
    struct arena *scratch = arena_new();
    struct loading edges = loading_of(&edge_kind, store, io, scratch), lans = loading_of(&lan_kind, store, io, scratch);
    if (known) {
        edges.known = &known->edge_sources;
        edges.known_items = (struct items){(char *)known->edges, known->edge_count};
        lans.known = &known->lan_sources;
        lans.known_items = (struct items){(char *)known->lans, known->lan_count};
    }
    enum status status = refresh(&edges, &lans, mark, out, error);
    if (status == STATUS_NOT_MODIFIED) set_age(known, mark);
    arena_free(scratch);
    return status;
}

enum status registry_load(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    return registry_refresh(store, io, NULL, registry, error);
}

/* --- a page */

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct registry_source *)a)->name, ((const struct registry_source *)b)->name);
}

/* Of all that begin so those behind `after`, by id, and of these the first. */
static void choose_page(struct registry_sources *listed, const struct registry_page *page)
{
    size_t kept = 0;
    for (size_t i = 0; i < listed->count; i++)
        if (str_starts(listed->at[i].name, page->prefix) && str_compare(listed->at[i].name, page->after) > 0)
            listed->at[kept++] = listed->at[i];
    if (kept > 0) qsort(listed->at, kept, sizeof *listed->at, by_name);
    listed->count = page->limit > 0 && kept > page->limit ? page->limit : kept;
}

static enum status load_page(struct loading *loading, const struct registry_page *page, struct registry *out, struct error *error)
{
    struct registry registry = {0};
    struct listing listing = {loading, 0};
    struct str prefix = arena_join(loading->io.arena, str_of(loading->kind->prefix), page->prefix);
    TRY(store_list(loading->store, loading->io, prefix, 0, note_source, &listing, error));
    choose_page(&loading->listed, page);
    TRY(load_all(loading, &registry.edge_sources, error));
    registry.edges = (struct edge *)(void *)loading->items.at;
    registry.edge_count = loading->items.count;
    registry_complete(loading->io.arena, &registry);
    *out = registry;
    return STATUS_OK;
}

enum status registry_load_page(struct store *store, struct io io, const struct registry_page *page, struct registry *out,
                               struct error *error)
{
    struct arena *scratch = arena_new();
    struct loading loading = loading_of(&edge_kind, store, io, scratch);
    enum status status = load_page(&loading, page, out, error);
    arena_free(scratch);
    return status;
}
