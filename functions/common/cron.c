#include "functions/common/cron.h"

#include "base/json.h"
#include "functions/common/event.h"
#include "functions/common/maker.h"
#include "functions/common/missing_patch.h"
#include "lib/edges/lookup.h"
#include "functions/common/placement.h"
#include "lib/edges/lan.h"

enum { LAST_WORDS = 2 * CLOCK_SECOND, RESULT_LIMIT = 1024 };

static const char *const kind_names[] = {"evaluate", "evict", "reconcile"};

void cron_default(struct cron *cron, enum cron_kind kind)
{
    *cron = (struct cron){.kind = kind, .now = clock_now(), .present = clock_now(), .part = -1, .grace = RECONCILE_GRACE};
}

/* `{"pakhus":"evaluate","part":3,"edge":"shop-1","dry_run":true,"now":"…","grace":"10m"}`: each optional. */
static enum status cron_parse(struct arena *arena, struct str event, struct cron *cron, struct error *error)
{
    struct config config;
    uint64_t part = LAN_PARTS;
    TRY(event_open(arena, event, kind_names[cron->kind], &config, error));
    TRY(config_whole(&config, "part", CONFIG_OPTIONAL, 0, LAN_PARTS - 1, &part, error));
    TRY(config_id(&config, "edge", CONFIG_OPTIONAL, &cron->edge, error));
    TRY(config_flag(&config, "dry_run", CONFIG_OPTIONAL, &cron->dry_run, error));
    TRY(config_flag(&config, "verify", CONFIG_OPTIONAL, &cron->verify, error));
    TRY(config_time(&config, "now", CONFIG_OPTIONAL, &cron->now, error));
    TRY(config_span(&config, "grace", CONFIG_OPTIONAL, &cron->grace, error));
    if (part < LAN_PARTS) cron->part = (int)part;
    return config_end(&config, error);
}

/* --- running */

/* One edge that somebody asks for is compared whatever is known of it. */
static void reconcile_one(const struct reconciliation *how, struct io io, const struct edge *edge, struct reconcile_result *result)
{
    struct error error;
    if (edge->store.length == 0 || reconcile_edge(how, io, edge, result, &error) == STATUS_OK) return;
    log_warn((struct log){0}, "edge=" STR_FMT " %s", STR_ARG(edge->id), error.text);
    if (deadline_left(io.deadline) == 0)
        result->unfinished = true;
    else
        result->failed++;
}

static void reconcile_meant(struct app *app, struct io io, const struct cron *cron, const struct registry *registry,
                            struct reconcile_result *result)
{
    const struct package_maker maker = maker_of(app);
    const struct reconciliation how = {
        .origin = app->store, .maker = &maker, .now = cron->now, .grace = cron->grace, .verify = cron->verify, .visible = cron->visible};
    if (cron->edge.length > 0)
        reconcile_one(&how, io, registry_edge(registry, cron->edge), result);
    else
        reconcile_edges(&how, io, registry, cron->part, result);
}

/* Edges that were written by hand, or by an older version, are found from now on. One of the parts sees to it. */
static void repair_lookup(struct app *app, struct io io, const struct cron *cron, const struct registry *registry)
{
    struct error why;
    size_t changed;
    if (cron->dry_run || cron->edge.length > 0 || cron->part > 0) return;
    if (lookup_repair(app->store, io, registry, &changed, &why) != STATUS_OK)
        log_warn((struct log){0}, "the look-up document was not repaired: %s", why.text);
    else if (changed > 0)
        log_info((struct log){0}, "the look-up document was repaired: entries=%zu", changed);
}

enum status cron_run(struct app *app, struct io io, const struct cron *cron, struct cron_result *result, struct error *error)
{
    struct registry registry;
    struct policy policy;
    struct placement_app *placement;
    *result = (struct cron_result){0};
    TRY(placement_app_open(&placement, error));
    TRY(registry_load(app->store, io, &registry, error));
    ENSURE(cron->edge.length == 0 || registry_edge(&registry, cron->edge), error, STATUS_NOT_FOUND, "there is no edge '" STR_FMT "'",
           STR_ARG(cron->edge));
    repair_lookup(app, io, cron, &registry);
    TRY(policy_load(app->store, io, 0, &policy, error));
    struct missing_patches *missing = missing_patches_new(io.arena);
    bool makes = policy.generate_patches && !cron->dry_run;
    const struct evaluation evaluation = {.store = app->store,
                                          .registry = &registry,
                                          .policy = &policy,
                                          .facts = placement_app_facts,
                                          .context = placement,
                                          .now = cron->now,
                                          .present = cron->present,
                                          .part = cron->part,
                                          .edge = cron->edge,
                                          .dry_run = cron->dry_run,
                                          .tell = cron->tell,
                                          .tell_context = cron->context,
                                          .missed = makes ? missing_patches_note : NULL,
                                          .missed_context = missing};
    if (cron->kind == CRON_EVALUATE) TRY(placement_evaluate(&evaluation, io, &result->evaluated, error));
    if (cron->kind == CRON_EVICT) TRY(placement_evict(&evaluation, io, &result->evaluated, error));
    result->patches = missing_patches_make(missing, &evaluation, placement, io);
    if (!cron->dry_run) reconcile_meant(app, io, cron, &registry, &result->reconciled);
    return STATUS_OK;
}

struct str cron_json(struct arena *arena, const struct cron *cron, const struct cron_result *result)
{
    const struct evaluation_result *evaluated = &result->evaluated;
    const struct reconcile_result *reconciled = &result->reconciled;
    struct buf out = buf_in(arena, RESULT_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    if (cron->kind != CRON_RECONCILE) {
        json_put_number(&json, "pairs", evaluated->pairs);
        json_put_number(&json, "placed", evaluated->placed);
        json_put_number(&json, "marked", evaluated->marked);
        json_put_number(&json, "kept", evaluated->kept);
        json_put_number(&json, "evicted", evaluated->evicted);
        json_put_number(&json, "alerts", evaluated->alerts);
        json_put_number(&json, "no_room", evaluated->no_room);
        json_put_number(&json, "passed_over", evaluated->failed);
        json_put_number(&json, "patches", result->patches);
    }
    json_put_number(&json, "copied", reconciled->copied);
    json_put_number(&json, "deleted", reconciled->deleted);
    json_put_number(&json, "failed", reconciled->failed);
    json_put_number(&json, "waiting", reconciled->waiting);
    json_put_number(&json, "bytes", reconciled->bytes);
    json_put_number(&json, "unchanged", reconciled->unchanged);
    json_put_bool(&json, "unfinished", reconciled->unfinished);
    json_close(&json);
    return buf_str(&out);
}

struct io cron_io(struct app *app, const struct lc_call *call)
{
    struct io io = app_io(app, call);
    int64_t left = deadline_left(call->deadline);
    io.deadline = deadline_in(left > LAST_WORDS ? left - LAST_WORDS : left);
    return io;
}

enum status cron_event(struct app *app, enum cron_kind kind, struct lc_call *call, struct str event, struct str *result,
                       struct error *error)
{
    struct cron cron;
    struct cron_result outcome;
    cron_default(&cron, kind);
    TRY(cron_parse(call->arena, event, &cron, error));
    TRY(cron_run(app, cron_io(app, call), &cron, &outcome, error));
    *result = cron_json(call->arena, &cron, &outcome);
    return STATUS_OK;
}
