#include "lib/edges/state.h"

#include <stdlib.h>

#include "base/json.h"
#include "lib/config/config.h"
#include "lib/edges/name.h"

static const char *const rule_names[] = {"none", "t1", "m-of-M", "confidence", "trigger", "room", "faded", "unpublished", "hand", NULL};

enum { STATE_LIMIT = 256 << 20 };                    /* far above what a generation takes, which is refused there */
static const uint64_t SIZE_MOST = UINT64_C(1) << 53; /* what JSON readers agree on */

const char *policy_rule_name(enum policy_rule rule)
{
    return rule_names[rule];
}

static bool policy_rule_parse(struct str name, enum policy_rule *rule)
{
    for (int i = 0; rule_names[i]; i++)
        if (str_equal(name, str_of(rule_names[i]))) return *rule = (enum policy_rule)i, true;
    return false;
}

/* Both shapes are {"edge":…,"packages":{name:{…}}}: how their members are read and written is what differs. */
static enum status read_name(struct config *member, struct str name, struct str *out, struct error *error)
{
    struct package_name ignored;
    if (package_name_parse(name, &ignored, error) != STATUS_OK) return error_context(error, STR_FMT, STR_ARG(member->path));
    *out = arena_copy(member->arena, name);
    return STATUS_OK;
}

static void open_member(struct json_writer *json, struct str package, int64_t since)
{
    json_new_line(json);
    json_name(json, package);
    json_open_object(json, NULL);
    json_put_text(json, "since", clock_format_time(json->out->arena, since));
}

static void close_member(struct json_writer *json, uint64_t size, struct str sha256)
{
    json_put_number(json, "size", size);
    json_put_text_if_any(json, "sha256", sha256);
    json_close(json);
}

static struct json_writer begin_state(struct buf *out, struct str edge)
{
    struct json_writer json = json_writer(out);
    json_open_object(&json, NULL);
    json_put_text(&json, "edge", edge);
    json_open_object(&json, "packages");
    return json;
}

static struct str end_state(struct json_writer *json)
{
    json_close(json);
    json_close(json);
    buf_add_byte(json->out, '\n');
    return buf_str(json->out);
}

static struct generations generations_of(struct store *store, struct io io, const char *kind, struct str edge)
{
    return (struct generations){store, io, arena_printf(io.arena, "%s/" STR_FMT "/", kind, STR_ARG(edge))};
}

/* What stands in a row was written by us, or past us. */
static enum status spoilt(const struct generation *row, struct error *error)
{
    error_context(error, STR_FMT, STR_ARG(row->key));
    return error->status = STATUS_CORRUPT;
}

static enum status check_edge(struct str edge, struct error *error)
{
    ENSURE(str_is_id(edge), error, STATUS_INVALID, "'" STR_FMT "' is no edge's id", STR_ARG(str_first(edge, 200)));
    return STATUS_OK;
}

/* --- wanted */

static int by_wanted_name(const void *a, const void *b)
{
    return str_compare(((const struct wanted_package *)a)->package, ((const struct wanted_package *)b)->package);
}

static enum status read_wanted(void *context, struct str name, struct config *member, struct error *error)
{
    static const char *const states[] = {"wanted", "pending", NULL};
    struct wanted *wanted = context;
    struct wanted_package *package = &wanted->items[wanted->count];
    struct str reason = {0};
    int state = 0;
    TRY(read_name(member, name, &package->package, error));
    TRY(config_time(member, "since", CONFIG_REQUIRED, &package->since, error));
    TRY(config_text(member, "reason", CONFIG_REQUIRED, &reason, error));
    if (!policy_rule_parse(reason, &package->reason)) return config_refuse(member, "reason", error, "is no rule");
    TRY(config_choice(member, "state", CONFIG_OPTIONAL, states, &state, error));
    TRY(config_whole(member, "size", CONFIG_REQUIRED, 0, SIZE_MOST, &package->size, error));
    TRY(config_sha256(member, "sha256", CONFIG_OPTIONAL, &package->sha256, error));
    package->pending = state == 1;
    wanted->count++;
    return STATUS_OK;
}

static size_t member_count(const struct config *config)
{
    return json_object_size(json_object_get(config->object, "packages"));
}

enum status wanted_parse(struct arena *arena, struct str json, struct wanted *out, struct error *error)
{
    struct wanted wanted = {0};
    struct config config;
    TRY(config_open(arena, json, "wanted", &config, error));
    TRY(config_id(&config, "edge", CONFIG_REQUIRED, &wanted.edge, error));
    wanted.items = arena_array(arena, member_count(&config), sizeof *wanted.items);
    TRY(config_each_object(&config, "packages", CONFIG_REQUIRED, read_wanted, &wanted, error));
    TRY(config_end(&config, error));
    if (wanted.count > 0) qsort(wanted.items, wanted.count, sizeof *wanted.items, by_wanted_name);
    *out = wanted;
    return STATUS_OK;
}

struct str wanted_format(struct arena *arena, const struct wanted *wanted)
{
    struct buf out = buf_in(arena, STATE_LIMIT);
    struct json_writer json = begin_state(&out, wanted->edge);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct wanted_package *package = &wanted->items[i];
        open_member(&json, package->package, package->since);
        json_put_word(&json, "reason", policy_rule_name(package->reason));
        json_put_word(&json, "state", package->pending ? "pending" : "wanted");
        close_member(&json, package->size, package->sha256);
    }
    return end_state(&json);
}

static enum status wanted_of_row(struct arena *arena, struct str edge, const struct generation *row, struct wanted *wanted,
                                 struct error *error)
{
    *wanted = (struct wanted){.edge = edge};
    if (row->number > 0 && wanted_parse(arena, row->body, wanted, error) != STATUS_OK) return spoilt(row, error);
    wanted->generation = row->number;
    return STATUS_OK;
}

enum status wanted_load(struct store *store, struct io io, struct str edge, uint64_t known, struct wanted *wanted, struct error *error)
{
    struct generation row;
    TRY(check_edge(edge, error));
    TRY(generation_newest(generations_of(store, io, "wanted", edge), known, &row, error));
    return wanted_of_row(io.arena, edge, &row, wanted, error);
}

const struct wanted_package *wanted_find(const struct wanted *wanted, struct str package)
{
    const struct wanted_package sought = {.package = package};
    return wanted->count > 0 ? bsearch(&sought, wanted->items, wanted->count, sizeof sought, by_wanted_name) : NULL;
}

struct wanted_change {
    struct str edge;
    wanted_change_fn *change;
    void *context;
};

static enum status change_wanted(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct wanted_change *update = context;
    struct wanted wanted;
    TRY(wanted_of_row(arena, update->edge, newest, &wanted, error));
    TRY(update->change(update->context, arena, &wanted, error));
    if (wanted.count > 0) qsort(wanted.items, wanted.count, sizeof *wanted.items, by_wanted_name);
    *body = wanted_format(arena, &wanted);
    return STATUS_OK;
}

enum status wanted_update(struct store *store, struct io io, struct str edge, wanted_change_fn *change, void *context,
                          struct wanted *result, struct error *error)
{
    struct wanted_change update = {edge, change, context};
    struct generation row;
    TRY(check_edge(edge, error));
    TRY(generation_update(generations_of(store, io, "wanted", edge), change_wanted, &update, &row, error));
    return wanted_of_row(io.arena, edge, &row, result, error);
}

/* --- held */

static int by_held_name(const void *a, const void *b)
{
    return str_compare(((const struct held_package *)a)->package, ((const struct held_package *)b)->package);
}

static const char *const held_states[] = {"held", "copying", "leaving", NULL};

static enum status read_held(void *context, struct str name, struct config *member, struct error *error)
{
    struct held *held = context;
    struct held_package *package = &held->items[held->count];
    int state = HELD_HERE;
    TRY(read_name(member, name, &package->package, error));
    TRY(config_time(member, "since", CONFIG_REQUIRED, &package->since, error));
    TRY(config_whole(member, "size", CONFIG_REQUIRED, 0, SIZE_MOST, &package->size, error));
    TRY(config_sha256(member, "sha256", CONFIG_OPTIONAL, &package->sha256, error));
    TRY(config_text(member, "validator", CONFIG_OPTIONAL, &package->validator, error));
    TRY(config_choice(member, "state", CONFIG_OPTIONAL, held_states, &state, error));
    package->state = (enum held_state)state;
    TRY(config_time(member, "until", package->state == HELD_LEAVING ? CONFIG_REQUIRED : CONFIG_OPTIONAL, &package->until, error));
    held->count++;
    return STATUS_OK;
}

enum status held_parse(struct arena *arena, struct str json, struct held *out, struct error *error)
{
    struct held held = {0};
    struct config config;
    TRY(config_open(arena, json, "held", &config, error));
    TRY(config_id(&config, "edge", CONFIG_REQUIRED, &held.edge, error));
    held.items = arena_array(arena, member_count(&config), sizeof *held.items);
    TRY(config_each_object(&config, "packages", CONFIG_REQUIRED, read_held, &held, error));
    TRY(config_end(&config, error));
    if (held.count > 0) qsort(held.items, held.count, sizeof *held.items, by_held_name);
    *out = held;
    return STATUS_OK;
}

struct str held_format(struct arena *arena, const struct held *held)
{
    struct buf out = buf_in(arena, STATE_LIMIT);
    struct json_writer json = begin_state(&out, held->edge);
    for (size_t i = 0; i < held->count; i++) {
        const struct held_package *package = &held->items[i];
        open_member(&json, package->package, package->since);
        if (package->state != HELD_HERE) json_put_word(&json, "state", held_states[package->state]);
        if (package->state == HELD_LEAVING) json_put_text(&json, "until", clock_format_time(arena, package->until));
        json_put_text_if_any(&json, "validator", package->validator);
        close_member(&json, package->size, package->sha256);
    }
    return end_state(&json);
}

static enum status held_of_row(struct arena *arena, struct str edge, const struct generation *row, struct held *held, struct error *error)
{
    *held = (struct held){.edge = edge};
    if (row->number > 0 && held_parse(arena, row->body, held, error) != STATUS_OK) return spoilt(row, error);
    held->generation = row->number;
    return STATUS_OK;
}

enum status held_load(struct store *store, struct io io, struct str edge, uint64_t known, struct held *held, struct error *error)
{
    struct generation row;
    TRY(check_edge(edge, error));
    TRY(generation_newest(generations_of(store, io, "held", edge), known, &row, error));
    return held_of_row(io.arena, edge, &row, held, error);
}

const struct held_package *held_find_any(const struct held *held, struct str package)
{
    const struct held_package sought = {.package = package};
    return held->count > 0 ? bsearch(&sought, held->items, held->count, sizeof sought, by_held_name) : NULL;
}

const struct held_package *held_find(const struct held *held, struct str package)
{
    const struct held_package *found = held_find_any(held, package);
    return found && found->state == HELD_HERE ? found : NULL;
}

/* What the row is to say of a package. */
struct held_change {
    struct str edge, package;
    const struct held_package *facts; /* NULL: nothing */
};

static bool same_facts(const struct held_package *a, const struct held_package *b)
{
    return a->size == b->size && str_equal(a->sha256, b->sha256) && str_equal(a->validator, b->validator) && a->state == b->state &&
           a->until == b->until;
}

static enum status change_held(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct held_change *change = context;
    struct held held;
    TRY(held_of_row(arena, change->edge, newest, &held, error));
    const struct held_package *known = held_find_any(&held, change->package);
    bool right = change->facts ? known && same_facts(known, change->facts) : !known;
    if (right) return error_set(error, STATUS_NOT_MODIFIED, "no change: it is already up to date");
    struct held_package *items = arena_array(arena, held.count + 1, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < held.count; i++)
        if (&held.items[i] != known) items[count++] = held.items[i];
    if (change->facts) items[count++] = *change->facts;
    if (count > 0) qsort(items, count, sizeof *items, by_held_name);
    held.items = items;
    held.count = count;
    *body = held_format(arena, &held);
    return STATUS_OK;
}

static enum status update_held(struct store *store, struct io io, struct held_change *change, struct error *error)
{
    struct generation row;
    TRY(check_edge(change->edge, error));
    return generation_update(generations_of(store, io, "held", change->edge), change_held, change, &row, error);
}

enum status held_set(struct store *store, struct io io, struct str edge, const struct held_package *package, struct error *error)
{
    return update_held(store, io, &(struct held_change){edge, package->package, package}, error);
}

enum status held_drop(struct store *store, struct io io, struct str edge, struct str package, struct error *error)
{
    return update_held(store, io, &(struct held_change){edge, package, NULL}, error);
}

/* --- both */

static enum status want_nothing(void *context, struct arena *arena, struct wanted *wanted, struct error *error)
{
    (void)arena;
    if (wanted->count == 0) return error_set(error, STATUS_NOT_MODIFIED, "nothing is wanted");
    wanted->count = 0;
    *(bool *)context = true;
    return STATUS_OK;
}

struct emptying {
    struct str edge;
    bool *found;
};

static enum status hold_nothing(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct emptying *emptying = context;
    struct held held;
    TRY(held_of_row(arena, emptying->edge, newest, &held, error));
    if (held.count == 0) return error_set(error, STATUS_NOT_MODIFIED, "nothing is held");
    held.count = 0;
    *emptying->found = true;
    *body = held_format(arena, &held);
    return STATUS_OK;
}

enum status state_forget(struct store *store, struct io io, struct str edge, bool *found, struct error *error)
{
    struct emptying emptying = {edge, found};
    struct generation row;
    struct wanted ignored;
    *found = false;
    TRY(check_edge(edge, error));
    TRY(generation_update(generations_of(store, io, "held", edge), hold_nothing, &emptying, &row, error));
    return wanted_update(store, io, edge, want_nothing, found, &ignored, error);
}

/* --- of all edges */

struct state_listing {
    const struct registry *registry;
    struct state_generations *newest; /* of each edge */
    struct str root;                  /* "held/" */
    bool is_held;
};

static bool note_generation(void *context, const struct store_object *object)
{
    const struct state_listing *listing = context;
    struct str prefix;
    uint64_t number;
    if (!generation_of_key(object->key, &prefix, &number)) return true;
    struct str id = str_make(prefix.data + listing->root.length, prefix.length - listing->root.length - 1);
    const struct edge *edge = registry_edge(listing->registry, id);
    if (!edge) return true;
    struct state_generations *newest = &listing->newest[edge - listing->registry->edges];
    uint64_t *known = listing->is_held ? &newest->held : &newest->wanted;
    if (number > *known) *known = number;
    return true;
}

enum status state_list(struct store *store, struct io io, const struct registry *registry, struct state_generations *newest,
                       struct error *error)
{
    struct state_listing wanted = {registry, newest, S("wanted/"), false}, held = {registry, newest, S("held/"), true};
    TRY(store_list(store, io, wanted.root, 0, note_generation, &wanted, error));
    return store_list(store, io, held.root, 0, note_generation, &held, error);
}
