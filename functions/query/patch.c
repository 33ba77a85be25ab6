/* P6: a patch that nobody made, for a LAN without an edge. */
#include <stdatomic.h>

#include "functions/common/missing_patch.h"
#include "functions/query/query.h"

enum { MAKING_PAUSE = CLOCK_MINUTE };

/* One at a time, since it takes a processor; who comes meanwhile gets the full package. */
static bool begin(struct query *query)
{
    bool idle = false;
    if (clock_monotonic() < atomic_load(&query->patch_pause)) return false;
    return atomic_compare_exchange_strong(&query->makes_patch, &idle, true);
}

static enum status make(const struct query_miss *miss, struct package_source *source, struct error *error)
{
    struct placement_app *placement = miss->query->placement;
    const struct edge *edge;
    const struct registry *near;
    TRY(placement_app_near(placement, miss->io, miss->place, &near, error));
    const struct evaluation how = query_evaluation(miss->query, miss->policy, near);
    const struct missing_patch patch = {.how = &how, .placement = placement, .place = miss->place, .name = miss->name, .misses = 1};
    TRY(missing_patch_make(&patch, miss->io, source, &edge, error));
    if (!edge) return STATUS_OK;
    if (edge->store.length > 0) query_copy(miss->query, miss->io, edge, miss->name);
    placement_app_filled(placement, edge->id);
    return STATUS_OK;
}

enum status query_make_patch(const struct query_miss *miss, struct package_source *source, bool *made, struct error *error)
{
    struct query *query = miss->query;
    struct package_facts facts;
    *made = false;
    if (miss->policy->trigger != TRIGGER_IMMEDIATE || !miss->policy->generate_patches) return STATUS_OK;
    ENSURE(!miss->io.no_wait, error, STATUS_WOULD_BLOCK, "a patch is made");
    TRY(placement_app_facts(query->placement, miss->io, miss->name, &facts, error));
    if (facts.size > QUERY_PATCH_MAX || !begin(query)) return STATUS_OK;
    *made = make(miss, source, error) == STATUS_OK;
    atomic_store(&query->makes_patch, false);
    if (*made) return STATUS_OK;
    atomic_store(&query->patch_pause, clock_monotonic() + MAKING_PAUSE);
    log_warn((struct log){0}, "patch=" STR_FMT " can't be made, no query makes one for %d s: %s",
             STR_ARG(package_name_format(miss->io.arena, miss->name)), MAKING_PAUSE / CLOCK_SECOND, error->text);
    return STATUS_OK;
}
