#include "functions/common/missing_patch.h"

#include <stdlib.h>

#include "functions/common/maker.h"

enum { NOTED_MAX = 65536, MAKING_TIME = 10 * CLOCK_SECOND };

/* --- where it is kept */

/* In whatever channel: what the edge lacks of the version is its region. */
static bool holds_version(const struct held *held, const struct package_name *patch)
{
    struct package_name name;
    struct error ignored;
    for (size_t i = 0; i < held->count; i++) {
        if (held->items[i].state != HELD_HERE || package_name_parse(held->items[i].package, &name, &ignored) != STATUS_OK) continue;
        if (name.from.length == 0 && str_equal(name.app, patch->app) && str_equal(name.version, patch->version)) return true;
    }
    return false;
}

/* Of a large fleet the whole of an edge is read where it holds the version. */
static const struct edge *find_whole(const struct missing_patch *patch, struct io io, struct str id, const struct registry **registry)
{
    struct error ignored;
    if (placement_app_edge(patch->placement, io, id, registry, &ignored) != STATUS_OK) return NULL;
    return registry_edge(*registry, id);
}

/* An edge whose state can't be read is passed by. *registry: where it was found. */
static const struct edge *find_edge(const struct missing_patch *patch, struct io io, const struct registry **registry)
{
    const struct edge *edges[NEAREST_MOST];
    const struct held *held;
    struct error ignored;
    size_t count = registry_nearest(patch->how->registry, patch->place, edges, NEAREST_MOST);
    *registry = patch->how->registry;
    for (size_t i = 0; i < count; i++)
        if (placement_app_nearby(patch->placement, io, edges[i]->id, &held, &ignored) == STATUS_OK && holds_version(held, patch->name))
            return edges[i]->address.length > 0 ? edges[i] : find_whole(patch, io, edges[i]->id, registry);
    return NULL;
}

static enum status place_patch(const struct missing_patch *patch, struct io io, const struct edge *edge, bool *placed, struct error *error)
{
    struct triggered triggered;
    struct evaluation one = *patch->how;
    struct str package = package_name_format(io.arena, patch->name);
    const struct triggering trigger = {
        .edge = edge, .lan = patch->place->lan, .package = package, .missing = patch->misses, .granted = true};
    one.missed = NULL;
    one.edge = (struct str){NULL, 0};
    TRY(placement_trigger(&one, io, &trigger, &triggered, error));
    *placed = triggered.wanted;
    return STATUS_OK;
}

enum status missing_patch_make(const struct missing_patch *patch, struct io io, struct package_source *source, const struct edge **edge,
                               struct error *error)
{
    struct app *app = patch->placement->app;
    const struct package_name *name = patch->name;
    const struct package_maker maker = maker_of(app);
    struct evaluation how = *patch->how;
    struct missing_patch there = *patch;
    const struct edge *near = find_edge(patch, io, &how.registry);
    there.how = &how;
    bool placed = false;
    *edge = NULL;
    TRY(maker.find(maker.context, io, name, source, error));
    app_made_patch(app, io, name);
    log_info((struct log){0}, "patch=" STR_FMT " made, %llu bytes%s" STR_FMT, STR_ARG(package_name_format(io.arena, name)),
             (unsigned long long)source->size, near ? ", edge=" : "", STR_ARG(near ? near->id : S("")));
    if (near) TRY(place_patch(&there, io, near, &placed, error));
    if (placed) *edge = near;
    return STATUS_OK;
}

/* --- those of a run */

enum { SUM, MOST, LAN, COUNTS };
struct missing_patches {
    struct cells patches; /* misses of all LANs without an edge; of the LAN that misses most; 1 + that one's number */
    struct str *lans;
    size_t lan_count, lan_capacity;
    const struct evaluation *how; /* of the run, at its end */
    struct placement_app *placement;
};

struct missing_patches *missing_patches_new(struct arena *arena)
{
    struct missing_patches *missing = arena_new_of(arena, struct missing_patches);
    missing->patches = (struct cells){.arena = arena, .width = COUNTS};
    return missing;
}

void missing_patches_note(void *context, const struct demand_row *row)
{
    struct missing_patches *missing = context;
    struct arena *arena = missing->patches.arena;
    if (str_find_str(row->package, S("..")) == row->package.length || missing->patches.count >= NOTED_MAX) return;
    uint64_t *counts = cells_of(&missing->patches, S(""), row->package);
    cells_add(&counts[SUM], row->misses[0]);
    if (row->misses[0] <= counts[MOST]) return;
    counts[MOST] = row->misses[0];
    if (counts[LAN] == 0) {
        missing->lans = arena_grow(arena, missing->lans, missing->lan_count, &missing->lan_capacity, sizeof *missing->lans);
        counts[LAN] = ++missing->lan_count;
    }
    missing->lans[counts[LAN] - 1] = arena_copy(arena, row->lan);
}

static int by_misses(const void *a, const void *b)
{
    const struct cells_pair *one = a, *other = b;
    if (one->counts[SUM] != other->counts[SUM]) return one->counts[SUM] > other->counts[SUM] ? -1 : 1;
    return str_compare(one->package, other->package);
}

static enum status make_noted(const struct missing_patches *missing, const struct cells_pair *pair, struct io io, bool *made,
                              struct error *error)
{
    struct package_name name;
    struct package_facts facts;
    struct package_source source = {0};
    struct place place;
    const struct edge *edge;
    TRY(package_name_parse(pair->package, &name, error));
    enum status status = placement_app_facts(missing->placement, io, &name, &facts, error);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && facts.sha256.length > 0)) return STATUS_OK;
    TRY(status);
    registry_place(missing->how->registry, missing->lans[pair->counts[LAN] - 1], &place);
    place.lan = missing->lans[pair->counts[LAN] - 1];
    const struct missing_patch patch = {missing->how, missing->placement, &place, &name, pair->counts[SUM]};
    TRY(missing_patch_make(&patch, io, &source, &edge, error));
    return *made = true, STATUS_OK;
}

uint64_t missing_patches_make(struct missing_patches *missing, const struct evaluation *how, struct placement_app *placement, struct io io)
{
    struct cells *patches = &missing->patches;
    uint64_t count = 0;
    missing->how = how;
    missing->placement = placement;
    if (patches->count > 0) qsort(patches->pairs, patches->count, sizeof *patches->pairs, by_misses);
    for (size_t i = 0; i < patches->count && deadline_left(io.deadline) > MAKING_TIME; i++) {
        struct error error;
        struct io own = {.arena = arena_new(), .deadline = io.deadline};
        bool made = false;
        if (make_noted(missing, &patches->pairs[i], own, &made, &error) != STATUS_OK)
            log_warn((struct log){0}, "patch=" STR_FMT " can't be made: %s", STR_ARG(patches->pairs[i].package), error.text);
        count += made;
        arena_free(own.arena);
    }
    return count;
}
