#include "lib/placement/policy.h"

#include "base/buf.h"
#include "lib/config/config.h"

enum { POLICY_TEXT_LIMIT = 4096 };
static const int64_t WINDOW_LONGEST = 31 * (int64_t)CLOCK_DAY;
static const uint64_t COUNT_MOST = UINT64_C(1) << 53; /* what JSON readers agree on */

static const char *const trigger_names[] = {"immediate", "background", "pending", NULL};
static const char *const patch_names[] = {"generate", "full", NULL};
static const char *const rule_names[] = {"none", "t1", "m-of-M", "confidence", "trigger", "room", "faded", "unpublished", NULL};

const char *policy_rule_name(enum policy_rule rule)
{
    return rule_names[rule];
}

bool policy_rule_parse(struct str name, enum policy_rule *rule)
{
    for (int i = 0; rule_names[i]; i++)
        if (str_equal(name, str_of(rule_names[i]))) return *rule = (enum policy_rule)i, true;
    return false;
}

void policy_default(struct policy *policy)
{
    const struct window day = {.kind = WINDOW_LAST, .last = CLOCK_DAY};
    const struct window slot = {.kind = WINDOW_SLOT, .from = 6 * (int64_t)CLOCK_HOUR, .to = CLOCK_DAY};
    *policy = (struct policy){
        .place = {.t1 = 5000, .t2 = 1000, .displace = 1, .m = 3, .of = 5, .include_current = true, .window = day},
        .evict = {.t3 = 300, .n = 3, .of = 5, .include_current = true, .window = slot, .grace = CLOCK_HOUR},
        .trigger = TRIGGER_BACKGROUND,
        .generate_patches = true,
    };
}

/* --- reading */

static enum status parse_last(struct config *config, struct window *window, struct error *error)
{
    TRY(config_span(config, "last", CONFIG_REQUIRED, &window->last, error));
    if (window->last >= BUCKET && window->last <= WINDOW_LONGEST && window->last % BUCKET == 0) return STATUS_OK;
    return config_refuse(config, "last", error, "must be from 5m to 31d, in whole steps of 5m");
}

static enum status check_step(struct config *config, const char *name, int64_t time, struct error *error)
{
    if (time % BUCKET == 0) return STATUS_OK;
    return config_refuse(config, name, error, "must be in whole steps of five minutes");
}

static enum status parse_since(struct config *config, struct window *window, struct error *error)
{
    window->kind = WINDOW_SINCE;
    TRY(config_day_time(config, "since", CONFIG_REQUIRED, &window->from, error));
    if (window->from == CLOCK_DAY) return config_refuse(config, "since", error, "must be before 24:00");
    return check_step(config, "since", window->from, error);
}

static enum status parse_slot(struct config *config, struct window *window, struct error *error)
{
    struct str text = {0};
    window->kind = WINDOW_SLOT;
    TRY(config_text(config, "slot", CONFIG_REQUIRED, &text, error));
    struct str to = text, from = str_cut(&to, '-');
    if (!clock_parse_day_time(from, &window->from) || !clock_parse_day_time(to, &window->to) || window->from == CLOCK_DAY ||
        window->from == window->to)
        return config_refuse(config, "slot", error, "must be two times of day that differ, such as 06:00-24:00");
    TRY(check_step(config, "slot", window->from, error));
    return check_step(config, "slot", window->to, error);
}

static enum status parse_window(struct config *config, struct window *window, struct error *error)
{
    struct config child;
    TRY(config_object(config, "window", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    struct window parsed = {.kind = WINDOW_LAST};
    if (json_object_size(child.object) != 1) return config_refuse(config, "window", error, "must have one of last, since and slot");
    if (json_object_get(child.object, "since"))
        TRY(parse_since(&child, &parsed, error));
    else if (json_object_get(child.object, "slot"))
        TRY(parse_slot(&child, &parsed, error));
    else if (json_object_get(child.object, "last"))
        TRY(parse_last(&child, &parsed, error));
    *window = parsed;
    return config_end(&child, error);
}

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

static enum status parse_small(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "small", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "size", CONFIG_REQUIRED, 1, COUNT_MOST, &place->small_size, error));
    TRY(config_whole(&child, "t1", CONFIG_REQUIRED, 0, COUNT_MOST, &place->small_t1, error));
    return config_end(&child, error);
}

static enum status parse_room(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "room", CONFIG_OPTIONAL, &child, error));
    place->has_room_t1 = child.object != NULL;
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "t1", CONFIG_REQUIRED, 0, COUNT_MOST, &place->room_t1, error));
    return config_end(&child, error);
}

static enum status parse_place(struct config *config, struct policy_place *place, struct error *error)
{
    struct config child;
    TRY(config_object(config, "place", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "t1", CONFIG_OPTIONAL, 0, COUNT_MOST, &place->t1, error));
    if (place->t2 >= place->t1) place->t2 = place->t1 / 5;
    TRY(config_whole(&child, "t2", CONFIG_OPTIONAL, 0, COUNT_MOST, &place->t2, error));
    if (place->t2 >= place->t1 && place->t2 > 0) return config_refuse(&child, "t2", error, "must be below t1");
    TRY(parse_small(&child, place, error));
    TRY(parse_room(&child, place, error));
    TRY(config_number(&child, "displace", CONFIG_OPTIONAL, 0, 100, &place->displace, error));
    TRY(parse_share(&child, "m", &place->m, &place->of, error));
    TRY(parse_confidence(&child, &place->confidence, error));
    TRY(config_flag(&child, "include_current", CONFIG_OPTIONAL, &place->include_current, error));
    TRY(parse_window(&child, &place->window, error));
    return config_end(&child, error);
}

static enum status parse_evict(struct config *config, struct policy_evict *evict, struct error *error)
{
    struct config child;
    TRY(config_object(config, "evict", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "t3", CONFIG_OPTIONAL, 0, COUNT_MOST, &evict->t3, error));
    TRY(parse_share(&child, "n", &evict->n, &evict->of, error));
    TRY(parse_confidence(&child, &evict->confidence, error));
    TRY(config_flag(&child, "include_current", CONFIG_OPTIONAL, &evict->include_current, error));
    TRY(config_span(&child, "grace", CONFIG_OPTIONAL, &evict->grace, error));
    TRY(parse_window(&child, &evict->window, error));
    return config_end(&child, error);
}

enum status policy_parse(struct arena *arena, struct str json, struct policy *out, struct error *error)
{
    struct policy policy;
    struct config config;
    policy_default(&policy);
    int trigger = (int)policy.trigger, missing = policy.generate_patches ? 0 : 1;
    TRY(config_open(arena, json, "policy", &config, error));
    TRY(parse_place(&config, &policy.place, error));
    TRY(parse_evict(&config, &policy.evict, error));
    TRY(config_choice(&config, "trigger", CONFIG_OPTIONAL, trigger_names, &trigger, error));
    TRY(config_choice(&config, "missing_patch", CONFIG_OPTIONAL, patch_names, &missing, error));
    TRY(config_zone(&config, "timezone", CONFIG_OPTIONAL, &policy.zone, error));
    TRY(config_end(&config, error));
    policy.trigger = (enum policy_trigger)trigger;
    policy.generate_patches = missing == 0;
    *out = policy;
    return STATUS_OK;
}

/* --- writing */

static struct str window_format(struct arena *arena, const struct window *window)
{
    struct str from = clock_format_day_time(arena, window->from), to = clock_format_day_time(arena, window->to);
    if (window->kind == WINDOW_SINCE) return arena_join(arena, S("{\"since\":\""), from, S("\"}"));
    if (window->kind == WINDOW_SLOT) return arena_join(arena, S("{\"slot\":\""), from, S("-"), to, S("\"}"));
    return arena_join(arena, S("{\"last\":\""), clock_format_span(arena, window->last), S("\"}"));
}

static void add_rest(struct buf *out, double confidence, bool include_current, const struct window *window)
{
    if (confidence > 0)
        buf_printf(out, "\"confidence\":%.9g", confidence);
    else
        buf_add(out, S("\"confidence\":null"));
    buf_printf(out, ",\"include_current\":%s,\"window\":", include_current ? "true" : "false");
    buf_add(out, window_format(out->arena, window));
    buf_add(out, S("}"));
}

struct str policy_format(struct arena *arena, const struct policy *policy)
{
    const struct policy_place *place = &policy->place;
    const struct policy_evict *evict = &policy->evict;
    struct buf out = buf_in(arena, POLICY_TEXT_LIMIT);
    buf_printf(&out, "{\"place\":{\"t1\":%llu,\"t2\":%llu,\"m\":%u,\"of\":%u,", (unsigned long long)place->t1,
               (unsigned long long)place->t2, place->m, place->of);
    if (place->small_size > 0)
        buf_printf(&out, "\"small\":{\"size\":%llu,\"t1\":%llu},", (unsigned long long)place->small_size,
                   (unsigned long long)place->small_t1);
    if (place->has_room_t1) buf_printf(&out, "\"room\":{\"t1\":%llu},", (unsigned long long)place->room_t1);
    buf_printf(&out, "\"displace\":%.9g,", place->displace);
    add_rest(&out, place->confidence, place->include_current, &place->window);
    buf_printf(&out, ",\"evict\":{\"t3\":%llu,\"n\":%u,\"of\":%u,\"grace\":\"", (unsigned long long)evict->t3, evict->n, evict->of);
    buf_add(&out, clock_format_span(arena, evict->grace));
    buf_add(&out, S("\","));
    add_rest(&out, evict->confidence, evict->include_current, &evict->window);
    buf_printf(&out, ",\"trigger\":\"%s\",\"missing_patch\":\"%s\",\"timezone\":\"", trigger_names[policy->trigger],
               patch_names[policy->generate_patches ? 0 : 1]);
    buf_add(&out, clock_format_zone(arena, policy->zone));
    buf_add(&out, S("\"}\n"));
    return buf_str(&out);
}

/* --- the row in the store */

enum status policy_load(struct store *store, struct io io, uint64_t known, struct policy *policy, struct error *error)
{
    struct generation row;
    TRY(generation_newest(store, io, S("policy/"), known, &row, error));
    policy_default(policy);
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
    TRY(generation_update(store, io, S("policy/"), replace, policy, &row, error));
    policy->generation = row.number;
    return STATUS_OK;
}
