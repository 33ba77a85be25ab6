#include "lib/policy/policy.h"

#include "base/json.h"
#include "lib/config/config.h"
#include "lib/policy/auto.h"
#include "lib/policy/meaning.h"
#include "lib/policy/window_text.h"

enum { POLICY_TEXT_LIMIT = 8192 };
static const uint64_t COUNT_MOST = UINT64_C(1) << 53; /* what JSON readers agree on */

static const char *const trigger_names[] = {"immediate", "background", "pending", NULL};
static const char *const goal_names[] = {"bytes", "requests", NULL};
static const char *const patch_names[] = {"generate", "full", NULL};

void policy_default(struct policy *policy)
{
    const struct window day = {.kind = WINDOW_LAST, .last = CLOCK_DAY};
    const struct window slot = {.kind = WINDOW_SLOT, .begins = {6 * (int64_t)CLOCK_HOUR}, .slots = 1, .length = 18 * (int64_t)CLOCK_HOUR};
    *policy = (struct policy){
        .place = {.t1 = 5000, .t2 = 1000, .displace = 1, .m = 3, .of = 5, .include_current = true, .window = day},
        .evict = {.t3 = 300, .n = 3, .of = 5, .include_current = true, .window = slot, .grace = CLOCK_HOUR},
        .trigger = TRIGGER_BACKGROUND,
        .generate_patches = true,
    };
}

uint64_t policy_alert_threshold(const struct policy *policy)
{
    struct policy sample;
    policy_default(&sample);
    return policy->automatic.on ? sample.place.t1 : policy->place.t1;
}

/* --- reading */

/* `least` of `of` windows. */
static enum status parse_share(struct config *config, const char *name, unsigned *least, unsigned *of, struct error *error)
{
    uint64_t wanted = *least, windows = *of;
    TRY(config_whole(config, "of", CONFIG_OPTIONAL, 1, POLICY_WINDOWS_MAXIMUM, &windows, error));
    TRY(config_whole(config, name, CONFIG_OPTIONAL, 1, POLICY_WINDOWS_MAXIMUM, &wanted, error));
    *least = (unsigned)wanted;
    *of = (unsigned)windows;
    if (wanted <= windows) return STATUS_OK;
    return config_refuse(config, name, error, "must be at most 'of', which is %u", *of);
}

/* Far below what 1 of POLICY_WINDOWS_MAXIMUM is, and above what is_confident lets pass for rounding. */
static enum status parse_confidence(struct config *config, double *confidence, struct error *error)
{
    static const double least = 1e-6;
    TRY(config_number(config, "confidence", CONFIG_OPTIONAL, 0, 1, confidence, error));
    if (*confidence >= least || json_is_null(json_object_get(config->object, "confidence")) ||
        !json_object_get(config->object, "confidence"))
        return STATUS_OK;
    return config_refuse(config, "confidence", error, "must be at least %g", least);
}

static bool is_given(const struct config *config, const char *name)
{
    const json_t *value = json_object_get(config->object, name);
    return value && !json_is_null(value);
}

/* A threshold has a plain name, and the short one of the rules (docs/spec/placement.md). Left alone where neither is given. Both may be
 * given, as `policy show --json` prints them. */
static enum status parse_threshold(struct config *config, const char *name, const char *short_name, uint64_t *threshold,
                                   struct error *error)
{
    uint64_t plain = *threshold, brief = *threshold;
    TRY(config_whole(config, short_name, CONFIG_OPTIONAL, 0, COUNT_MOST, &brief, error));
    TRY(config_whole(config, name, CONFIG_OPTIONAL, 0, COUNT_MOST, &plain, error));
    *threshold = is_given(config, name) ? plain : brief;
    if (!is_given(config, name) || !is_given(config, short_name) || plain == brief) return STATUS_OK;
    return config_refuse(config, name, error, "is %llu, but %s, another name for it, is %llu: leave one of them out",
                         (unsigned long long)plain, short_name, (unsigned long long)brief);
}

static enum status require_threshold(struct config *config, uint64_t *threshold, struct error *error)
{
    TRY(parse_threshold(config, "threshold", "t1", threshold, error));
    if (is_given(config, "threshold") || is_given(config, "t1")) return STATUS_OK;
    return config_refuse(config, "threshold", error, "is missing");
}

static enum status parse_small(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "small", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "size", CONFIG_REQUIRED, 1, COUNT_MOST, &place->small_size, error));
    TRY(require_threshold(&child, &place->small_t1, error));
    return config_end(&child, error);
}

static enum status parse_room(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "room", CONFIG_OPTIONAL, &child, error));
    place->has_room_t1 = child.object != NULL;
    if (!child.object) return STATUS_OK;
    TRY(require_threshold(&child, &place->room_t1, error));
    return config_end(&child, error);
}

static enum status parse_place(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "place", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(parse_threshold(&child, "threshold", "t1", &place->t1, error));
    if (place->t2 >= place->t1) place->t2 = place->t1 / 5;
    TRY(parse_threshold(&child, "repeat_threshold", "t2", &place->t2, error));
    if (place->t2 >= place->t1 && place->t2 > 0)
        return config_refuse(&child, is_given(&child, "t2") ? "t2" : "repeat_threshold", error, "must be below the place threshold, %llu",
                             (unsigned long long)place->t1);
    TRY(parse_small(&child, place, error));
    TRY(parse_room(&child, place, error));
    TRY(config_number(&child, "displace", CONFIG_OPTIONAL, 0, 100, &place->displace, error));
    TRY(parse_share(&child, "m", &place->m, &place->of, error));
    TRY(parse_confidence(&child, &place->confidence, error));
    TRY(config_flag(&child, "include_current", CONFIG_OPTIONAL, &place->include_current, error));
    TRY(window_parse(&child, &place->window, error));
    return config_end(&child, error);
}

static void start_auto(struct policy *policy)
{
    policy->automatic.on = true;
    policy->automatic.placed_byte = 0.2;
    auto_apply(auto_start(0, UINT64_MAX, 0), policy);
}

/* Numbers that nobody gives are those of the setting to begin with. */
static enum status parse_auto(struct config *config, struct policy *policy, struct error *error)
{
    static const double dearest = 1000;
    struct config child;
    struct policy_auto *automatic = &policy->automatic;
    struct str why = S("");
    int goal = (int)automatic->goal;
    TRY(config_object(config, "auto", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    start_auto(policy);
    TRY(config_number(&child, "placed_byte", CONFIG_OPTIONAL, 0, dearest, &automatic->placed_byte, error));
    TRY(config_choice(&child, "goal", CONFIG_OPTIONAL, goal_names, &goal, error));
    TRY(config_whole(&child, "link", CONFIG_OPTIONAL, 0, COUNT_MOST, &automatic->link, error));
    TRY(config_time(&child, "since", CONFIG_OPTIONAL, &automatic->since, error));
    TRY(config_text(&child, "why", CONFIG_OPTIONAL, &why, error));
    if (why.length >= sizeof automatic->why) return config_refuse(&child, "why", error, "must be shorter than 200 bytes");
    if (why.length > 0) memcpy(automatic->why, why.data, why.length);
    automatic->goal = (enum policy_goal)goal;
    return config_end(&child, error);
}

/* Such as the day until now: as the current window it never counts as a slow one. */
static bool is_never_over(const struct window *window)
{
    return window->kind == WINDOW_SINCE || (window->kind == WINDOW_SLOT && window->slots * window->length == CLOCK_DAY);
}

/* Asked where a policy is set, not where it is read: one that was set before stays in force. */
static enum status check_evict(const struct policy_evict *evict, struct error *error)
{
    unsigned over = evict->of - (evict->include_current && is_never_over(&evict->window));
    bool reachable = evict->confidence > 0 ? policy_is_confident(over, evict->of, evict->confidence) : evict->n <= over;
    ENSURE(reachable, error, STATUS_INVALID,
           "policy.evict.%s: can't be reached: the current window is never over, so at most %u of %u windows count",
           evict->confidence > 0 ? "confidence" : "n", over, evict->of);
    return STATUS_OK;
}

static enum status parse_evict(struct config *config, struct policy_evict *evict, struct error *error)
{
    struct config child;
    TRY(config_object(config, "evict", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(parse_threshold(&child, "threshold", "t3", &evict->t3, error));
    TRY(parse_share(&child, "n", &evict->n, &evict->of, error));
    TRY(parse_confidence(&child, &evict->confidence, error));
    TRY(config_flag(&child, "include_current", CONFIG_OPTIONAL, &evict->include_current, error));
    TRY(config_span(&child, "grace", CONFIG_OPTIONAL, &evict->grace, error));
    TRY(window_parse(&child, &evict->window, error));
    if (evict->window.kind == WINDOW_DATE)
        return config_refuse(&child, "window", error, "is never over: a window since a date can't show that demand has faded");
    return config_end(&child, error);
}

enum status policy_parse(struct arena *arena, struct str json, struct policy *out, struct error *error)
{
    struct policy policy;
    struct config config, meaning;
    policy_default(&policy);
    int trigger = (int)policy.trigger, missing = policy.generate_patches ? 0 : 1;
    TRY(config_open(arena, json, "policy", &config, error));
    TRY(parse_auto(&config, &policy, error));
    TRY(parse_place(&config, &policy.place, error));
    TRY(parse_evict(&config, &policy.evict, error));
    struct auto_setting setting;
    if (policy.automatic.on && !auto_find(&policy, &setting))
        return config_refuse(&config, "place", error, "beside 'auto' place and evict are chosen by calibrate: leave them out");
    TRY(config_choice(&config, "trigger", CONFIG_OPTIONAL, trigger_names, &trigger, error));
    TRY(config_choice(&config, "missing_patch", CONFIG_OPTIONAL, patch_names, &missing, error));
    TRY(config_zone(&config, "timezone", CONFIG_OPTIONAL, &policy.zone, error));
    TRY(config_object(&config, "meaning", CONFIG_OPTIONAL, &meaning, error)); /* as policy_show prints it */
    TRY(config_end(&config, error));
    policy.trigger = (enum policy_trigger)trigger;
    policy.generate_patches = missing == 0;
    *out = policy;
    return STATUS_OK;
}

/* --- writing */

static void put_rest(struct json_writer *json, double confidence, bool include_current, const struct window *window)
{
    json_put_real_or_null(json, "confidence", confidence > 0, confidence, 9);
    json_put_bool(json, "include_current", include_current);
    json_put_raw(json, "window", window_format(json->out->arena, window));
}

static void put_auto(struct json_writer *json, const struct policy_auto *automatic)
{
    if (!automatic->on) return;
    json_open_object(json, "auto");
    json_put_real(json, "placed_byte", automatic->placed_byte, 9);
    json_put_word(json, "goal", goal_names[automatic->goal]);
    json_put_number(json, "link", automatic->link);
    if (automatic->since > 0) json_put_text(json, "since", clock_format_time(json->out->arena, automatic->since));
    if (*automatic->why) json_put_text(json, "why", str_of(automatic->why));
    json_close(json);
}

/* `shown`: for people, with its plain name. In the store it has the short one alone: older instances read no other. */
static void put_threshold(struct json_writer *json, bool shown, const char *name, const char *short_name, uint64_t threshold)
{
    if (shown) json_put_number(json, name, threshold);
    json_put_number(json, short_name, threshold);
}

static void put_place(struct json_writer *json, bool shown, const struct policy_place *place)
{
    json_open_object(json, "place");
    put_threshold(json, shown, "threshold", "t1", place->t1);
    put_threshold(json, shown, "repeat_threshold", "t2", place->t2);
    json_put_number(json, "m", place->m);
    json_put_number(json, "of", place->of);
    if (place->small_size > 0) {
        json_open_object(json, "small");
        json_put_number(json, "size", place->small_size);
        put_threshold(json, shown, "threshold", "t1", place->small_t1);
        json_close(json);
    }
    if (place->has_room_t1) {
        json_open_object(json, "room");
        put_threshold(json, shown, "threshold", "t1", place->room_t1);
        json_close(json);
    }
    json_put_real(json, "displace", place->displace, 9);
    put_rest(json, place->confidence, place->include_current, &place->window);
    json_close(json);
}

static void put_evict(struct json_writer *json, bool shown, const struct policy_evict *evict)
{
    json_open_object(json, "evict");
    put_threshold(json, shown, "threshold", "t3", evict->t3);
    json_put_number(json, "n", evict->n);
    json_put_number(json, "of", evict->of);
    json_put_text(json, "grace", clock_format_span(json->out->arena, evict->grace));
    put_rest(json, evict->confidence, evict->include_current, &evict->window);
    json_close(json);
}

static struct str format(struct arena *arena, const struct policy *policy, bool shown)
{
    struct buf out = buf_in(arena, POLICY_TEXT_LIMIT);
    struct json_writer json = json_writer(&out);
    json_open_object(&json, NULL);
    put_auto(&json, &policy->automatic);
    put_place(&json, shown, &policy->place);
    put_evict(&json, shown, &policy->evict);
    json_put_word(&json, "trigger", trigger_names[policy->trigger]);
    json_put_word(&json, "missing_patch", patch_names[policy->generate_patches ? 0 : 1]);
    json_put_text(&json, "timezone", clock_format_zone(arena, policy->zone));
    if (shown) policy_put_meanings(&json);
    json_close(&json);
    buf_add_byte(&out, '\n');
    return buf_str(&out);
}

struct str policy_format(struct arena *arena, const struct policy *policy)
{
    return format(arena, policy, false);
}

struct str policy_show(struct arena *arena, const struct policy *policy)
{
    return format(arena, policy, true);
}

/* --- the row in the store */

enum status policy_load(struct store *store, struct io io, uint64_t known, struct policy *policy, struct error *error)
{
    struct generation row;
    TRY(generation_newest((struct generations){store, io, S("policy/")}, known, &row, error));
    policy_default(policy);
    if (row.number == 0) start_auto(policy);
    if (row.number > 0 && policy_parse(io.arena, row.body, policy, error) != STATUS_OK) {
        error_context(error, STR_FMT, STR_ARG(row.key));
        return error->status = STATUS_CORRUPT; /* it was taken when it was set: somebody wrote past us */
    }
    policy->generation = row.number;
    return STATUS_OK;
}

static enum status replace(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct policy *policy = context;
    *body = policy_format(arena, policy);
    if (newest->number > 0 && str_equal(newest->body, *body)) return error_set(error, STATUS_NOT_MODIFIED, "nothing new");
    return STATUS_OK;
}

enum status policy_publish(struct store *store, struct io io, struct str json, struct policy *policy, struct error *error)
{
    struct generation row;
    TRY(policy_parse(io.arena, json, policy, error));
    TRY(check_evict(&policy->evict, error));
    TRY(generation_update((struct generations){store, io, S("policy/")}, replace, policy, &row, error));
    policy->generation = row.number;
    return STATUS_OK;
}

struct replacing {
    const struct policy *policy;
    bool *replaced;
};

static enum status replace_own(void *context, struct arena *arena, const struct generation *newest, struct str *body, struct error *error)
{
    const struct replacing *replacing = context;
    *replacing->replaced = newest->number == replacing->policy->generation;
    if (!*replacing->replaced) return error_set(error, STATUS_NOT_MODIFIED, "another policy was published meanwhile");
    *body = policy_format(arena, replacing->policy);
    return STATUS_OK;
}

enum status policy_replace(struct store *store, struct io io, struct policy *policy, bool *replaced, struct error *error)
{
    struct replacing replacing = {.policy = policy, .replaced = replaced};
    struct generation row;
    TRY(generation_update((struct generations){store, io, S("policy/")}, replace_own, &replacing, &row, error));
    policy->generation = row.number;
    return STATUS_OK;
}
