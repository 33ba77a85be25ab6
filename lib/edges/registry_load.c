/* Reads the objects of edges and LANs, and again those that have changed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "lib/edges/registry_load_internal.h"
#include "lib/store/many.h"

enum { ENTRIES_MOST = 2000000 };
/* Objects for which a listing is paid a millisecond: in a directory, and where each thousand is a request. */
enum { LISTED_PER_MS = 10, LISTED_PER_MS_AFAR = 2, PAUSE_MOST = CLOCK_MINUTE };
enum { SUMMARY_LEAST = 64, SUMMARY_SHARE = 100 };

struct loading {
    const struct kind *kind;
    struct store *store;
    struct io io;
    bool is_first;                        /* nothing is known */
    const struct registry_sources *known; /* by the caller, or by the summary; NULL: nothing */
    struct items known_items;
    struct registry_sources listed; /* names in `scratch` at first */
    struct str summary;             /* the newest one's key; empty: there is none */
    struct items items;
    struct arena *scratch;
    struct registry_source **unread; /* those whose objects are to be read */
    size_t unread_count;
    pthread_mutex_t lock; /* of items and io.arena, while objects are read */
};

/* --- listing */

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
    if (loading->summary.length == 0 && str_starts(object->key, str_of(loading->kind->summary)))
        loading->summary = arena_copy(loading->scratch, object->key);
    if (!str_ends(name, SUFFIX)) return true;
    name = arena_copy(loading->scratch, str_first(name, name.length - SUFFIX.length));
    listed->at = arena_grow(loading->scratch, listed->at, listed->count, &listing->capacity, sizeof *listed->at);
    listed->at[listed->count++] = (struct registry_source){.name = name, .etag = registry_hash_etag(object->etag)};
    return listed->count < ENTRIES_MOST;
}

static const struct registry_source *find_known(const struct loading *loading, const struct registry_source *listed)
{
    const struct registry_sources *known = loading->known;
    const struct registry_source *same =
        known && known->count > 0 ? bsearch(listed, known->at, known->count, sizeof *listed, registry_by_key) : NULL;
    return same && same->etag == listed->etag && !same->is_gone ? same : NULL;
}

static enum status load_summary(struct loading *loading, struct content *content, struct error *error)
{
    struct store_object object;
    const struct store_get get = {.limit = SUMMARY_LIMIT};
    const struct io io = {.arena = arena_new(), .deadline = loading->io.deadline};
    enum status status = store_get(loading->store, io, loading->summary, &get, &object, error);
    if (status == STATUS_OK) status = summary_parse(loading->kind, loading->scratch, &object, content, error);
    arena_free(io.arena);
    return status;
}

/* One that can't be read costs time and nothing else. */
static void read_summary(struct loading *loading)
{
    struct error why;
    struct content *content = arena_new_of(loading->scratch, struct content);
    if (loading->known || loading->summary.length == 0) return;
    if (load_summary(loading, content, &why) == STATUS_OK) {
        loading->known = &content->sources;
        loading->known_items = content->items;
    } else {
        log_warn((struct log){0}, "all objects are read: %s", why.text);
    }
}

static enum status list(struct loading *loading, bool *changed, struct error *error)
{
    struct listing listing = {loading, 0};
    struct registry_sources *listed = &loading->listed;
    TRY(store_list(loading->store, loading->io, str_of(loading->kind->prefix), 0, note_source, &listing, error));
    bool differs = !loading->known || loading->known->count != listed->count;
    for (size_t i = 0; i < listed->count && !differs; i++) differs = !find_known(loading, &listed->at[i]);
    *changed = *changed || differs;
    read_summary(loading);
    return STATUS_OK;
}

/* --- reading */

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
    source->etag = registry_hash_etag(object.etag);
    parse(loading, io.arena, source, object.body);
    return STATUS_OK;
}

/* What has not changed is taken as it is known. */
static void take_known(struct loading *loading, struct registry_source *source)
{
    const struct registry_source *same = find_known(loading, source);
    const void *item = same && !same->text.data ? items_find(loading->kind, &loading->known_items, source->name) : NULL;
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
    out->read = loading->unread_count;
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
    uint64_t edges = store_folder_mark(store, str_of(registry_edge_kind.prefix));
    uint64_t lans = store_folder_mark(store, str_of(registry_lan_kind.prefix));
    return edges && lans ? hash64_number(hash64_number(HASH64, edges), lans) : 0;
}

/* The larger the fleet, the longer until the next listing, which then takes a small share of the time. */
static void set_age(struct store *store, const struct registry *registry, uint64_t mark)
{
    int64_t objects = (int64_t)(registry->edge_sources.count + registry->lan_sources.count);
    int64_t pause = objects / (store_abilities(store)->cheap_metadata ? LISTED_PER_MS : LISTED_PER_MS_AFAR);
    atomic_store(&registry->age->mark, mark);
    atomic_store(&registry->age->look_again, clock_aging() + (pause < PAUSE_MOST ? pause : PAUSE_MOST));
}

/* In a directory a change that was made by the store's own way of putting shows at once. */
static bool is_as_known(struct store *store, const struct registry *known, uint64_t mark)
{
    if (clock_aging() >= atomic_load(&known->age->look_again)) return false;
    return !store_abilities(store)->cheap_metadata || (mark && mark == atomic_load(&known->age->mark));
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
    bool changed = edges->is_first;
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
    set_age(edges->store, &registry, mark);
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
    if (known && is_as_known(store, known, mark)) return not_modified(error);
    struct arena *scratch = arena_new();
    struct loading edges = loading_of(&registry_edge_kind, store, io, scratch), lans = loading_of(&registry_lan_kind, store, io, scratch);
    edges.is_first = !known;
    if (known) {
        edges.known = &known->edge_sources;
        edges.known_items = (struct items){(char *)known->edges, known->edge_count};
        lans.known = &known->lan_sources;
        lans.known_items = (struct items){(char *)known->lans, known->lan_count};
    }
    enum status status = refresh(&edges, &lans, mark, out, error);
    if (status == STATUS_NOT_MODIFIED && known) set_age(store, known, mark);
    arena_free(scratch);
    return status;
}

enum status registry_load(struct store *store, struct io io, struct registry *registry, struct error *error)
{
    return registry_refresh(store, io, NULL, registry, error);
}

/* --- the summary */

/* A summary that is missing costs time only. */
static void keep(const struct kind *kind, struct store *store, struct io io, const struct content *content)
{
    struct error why;
    const struct registry_sources *sources = &content->sources;
    bool is_worth_it = sources->read >= SUMMARY_LEAST && sources->read >= sources->count / SUMMARY_SHARE;
    if (is_worth_it && summary_keep(kind, store, io, content, &why) != STATUS_OK)
        log_warn((struct log){0}, "the summary of %s was not written, so that instances start more slowly: %s", kind->prefix, why.text);
}

void registry_keep_summary(struct store *store, struct io io, const struct registry *registry)
{
    const struct content edges = {registry->edge_sources, {(char *)registry->edges, registry->edge_count}};
    const struct content lans = {registry->lan_sources, {(char *)registry->lans, registry->lan_count}};
    keep(&registry_edge_kind, store, io, &edges);
    keep(&registry_lan_kind, store, io, &lans);
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
    struct loading loading = loading_of(&registry_edge_kind, store, io, scratch);
    enum status status = load_page(&loading, page, out, error);
    arena_free(scratch);
    return status;
}
