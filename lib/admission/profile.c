#include "lib/admission/profile.h"

#include "base/encode.h"
#include "lib/admission/profile_internal.h"
#include "lib/config/config.h"

enum { BANDS_MAXIMUM = 16, REGIONS_MAXIMUM = 256, MEMBERSHIPS_MAXIMUM = 64, ASK_MAXIMUM = 16 };
enum { INTERVAL_LEAST = CLOCK_SECOND, INTERVAL_MOST = CLOCK_DAY };
enum { LOGINS_MAX = 100000 };
static const double COEFFICIENT_MOST = 1000;
static const uint64_t AMOUNT_MOST = UINT64_C(1) << 53; /* what JSON readers agree on */

const char *const admission_mode_names[] = {"fixed", "random", "sticky", "paced", "steps", NULL};
const char *const admission_level_names[] = {"lowest", "normal", "highest", NULL};
const char *const admission_source_names[] = {"cdn", "peer", "any", NULL};

const char *admission_mode_name(enum admission_mode mode)
{
    return admission_mode_names[mode];
}

const char *admission_level_name(enum admission_level level)
{
    return admission_level_names[level];
}

const char *admission_source_name(enum admission_source source)
{
    return admission_source_names[source];
}

int64_t admission_profile_end(const struct admission_profile *profile)
{
    int64_t end = profile->deadline - profile->lead;
    return end > profile->release ? end : profile->release;
}

/* --- slots (A3) */

static bool covers(const struct day_slot *slot, int64_t time)
{
    if (slot->from > slot->to) return time >= slot->from || time < slot->to;
    return time >= slot->from && time < slot->to;
}

static enum status parse_slot(struct config *array, size_t index, struct day_slots *slots, struct error *error)
{
    struct config item;
    struct day_slot *slot = &slots->items[index];
    TRY(config_item_object(array, index, &item, error));
    TRY(config_day_time(&item, "from", CONFIG_REQUIRED, &slot->from, error));
    TRY(config_day_time(&item, "to", CONFIG_REQUIRED, &slot->to, error));
    TRY(config_number(&item, "coefficient", CONFIG_REQUIRED, 0, COEFFICIENT_MOST, &slot->coefficient, error));
    TRY(config_end(&item, error));
    if (slot->from == CLOCK_DAY) return config_refuse(&item, "from", error, "a slot begins before 24:00");
    if (slot->from == slot->to) return config_refuse(&item, "to", error, "the slot is empty: it ends where it begins");
    for (size_t i = 0; i < index; i++)
        if (covers(&slots->items[i], slot->from) || covers(slot, slots->items[i].from))
            return config_refuse(&item, "from", error, "overlaps slot %zu", i);
    return STATUS_OK;
}

static enum status parse_slots(struct config *config, const char *name, struct day_slots *slots, struct error *error)
{
    struct config array;
    size_t count;
    TRY(config_array(config, name, CONFIG_OPTIONAL, &array, &count, error));
    if (count > DAY_SLOTS_MAXIMUM) return config_refuse(config, name, error, "more than %d slots", DAY_SLOTS_MAXIMUM);
    slots->items = arena_array(config->arena, count, sizeof *slots->items);
    for (size_t i = 0; i < count; i++) TRY(parse_slot(&array, i, slots, error));
    slots->count = count;
    return STATUS_OK;
}

/* --- account (A4) */

static enum status band_from(struct config *item, bool is_span, int64_t *from, struct error *error)
{
    uint64_t amount = 0;
    if (is_span) return config_span(item, "from", CONFIG_REQUIRED, from, error);
    TRY(config_whole(item, "from", CONFIG_REQUIRED, 1, AMOUNT_MOST, &amount, error));
    *from = (int64_t)amount;
    return STATUS_OK;
}

static enum status parse_bands(struct config *config, const char *name, bool is_span, struct admission_bands *bands, struct error *error)
{
    struct config array, item;
    size_t count;
    TRY(config_array(config, name, CONFIG_OPTIONAL, &array, &count, error));
    if (count > BANDS_MAXIMUM) return config_refuse(config, name, error, "more than %d bands", BANDS_MAXIMUM);
    bands->items = arena_array(config->arena, count, sizeof *bands->items);
    for (; bands->count < count; bands->count++) {
        struct admission_band *band = &bands->items[bands->count];
        TRY(config_item_object(&array, bands->count, &item, error));
        TRY(band_from(&item, is_span, &band->from, error));
        TRY(config_number(&item, "add", CONFIG_REQUIRED, 0, 1, &band->add, error));
        TRY(config_end(&item, error));
        if (bands->count > 0 && band->from <= band[-1].from) return config_refuse(&item, "from", error, "must be above the band before");
    }
    return STATUS_OK;
}

static enum status parse_memberships(struct config *config, struct admission_account *account, struct error *error)
{
    struct config table;
    const char *name;
    json_t *value;
    TRY(config_object(config, "membership", CONFIG_OPTIONAL, &table, error));
    size_t count = json_object_size(table.object);
    if (count > MEMBERSHIPS_MAXIMUM) return config_refuse(config, "membership", error, "more than %d kinds", MEMBERSHIPS_MAXIMUM);
    account->memberships = arena_array(config->arena, count, sizeof *account->memberships);
    json_object_foreach(table.object, name, value)
    {
        struct admission_membership *membership = &account->memberships[account->membership_count++];
        membership->name = arena_copy(config->arena, str_of(name));
        TRY(config_number(&table, arena_cstr(config->arena, str_of(name)), CONFIG_REQUIRED, 0, 1, &membership->add, error));
    }
    return STATUS_OK;
}

static enum status parse_frequent(struct config *config, struct admission_account *account, struct error *error)
{
    struct config child;
    TRY(config_object(config, "frequent", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_whole(&child, "logins_per_week", CONFIG_REQUIRED, 1, LOGINS_MAX, &account->frequent, error));
    return config_end(&child, error);
}

static enum status parse_account(struct config *config, struct admission_account *account, struct error *error)
{
    struct config child;
    account->cap = 0.05;
    account->cap_total = 1;
    TRY(config_object(config, "account", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_number(&child, "initial_coefficient", CONFIG_OPTIONAL, 0, 1, &account->initial_coefficient, error));
    TRY(config_number(&child, "cap", CONFIG_OPTIONAL, 0, 1, &account->cap, error));
    TRY(config_number(&child, "cap_total", CONFIG_OPTIONAL, 0, 1, &account->cap_total, error));
    TRY(parse_frequent(&child, account, error));
    TRY(parse_bands(&child, "gap", true, &account->gap, error));
    TRY(parse_bands(&child, "credit", false, &account->credit, error));
    TRY(parse_bands(&child, "points", false, &account->points, error));
    TRY(parse_memberships(&child, account, error));
    return config_end(&child, error);
}

/* --- levels (A5) */

static enum status parse_strategy(struct config *levels, enum admission_level level, struct admission_strategy *strategy,
                                  struct error *error)
{
    struct config child;
    int source = (int)strategy->source;
    TRY(config_object(levels, admission_level_names[level], CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_choice(&child, "source", CONFIG_OPTIONAL, admission_source_names, &source, error));
    TRY(profile_parse_urls(&child, "urls", PROFILE_URLS_MAX, &strategy->urls, error));
    TRY(config_whole(&child, "speed", CONFIG_OPTIONAL, 1, AMOUNT_MOST, &strategy->speed, error));
    strategy->source = (enum admission_source)source;
    return config_end(&child, error);
}

static bool is_slower(uint64_t speed, uint64_t than)
{
    return speed > 0 && (than == 0 || speed < than);
}

/* `lead`: the profile's own, where the levels have none (A5: the method has one first span). */
static enum status parse_levels(struct config *config, int64_t lead, struct admission_levels *levels, struct error *error)
{
    struct config child;
    struct admission_strategy *strategy = levels->strategy;
    *levels = (struct admission_levels){.r1 = 0.6, .r2 = 0.4, .lead = lead};
    strategy[ADMISSION_LOWEST].source = ADMISSION_PEER;
    strategy[ADMISSION_NORMAL].source = ADMISSION_ANY;
    strategy[ADMISSION_HIGHEST].source = ADMISSION_CDN;
    TRY(config_object(config, "levels", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_number(&child, "r1", CONFIG_OPTIONAL, 0, 1, &levels->r1, error));
    TRY(config_number(&child, "r2", CONFIG_OPTIONAL, 0, 1, &levels->r2, error));
    TRY(config_span(&child, "lead", CONFIG_OPTIONAL, &levels->lead, error));
    for (enum admission_level level = ADMISSION_LOWEST; level < ADMISSION_LEVELS; level++) {
        TRY(parse_strategy(&child, level, &strategy[level], error));
        if (level > ADMISSION_LOWEST && is_slower(strategy[level].speed, strategy[level - 1].speed))
            return config_refuse(&child, admission_level_names[level], error, "speed must not be below that of %s",
                                 admission_level_names[level - 1]);
    }
    if (levels->r2 >= levels->r1) return config_refuse(&child, "r2", error, "must be below r1 (%g)", levels->r1);
    return config_end(&child, error);
}

/* --- what, for whom */

static enum status parse_resource(struct config *config, struct admission_profile *profile, struct error *error)
{
    TRY(config_id(config, "resource", CONFIG_REQUIRED, &profile->resource, error));
    TRY(config_whole(config, "size", CONFIG_OPTIONAL, 1, AMOUNT_MOST, &profile->size, error));
    return config_sha256(config, "sha256", CONFIG_OPTIONAL, &profile->sha256, error);
}

static enum status parse_audience(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct config child;
    profile->share = 1;
    TRY(config_object(config, "audience", CONFIG_OPTIONAL, &child, error));
    if (!child.object) return STATUS_OK;
    TRY(config_number(&child, "share", CONFIG_OPTIONAL, 0, 1, &profile->share, error));
    TRY(config_texts(&child, "regions", CONFIG_OPTIONAL, REGIONS_MAXIMUM, &profile->regions, &profile->region_count, error));
    for (size_t i = 0; i < profile->region_count; i++)
        if (!str_is_id(profile->regions[i])) return config_refuse(&child, "regions", error, "number %zu is not an id", i);
    return config_end(&child, error);
}

static enum status parse_ask(struct config *config, struct admission_profile *profile, struct error *error)
{
    TRY(config_texts(config, "ask", CONFIG_OPTIONAL, ASK_MAXIMUM, &profile->ask, &profile->ask_count, error));
    for (size_t i = 0; i < profile->ask_count; i++)
        if (!str_is_id(profile->ask[i])) return config_refuse(config, "ask", error, "number %zu is not a name such as live-room", i);
    return STATUS_OK;
}

/* --- when */

static enum status parse_times(struct config *config, struct admission_profile *profile, struct error *error)
{
    TRY(config_time(config, "release", CONFIG_REQUIRED, &profile->release, error));
    TRY(config_time(config, "deadline", CONFIG_REQUIRED, &profile->deadline, error));
    TRY(config_span(config, "lead", CONFIG_REQUIRED, &profile->lead, error));
    if (profile->deadline <= profile->release) return config_refuse(config, "deadline", error, "must be after the release");
    profile->interval = 5 * (int64_t)CLOCK_MINUTE;
    TRY(config_span(config, "interval", CONFIG_OPTIONAL, &profile->interval, error));
    if (profile->interval < INTERVAL_LEAST || profile->interval > INTERVAL_MOST)
        return config_refuse(config, "interval", error, "must be from 1s to 1d");
    return STATUS_OK;
}

/* A fixed threshold that the second probability does not pass would keep everyone out for ever. */
static enum status parse_steps(struct config *config, struct admission_profile *profile, struct error *error)
{
    TRY(config_number(config, "before", CONFIG_REQUIRED, 0, 1, &profile->before, error));
    TRY(config_number(config, "after", CONFIG_REQUIRED, 0, 1, &profile->after, error));
    if (profile->after < profile->before) return config_refuse(config, "after", error, "must not be below before (%g)", profile->before);
    if (profile->is_fresh ? profile->after > 0 : profile->after >= 1 || profile->after > profile->threshold) return STATUS_OK;
    return config_refuse(config, "after", error, "must be above the threshold (%g), or nobody ever downloads", profile->threshold);
}

static enum status parse_mode(struct config *config, struct admission_profile *profile, struct error *error)
{
    int mode = 0;
    TRY(config_choice(config, "mode", CONFIG_REQUIRED, admission_mode_names, &mode, error));
    profile->mode = (enum admission_mode)mode;
    enum config_presence presence = profile->mode == ADMISSION_FIXED ? CONFIG_REQUIRED : CONFIG_OPTIONAL;
    double threshold = -1;
    TRY(config_number(config, "threshold", presence, 0, 1, &threshold, error));
    profile->threshold = threshold >= 0 ? threshold : 0;
    profile->is_fresh = profile->mode == ADMISSION_RANDOM || (profile->mode == ADMISSION_STEPS && threshold < 0);
    return profile->mode == ADMISSION_STEPS ? parse_steps(config, profile, error) : STATUS_OK;
}

/* Where every coefficient between release and D − lead is 0 all clients would come at once, at the end. A device's time of day may be any:
 * there only a whole day of zeros is refused. */
static enum status check_day(struct config *config, const struct admission_profile *profile, struct error *error)
{
    int64_t from = profile->is_device_time ? 0 : profile->release,
            to = profile->is_device_time ? CLOCK_DAY : admission_profile_end(profile);
    if (from == to) return STATUS_OK;
    if (day_integral(&profile->slots, &profile->zone, from, to) <= 0)
        return config_refuse(config, "slots", error, "the coefficients are 0 all the time before the lead");
    if (day_integral(&profile->pace, &profile->zone, from, to) <= 0)
        return config_refuse(config, "pacing", error, "leaves nothing of the time before the lead");
    return STATUS_OK;
}

static enum status parse_day(struct config *config, struct admission_profile *profile, struct error *error)
{
    struct day_slots slots = {0}, pacing = {0};
    TRY(profile_parse_zone(config, profile, error));
    TRY(parse_slots(config, "slots", &slots, error));
    TRY(parse_slots(config, "pacing", &pacing, error));
    if (profile->mode == ADMISSION_STEPS && slots.count + pacing.count > 0)
        return config_refuse(config, slots.count > 0 ? "slots" : "pacing", error, "has no effect in mode steps; leave it out");
    day_build(&profile->clock, &slots, &pacing);
    day_weigh(&profile->clock, &slots, &profile->slots);
    day_weigh(&profile->slots, &pacing, &profile->pace);
    return check_day(config, profile, error);
}

enum status admission_profile_parse(struct arena *arena, struct str json, struct admission_profile *out, struct error *error)
{
    struct admission_profile *profile = arena_new_of(arena, struct admission_profile);
    struct config config;
    TRY(config_open(arena, json, "profile", &config, error));
    TRY(parse_resource(&config, profile, error));
    TRY(parse_times(&config, profile, error));
    TRY(parse_mode(&config, profile, error));
    TRY(parse_day(&config, profile, error));
    TRY(parse_account(&config, &profile->account, error));
    TRY(parse_levels(&config, profile->lead, &profile->levels, error));
    TRY(profile_parse_sources(&config, profile, error));
    TRY(parse_audience(&config, profile, error));
    TRY(parse_ask(&config, profile, error));
    TRY(config_end(&config, error));
    *out = *profile;
    return STATUS_OK;
}

/* --- what is newer than some published profiles */

static enum status check_bands(const struct admission_bands *bands, const char *name, struct error *error)
{
    for (size_t i = 1; i < bands->count; i++)
        ENSURE(bands->items[i].add >= bands->items[i - 1].add, error, STATUS_INVALID,
               "profile.account.%s[%zu].add: must not be below the band before (%g): more must not add less", name, i,
               bands->items[i - 1].add);
    return STATUS_OK;
}

enum status admission_profile_check(const struct admission_profile *profile, struct error *error)
{
    TRY(check_bands(&profile->account.gap, "gap", error));
    TRY(check_bands(&profile->account.credit, "credit", error));
    return check_bands(&profile->account.points, "points", error);
}

enum status admission_profile_prepare(struct arena *arena, struct str json, struct str *out, struct admission_profile *profile,
                                      struct error *error)
{
    TRY(admission_profile_resolve(arena, json, out, error));
    TRY(admission_profile_parse(arena, *out, profile, error));
    return admission_profile_check(profile, error);
}
