/* Reads what one query depends on. What that is follows from what registry_find makes of the edges and LANs read so far: the same question
 * is asked again until nothing more is needed. */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "lib/edges/lookup_internal.h"
#include "lib/edges/registry_load_internal.h"
#include "lib/store/many.h"

enum { TAKEN_AT_FIRST = 4 };

/* An entry that was looked up. */
struct noted {
    struct str key;
    struct lookup_list list;
    size_t taken; /* of its tokens */
};
/* Ids, and what is registered under them. */
struct objects {
    const struct kind *kind;
    struct item {
        struct str id;
        void *item; /* NULL: nothing */
    } * at;
    size_t count, capacity, read;
};
struct reading {
    const struct lookup *lookup;
    const struct lookup_settings *settings;
    struct arena *arena;
    struct noted *noted;
    size_t noted_count, noted_capacity;
    struct objects edges, lans;
    bool goes_on;     /* more is to be read */
    bool needs_whole; /* the entries do not tell */
    struct registry *registry;
    pthread_mutex_t lock; /* of the arena, while objects are read */
};

/* --- objects */

static void want(struct reading *reading, struct objects *objects, struct str id)
{
    for (size_t i = 0; i < objects->count; i++)
        if (str_equal(objects->at[i].id, id)) return;
    objects->at = arena_grow(reading->arena, objects->at, objects->count, &objects->capacity, sizeof *objects->at);
    objects->at[objects->count++].id = arena_copy(reading->arena, id);
    reading->goes_on = true;
}

struct fetch {
    struct reading *reading;
    struct objects *objects;
};

/* One that is not there, or is none, is as good as not registered: the same as where all are read. */
static enum status fetch_one(void *context, struct io io, size_t number, struct error *error)
{
    const struct fetch *fetch = context;
    const struct kind *kind = fetch->objects->kind;
    struct item *item = &fetch->objects->at[fetch->objects->read + number];
    struct store_object object;
    struct error why;
    void *parsed = arena_alloc(io.arena, kind->size);
    struct str key = arena_join(io.arena, str_of(kind->prefix), item->id, SUFFIX);
    enum status status =
        store_get(fetch->reading->lookup->store, io, key, &(struct store_get){.limit = REGISTRY_ENTRY_LIMIT}, &object, error);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    TRY(status);
    if (kind->parse(io.arena, object.body, parsed, &why) != STATUS_OK) {
        log_warn((struct log){0}, STR_FMT " is skipped: %s", STR_ARG(key), why.text);
        return STATUS_OK;
    }
    if (!str_equal(kind->id(parsed), item->id)) return STATUS_OK;
    pthread_mutex_lock(&fetch->reading->lock);
    item->item = arena_alloc(fetch->reading->arena, kind->size);
    kind->copy(fetch->reading->arena, NULL, parsed, item->item);
    pthread_mutex_unlock(&fetch->reading->lock);
    return STATUS_OK;
}

static enum status fetch_objects(struct reading *reading, struct objects *objects, struct error *error)
{
    struct fetch fetch = {reading, objects};
    const struct store_many many = {.count = objects->count - objects->read, .each = fetch_one, .context = &fetch};
    TRY(store_many(&many, reading->lookup->io, error));
    objects->read = objects->count;
    return STATUS_OK;
}

/* Its areas depend on all LANs that it lists. */
static void want_listed(struct reading *reading, const struct edge *edge)
{
    for (size_t i = 0; i < edge->lan_count; i++)
        if (str_starts(edge->lans[i], S("@"))) want(reading, &reading->lans, str_from(edge->lans[i], 1));
}

static size_t collect(const struct objects *objects, char *out)
{
    size_t count = 0;
    for (size_t i = 0; i < objects->count; i++)
        if (objects->at[i].item) memcpy(out + count++ * objects->kind->size, objects->at[i].item, objects->kind->size);
    if (count > 0) qsort(out, count, objects->kind->size, objects->kind->order);
    return count;
}

static enum status read_objects(struct reading *reading, struct error *error)
{
    struct arena *arena = reading->arena;
    size_t first = reading->edges.read;
    reading->goes_on = false;
    TRY(fetch_objects(reading, &reading->edges, error));
    for (size_t i = first; i < reading->edges.count; i++)
        if (reading->edges.at[i].item) want_listed(reading, reading->edges.at[i].item);
    TRY(fetch_objects(reading, &reading->lans, error));
    struct registry *registry = reading->registry;
    *registry = (struct registry){.edges = arena_array(arena, reading->edges.count, sizeof *registry->edges),
                                  .lans = arena_array(arena, reading->lans.count, sizeof *registry->lans)};
    registry->edge_count = collect(&reading->edges, (char *)registry->edges);
    registry->lan_count = collect(&reading->lans, (char *)registry->lans);
    registry_complete(arena, registry);
    reading->goes_on = false;
    return STATUS_OK;
}

/* --- entries */

static enum status note(struct reading *reading, struct str key, struct noted **out, struct error *error)
{
    struct str value;
    struct shards shards = lookup_shards(reading->lookup->store, reading->lookup->io, LOOKUP_KEYS, reading->settings);
    for (size_t i = 0; i < reading->noted_count; i++)
        if (str_equal(reading->noted[i].key, key)) return *out = &reading->noted[i], STATUS_OK;
    reading->noted = arena_grow(reading->arena, reading->noted, reading->noted_count, &reading->noted_capacity, sizeof *reading->noted);
    struct noted *noted = *out = &reading->noted[reading->noted_count];
    shards.cache = reading->lookup->shards;
    *noted = (struct noted){.key = key};
    enum status status = shards_find(&shards, key, &value, error);
    if (status != STATUS_NOT_FOUND) TRY(status);
    if (status == STATUS_OK) lookup_list_parse(value, &noted->list);
    reading->noted_count++;
    return STATUS_OK;
}

static void take(struct reading *reading, struct noted *noted, size_t most)
{
    struct objects *objects = noted->key.data[0] == LOOKUP_LAN ? &reading->lans : &reading->edges;
    for (; noted->taken < noted->list.count && noted->taken < most; noted->taken++) want(reading, objects, noted->list.at[noted->taken]);
}

/* The first of an entry are read, then the others unless those were enough. */
static enum status need(struct reading *reading, enum lookup_kind kind, struct str text, bool is_enough, struct error *error)
{
    struct noted *noted;
    TRY(note(reading, lookup_key(reading->arena, kind, text), &noted, error));
    bool is_new = noted->taken == 0;
    if (!is_new && is_enough) return STATUS_OK;
    if (noted->taken == noted->list.count && noted->list.more) reading->needs_whole = true;
    take(reading, noted, is_new ? TAKEN_AT_FIRST : LOOKUP_LISTED_MAX);
    return STATUS_OK;
}

static enum status need_all(struct reading *reading, enum lookup_kind kind, struct str text, struct error *error)
{
    struct noted *noted;
    TRY(note(reading, lookup_key(reading->arena, kind, text), &noted, error));
    if (noted->list.more) reading->needs_whole = true;
    take(reading, noted, LOOKUP_LISTED_MAX);
    return STATUS_OK;
}

/* --- what a question depends on */

struct question {
    const struct whereabouts *where;
    struct network network; /* of ip and mask */
    bool has_network, has_caller, is_elsewhere;
    struct address caller;
};

static enum status need_callers(struct reading *reading, const struct address *caller, struct error *error)
{
    for (unsigned length = 0; length < PREFIXES; length++) {
        if (!reading->settings->egresses[caller->v6][length]) continue;
        const struct network egress = network_at(caller, length);
        TRY(need_all(reading, LOOKUP_EGRESS, network_format(reading->arena, &egress), error));
    }
    return STATUS_OK;
}

/* Two edges are as many as a thousand: the network belongs to none of them. */
static bool has_two(const struct registry *registry, const struct network *network, bool open)
{
    const struct edge *first = NULL;
    for (size_t i = 0; i < registry->area_count; i++) {
        const struct registry_area *area = &registry->areas[i];
        bool counts = area->site.length == 0 && !(open && area->edge->egress_count > 0) && network_equal(&area->network, network);
        if (counts && first && first != area->edge) return true;
        if (counts) first = area->edge;
    }
    return false;
}

static enum status need_only(struct reading *reading, const struct network *network, bool open, struct error *error)
{
    struct str text = network_format(reading->arena, network);
    if (!reading->settings->networks[network->address.v6][network->prefix]) return STATUS_OK;
    bool two = has_two(reading->registry, network, open);
    TRY(need(reading, LOOKUP_TEXT, text, two && registry_edge_of(reading->registry, text), error));
    return open ? STATUS_OK : need(reading, LOOKUP_NETWORK, text, two, error);
}

static enum status need_around(struct reading *reading, const struct address *caller, struct error *error)
{
    for (unsigned length = 0; length < PREFIXES; length++) {
        const struct network network = network_at(caller, length > 32 && !caller->v6 ? 32 : length);
        if (reading->settings->networks[caller->v6][length]) TRY(need_only(reading, &network, false, error));
    }
    return STATUS_OK;
}

static enum status need_of_code(struct reading *reading, struct str code, struct error *error)
{
    bool is_enough = registry_edge_of(reading->registry, arena_join(reading->arena, S("@"), code)) != NULL;
    if (!str_is_id(code)) return STATUS_OK;
    want(reading, &reading->lans, code);
    return need(reading, LOOKUP_CODE, code, is_enough, error);
}

/* Whom the question itself names. */
static enum status need_named(struct reading *reading, const struct question *question, struct error *error)
{
    struct str site = question->where->site;
    if (question->where->code.length > 0) return need_of_code(reading, question->where->code, error);
    if (site.length > 0) return question->has_network ? STATUS_OK : need_all(reading, LOOKUP_SITE, site, error);
    return question->has_caller ? need_callers(reading, &question->caller, error) : STATUS_OK;
}

/* Where no edge lists the caller. */
static enum status need_by_network(struct reading *reading, const struct question *question, struct error *error)
{
    const struct registry *registry = reading->registry;
    const struct address *caller = question->has_caller ? &question->caller : NULL;
    if (question->where->code.length > 0 || question->where->site.length > 0) return STATUS_OK;
    if (question->has_network) {
        if (caller && registry_area_of_caller(registry, &question->network, caller)) return STATUS_OK;
        return need_only(reading, &question->network, question->is_elsewhere, error);
    }
    if (!caller || registry_edge_of_caller(registry, caller)) return STATUS_OK;
    return need_around(reading, caller, error);
}

static bool has_lan(const struct registry *registry, struct str text)
{
    for (size_t i = 0; i < registry->lan_count; i++)
        if (str_equal(registry->lans[i].lan, text)) return true;
    return false;
}

static bool is_in_use(const bool lengths[2][PREFIXES], const struct network *network)
{
    return lengths[network->address.v6][network->prefix];
}

/* Which edges serve the LAN that was found, and which registered LAN it is. */
static enum status need_by_text(struct reading *reading, const struct place *place, struct error *error)
{
    struct str rest = place->lan, first = str_cut(&rest, '@');
    const struct edge *edge = place->edge;
    const struct registry *registry = reading->registry;
    struct network network, egress;
    bool is_by_egress = rest.data && network_parse(first, &egress);
    if (place->lan.length == 0 || str_starts(place->lan, S("@"))) return STATUS_OK;
    if (is_by_egress) {
        if (edge || !is_in_use(reading->settings->egresses, &egress)) return STATUS_OK;
        return need_all(reading, LOOKUP_EGRESS, first, error);
    }
    if (!network_parse(rest.data ? rest : first, &network) || !is_in_use(reading->settings->networks, &network)) return STATUS_OK;
    if (!edge) TRY(need(reading, LOOKUP_TEXT, place->lan, registry_edge_of(registry, place->lan) != NULL, error));
    if (edge && edge->location.known && edge->region.length > 0) return STATUS_OK;
    return need(reading, LOOKUP_LAN, place->lan, has_lan(registry, place->lan), error);
}

/* --- near */

/* What most edges nearby are good for is to be asked what they hold. */
static void take_outline(struct reading *reading, const struct edge *edge)
{
    struct objects *objects = &reading->edges;
    size_t before = objects->count;
    want(reading, objects, edge->id);
    if (objects->count == before) return;
    struct item *item = &objects->at[objects->count - 1];
    item->item = arena_alloc(reading->arena, sizeof *edge);
    edge_copy(reading->arena, NULL, edge, item->item);
    objects->read = objects->count;
}

static enum status need_near(struct reading *reading, const struct place *place, enum lookup_document document, size_t most,
                             struct error *error)
{
    const struct lookup_nearest what = {.lookup = reading->lookup,
                                        .settings = reading->settings,
                                        .document = document,
                                        .from = place->location,
                                        .without = place->edge ? place->edge->id : S(""),
                                        .most = most + LOOKUP_LISTED_MAX - NEAREST_MOST};
    struct edge edges[LOOKUP_LISTED_MAX];
    size_t count = 0;
    bool is_of_nodes = document == LOOKUP_NODES;
    if (place->location.known) TRY(lookup_nearest(&what, edges, &count, error));
    for (size_t i = 0; i < count; i++)
        if (is_of_nodes)
            want(reading, &reading->edges, edges[i].id);
        else
            take_outline(reading, &edges[i]);
    if (count >= most || place->region.length == 0) return STATUS_OK;
    const enum lookup_kind kinds[2] = {is_of_nodes ? LOOKUP_NODE : LOOKUP_REGION,
                                       is_of_nodes ? LOOKUP_NODE_LOCATED : LOOKUP_REGION_LOCATED};
    for (int i = 0; i < (place->location.known ? 1 : 2); i++) {
        struct noted *noted;
        TRY(note(reading, lookup_key(reading->arena, kinds[i], place->region), &noted, error));
        take(reading, noted, most + LOOKUP_LISTED_MAX - NEAREST_MOST);
    }
    return STATUS_OK;
}

/* --- one question */

static struct question ask(const struct whereabouts *where)
{
    struct error ignored;
    struct question question = {.where = where};
    question.has_caller = address_parse(where->caller, &question.caller);
    question.is_elsewhere = question.has_caller && address_is_public(&question.caller);
    question.has_network =
        (where->ip.length > 0 || where->mask.length > 0) && network_of(where->ip, where->mask, &question.network, &ignored) == STATUS_OK;
    return question;
}

static enum status need_more(struct reading *reading, const struct question *question, struct error *error)
{
    struct place place;
    struct error ignored;
    TRY(need_named(reading, question, error));
    if (!reading->goes_on) TRY(need_by_network(reading, question, error));
    if (reading->goes_on) return STATUS_OK;
    if (registry_find(reading->registry, reading->arena, question->where, &place, &ignored) != STATUS_OK) return STATUS_OK;
    TRY(need_by_text(reading, &place, error));
    if (reading->goes_on || place.edge || place.lan.length == 0) return STATUS_OK;
    return need_near(reading, &place, LOOKUP_NODES, 1, error);
}

static enum status find(struct reading *reading, const struct whereabouts *where, struct error *error)
{
    const struct question question = ask(where);
    bool is_wrong = (where->ip.length > 0 || where->mask.length > 0) && !question.has_network && where->code.length == 0;
    TRY(read_objects(reading, error));
    if (is_wrong) return STATUS_OK; /* registry_find says what is wrong */
    for (;;) {
        TRY(need_more(reading, &question, error));
        if (!reading->goes_on || reading->needs_whole) return STATUS_OK;
        TRY(read_objects(reading, error));
    }
}

static enum status get_settings(const struct lookup *lookup, const struct lookup_settings **out, struct error *error)
{
    const void *cached;
    if (lookup->settings) {
        TRY(cache_get(lookup->settings, lookup->io, S("settings"), &cached, error));
        return *out = cached, STATUS_OK;
    }
    struct lookup_settings *settings = arena_new_of(lookup->io.arena, struct lookup_settings);
    *out = settings;
    return lookup_settings_read(lookup->store, lookup->io, 0, settings, error);
}

/* What is read on the way is in memory of its own. */
struct look {
    struct lookup lookup;
    struct reading reading;
    struct registry registry;
    struct arena *arena; /* of what is returned */
};

static void begin(struct look *look, const struct lookup *lookup)
{
    *look = (struct look){.lookup = *lookup, .arena = lookup->io.arena};
    look->lookup.io.arena = arena_new();
    look->reading = (struct reading){.lookup = &look->lookup,
                                     .arena = look->lookup.io.arena,
                                     .edges.kind = &registry_edge_kind,
                                     .lans.kind = &registry_lan_kind,
                                     .registry = &look->registry};
    pthread_mutex_init(&look->reading.lock, NULL);
}

static void copy_registry(struct arena *arena, const struct registry *from, struct registry *to)
{
    *to = (struct registry){.edges = arena_array(arena, from->edge_count, sizeof *to->edges), .edge_count = from->edge_count};
    to->lans = arena_array(arena, from->lan_count, sizeof *to->lans);
    to->lan_count = from->lan_count;
    for (size_t i = 0; i < from->edge_count; i++) edge_copy(arena, i > 0 ? &to->edges[i - 1] : NULL, &from->edges[i], &to->edges[i]);
    for (size_t i = 0; i < from->lan_count; i++) lan_entry_copy(arena, i > 0 ? &to->lans[i - 1] : NULL, &from->lans[i], &to->lans[i]);
    registry_complete(arena, to);
}

/* A look-up document that is damaged costs time only: all edges are read instead. */
static enum status end(struct look *look, enum status status, struct registry *registry, bool *found, struct error *error)
{
    const struct reading *reading = &look->reading;
    pthread_mutex_destroy(&look->reading.lock);
    *found = status == STATUS_OK && reading->settings->usable && !reading->needs_whole;
    if (*found) copy_registry(look->arena, &look->registry, registry);
    arena_free(look->lookup.io.arena);
    if (status != STATUS_CORRUPT) return status;
    log_warn((struct log){0}, "all edges are read: %s", error->text);
    return STATUS_OK;
}

enum status lookup_find(const struct lookup *lookup, const struct whereabouts *where, struct registry *registry, bool *found,
                        struct error *error)
{
    struct look look;
    begin(&look, lookup);
    enum status status = get_settings(&look.lookup, &look.reading.settings, error);
    if (status == STATUS_OK && look.reading.settings->usable) status = find(&look.reading, where, error);
    return end(&look, status, registry, found, error);
}

enum status lookup_near(const struct lookup *lookup, const struct place *place, struct registry *registry, bool *found, struct error *error)
{
    struct look look;
    begin(&look, lookup);
    enum status status = get_settings(&look.lookup, &look.reading.settings, error);
    if (status == STATUS_OK && look.reading.settings->usable) status = need_near(&look.reading, place, LOOKUP_NEAR, NEAREST_MOST, error);
    if (status == STATUS_OK && look.reading.settings->usable) status = read_objects(&look.reading, error);
    return end(&look, status, registry, found, error);
}

static enum status read_one(const struct lookup *lookup, bool is_lan, struct str id, struct registry *registry, struct error *error)
{
    struct look look;
    begin(&look, lookup);
    want(&look.reading, is_lan ? &look.reading.lans : &look.reading.edges, id);
    enum status status = read_objects(&look.reading, error);
    if (status == STATUS_OK) copy_registry(lookup->io.arena, &look.registry, registry);
    pthread_mutex_destroy(&look.reading.lock);
    arena_free(look.lookup.io.arena);
    return status;
}

enum status lookup_edge(const struct lookup *lookup, struct str id, struct registry *registry, struct error *error)
{
    return read_one(lookup, false, id, registry, error);
}

enum status lookup_lan(const struct lookup *lookup, struct str code, struct registry *registry, struct error *error)
{
    return read_one(lookup, true, code, registry, error);
}
