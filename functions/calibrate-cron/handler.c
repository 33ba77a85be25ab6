#include "functions/calibrate-cron/handler.h"

#include "base/json.h"
#include "base/version.h"
#include "functions/calibrate-cron/choose.h"
#include "functions/common/app.h"
#include "functions/common/cron.h"
#include "functions/common/event.h"
#include "functions/common/placement.h"

enum { RESULT_LIMIT = 4096, SAMPLES_USUAL = 1000000, SAMPLES_MOST = 10000000, REPLAYED_MOST = 1000000 };
static const int64_t HORIZON_MOST = 31 * (int64_t)CLOCK_DAY;

const char *const calibrating_methods[] = {"auto", "formulas", NULL};

void calibrating_default(struct calibrating *calibrating)
{
    *calibrating = (struct calibrating){.now = clock_now(), .samples = SAMPLES_USUAL};
}

static int64_t horizon_of(const struct calibrating *calibrating, const struct policy *policy)
{
    if (calibrating->horizon > 0) return calibrating->horizon;
    return policy->place.window.kind == WINDOW_LAST ? policy->place.window.last : CLOCK_DAY;
}

/* One calibration. */
struct run {
    struct app *app;
    struct io io;
    const struct calibrating *how;
    const struct registry *registry;
};

/* --- T1, T2, C1 (P16) */

static enum status read_samples(const struct run *run, struct calibrated *out, struct error *error)
{
    const struct calibrating *calibrating = run->how;
    struct sample_set set;
    int64_t horizon = horizon_of(calibrating, &out->present), earliest = policy_horizon(&out->present, calibrating->now);
    const struct samples_question question = {earliest, calibrating->now - horizon, horizon, (size_t)calibrating->samples};
    TRY(samples_read(run->app->store, run->io, &question, &set, error));
    if (calibrating->import) {
        struct downloads *downloads = downloads_new(run->io.arena, run->registry, &set, horizon);
        TRY(calibrating->import(calibrating->context, run->registry, downloads, error));
        out->log = downloads_counts(downloads);
    }
    calibrate_count(&set, &out->thresholds);
    return STATUS_OK;
}

/* C1 is written where the policy goes by confidence: elsewhere it would change the rule, not its threshold. */
static void set_thresholds(struct policy *policy, const struct calibration *thresholds)
{
    policy->place.t1 = thresholds->t1;
    policy->place.t2 = thresholds->t2;
    if (policy->place.confidence > 0 && thresholds->c1 > 0) policy->place.confidence = thresholds->c1;
}

/* --- T3, C2 */

static void set_retention(struct policy *policy, const struct retention *retention)
{
    policy->evict.t3 = retention->t3;
    if (policy->evict.confidence > 0 && retention->c2 > 0) policy->evict.confidence = retention->c2;
}

static enum status record(const struct run *run, const struct policy *policy, struct recorded *recorded, struct error *error)
{
    struct placement_app *placement;
    TRY(placement_app_open(&placement, error));
    const struct recording how = {.store = run->app->store,
                                  .registry = run->registry,
                                  .policy = policy,
                                  .facts = placement_app_facts,
                                  .context = placement,
                                  .now = run->how->now,
                                  .most = REPLAYED_MOST};
    return recorded_read(&how, run->io, recorded, error);
}

static enum status replay(const struct recorded *recorded, struct calibrated *out, struct error *error)
{
    struct retention retention;
    out->replayed = true;
    out->requests = recorded->trace.count;
    out->factor = recorded->factor;
    TRY(retention_replay(recorded, &out->present, &out->present_replayed, error));
    if (retention_choose(recorded, &out->proposed, &retention, &out->retention_refused) == STATUS_OK)
        set_retention(&out->proposed, &retention);
    return retention_replay(recorded, &out->proposed, &out->proposed_replayed, error);
}

/* No demand, or too much of it, is no failure: nothing follows from it. */
static enum status find_retention(const struct run *run, struct calibrated *out, struct error *error)
{
    struct recorded recorded;
    enum status status = record(run, &out->present, &recorded, error);
    if (status == STATUS_OK) return replay(&recorded, out, error);
    if (status != STATUS_NOT_FOUND && status != STATUS_TOO_LARGE) return status;
    out->retention_refused = *error;
    return STATUS_OK;
}

/* --- together */

bool calibrated_follows(const struct calibrated *calibrated)
{
    return calibrated->refused.status == STATUS_OK || calibrated->retention_refused.status == STATUS_OK;
}

/* Into the policy as it is now. */
static enum status apply(struct app *app, struct io io, const struct calibrated *calibrated, struct error *error)
{
    struct policy policy, written;
    const struct retention retention = {.t3 = calibrated->proposed.evict.t3, .c2 = calibrated->proposed.evict.confidence};
    TRY(policy_load(app->store, io, 0, &policy, error));
    if (calibrated->refused.status == STATUS_OK) set_thresholds(&policy, &calibrated->thresholds);
    if (calibrated->retention_refused.status == STATUS_OK) set_retention(&policy, &retention);
    return policy_publish(app->store, io, policy_format(io.arena, &policy), &written, error);
}

enum status calibrating_run(struct app *app, struct io io, const struct calibrating *calibrating, struct calibrated *out,
                            struct error *error)
{
    struct registry registry;
    const struct run run = {app, io, calibrating, &registry};
    *out = (struct calibrated){0};
    ENSURE(calibrating->samples <= SAMPLES_MOST, error, STATUS_INVALID, "samples: at most %d", SAMPLES_MOST);
    ENSURE(calibrating->horizon <= HORIZON_MOST, error, STATUS_INVALID, "horizon: at most 31d");
    TRY(policy_load(app->store, io, 0, &out->present, error));
    TRY(registry_load(app->store, io, &registry, error));
    const struct choosing choosing = {.app = app, .calibrating = calibrating, .registry = &registry, .out = out};
    bool automatic = out->present.automatic.on;
    if (automatic && !calibrating->formulas) return choosing_run(&choosing, io, error);
    ENSURE(!automatic || !calibrating->apply, error, STATUS_INVALID,
           "the policy chooses its thresholds by itself (auto), so what the formulas give is not applied: publish a policy without auto "
           "first");
    TRY(read_samples(&run, out, error));
    out->proposed = out->present;
    if (calibrate(&out->thresholds, &out->refused) == STATUS_OK) set_thresholds(&out->proposed, &out->thresholds);
    TRY(find_retention(&run, out, error));
    out->applied = calibrating->apply && calibrated_follows(out);
    return out->applied ? apply(app, io, out, error) : STATUS_OK;
}

/* --- telling */

static void put_why(struct json_writer *json, const char *name, const struct error *why)
{
    if (why->status != STATUS_OK) json_put_lossy(json, name, str_of(why->text));
}

static void put_replayed(struct json_writer *json, const char *name, const struct replayed *replayed)
{
    json_open_object(json, name);
    json_put_fixed(json, "byte_hit_ratio", replayed->byte_hit, 6);
    json_put_number(json, "bytes_placed", replayed->bytes_placed);
    json_put_fixed(json, "bytes_kept", replayed->bytes_kept, 0);
    json_close(json);
}

static void put_replay(struct json_writer *json, const struct calibrated *c)
{
    if (!c->replayed) return json_put_null(json, "replay");
    json_open_object(json, "replay");
    json_put_number(json, "requests", c->requests);
    json_put_number(json, "factor", c->factor);
    put_replayed(json, "present", &c->present_replayed);
    put_replayed(json, "proposed", &c->proposed_replayed);
    json_close(json);
}

static void put_log(struct json_writer *json, const struct download_counts *log)
{
    json_open_object(json, "log");
    json_put_number(json, "lines", log->lines);
    json_put_number(json, "nonsense", log->nonsense);
    json_put_number(json, "downloads", log->downloads);
    json_put_number(json, "matched", log->matched);
    json_close(json);
}

/* By the names of the rules, and in the shape of a policy. */
static void put_proposed(struct json_writer *json, const struct calibrated *c)
{
    const struct calibration *t = &c->thresholds;
    const struct policy_evict *evict = &c->proposed.evict;
    bool follows = c->refused.status == STATUS_OK, retention = c->retention_refused.status == STATUS_OK;
    bool has_c2 = retention && evict->confidence > 0;
    json_put_number_or_null(json, "t1", follows, t->t1);
    json_put_number_or_null(json, "t2", follows, t->t2);
    json_put_real_or_null(json, "c1", follows, t->c1, 6);
    json_put_number_or_null(json, "t3", retention, evict->t3);
    json_put_real_or_null(json, "c2", has_c2, evict->confidence, 6);
    json_open_object(json, "place");
    json_put_number_or_null(json, "threshold", follows, t->t1);
    json_put_number_or_null(json, "repeat_threshold", follows, t->t2);
    json_put_real_or_null(json, "confidence", follows, t->c1, 6);
    json_close(json);
    json_open_object(json, "evict");
    json_put_number_or_null(json, "threshold", retention, evict->t3);
    json_put_real_or_null(json, "confidence", has_c2, evict->confidence, 6);
    json_close(json);
}

struct str calibrating_json(struct arena *arena, const struct calibrating *calibrating, const struct calibrated *c)
{
    const struct calibration *t = &c->thresholds;
    struct buf out = buf_in(arena, RESULT_LIMIT);
    struct json_writer json = json_writer(&out);
    if (c->automatic) return choosing_json(arena, c);
    json_open_object(&json, NULL);
    json_put_number(&json, "queries", t->queries);
    json_put_number(&json, "samples", t->samples);
    json_put_number(&json, "tp", t->tp);
    json_put_number(&json, "fp", t->fp);
    json_put_number(&json, "tn", t->tn);
    json_put_number(&json, "fn", t->fn);
    put_proposed(&json, c);
    put_why(&json, "refused", &c->refused);
    put_why(&json, "t3_refused", &c->retention_refused);
    put_replay(&json, c);
    if (calibrating->import) put_log(&json, &c->log);
    json_put_bool(&json, "applied", c->applied);
    json_close(&json);
    return buf_str(&out);
}

static enum status parse(struct arena *arena, struct str text, struct calibrating *calibrating, struct error *error)
{
    struct config config;
    int method = 0;
    TRY(event_open(arena, text, "calibrate", &config, error));
    TRY(config_whole(&config, "samples", CONFIG_OPTIONAL, 1, SAMPLES_MOST, &calibrating->samples, error));
    TRY(config_span(&config, "horizon", CONFIG_OPTIONAL, &calibrating->horizon, error));
    TRY(config_flag(&config, "apply", CONFIG_OPTIONAL, &calibrating->apply, error));
    calibrating->moves = calibrating->apply || !json_object_get(config.object, "apply");
    TRY(config_choice(&config, "method", CONFIG_OPTIONAL, calibrating_methods, &method, error));
    calibrating->formulas = method == 1;
    TRY(config_time(&config, "now", CONFIG_OPTIONAL, &calibrating->now, error));
    return config_end(&config, error);
}

/* A schedule that comes before there is enough to compare is no failure: what nothing follows from is said, and nothing is written. */
static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    struct calibrating calibrating;
    struct calibrated calibrated;
    calibrating_default(&calibrating);
    TRY(parse(call->arena, text, &calibrating, error));
    TRY(calibrating_run(state, cron_io(state, call), &calibrating, &calibrated, error));
    *result = calibrating_json(call->arena, &calibrating, &calibrated);
    return STATUS_OK;
}

static enum status init(void **state, struct error *error)
{
    struct app *app;
    TRY(app_open(&app, error));
    *state = app;
    return STATUS_OK;
}

const struct lc_function calibrate_cron_function = {
    .name = "calibrate-cron",
    .version = PAKHUS_VERSION,
    .prefix = "PAKHUS",
    .init = init,
    .ready = app_ready,
    .event = event,
};
