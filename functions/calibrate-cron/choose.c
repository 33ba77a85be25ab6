#include "functions/calibrate-cron/choose.h"

#include "base/json.h"
#include "functions/common/placement.h"

enum { REPLAYED_MAX = 300000, RESULT_LIMIT = 4096 };
static const int64_t BETWEEN_MOVES = 20 * (int64_t)CLOCK_HOUR; /* a day, whatever a schedule's delays */

static enum status record(const struct choosing *choosing, struct io io, struct recorded *recorded, struct error *error)
{
    struct placement_app *placement;
    TRY(placement_app_open(&placement, error));
    const struct recording how = {.store = choosing->app->store,
                                  .registry = choosing->registry,
                                  .policy = &choosing->out->present,
                                  .facts = placement_app_facts,
                                  .context = placement,
                                  .now = choosing->calibrating->now,
                                  .most = REPLAYED_MAX,
                                  .packages = true};
    return recorded_read(&how, io, recorded, error);
}

/* Sizes and quotas are known from here on. */
static void begin(const struct trace *trace, const struct simulation *how, struct calibrated *out)
{
    struct auto_setting before, after;
    if (out->present.automatic.since > 0) return;
    choice_begin(trace, how, &out->proposed);
    out->begins = auto_find(&out->present, &before) && auto_find(&out->proposed, &after) && memcmp(&before, &after, sizeof before) != 0;
}

static enum status replay(const struct choosing *choosing, struct arena *arena, const struct recorded *recorded, struct error *error)
{
    struct calibrated *out = choosing->out;
    const struct simulation how = {
        .quotas = recorded->quotas, .every = CLOCK_HOUR, .link = out->present.automatic.link, .share = recorded->share};
    struct tallies *tallies = arena_new_of(arena, struct tallies);
    *tallies = (struct tallies){.trace = &recorded->trace, .policy = &out->proposed, .how = &how};
    begin(&recorded->trace, &how, out);
    TRY(tallies_make(tallies, arena, error));
    choose(tallies, &out->proposed, choosing->calibrating->now, &out->choice);
    out->requests = recorded->trace.count;
    out->share = recorded->share;
    out->asked = recorded->asked;
    return STATUS_OK;
}

/* A clock that was ahead once must not stop it until then. */
static bool moved_today(const struct policy *policy, int64_t now)
{
    int64_t ago = now - policy->automatic.since;
    return policy->automatic.since > 0 && ago > -BETWEEN_MOVES && ago < BETWEEN_MOVES;
}

static enum status move(const struct choosing *choosing, struct io io, struct error *error)
{
    struct calibrated *out = choosing->out;
    bool replaced;
    TRY(policy_replace(choosing->app->store, io, &out->proposed, &replaced, error));
    out->applied = replaced;
    if (!replaced) error_set(&out->refused, STATUS_NOT_MODIFIED, "another policy was published meanwhile");
    return STATUS_OK;
}

/* No demand, or too much of it, is no failure: nothing follows from it. */
enum status choosing_run(const struct choosing *choosing, struct io io, struct error *error)
{
    struct calibrated *out = choosing->out;
    struct recorded recorded;
    int64_t now = choosing->calibrating->now;
    out->automatic = true;
    out->proposed = out->present;
    auto_find(&out->present, &out->choice.setting);
    enum status status = record(choosing, io, &recorded, error);
    if (status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE) return out->refused = *error, STATUS_OK;
    TRY(status);
    TRY(replay(choosing, io.arena, &recorded, error));
    if (!out->choice.moves) return out->begins && choosing->calibrating->moves ? move(choosing, io, error) : STATUS_OK;
    if (moved_today(&out->present, now))
        return error_set(&out->refused, STATUS_INVALID, "the setting moved less than a day ago"), STATUS_OK;
    choice_explain(&out->choice, now, &out->proposed);
    return choosing->calibrating->moves ? move(choosing, io, error) : STATUS_OK;
}

struct str choosing_json(struct arena *arena, const struct calibrated *c)
{
    struct buf out = buf_in(arena, RESULT_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    json_put_word(&json, "method", "auto");
    json_put_number(&json, "requests", c->requests);
    json_put_real(&json, "share_of_packages", c->share, 6);
    json_put_real(&json, "share_of_requests", c->asked, 6);
    json_put_text(&json, "setting", auto_text(arena, c->choice.setting));
    json_put_real(&json, "value", c->choice.value, 6);
    json_put_real(&json, "present_value", c->choice.present, 6);
    json_put_real(&json, "sure", c->choice.sure, 6);
    json_put_bool(&json, "moves", c->choice.moves);
    json_put_bool(&json, "begins", c->begins);
    if (c->refused.status != STATUS_OK) json_put_lossy(&json, "refused", str_of(c->refused.text));
    json_put_bool(&json, "applied", c->applied);
    json_close(&json);
    return buf_str(&out);
}
