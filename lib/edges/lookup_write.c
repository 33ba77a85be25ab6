/* Keeps the look-up document with each edge and LAN that is written, and repairs it. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "lib/edges/lookup_internal.h"
#include "lib/edges/registry_load_internal.h"

enum { VALUE_LIMIT = 32 * 1024 };

/* --- entries */

/* Those of one key stand behind one another; a shard's entry has the number of the first as its tag. */
struct writing {
    const struct lookup_entry *at, *end;
};

static bool same_key(const struct lookup_entry *a, const struct lookup_entry *b)
{
    return a->document == b->document && str_equal(a->key, b->key);
}

static size_t find_token(const struct lookup_list *list, struct str token, bool *found)
{
    size_t at = 0;
    while (at < list->count && str_compare(list->at[at], token) < 0) at++;
    *found = at < list->count && str_equal(list->at[at], token);
    return at;
}

/* A list that goes on behind its last token keeps the first ones only: who comes behind that is among the others. */
static void add_token(struct lookup_list *list, struct str token, struct str last)
{
    bool found;
    size_t at = find_token(list, token, &found);
    if (found || (list->more && (!last.data || str_compare(token, last) > 0))) return;
    memmove(&list->at[at + 1], &list->at[at], (list->count - at) * sizeof *list->at);
    list->at[at] = token;
    if (++list->count <= LOOKUP_LISTED_MAX) return;
    list->count--;
    list->more = true;
}

static void remove_token(struct lookup_list *list, struct str token)
{
    bool found;
    size_t at = find_token(list, token, &found);
    if (!found) return;
    memmove(&list->at[at], &list->at[at + 1], (list->count - at - 1) * sizeof *list->at);
    list->count--;
}

static struct str format_list(struct arena *arena, const struct lookup_list *list)
{
    struct buf out = buf_in(arena, VALUE_LIMIT);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) buf_add_byte(&out, ' ');
        buf_add(&out, list->at[i]);
    }
    if (list->more) buf_add(&out, list->count > 0 ? S(" *") : S("*"));
    return out.length > 0 ? buf_str(&out) : (struct str){NULL, 0};
}

static enum status change_entry(void *context, struct arena *arena, const struct shard_entry *entry, struct str *value, struct error *error)
{
    const struct writing *writing = context;
    const struct lookup_entry *first = writing->at + entry->tag;
    struct lookup_list list;
    (void)error;
    lookup_list_parse(*value, &list);
    struct str last = list.count > 0 ? list.at[list.count - 1] : (struct str){NULL, 0};
    for (const struct lookup_entry *at = first; at < writing->end && same_key(at, first); at++) {
        if (at->remove && at->token.length == 0)
            list.more = false;
        else if (at->remove)
            remove_token(&list, at->token);
        else
            add_token(&list, at->token, last);
    }
    *value = format_list(arena, &list);
    return STATUS_OK;
}

static enum status write_document(struct lookup lookup, const struct lookup_settings *settings, struct writing *writing,
                                  struct shards_result *result, struct error *error)
{
    size_t most = (size_t)(writing->end - writing->at), count = 0;
    const struct shards shards = lookup_shards(lookup.store, lookup.io, writing->at->document, settings);
    struct shard_entry *entries = arena_array(lookup.io.arena, most, sizeof *entries);
    for (size_t i = 0; i < most; i++)
        if (i == 0 || !same_key(&writing->at[i], &writing->at[i - 1])) entries[count++] = (struct shard_entry){writing->at[i].key, i, 0};
    const struct shards_change change = {entries, count, .change = change_entry, .context = writing};
    return shards_update(&shards, &change, result, error);
}

/* With so much time. */
static struct lookup by(struct store *store, struct io io, int64_t span)
{
    return (struct lookup){.store = store, .io = io_anew(io, span)};
}

static void set_depth(const void *context, struct lookup_settings *settings)
{
    settings->depth = *(const unsigned *)context;
}

/* shards_update of all documents; each has the whole of lookup.io.deadline. */
static enum status write_entries(struct lookup lookup, const struct lookup_settings *settings, struct lookup_entries *entries,
                                 size_t *written, struct error *error)
{
    struct lookup_settings ignored;
    struct shards_result result;
    const int64_t span = deadline_left(lookup.io.deadline);
    if (entries->count > 0) qsort(entries->at, entries->count, sizeof *entries->at, lookup_by_entry);
    for (size_t from = 0, to; from < entries->count; from = to) {
        enum lookup_document document = entries->at[from].document;
        for (to = from; to < entries->count && entries->at[to].document == document;) to++;
        struct writing writing = {&entries->at[from], &entries->at[to]};
        TRY(write_document(by(lookup.store, lookup.io, span), settings, &writing, &result, error));
        *written += result.written;
        if (document == LOOKUP_KEYS && result.depth > settings->depth)
            TRY(lookup_settings_update(by(lookup.store, lookup.io, span), set_depth, &result.depth, &ignored, error));
    }
    return STATUS_OK;
}

/* --- with an edge or a LAN */

enum status lookup_begin(struct lookup_change *change, struct store *store, struct io io, struct error *error)
{
    *change = (struct lookup_change){.store = store, .io = io, .arena = arena_new()};
    change->io.arena = change->arena;
    change->before.arena = change->after.arena = change->arena;
    change->after.uses = arena_new_of(change->arena, struct lookup_settings);
    enum status status = lookup_settings_read(store, change->io, 0, &change->settings, error);
    if (status != STATUS_CORRUPT) return status;
    log_warn((struct log){0}, "%s", error->text); /* readers do without it until it is repaired */
    return STATUS_OK;
}

void lookup_note_edge(struct lookup_change *change, const struct registry *before, const struct registry *after, struct str id)
{
    const struct edge *old = before ? registry_edge(before, id) : NULL, *new = after ? registry_edge(after, id) : NULL;
    if (change->settings.generation == 0) return;
    if (old) lookup_entries_of_edge(&change->before, before, old, true);
    if (new) lookup_entries_of_edge(&change->after, after, new, false);
}

/* The edges that list it are found by its text too. */
void lookup_note_lan(struct lookup_change *change, const struct registry *before, const struct registry *after, struct str code)
{
    const struct lan_entry *old = registry_lan(before, code), *new = registry_lan(after, code);
    struct str text = arena_join(change->arena, S("@"), code);
    if (change->settings.generation == 0) return;
    if (old) lookup_entries_of_lan(&change->before, old, true);
    if (new) lookup_entries_of_lan(&change->after, new, false);
    for (size_t i = registry_first_served(after, text); i < after->served_count && str_equal(after->served[i].lan, text); i++)
        lookup_note_edge(change, before, after, after->served[i].edge->id);
}

static void add_uses(const void *context, struct lookup_settings *settings)
{
    const struct lookup_settings *uses = context;
    for (int i = 0; i < 2; i++) {
        for (unsigned length = 0; length < PREFIXES; length++) {
            settings->networks[i][length] |= uses->networks[i][length];
            settings->egresses[i][length] |= uses->egresses[i][length];
        }
        for (size_t byte = 0; byte < sizeof settings->areas[i]; byte++) settings->areas[i][byte] |= uses->areas[i][byte];
    }
}

static const struct lookup_entry *find_entry(const struct lookup_entries *entries, const struct lookup_entry *sought)
{
    return entries->count > 0 ? bsearch(sought, entries->at, entries->count, sizeof *sought, lookup_by_entry) : NULL;
}

/* What is in `from` and not in `but`. */
static struct lookup_entries less(struct lookup_change *change, struct lookup_entries *from, struct lookup_entries *but, bool remove)
{
    struct lookup_entries out = {.arena = change->arena, .at = arena_array(change->arena, from->count, sizeof *out.at)};
    if (but->count > 0) qsort(but->at, but->count, sizeof *but->at, lookup_by_entry);
    for (size_t i = 0; i < from->count; i++) {
        struct lookup_entry entry = from->at[i];
        entry.remove = !remove;
        if (find_entry(but, &entry)) continue;
        entry.remove = remove;
        out.at[out.count++] = entry;
    }
    return out;
}

static bool have_same_uses(const struct lookup_settings *a, const struct lookup_settings *b)
{
    return memcmp(a->networks, b->networks, sizeof a->networks) == 0 && memcmp(a->egresses, b->egresses, sizeof a->egresses) == 0 &&
           memcmp(a->areas, b->areas, sizeof a->areas) == 0;
}

enum status lookup_prepare(struct lookup_change *change, struct error *error)
{
    size_t written = 0;
    const int64_t span = deadline_left(change->io.deadline);
    struct lookup_settings next = change->settings;
    struct lookup_entries entries = less(change, &change->after, &change->before, false);
    if (entries.count == 0) return STATUS_OK;
    add_uses(change->after.uses, &next);
    if (!have_same_uses(&next, &change->settings))
        TRY(lookup_settings_update(by(change->store, change->io, span), add_uses, change->after.uses, &change->settings, error));
    return write_entries(by(change->store, change->io, span), &change->settings, &entries, &written, error);
}

/* Those that stay are looked at again, since another writer may have replaced the same edge meanwhile: nothing is written then. */
enum status lookup_finish(struct lookup_change *change, size_t *removed, struct error *error)
{
    struct lookup_entries entries = less(change, &change->before, &change->after, true);
    *removed = entries.count;
    if (entries.count == 0) return STATUS_OK;
    size_t written = 0;
    return write_entries(by(change->store, change->io, deadline_left(change->io.deadline)), &change->settings, &entries, &written, error);
}

void lookup_end(struct lookup_change *change)
{
    arena_free(change->arena);
}

/* --- repair */

struct repair {
    struct store *store;
    struct io io;
    const struct registry *registry;
    struct lookup_entries wanted, wrong;
    bool *seen; /* of `wanted`: it is there */
    struct arena *scratch;
    enum lookup_document document;
    struct lookup_settings uses;
};

static uint64_t sum_sources(uint64_t sum, const struct registry_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        if (!sources->at[i].is_gone) sum += hash64_number(hash64(HASH64, sources->at[i].name), sources->at[i].etag);
    return sum;
}

static uint64_t sum_of(const struct registry *registry)
{
    return sum_sources(sum_sources(0, &registry->edge_sources), &registry->lan_sources) | 1;
}

/* Who looks an edge up by its id asks for the object of that name. */
static bool is_named(const struct registry_sources *sources, struct str id)
{
    const struct registry_source sought = {.name = id};
    const struct registry_source *found =
        sources->count > 0 ? bsearch(&sought, sources->at, sources->count, sizeof sought, registry_by_key) : NULL;
    return found && !found->text.data && !found->is_gone;
}

static bool all_are_named(const struct registry *registry)
{
    for (size_t i = 0; i < registry->edge_count; i++) {
        struct str id = registry->edges[i].id;
        if (is_named(&registry->edge_sources, id) && (i == 0 || !str_equal(id, registry->edges[i - 1].id))) continue;
        log_warn((struct log){0}, "edge=" STR_FMT " stands in an object of another name, so that every query reads all edges", STR_ARG(id));
        return false;
    }
    for (size_t i = 0; i < registry->lan_count; i++) {
        struct str code = registry->lans[i].code;
        if (is_named(&registry->lan_sources, code) && (i == 0 || !str_equal(code, registry->lans[i - 1].code))) continue;
        log_warn((struct log){0}, "LAN " STR_FMT " stands in an object of another name, so that every query reads all edges",
                 STR_ARG(code));
        return false;
    }
    return true;
}

static size_t first_of_key(const struct lookup_entries *entries, const struct lookup_entry *sought)
{
    size_t low = 0, high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lookup_by_entry(&entries->at[middle], sought) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What a token says now, by its object: a writer may have been here since the registry was loaded. */
static enum status is_borne_out(struct repair *repair, const struct lookup_entry *entry, bool *right, struct error *error)
{
    struct registry registry;
    struct lookup_entries entries = {.arena = repair->scratch};
    bool is_lan = entry->document == LOOKUP_KEYS && entry->key.data[0] == LOOKUP_LAN;
    const struct lookup lookup = {.store = repair->store, .io = {.arena = repair->scratch, .deadline = repair->io.deadline}};
    struct str id = entry->document == LOOKUP_KEYS ? entry->token : str_from(entry->key, str_find(entry->key, ' ') + 1);
    *right = false;
    if (!str_is_id(id)) return STATUS_OK;
    TRY(is_lan ? lookup_lan(&lookup, id, &registry, error) : lookup_edge(&lookup, id, &registry, error));
    if (registry.edge_count > 0) lookup_entries_of_edge(&entries, &registry, registry.edges, false);
    if (is_lan && registry.lan_count > 0) lookup_entries_of_lan(&entries, registry.lans, false);
    for (size_t i = 0; i < entries.count && !*right; i++)
        *right = same_key(&entries.at[i], entry) && str_equal(entries.at[i].token, entry->token);
    return STATUS_OK;
}

static void add_wrong(struct repair *repair, struct lookup_entry entry)
{
    struct lookup_entries *wrong = &repair->wrong;
    entry.key = arena_copy(wrong->arena, entry.key);
    entry.token = arena_copy(wrong->arena, entry.token);
    wrong->at = arena_grow(wrong->arena, wrong->at, wrong->count, &wrong->capacity, sizeof *wrong->at);
    wrong->at[wrong->count++] = entry;
}

/* The tokens that are wanted under the key of number `first`. */
static size_t count_of_key(const struct repair *repair, size_t first, const struct lookup_entry *sought)
{
    size_t count = 0;
    while (first + count < repair->wanted.count && same_key(&repair->wanted.at[first + count], sought)) count++;
    return count;
}

static enum status check_token(struct repair *repair, struct lookup_entry *entry, struct error *error)
{
    bool right;
    entry->remove = false;
    size_t at = first_of_key(&repair->wanted, entry);
    bool is_wanted = at < repair->wanted.count && lookup_by_entry(&repair->wanted.at[at], entry) == 0;
    if (is_wanted) return repair->seen[at] = true, STATUS_OK;
    TRY(is_borne_out(repair, entry, &right, error));
    entry->remove = true;
    if (!right) add_wrong(repair, *entry);
    return STATUS_OK;
}

/* A list with others behind it that should show some of these, or that has none behind it any more, is written anew. */
static void check_more(struct repair *repair, const struct lookup_entry *entry, size_t first, size_t count)
{
    bool stale = count <= LOOKUP_LISTED_MAX;
    for (size_t i = 0; i < count && i < LOOKUP_LISTED_MAX; i++) stale = stale || !repair->seen[first + i];
    for (size_t i = stale ? 0 : LOOKUP_LISTED_MAX; i < count; i++) repair->seen[first + i] = !stale;
    if (stale) add_wrong(repair, (struct lookup_entry){entry->document, entry->key, S(""), true});
}

static enum status check_entry(void *context, struct str key, struct str value, struct error *error)
{
    struct repair *repair = context;
    struct lookup_entry entry = {.document = repair->document, .key = key, .remove = true};
    struct lookup_list list;
    size_t first = first_of_key(&repair->wanted, &entry), count = count_of_key(repair, first, &entry);
    lookup_list_parse(value, &list);
    for (size_t i = 0; i < list.count; i++) {
        entry.token = list.at[i];
        arena_reset(repair->scratch);
        TRY(check_token(repair, &entry, error));
    }
    if (list.more) check_more(repair, &entry, first, count);
    return STATUS_OK;
}

/* What is wanted, each once. */
static void list_wanted(struct repair *repair)
{
    const struct registry *registry = repair->registry;
    struct lookup_entries *wanted = &repair->wanted;
    for (size_t i = 0; i < registry->edge_count; i++) lookup_entries_of_edge(wanted, registry, &registry->edges[i], false);
    for (size_t i = 0; i < registry->lan_count; i++) lookup_entries_of_lan(wanted, &registry->lans[i], false);
    size_t kept = 0;
    if (wanted->count > 0) qsort(wanted->at, wanted->count, sizeof *wanted->at, lookup_by_entry);
    for (size_t i = 0; i < wanted->count; i++)
        if (i == 0 || lookup_by_entry(&wanted->at[i], &wanted->at[kept - 1]) != 0) wanted->at[kept++] = wanted->at[i];
    wanted->count = kept;
    repair->seen = arena_array(wanted->arena, kept, sizeof *repair->seen);
}

/* Of a key the first that a list shows, and one more. */
static void add_missing(struct repair *repair)
{
    const struct lookup_entries *wanted = &repair->wanted;
    for (size_t i = 0, rank = 0; i < wanted->count; i++, rank++) {
        if (i > 0 && !same_key(&wanted->at[i], &wanted->at[i - 1])) rank = 0;
        if (!repair->seen[i] && rank <= LOOKUP_LISTED_MAX) add_wrong(repair, wanted->at[i]);
    }
}

static enum status check_all(struct repair *repair, const struct lookup_settings *settings, struct error *error)
{
    const int64_t span = deadline_left(repair->io.deadline);
    for (int document = 0; document < LOOKUP_DOCUMENTS; document++) {
        repair->document = (enum lookup_document)document;
        const struct shards shards = lookup_shards(repair->store, io_anew(repair->io, span), repair->document, settings);
        TRY(shards_each(&shards, S(""), check_entry, repair, error));
    }
    return STATUS_OK;
}

static void begin_again(const void *context, struct lookup_settings *settings)
{
    const struct lookup_settings *damaged = context;
    if (settings->serial != damaged->serial) return;
    settings->serial++;
    settings->depth = 0;
    settings->sum = 0;
    settings->usable = false;
}

/* Where a shard is damaged, all are made again elsewhere: nobody can tell what stood in it. */
static enum status check_or_begin_again(struct repair *repair, struct lookup_settings *settings, struct error *error)
{
    const int64_t span = deadline_left(repair->io.deadline);
    enum status status = check_all(repair, settings, error);
    if (status != STATUS_CORRUPT) return status;
    log_warn((struct log){0}, "the look-up document is made again: %s", error->text);
    const struct lookup_settings damaged = *settings;
    memset(repair->seen, 0, repair->wanted.count * sizeof *repair->seen);
    repair->wrong.count = 0;
    return lookup_settings_update(by(repair->store, repair->io, span), begin_again, &damaged, settings, error);
}

static void set_repaired(const void *context, struct lookup_settings *settings)
{
    const struct lookup_settings *repaired = context;
    add_uses(repaired, settings);
    settings->sum = repaired->sum;
    settings->usable = repaired->usable;
}

static enum status run(struct repair *repair, struct lookup_settings *settings, size_t *changed, struct error *error)
{
    const int64_t span = deadline_left(repair->io.deadline);
    struct registry fresh;
    bool is_new = settings->generation == 0;
    TRY(lookup_settings_update(by(repair->store, repair->io, span), add_uses, &repair->uses, settings, error));
    if (is_new) { /* writers know of the document from now on: what they wrote before is in the registry */
        TRY(registry_load(repair->store, io_anew(repair->io, span), &fresh, error));
        repair->registry = &fresh;
    }
    list_wanted(repair);
    TRY(check_or_begin_again(repair, settings, error));
    add_missing(repair);
    TRY(lookup_settings_update(by(repair->store, repair->io, span), add_uses, &repair->uses, settings, error));
    TRY(write_entries(by(repair->store, repair->io, span), settings, &repair->wrong, changed, error));
    repair->uses.sum = sum_of(repair->registry);
    repair->uses.usable = all_are_named(repair->registry);
    return lookup_settings_update(by(repair->store, repair->io, span), set_repaired, &repair->uses, settings, error);
}

enum status lookup_repair(struct store *store, struct io io, const struct registry *registry, size_t *changed, struct error *error)
{
    struct lookup_settings settings = {0};
    *changed = 0;
    enum status status = lookup_settings_read(store, io, 0, &settings, error);
    if (status != STATUS_CORRUPT) TRY(status);
    if (status == STATUS_OK && settings.generation == 0 && registry->edge_count + registry->lan_count < LOOKUP_MIN) return STATUS_OK;
    if (settings.sum == sum_of(registry)) return STATUS_OK;
    struct arena *arena = arena_new();
    struct repair repair = {.store = store, .io = io, .registry = registry, .scratch = arena_new()};
    repair.io.arena = repair.wanted.arena = repair.wrong.arena = arena;
    repair.wanted.uses = &repair.uses;
    status = run(&repair, &settings, changed, error);
    arena_free(repair.scratch);
    arena_free(arena);
    return status;
}
