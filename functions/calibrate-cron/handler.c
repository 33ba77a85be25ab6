#include "functions/calibrate-cron/handler.h"

#include "functions/common/event.h"
#include "lib/placement/policy.h"

enum { RESULT_LIMIT = 1024, SAMPLES_USUAL = 1000000, SAMPLES_MOST = 10000000 };
static const int64_t HORIZON_MOST = 31 * (int64_t)CLOCK_DAY;

void calibrating_default(struct calibrating *calibrating)
{
    *calibrating = (struct calibrating){.now = clock_now(), .samples = SAMPLES_USUAL};
}

static int64_t horizon_of(const struct calibrating *calibrating, const struct policy *policy)
{
    if (calibrating->horizon > 0) return calibrating->horizon;
    return policy->place.window.kind == WINDOW_LAST ? policy->place.window.last : CLOCK_DAY;
}

/* C1 is written where the policy goes by confidence: elsewhere it would change the rule, not its threshold. */
static enum status apply(struct app *app, struct io io, const struct calibration *calibration, struct error *error)
{
    struct policy policy, written;
    TRY(policy_load(app->store, io, 0, &policy, error));
    policy.place.t1 = calibration->t1;
    policy.place.t2 = calibration->t2;
    if (policy.place.confidence > 0 && calibration->c1 > 0) policy.place.confidence = calibration->c1;
    return policy_publish(app->store, io, policy_format(io.arena, &policy), &written, error);
}

enum status calibrating_run(struct app *app, struct io io, const struct calibrating *calibrating, struct calibration *calibration,
                            struct error *error)
{
    struct policy policy;
    struct sample_set set;
    TRY(policy_load(app->store, io, 0, &policy, error));
    int64_t horizon = horizon_of(calibrating, &policy), earliest = policy_horizon(&policy, calibrating->now);
    TRY(samples_read(app->store, io, earliest, calibrating->now - horizon, horizon, (size_t)calibrating->samples, &set, error));
    calibrate_count(&set, calibration);
    TRY(calibrate(calibration, error));
    if (!calibrating->apply) return STATUS_OK;
    TRY(apply(app, io, calibration, error));
    return samples_drop(app->store, io, earliest - horizon, error);
}

struct str calibrating_json(struct arena *arena, const struct calibrating *calibrating, const struct calibration *c)
{
    struct buf out = buf_in(arena, RESULT_LIMIT);
    buf_printf(
        &out, "{\"samples\":%llu,\"tp\":%llu,\"fp\":%llu,\"tn\":%llu,\"fn\":%llu,\"t1\":%llu,\"t2\":%llu,\"c1\":%.6g,\"applied\":%s}",
        (unsigned long long)c->samples, (unsigned long long)c->tp, (unsigned long long)c->fp, (unsigned long long)c->tn,
        (unsigned long long)c->fn, (unsigned long long)c->t1, (unsigned long long)c->t2, c->c1, calibrating->apply ? "true" : "false");
    return buf_str(&out);
}

static enum status parse(struct arena *arena, struct str text, struct calibrating *calibrating, struct error *error)
{
    struct config config;
    TRY(event_open(arena, text, "calibrate", &config, error));
    TRY(config_whole(&config, "samples", CONFIG_OPTIONAL, 1, SAMPLES_MOST, &calibrating->samples, error));
    TRY(config_span(&config, "horizon", CONFIG_OPTIONAL, &calibrating->horizon, error));
    if (calibrating->horizon < 0 || calibrating->horizon > HORIZON_MOST)
        return config_refuse(&config, "horizon", error, "must be at most 31d");
    TRY(config_flag(&config, "apply", CONFIG_OPTIONAL, &calibrating->apply, error));
    TRY(config_time(&config, "now", CONFIG_OPTIONAL, &calibrating->now, error));
    return config_end(&config, error);
}

/* A schedule that comes before there is enough to compare is no failure: what nothing follows from is said, and nothing is written. */
static struct str refused_json(struct arena *arena, const struct calibration *calibration, const struct error *why)
{
    struct buf out = buf_in(arena, RESULT_LIMIT);
    buf_printf(&out, "{\"samples\":%llu,\"refused\":", (unsigned long long)calibration->samples);
    buf_add_json(&out, str_of(why->text));
    buf_add(&out, S("}"));
    return buf_str(&out);
}

static enum status event(void *state, struct lc_call *call, struct str text, struct str *result, struct error *error)
{
    struct calibrating calibrating;
    struct calibration calibration = {0};
    calibrating_default(&calibrating);
    TRY(parse(call->arena, text, &calibrating, error));
    enum status status = calibrating_run(state, app_io(state, call), &calibrating, &calibration, error);
    if (status != STATUS_OK && status != STATUS_INVALID) return status;
    *result =
        status == STATUS_OK ? calibrating_json(call->arena, &calibrating, &calibration) : refused_json(call->arena, &calibration, error);
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
    .prefix = "PAKHUS",
    .init = init,
    .event = event,
};
