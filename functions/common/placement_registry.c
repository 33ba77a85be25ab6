/* Edges and LANs, from memory where they are there: all of a small fleet; of a large one those that a query depends on. */
#include <stdatomic.h>

#include "base/hash.h"
#include "functions/common/placement.h"
#include "lib/edges/lookup.h"
#include "lib/store/shard.h"

/* Of a fleet that is read as a whole, the listing that finds changes comes about once a minute as well. On a directory its mark tells. */
enum { REGISTRY_LIFE = 10 * CLOCK_SECOND, PART_LIFE = CLOCK_MINUTE, STALE_LIFE = CLOCK_HOUR };
enum { REGISTRY_BYTES = 512 << 20, SETTINGS_BYTES = 1 << 20, SHARDS_BYTES = 8 << 20, PARTS_BYTES = 24 << 20 };

static const char WHERE = 'w', NEAR = 'n', EDGE = 'e';

/* What was found, which is good as long as nobody registered anything. */
struct part {
    struct registry registry;
    bool found;
    uint64_t mark;
};

/* 0: the store has no marks, or has one in a moment. */
static uint64_t mark_of(const struct placement_app *placement)
{
    uint64_t edges = store_folder_mark(placement->app->store, S("edges/")), lans = store_folder_mark(placement->app->store, S("lans/"));
    return edges && lans ? hash64_number(hash64_number(HASH64, edges), lans) : 0;
}

/* --- all */

static enum status load_registry(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    struct registry *registry = arena_new_of(load->io.arena, struct registry);
    TRY(app_store_fault(registry_refresh(placement->app->store, load->io, load->previous, registry, error), error));
    *value = registry;
    return STATUS_OK;
}

static enum status get_all(struct placement_app *placement, struct io io, const struct registry **registry, struct error *error)
{
    const void *value;
    TRY(cache_get(placement->registries, io, S("registry"), &value, error));
    *registry = value;
    return STATUS_OK;
}

/* --- keys: what is asked, with tabs between the fields */

static struct str network_of_question(struct arena *arena, const struct whereabouts *where)
{
    struct network network;
    struct error ignored;
    if (where->ip.length == 0 && where->mask.length == 0) return S("");
    return network_of(where->ip, where->mask, &network, &ignored) == STATUS_OK ? network_format(arena, &network) : S("x");
}

static struct str caller_of(struct arena *arena, const struct whereabouts *where)
{
    struct address address;
    if (!address_parse(where->caller, &address)) return S("");
    struct network alone = network_at(&address, address.v6 ? 128 : 32);
    return network_format(arena, &alone);
}

/* Devices of one shop ask the same. */
static struct str key_of_where(struct arena *arena, const struct whereabouts *where)
{
    return arena_join(arena, str_make(&WHERE, 1), S("\t"), where->code, S("\t"), where->site, S("\t"), where->region, S("\t"),
                      network_of_question(arena, where), S("\t"), caller_of(arena, where));
}

static struct whereabouts where_of_key(struct str rest)
{
    struct whereabouts where = {.code = str_cut(&rest, '\t')};
    where.site = str_cut(&rest, '\t');
    where.region = str_cut(&rest, '\t');
    where.mask = str_cut(&rest, '\t');
    if (where.mask.length > 0) where.ip = str_cut(&where.mask, '/');
    where.caller = str_cut(&rest, '/');
    return where;
}

static struct str key_of_near(struct arena *arena, const struct place *place)
{
    const struct location *at = &place->location;
    struct str location = at->known ? arena_printf(arena, "%.17g\t%.17g", at->latitude, at->longitude) : S("\t");
    return arena_join(arena, str_make(&NEAR, 1), S("\t"), location, S("\t"), place->region, S("\t"), place->edge ? place->edge->id : S(""));
}

static struct place place_of_key(struct str rest, struct edge *own)
{
    struct place place = {0};
    struct str latitude = str_cut(&rest, '\t'), longitude = str_cut(&rest, '\t');
    place.location.known = str_to_double(latitude, &place.location.latitude) && str_to_double(longitude, &place.location.longitude);
    place.region = str_cut(&rest, '\t');
    own->id = rest;
    if (rest.length > 0) place.edge = own;
    return place;
}

/* --- parts */

static enum status load_part(void *context, const struct cache_load *load, void **value, struct error *error)
{
    struct placement_app *placement = context;
    struct part *part = arena_new_of(load->io.arena, struct part);
    struct edge own = {0};
    const struct lookup lookup = {placement->app->store, load->io, placement->lookups, placement->shards};
    struct str rest = load->key;
    str_cut(&rest, '\t'); /* the generation */
    char kind = str_cut(&rest, '\t').data[0];
    part->mark = mark_of(placement);
    enum status status = STATUS_OK;
    if (kind == WHERE) {
        const struct whereabouts where = where_of_key(rest);
        status = lookup_find(&lookup, &where, &part->registry, &part->found, error);
    } else if (kind == NEAR) {
        const struct place place = place_of_key(rest, &own);
        status = lookup_near(&lookup, &place, &part->registry, &part->found, error);
    } else {
        status = lookup_edge(&lookup, rest, &part->registry, error);
        part->found = true;
    }
    *value = part;
    return app_store_fault(status, error);
}

static enum status get_part(struct placement_app *placement, struct io io, struct str key, const struct part **part, struct error *error)
{
    const void *value;
    TRY(cache_get(placement->parts, io, key, &value, error));
    *part = value;
    if (!store_abilities(placement->app->store)->cheap_metadata) return STATUS_OK;
    uint64_t mark = mark_of(placement);
    if (mark && mark == (*part)->mark) return STATUS_OK;
    cache_expire(placement->parts, key);
    TRY(cache_get(placement->parts, io, key, &value, error));
    *part = value;
    return STATUS_OK;
}

/* 0: there is no look-up document. */
static enum status get_generation(struct placement_app *placement, struct io io, uint64_t *generation, struct error *error)
{
    const void *settings;
    TRY(app_store_fault(cache_get(placement->lookups, io, S("settings"), &settings, error), error));
    *generation = lookup_generation(settings);
    return STATUS_OK;
}

enum status placement_app_small_fleet(struct placement_app *placement, struct io io, const struct registry **registry, struct error *error)
{
    uint64_t generation;
    TRY(get_generation(placement, io, &generation, error));
    if (generation == 0) return get_all(placement, io, registry, error);
    *registry = NULL;
    return STATUS_OK;
}

/* The settings' generation is in the key: a repair changes what is found where no edge changes. */
static enum status find(struct placement_app *placement, struct io io, struct str question, const struct registry **registry,
                        struct error *error)
{
    char digits[U64_DIGITS];
    const struct part *part;
    uint64_t generation;
    TRY(get_generation(placement, io, &generation, error));
    if (generation == 0) return get_all(placement, io, registry, error);
    struct str key = arena_join(io.arena, str_of_u64(digits, generation), S("\t"), question);
    TRY(get_part(placement, io, key, &part, error));
    if (!part->found) return get_all(placement, io, registry, error);
    *registry = &part->registry;
    return STATUS_OK;
}

enum status placement_app_where(struct placement_app *placement, struct io io, const struct whereabouts *where,
                                const struct registry **registry, struct error *error)
{
    return find(placement, io, key_of_where(io.arena, where), registry, error);
}

enum status placement_app_near(struct placement_app *placement, struct io io, const struct place *place, const struct registry **registry,
                               struct error *error)
{
    return find(placement, io, key_of_near(io.arena, place), registry, error);
}

enum status placement_app_edge(struct placement_app *placement, struct io io, struct str id, const struct registry **registry,
                               struct error *error)
{
    return find(placement, io, arena_join(io.arena, str_make(&EDGE, 1), S("\t"), id), registry, error);
}

void placement_open_registry(struct placement_app *placement)
{
    struct app *app = placement->app;
    const bool is_cheap = store_abilities(app->store)->cheap_metadata;
    struct cache_options options = {.life = app_life(app, REGISTRY_LIFE),
                                    .stale = STALE_LIFE,
                                    .bytes = SETTINGS_BYTES,
                                    .load = lookup_load_settings,
                                    .context = app->store};
    placement->lookups = cache_new(&options);
    options.bytes = SHARDS_BYTES;
    options.load = shard_load;
    placement->shards = cache_new(&options);
    options = (struct cache_options){
        .life = is_cheap ? INT64_MAX : PART_LIFE, .stale = STALE_LIFE, .bytes = PARTS_BYTES, .load = load_part, .context = placement};
    placement->parts = cache_new(&options);
    options.life = app_life(app, REGISTRY_LIFE);
    options.bytes = REGISTRY_BYTES;
    options.load = load_registry;
    placement->registries = cache_new(&options);
}
